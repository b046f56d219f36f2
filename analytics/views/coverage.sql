-- Overlapping exports counted once (see stored.py).
SELECT minute, sensor, site, source, packets, bytes, decoded, non_ip, other_transport,
       undecoded_link, malformed, truncated, fragments, duplicates, kernel_drops, lost_bytes, flows,
       named_flows, one_sided_flows, evictions, names_lost, ech, encrypted_dns, quic_unparsed,
       decoder_faults, clock_jumps, records, rejected, first_seen, last_seen
FROM stored.coverage
ORDER BY minute, sensor, site, source
