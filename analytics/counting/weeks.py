"""Prepares the cubes of a week: reads its hours, decides what may be shown, and makes the relations for them.

In: a connection with a relation `week_<mart>` for each mart in DAILY, with the rows of the UTC days that
overlap the week. Out: its temporary relations `uses`, `personal_hours`, `nobodies`, `not_use`,
`weekly_cells`, `daily_cells` and `shown_headcounts`, and the values of the placeholders in the SQL of the
cubes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import polars as pl

from analytics.counting.frames import store_frame
from analytics.counting.groups import DOMINANCE
from analytics.counting.ksafe import OTHER, protect

#: Daily marts that weekly marts are made from. The others serve rules and views.
DAILY = ("usage_hourly", "not_use_hourly", "headcounts_daily", "ai_servers_daily")
#: Subjects that may be one of our people. Machines, service accounts, shared addresses and external clients
#: are not, and would make a group of four look like five. They have a mart of their own (nobodies_weekly),
#: which has no figure in common with the others that could be subtracted.
_PERSONAL = "subject_kind IN ('user', 'device', 'address')"
#: A subject has one department a week, so that departments add up to everyone. Only the columns that the
#: cubes need are read, local time is computed once per hour, and subjects become integers.
_USAGE = """
CREATE OR REPLACE TEMP TABLE all_hours AS
WITH clock AS MATERIALIZED (
  SELECT hour, CAST(hour AT TIME ZONE '{zone}' AS DATE) AS day,
         CAST(EXTRACT(hour FROM hour AT TIME ZONE '{zone}') AS SMALLINT) AS hour_of_day
  FROM (SELECT DISTINCT hour FROM week_usage_hourly) AS hours
),
subjects AS (
  SELECT subject, ROW_NUMBER() OVER () AS nth FROM (SELECT DISTINCT subject FROM week_usage_hourly) AS names
)
SELECT c.day, c.hour_of_day, s.nth AS subject, u.subject_kind, {personal} AS personal, u.department, u.site,
       u.app, u.access, u.client_class, u.grade, u.bytes_up, u.bytes_up_max, u.bytes_down, u.connections,
       u.requests, u.lookups, u.corroborations, u.attributed_by, u.confidence
FROM week_usage_hourly AS u
JOIN clock AS c ON c.hour = u.hour
JOIN subjects AS s ON s.subject = u.subject
WHERE c.day BETWEEN DATE '{week}' AND DATE '{week}' + 6;
CREATE OR REPLACE TEMP VIEW personal_hours AS SELECT * FROM all_hours WHERE personal;
CREATE OR REPLACE TEMP TABLE nobodies AS SELECT * FROM all_hours WHERE NOT personal;
CREATE OR REPLACE TEMP TABLE homes AS
SELECT subject,
       COALESCE(MIN(CASE WHEN department <> 'unattributed' THEN department END), 'unattributed') AS department
FROM personal_hours
GROUP BY subject;
CREATE OR REPLACE TEMP TABLE not_use AS
SELECT *, CASE WHEN {personal} THEN 'person' ELSE subject_kind END AS kind
FROM week_not_use_hourly
WHERE CAST(DATE_TRUNC('week', hour AT TIME ZONE '{zone}') AS DATE) = DATE '{week}'
  AND subject_kind <> 'outside'
