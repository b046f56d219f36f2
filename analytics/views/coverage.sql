-- Overlapping exports counted once (see stored.py).
SELECT minute, sensor, site, source, packets, bytes, decoded, non_ip, other_transport,
       undecoded_link, malformed, truncated, fragments, duplicates, kernel_drops, nic_missed,
       softnet_drops, ring_freezes, link_down_s, excluded, shortened, lost_bytes, flows,
       named_flows, one_sided_flows, undecided_flows, evictions, names_lost, ech, encrypted_dns,
       vpn_relay, internal_connections, requests_read, local_names, identity_messages, identity_skipped, rpc_messages, rpc_skipped, requests_unread, turns_judged, turns_unjudged, quic_unparsed, quic_skipped, decoder_faults, clock_jumps,
       clock_offset_ms, vlans, features_off, records, rejected, used, with_time, with_user,
       with_host, with_path, with_bytes_up, with_bytes_down, with_action, first_seen, last_seen
FROM stored.coverage
