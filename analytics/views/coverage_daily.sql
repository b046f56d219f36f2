-- Counted when the lake was compacted, a week at a time: a year of minutes is too much to add up for every question.
SELECT d.day, d.sensor, d.site, s.vantage, d.source, d.minutes_seen, d.minutes_silent, d.first_seen,
       d.last_seen,
       d.packets, d.decoded, d.malformed, d.kernel_drops, d.nic_missed, d.softnet_drops,
       d.link_down_s, d.lost_bytes, d.flows, d.named_flows,
       CAST(d.named_flows AS DOUBLE) / NULLIF(d.flows, 0) AS named_share,
       d.one_sided_flows, d.ech, d.encrypted_dns, d.vpn_relay, d.internal_connections, d.requests_read,
       d.quic_unparsed, d.records, d.rejected
FROM stored.coverage_days AS d
LEFT JOIN stored.sensors AS s ON s.sensor = d.sensor AND s.site = d.site
ORDER BY d.day, d.sensor, d.site, d.source
