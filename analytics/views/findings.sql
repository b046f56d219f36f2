-- One line per finding over all weeks judged, with the latest decision about it.
--
-- Absence is not resolution: a finding that the newest week that is over does not show stays open, or is not
-- evaluable where that week was watched for less than half as long, where its rule could not be evaluated, or
-- where its scope is one whose small groups are never shown. A week that has only begun says nothing of what
-- it does not show yet. Days are compared with the newest day judged, so the same lake says the same tomorrow.
WITH weeks AS (
  SELECT week, MAX(watched_minutes) AS watched_minutes, MAX(horizon) AS horizon
  FROM stored.evaluations_weekly
  GROUP BY week
),
newest AS (SELECT horizon FROM weeks WHERE week = (SELECT MAX(week) FROM weeks)),
compared AS (
  SELECT week, watched_minutes
  FROM weeks
  WHERE week = (SELECT COALESCE(MAX(CASE WHEN horizon >= CAST(week + 6 AS DATE) THEN week END), MAX(week)) FROM weeks)
),
spans AS (
  SELECT finding, MIN(week) AS first_seen, MAX(week) AS last_seen, CAST(COUNT(*) AS BIGINT) AS weeks_seen
  FROM stored.findings_weekly
  GROUP BY finding
),
latest AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY finding ORDER BY decided_at DESC, decision_id) AS nth
  FROM stored.decisions
),
again AS (
  SELECT f.finding, MIN(f.week) AS week
  FROM stored.findings_weekly AS f
  JOIN latest AS d ON d.finding = f.finding AND d.nth = 1
  WHERE f.week > CAST(DATE_TRUNC('week', d.decided_at AT TIME ZONE '$zone') AS DATE)
  GROUP BY f.finding
),
joined AS (
  SELECT f.*, s.first_seen, s.last_seen, s.weeks_seen, a.week AS seen_again, c.week AS compared_week, n.horizon, c.watched_minutes AS compared_minutes,
         w.watched_minutes, e.evaluable, e.why_not,
         d.decision, d.reason, d.decided_by, d.decided_at,
         CAST(d.decided_at AT TIME ZONE '$zone' AS DATE) AS decided_on,
         CAST(DATE_TRUNC('week', d.decided_at AT TIME ZONE '$zone') AS DATE) AS decided_week,
         CAST(d.valid_until AT TIME ZONE '$zone' AS DATE) AS valid_until
  FROM spans AS s
  JOIN stored.findings_weekly AS f ON f.finding = s.finding AND f.week = s.last_seen
  JOIN weeks AS w ON w.week = s.last_seen
  CROSS JOIN newest AS n
  CROSS JOIN compared AS c
  LEFT JOIN stored.evaluations_weekly AS e ON e.week = c.week AND e.rule = f.rule
  LEFT JOIN latest AS d ON d.finding = f.finding AND d.nth = 1
  LEFT JOIN again AS a ON a.finding = f.finding
),
answering AS (SELECT MAX(owner) AS owner FROM stored.policy WHERE kind = 'owner'),
weighed AS (
  SELECT *,
         CASE WHEN last_seen >= compared_week THEN NULL
              WHEN COALESCE(NOT evaluable, TRUE) THEN COALESCE(why_not, 'its rule was not evaluated')
              WHEN 2 * compared_minutes < watched_minutes
                THEN 'watched ' || compared_minutes || ' minutes, ' || watched_minutes || ' when it was seen'
              WHEN scope <> 'all' AND scope NOT LIKE 'policy: %' THEN 'gone, or a group too small to show'
         END AS not_evaluable_why
  FROM joined
)
SELECT w.finding, w.rule, r.title, r.severity, r.severity_rank, w.app, COALESCE(c.service, w.app) AS service, w.scope,
       CASE WHEN w.decision = 'accept' AND w.valid_until >= w.horizon THEN 'accepted'
            WHEN w.decision = 'restrict' AND (w.valid_until >= w.horizon OR w.last_seen <= w.decided_week) THEN 'restricted'
            WHEN w.decision = 'resolve' AND w.last_seen <= w.decided_week THEN 'resolved'
            WHEN w.not_evaluable_why IS NOT NULL THEN 'not evaluable'
            ELSE 'open' END AS status,
       w.not_evaluable_why, w.first_seen, w.last_seen, w.found_on, w.weeks_seen, w.people_at_least, w.people_hidden, w.bytes_up,
       w.bytes_up_max, w.sessions, w.measure, w.allowed, r.question, r.proposal, COALESCE(w.owner, a.owner) AS owner,
       CASE WHEN w.decision IN ('accept', 'restrict') AND w.valid_until IS NOT NULL THEN w.valid_until
            ELSE CAST(GREATEST(CAST(COALESCE(w.seen_again, w.first_seen) + 6 AS DATE), w.found_on) + CAST(r.due_days AS INTEGER) AS DATE) END AS due,
       w.decision, w.valid_until, w.reason, w.decided_by, w.decided_on, w.line, w.policy_version
FROM weighed AS w
JOIN stored.rules AS r ON r.rule = w.rule
CROSS JOIN answering AS a
LEFT JOIN stored.catalog AS c ON c.app = w.app
ORDER BY r.severity_rank DESC, w.first_seen, w.finding