"""
_MEMBERS = """
SELECT u.subject, h.department, u.app, u.day, u.using, u.bytes_up
FROM (
  SELECT subject, app, day, BOOL_OR(grade >= 3) AS using,
         CAST(COALESCE(SUM(CASE WHEN grade >= 3 THEN bytes_up END), 0) AS BIGINT) AS bytes_up
  FROM personal_hours
  GROUP BY subject, app, day
) AS u
JOIN homes AS h ON h.subject = u.subject
"""
#: `uses` sums the week; most cubes are made from it, because it has far fewer rows than hours. `label` is the
#: department in totals. `label_of_app` is the same, or `other` if the department is in the pool of the
#: service.
_LABELLED = """
CREATE OR REPLACE TEMP TABLE labelled AS
SELECT h.subject, h.department, l.label FROM homes AS h JOIN labels AS l ON l.department = h.department;
CREATE OR REPLACE TEMP TABLE uses AS
WITH sums AS (
  SELECT subject, subject_kind, site, app, access, grade,
         CAST(SUM(bytes_up) AS BIGINT) AS bytes_up, CAST(SUM(bytes_up_max) AS BIGINT) AS bytes_up_max,
         CAST(SUM(bytes_down) AS BIGINT) AS bytes_down, CAST(SUM(connections) AS BIGINT) AS connections,
         CAST(SUM(requests) AS BIGINT) AS requests, CAST(SUM(lookups) AS BIGINT) AS lookups,
         MAX(corroborations) AS corroborations
  FROM personal_hours
  GROUP BY subject, subject_kind, site, app, access, grade
)
SELECT u.*, h.department, h.label, CASE WHEN p.app IS NULL THEN h.label ELSE '{other}' END AS label_of_app
FROM sums AS u
JOIN labelled AS h ON h.subject = u.subject
LEFT JOIN pooled AS p ON p.label = h.label AND p.app = u.app
"""

#: A headcount is shown only if at least k people used nothing; otherwise it could reveal that everybody used
#: something. The smallest of the week decides, because usage_daily has that of each day. The headcount of
#: everyone is shown only if the same holds for all departments without a shown headcount together, because
#: subtraction would reveal theirs.
_HEADCOUNTS = """
CREATE OR REPLACE TEMP TABLE shown_headcounts AS
WITH days AS (SELECT day, SUM(headcount) AS headcount FROM week_headcounts_daily GROUP BY day),
staff AS (
  SELECT department, MAX(headcount) AS headcount, MIN(headcount) AS least
  FROM week_headcounts_daily GROUP BY department
),
users AS (
  SELECT department, COUNT(DISTINCT subject) AS people FROM uses
  WHERE grade >= 3 AND subject_kind = 'user' GROUP BY department
),
idle AS (
  SELECT s.department, s.headcount, GREATEST(s.least - COALESCE(u.people, 0), 0) AS people,
         l.department IS NOT NULL AND s.least - COALESCE(u.people, 0) >= {k} AS shown
  FROM staff AS s
  LEFT JOIN users AS u ON u.department = s.department
  LEFT JOIN labels AS l
    ON l.department = s.department AND l.label = s.department AND l.label NOT IN ('{other}', 'unattributed')
)
SELECT department AS label, headcount FROM idle WHERE shown
UNION ALL
SELECT 'all', (SELECT MAX(headcount) FROM days)
FROM idle
HAVING SUM(people) >= {k} AND COALESCE(SUM(CASE WHEN NOT shown THEN people END), {k}) >= {k}
"""


def prepare_week(
    connection: duckdb.DuckDBPyConnection, week: date, *, zone: str, k: int
) -> dict[str, str | int | float]:
    """Prepares the week that begins on Monday `week` in `zone`; returns the values for the cubes' SQL."""
    connection.execute(_USAGE.format(zone=zone, week=week.isoformat(), personal=_PERSONAL))
    cells = protect(_members(connection), k)
    store_frame(connection, "labels", cells.departments)
    store_frame(connection, "pooled", cells.pooled)
    store_frame(connection, "weekly_cells", cells.weekly)
    store_frame(connection, "daily_cells", cells.daily)
    connection.execute(_LABELLED.format(other=OTHER))
    connection.execute(_HEADCOUNTS.format(k=k, other=OTHER))
    pooled = cells.departments.filter(pl.col("label") == OTHER)["department"].to_list()
    return {
        "week": week.isoformat(),
        "zone": zone,
        "k": k,
        "dominance": DOMINANCE,
        "unattributed_pooled": str("unattributed" in pooled).lower(),
    }


def weeks_of(day: date, zone: str | None = None) -> Iterator[date]:
    """Mondays of the weeks that a UTC day can overlap in `zone`; in any time zone if None."""
    if zone is None:
        near = {day + timedelta(days=shift) for shift in (-1, 0, 1)}
    else:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        ends = (start, start + timedelta(days=1, microseconds=-1))
        near = {end.astimezone(ZoneInfo(zone)).date() for end in ends}
    yield from sorted({other - timedelta(days=other.weekday()) for other in near})


def days_of(week: date, zone: str) -> list[date]:
    """UTC days that overlap the week that begins on Monday `week` in `zone`."""
    near = (week + timedelta(days=shift) for shift in range(-1, 8))
    return [day for day in near if week in weeks_of(day, zone)]


def _members(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    # NumPy, because fetching an Arrow stream makes DuckDB 2.0 report leaks when Python exits.
    columns = connection.execute(_MEMBERS).fetchnumpy()
    names = {name: pl.Series(columns[name].tolist(), dtype=pl.String) for name in ("department", "app")}
    numbers = {name: np.asarray(columns[name]) for name in ("subject", "using", "bytes_up")}
    return pl.DataFrame({**numbers, **names, "day": np.asarray(columns["day"]).astype("datetime64[D]")})
