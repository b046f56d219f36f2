"""Makes the open marts of rows that must not lie in the lake (privacy level `aggregate`).

Nothing about a person is written: restricted marts stay temporary tables of a database that has no room on
disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Protocol

import duckdb
import polars as pl

from analytics.counting.build import Build
from analytics.counting.day_marts import counted_days
from analytics.counting.days import STEPS, read_days
from analytics.counting.frames import store_frame
from analytics.counting.holders import make_holders
from analytics.counting.inputs import LASTING
from analytics.counting.threads import runs
from analytics.counting.weeks import DAILY, prepare_week
from analytics.lake import LakeUnreadable, StoredTable, connect, most_memory
from analytics.stored import PREFERENCE, cold_sql, files_sql, memory_sql, narrowed

#: Days that are read together. The neighbouring days take room, too.
DAYS_IN_MEMORY = 2


class Unstored(Protocol):
    """Rows that must not lie in the lake; implemented by `sensor.store.sealed.SealedRows`."""

    def rows(self, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of the base table sightings, names, leases or directory; with `columns`, only these."""
        ...


def make_in_memory(build: Build, unstored: Unstored) -> list[date]:
    """Makes the open marts of the weeks of the `unstored` rows; returns the Mondays.

    Raises LakeUnreadable if the rows do not fit into memory.
    """
    try:
        with connect(memory=most_memory()) as connection:
            return _make(build.on(connection), unstored)
    except duckdb.OutOfMemoryException as error:
        what = f"the rows of the weeks that are not over need more than {most_memory()} of memory"
        remedy = "at privacy level aggregate nothing of them is put on disk; use a machine with more"
        raise LakeUnreadable(f"{build.lake}: {what}; {remedy}") from error


def _make(build: Build, unstored: Unstored) -> list[date]:
    needed = narrowed(build.manifest.tables["sightings"], [STEPS.text(), *PREFERENCE["sightings"]])
    sightings, names = unstored.rows("sightings", list(needed.columns)), unstored.rows("names")
    if sightings.is_empty() and names.is_empty():
        return []
    build.relation("TABLE", "sensors", build.cold("sensors"))
    for name in LASTING:
        store_frame(build.connection, f"memory_{name}", unstored.rows(name))
        build.relation("TABLE", f"every_{name}", memory_sql(build.manifest.tables[name], f"memory_{name}"))
    make_holders(build.connection)
    nothing = cold_sql(build.manifest.tables["restated"], [], root=build.root)
    build.relation("VIEW", "week_restated", nothing)
    _count(build, sightings, needed)
    weeks = _weeks_in(sightings["seen_at"], build.zone)
    del sightings
    for week in sorted(weeks):
        build.store_week(week, prepare_week(build.connection, week, zone=build.zone, k=build.k))
    store_frame(build.connection, "week_names", names)
    weeks_of_names = _weeks_in(names["bucket"], build.zone)
    for week in sorted(weeks_of_names):
        build.store_week(week, build.values(week), of="names")
    return sorted(weeks | weeks_of_names)


def _count(build: Build, sightings: pl.DataFrame, needed: StoredTable) -> None:
    """Counts all days of `sightings` (columns of `needed`) into temporary tables `week_<mart>`."""
    day = pl.col("seen_at").dt.date()
    days = sightings.select(day.unique().drop_nulls()).to_series().sort().to_list()
    daily = [mart for mart in build.marts if mart.name in DAILY]
    for mart in daily:
        build.relation("TABLE", f"week_{mart.name}", files_sql(mart.types, [], root=build.root))
    for run in runs(build.connection, days, apart=timedelta(days=1), most=DAYS_IN_MEMORY):
        near = day.is_between(run[0] - timedelta(days=1), run[-1] + timedelta(days=1))
        store_frame(build.connection, "near", sightings.filter(near))
        build.relation("TABLE", "sightings", memory_sql(needed, "near"))
        build.connection.execute("DROP TABLE near")
        read_days(build.connection, run, zone=build.zone)
        for _ in counted_days(build, run):
            for mart in daily:
                rows = f"SELECT {', '.join(mart.types)} FROM (\n{mart.sql}\n) AS days"
                build.connection.execute(f"INSERT INTO week_{mart.name} {rows}")


def _weeks_in(times: pl.Series, zone: str) -> set[date]:
    """Mondays of the weeks, by the clock of `zone`, that these UTC times lie in."""
    local = times.drop_nulls().dt.convert_time_zone(zone).dt.truncate("1w").dt.date()
    return set(local.unique())
