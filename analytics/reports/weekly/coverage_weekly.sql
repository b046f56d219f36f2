-- One row per week, sensor, site and source of the last twelve weeks: how much could be watched.
WITH daily AS (
    SELECT CAST(DATE_TRUNC('week', c.day) AS DATE) AS week, c.*
    FROM coverage_daily c
    CROSS JOIN scope s
    WHERE c.day BETWEEN s.oldest AND s.sunday
),
weekly AS (
    SELECT d.week, d.sensor, d.site, d.source,
           CAST(COUNT(DISTINCT d.day) AS BIGINT) AS days,
           CAST(SUM(d.minutes_seen) AS BIGINT) AS minutes,
           CAST(SUM(d.packets) AS BIGINT) AS packets,
           CAST(SUM(d.decoded) AS BIGINT) AS decoded,
           CAST(SUM(d.malformed) AS BIGINT) AS malformed,
           CAST(SUM(d.kernel_drops) AS BIGINT) AS kernel_drops,
           CAST(SUM(d.lost_bytes) AS BIGINT) AS lost_bytes,
           CAST(SUM(d.flows) AS BIGINT) AS flows,
           CAST(SUM(d.named_flows) AS BIGINT) AS named_flows,
           CAST(SUM(d.one_sided_flows) AS BIGINT) AS one_sided_flows,
           CAST(SUM(d.ech) AS BIGINT) AS ech,
           CAST(SUM(d.encrypted_dns) AS BIGINT) AS encrypted_dns,
           CAST(SUM(d.internal_connections) AS BIGINT) AS internal_connections,
           CAST(SUM(d.quic_unparsed) AS BIGINT) AS quic_unparsed,
           CAST(SUM(d.records) AS BIGINT) AS records,
           CAST(SUM(d.rejected) AS BIGINT) AS rejected
    FROM daily d
    WHERE d.minutes_seen > 0
    GROUP BY d.week, d.sensor, d.site, d.source
)
-- What a packet sensor reads besides, and knows no connection, are logs: who held an address, lookups.
SELECT w.*,
       CASE WHEN n.kind = 'packets' AND w.packets IS NULL AND w.named_flows IS NULL THEN 'logs' ELSE n.kind END AS kind,
       n.vantage,
       CASE WHEN MIN(w.site) OVER names < MAX(w.site) OVER names THEN w.site END AS place
FROM weekly w
LEFT JOIN sensors n ON n.sensor = w.sensor AND n.site = w.site
WINDOW names AS (PARTITION BY w.sensor)
ORDER BY w.week, w.sensor, w.site, w.source
