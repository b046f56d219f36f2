"""Runs the figures of a report on the views, and returns plain rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import duckdb

from analytics.lake import literal
from analytics.reports.common.sight import LEAST_WATCHED
from analytics.reports.result import Facts, Result, Row, Scope, Table
from analytics.reports.spec import Figure, Spec

_WEEKS_SQL = """
SELECT DISTINCT week FROM usage_weekly WHERE grade IS NOT NULL
UNION
SELECT DISTINCT CAST(DATE_TRUNC('week', day) AS DATE) FROM coverage_daily WHERE minutes_seen > 0
ORDER BY week
"""
_TELLING_SQL = """
SELECT week FROM usage_weekly WHERE grade >= 3
UNION
SELECT n.week
FROM names_weekly n
JOIN coverage_daily c ON c.sensor = n.sensor AND c.source = n.source AND DATE_TRUNC('week', c.day) = n.week
WHERE n.host IS NULL AND n.connects AND n.bytes_known AND c.minutes_seen > 0
GROUP BY n.week
HAVING COUNT(DISTINCT c.day) >= ? * 7
ORDER BY week
"""


def weeks(lake: duckdb.DuckDBPyConnection) -> list[date]:
    """Mondays of all weeks with use or coverage, oldest first."""
    return [row[0] for row in lake.execute(_WEEKS_SQL).fetchall() if row[0] is not None]


def telling_weeks(lake: duckdb.DuckDBPyConnection) -> list[date]:
    """Mondays of the weeks whose sources could show use, oldest first: it was found, or some source knows the
    bytes of connections with a name, and reported on half of the days. Weeks with lookups
    alone do not show what was in use."""
    return [row[0] for row in lake.execute(_TELLING_SQL, [LEAST_WATCHED]).fetchall()]


def scope_of(
    week: date,
    known: list[date],
    zone: str,
    *,
    days: tuple[date, date] | None = None,
    today: date | None = None,
    about: str = "",
) -> Scope:
    """The scope of a week; days begin at midnight in `zone`, also when clocks change.

    `known` are the Mondays that it can be compared with, and its own. For another period, `days` are its
    first and last day, and `week` is its last week. `today` is given in a period that is not over.
    """
    first_day, last_day = days or (week, week + timedelta(days=6))
    tz = ZoneInfo(zone)
    following = week + timedelta(days=7)
    return Scope(
        week=week,
        previous=week - timedelta(days=7),
        oldest=week - timedelta(days=77),
        four_weeks=week - timedelta(days=21),
        sunday=week + timedelta(days=6),
        earliest=min(known, default=week),
        starts_at=datetime.combine(week, time(), tz).astimezone(UTC),
        ends_at=datetime.combine(following, time(), tz).astimezone(UTC),
        first_day=first_day,
        last_day=last_day,
        until=today or last_day,
        zone=zone,
        about=about,
    )


def run(lake: duckdb.DuckDBPyConnection, spec: Spec, facts: Facts, scope: Scope) -> Result:
    """All figures of `spec`, in order; each can read the earlier ones as tables named by their id."""
    lake.execute(scope_sql(scope))
    return Result(spec, facts, scope, {table.figure.id: table for table in _tables(lake, spec)})


def scope_sql(scope: Scope) -> str:
    """The statement that makes the view `scope`; it is printed so that readers can run figures themselves."""
    dates = (
        "week", "previous", "oldest", "four_weeks", "sunday", "earliest", "first_day", "last_day", "until",
    )  # fmt: skip
    columns = [f"DATE '{getattr(scope, name).isoformat()}' AS {name}" for name in dates]
    columns += [
        f"TIMESTAMPTZ '{getattr(scope, name).isoformat(sep=' ')}' AS {name}"
        for name in ("starts_at", "ends_at")
    ]
    columns += [f"{literal(text)} AS {name}" for name, text in (("zone", scope.zone), ("about", scope.about))]
    return "CREATE OR REPLACE TEMP VIEW scope AS\nSELECT " + ",\n       ".join(columns)


def _tables(lake: duckdb.DuckDBPyConnection, spec: Spec) -> Iterator[Table]:
    there = {row[0] for row in lake.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    for figure in spec.figures:
        if figure.needs and figure.needs not in there:
            yield Table(figure, ())
            continue
        # A table, so that later figures read the result of this one instead of computing it again.
        lake.execute(f"CREATE OR REPLACE TEMP TABLE {figure.id} AS\n{figure.sql}")
        yield Table(figure, _rows(lake, figure))


def _rows(lake: duckdb.DuckDBPyConnection, figure: Figure) -> tuple[Row, ...]:
    # A table returns its rows in the order of insertion (preserve_insertion_order), here that of the ORDER
    # BY.
    cursor = lake.execute(f"SELECT * FROM {figure.id}")
    names = [column[0] for column in cursor.description or ()]
    if set(names) != set(figure.columns):
        raise ValueError(f"figure {figure.id}: columns {names} differ from report.yml {list(figure.columns)}")
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
