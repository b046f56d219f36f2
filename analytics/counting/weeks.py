"""Prepares the cubes of a week: runs week_sql/*.sql, and decides what may be shown.

In: a connection with a relation `week_<mart>` for each mart in DAILY, with the rows of the UTC days that
overlap the week. Out: its temporary relations `uses`, `personal_hours`, `nobodies`, `not_use`,
`weekly_cells`, `daily_cells` and `shown_headcounts`, and the values of the placeholders in the SQL of the
cubes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import polars as pl

from analytics.counting.frames import store_frame
from analytics.counting.groups import DOMINANCE
from analytics.counting.ksafe import OTHER, protect
from analytics.steps import Steps

STEPS = Steps(Path(__file__).parent / "week_sql")
#: Daily marts that weekly marts are made from. The others serve rules and views.
DAILY = ("usage_hourly", "not_use_hourly", "headcounts_daily", "ai_servers_daily")
#: Subjects that may be one of our people. Machines, service accounts, shared addresses and external clients
#: are not, and would make a group of four look like five. They have a mart of their own (nobodies_weekly),
#: which has no figure in common with the others that could be subtracted.
_PERSONAL = "subject_kind IN ('user', 'device', 'address')"


def prepare_week(
    connection: duckdb.DuckDBPyConnection, week: date, *, zone: str, k: int
) -> dict[str, str | int | float]:
    """Prepares the week that begins on Monday `week` in `zone`; returns the values for the cubes' SQL."""
    values: dict[str, str | int] = {
        "zone": zone, "week": week.isoformat(), "k": k, "personal": _PERSONAL, "other": OTHER,
    }  # fmt: skip
    STEPS.run(connection, "1_hours", values)
    cells = protect(_members(connection, values), k)
    store_frame(connection, "labels", cells.departments)
    store_frame(connection, "pooled", cells.pooled)
    store_frame(connection, "weekly_cells", cells.weekly)
    store_frame(connection, "daily_cells", cells.daily)
    STEPS.run(connection, "3_uses", values)
    STEPS.run(connection, "4_headcounts", values)
    return {"week": week.isoformat(), "zone": zone, "k": k, "dominance": DOMINANCE}


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


def _members(connection: duckdb.DuckDBPyConnection, values: dict[str, str | int]) -> pl.DataFrame:
    # NumPy, because fetching an Arrow stream makes DuckDB 2.0 report leaks when Python exits.
    columns = STEPS.run(connection, "2_members", values).fetchnumpy()
    names = {name: pl.Series(columns[name].tolist(), dtype=pl.String) for name in ("department", "app")}
    measures = ("bytes_up", "bytes_up_max", "bytes_down")
    numbers = {name: np.asarray(columns[name]) for name in ("subject", "using", *measures)}
    return pl.DataFrame({**numbers, **names, "day": np.asarray(columns["day"]).astype("datetime64[D]")})
