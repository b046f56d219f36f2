-- When each sensor watched, by day of the report zone. A minute without a row is unknown, never clean. A minute whose
-- row has no packets is not watched either: the sensor ran, but any traffic there was remained unseen.
WITH minutes AS (
  SELECT CAST(minute AT TIME ZONE '$zone' AS DATE) AS day, c.*
  FROM week_coverage AS c
  WHERE CAST(DATE_TRUNC('week', minute AT TIME ZONE '$zone') AS DATE) = DATE '$week'
),
days AS (
  SELECT day, sensor, site, source,
         CAST(COUNT(DISTINCT minute) FILTER (WHERE packets IS DISTINCT FROM 0) AS BIGINT) AS minutes_seen,
         CAST(COUNT(DISTINCT minute) FILTER (WHERE packets = 0) AS BIGINT) AS minutes_silent,
         MIN(first_seen) AS first_seen,
         MAX(last_seen) AS last_seen,
         CAST(SUM(packets) AS BIGINT) AS packets,
         CAST(SUM(decoded) AS BIGINT) AS decoded,
         CAST(SUM(malformed) AS BIGINT) AS malformed,
         CAST(SUM(kernel_drops) AS BIGINT) AS kernel_drops,
         CAST(SUM(nic_missed) AS BIGINT) AS nic_missed,
         CAST(SUM(softnet_drops) AS BIGINT) AS softnet_drops,
         CAST(SUM(link_down_s) AS BIGINT) AS link_down_s,
         CAST(SUM(lost_bytes) AS BIGINT) AS lost_bytes,
         CAST(SUM(flows) AS BIGINT) AS flows,
         CAST(SUM(named_flows) AS BIGINT) AS named_flows,
         CAST(SUM(one_sided_flows) AS BIGINT) AS one_sided_flows,
         CAST(SUM(ech) AS BIGINT) AS ech,
         CAST(SUM(encrypted_dns) AS BIGINT) AS encrypted_dns,
         CAST(SUM(vpn_relay) AS BIGINT) AS vpn_relay,
         CAST(SUM(internal_connections) AS BIGINT) AS internal_connections,
         CAST(SUM(requests_read) AS BIGINT) AS requests_read,
         CAST(SUM(quic_unparsed) AS BIGINT) AS quic_unparsed,
         CAST(SUM(records) AS BIGINT) AS records,
         CAST(SUM(rejected) AS BIGINT) AS rejected
  FROM minutes
  GROUP BY day, sensor, site, source
)
SELECT * FROM days ORDER BY day, sensor, site, source
