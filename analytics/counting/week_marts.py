"""Makes the weekly marts: usage from the marts of its days, names and coverage from their base rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import duckdb

from analytics.counting.build import Build
from analytics.counting.inputs import files_of, fingerprint, is_day, rules
from analytics.counting.threads import each
from analytics.counting.weeks import DAILY, days_of, prepare_week
from analytics.stored import cold_sql, files_sql, narrowed, unmerged_sql


def make_weeks(build: Build) -> list[date]:
    """Makes the cubes of every dirty week from the marts of its days; returns the Mondays."""
    built = [date.fromisoformat(key[4:]) for key in build.state.inputs if key.startswith("day/")]
    daily = [mart for mart in build.marts if mart.name in DAILY]
    constants = (rules(), build.zone, build.k)
    restated = build.manifest.tables["restated"]
    dirty = {}
    for week in build.weeks_touched("week", built):
        days = days_of(week, build.zone)
        files = {mart.name: build.files(mart, days) for mart in daily}
        restated_files = files_of(restated.cold, days)
        digest = fingerprint(*constants, files, build.sizes.of(restated, restated_files))
        if build.is_dirty(f"week/{week}", digest):
            dirty[week] = digest

    def make(connection: duckdb.DuckDBPyConnection, week: date) -> None:
        beside, days = build.on(connection), days_of(week, build.zone)
        for mart in daily:
            rows = files_sql(mart.types, build.files(mart, days), root=build.root)
            beside.relation("VIEW", f"week_{mart.name}", rows)
        restated_files = files_of(restated.cold, days)
        beside.relation("VIEW", "week_restated", cold_sql(restated, restated_files, root=build.root))
        beside.store_week(week, prepare_week(connection, week, zone=build.zone, k=build.k))
        build.state.inputs[f"week/{week}"] = dirty[week]

    each(build.connection, list(dirty), make)
    return list(dirty)


def make_names(build: Build) -> list[date]:
    """Makes the marts of all names, known to the catalog or not, for every dirty week; returns the Mondays.

    Rows are read as stored: those with the same key add up.
    """
    return _of_table(build, "names", unmerged_sql)


def make_coverage(build: Build) -> list[date]:
    """Makes the marts of coverage for every dirty week; returns the Mondays."""
    return _of_table(build, "coverage", cold_sql)


def _of_table(build: Build, name: str, rows_sql: Callable[..., str]) -> list[date]:
    """Makes the marts of base table `name` for every dirty week; `rows_sql` selects its rows from files."""
    table = build.manifest.tables[name]
    needed = narrowed(table, [mart.sql for mart in build.marts if mart.of == name])
    dirty = {}
    for week in build.weeks_touched(name, [date.fromisoformat(day) for day in table.cold if is_day(day)]):
        files = files_of(table.cold, days_of(week, build.zone))
        digest = fingerprint(rules(), build.zone, build.k, build.sizes.of(table, files))
        if build.is_dirty(f"{name}/{week}", digest):
            dirty[week] = digest

    def make(connection: duckdb.DuckDBPyConnection, week: date) -> None:
        beside = build.on(connection)
        rows = rows_sql(needed, files_of(table.cold, days_of(week, build.zone)), root=build.root)
        beside.relation("VIEW", f"week_{name}", rows)
        beside.store_week(week, build.values(week), of=name)
        build.state.inputs[f"{name}/{week}"] = dirty[week]

    each(build.connection, list(dirty), make)
    return list(dirty)
