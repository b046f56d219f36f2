"""Stores how many people used what in a month, quarter or year.

Tokens change within such periods, so people are counted by a `Counting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from string import Template
from typing import Protocol
from zoneinfo import ZoneInfo

import polars as pl

from analytics.counting.build import Build
from analytics.counting.frames import store_frame
from analytics.counting.inputs import fingerprint, rules
from analytics.counting.weeks import days_of
from analytics.stored import files_sql


class Counting(Protocol):
    """Counts people over several weeks, by tokens outside of the lake (`sensor.privacy.counting`)."""

    def known(self) -> set[date]:
        """Mondays of the weeks counted so far."""
        ...

    def count(self, used: pl.DataFrame, weeks: Sequence[date]) -> pl.DataFrame:
        """Exact numbers of people: period, first_day, last_day, app, people, weeks_counted.

        `used` (week, app, user_name, sealed) are the users in `weeks`, which are counted again; for other
        weeks the earlier count stands.
        """
        ...

    def count_then(self, used: pl.DataFrame, weeks: Sequence[date], until: date) -> pl.DataFrame:
        """As `count` for weeks that began by the day `until`, without storing the count."""
        ...


def count_people(build: Build, counting: Counting | None, fresh: Sequence[date]) -> None:
    """Writes the numbers to where the views read them; `fresh` are the weeks just made again."""
    if counting is None:
        return
    built = {date.fromisoformat(key[5:]) for key in build.state.inputs if key.startswith("week/")}
    weeks = sorted({*fresh, *(built - counting.known())})
    _store(build, counting.count(_users(build, weeks), weeks))


def count_people_then(build: Build, counting: Counting | None) -> None:
    """Writes the numbers as they were known at `build.now`; weeks whose rows were deleted are left out."""
    if counting is None:
        build.state.files.pop("people_periods", None)  # published is today's count
        return
    built = [key for key in build.state.inputs if key.startswith("week/") and key not in build.state.final]
    weeks = sorted(date.fromisoformat(key[5:]) for key in built)
    until = build.now.astimezone(ZoneInfo(build.zone)).date()
    _store(build, counting.count_then(_users(build, weeks), weeks, until))


def _store(build: Build, counts: pl.DataFrame) -> None:
    digest = fingerprint(rules(), build.k, counts.write_json())
    if build.state.inputs.get("people") == digest:
        return
    store_frame(build.connection, "counted_people", counts)
    mart = build.mart("people_periods")
    build.store(mart, "all", Template(mart.sql).substitute(k=build.k))
    build.state.inputs["people"] = digest


def _users(build: Build, weeks: Sequence[date]) -> pl.DataFrame:
    """Who used what in each of `weeks`: week, app, user_name, and `sealed` of the table counting."""
    hourly, second = build.mart("usage_hourly"), build.cold("counting")
    found: list[tuple[object, ...]] = []
    for week in weeks:
        hours = files_sql(hourly.types, build.files(hourly, days_of(week, build.zone)), root=build.root)
        found += build.connection.execute(
            f"SELECT DISTINCT DATE '{week}', h.app, h.user_name, c.sealed FROM ({hours}) AS h "
            f"LEFT JOIN ({second}) AS c ON c.user_name = h.user_name "
            f"WHERE h.subject_kind = 'user' AND h.grade >= 3 AND "
            f"CAST(DATE_TRUNC('week', h.hour AT TIME ZONE '{build.zone}') AS DATE) = DATE '{week}'"
        ).fetchall()
    types = {"week": pl.Date(), "app": pl.String(), "user_name": pl.String(), "sealed": pl.String()}
    return pl.DataFrame(found, schema=types, orient="row")
