"""One build: the lake, what has been made of it so far, and the database in which marts are counted.

A period is dirty if what it is made from has changed. A mart that does not change keeps its file, so that
nothing built from it becomes dirty. So marts always equal those of a complete rebuild, whatever the order in
which segments arrive. Periods whose base rows are no longer in the lake keep their marts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from string import Template

import duckdb

from analytics.counting.files import is_same, write_rows
from analytics.counting.inputs import Sizes
from analytics.counting.state import MartState
from analytics.counting.weeks import weeks_of
from analytics.definitions import Mart
from analytics.lake import Manifest, literal
from analytics.stored import cold_sql

#: Values of the placeholders in the SQL of a mart.
Values = Mapping[str, str | int | float]


@dataclass
class Build:
    """The lake with its manifest, the state to update, the database to count in, and all marts."""

    lake: Path
    manifest: Manifest
    state: MartState
    connection: duckdb.DuckDBPyConnection
    zone: str
    k: int
    now: datetime
    marts: Sequence[Mart]
    #: folder for the marts, relative to the lake and ending in `/`; '' is where readers find them
    place: str = ""

    def on(self, connection: duckdb.DuckDBPyConnection) -> Build:
        """The same build with another connection: of a thread, or to another database."""
        return replace(self, connection=connection)

    @cached_property
    def sizes(self) -> Sizes:
        """Describes files in fingerprints."""
        return Sizes(self.connection, self.lake)

    @property
    def root(self) -> str:
        """The lake's folder as an SQL literal."""
        return literal(self.lake.absolute())

    def is_dirty(self, period: str, digest: str) -> bool:
        """True if `period` (a key of `MartState.inputs`) was made from something else, and is not final."""
        return period not in self.state.final and self.state.inputs.get(period) != digest

    def weeks_touched(self, kind: str, days: Iterable[date]) -> list[date]:
        """Mondays of the weeks that `days` touch, and of those made before as `kind` (`MartState.inputs`):
        with another zone they may be empty now."""
        made = {
            date.fromisoformat(key.partition("/")[2])
            for key in self.state.inputs
            if key.startswith(f"{kind}/")
        }
        return sorted(made | {week for day in days for week in weeks_of(day, self.zone)})

    def mart(self, name: str) -> Mart:
        """The mart of that name."""
        (found,) = (mart for mart in self.marts if mart.name == name)
        return found

    def files(self, mart: Mart, days: Sequence[date]) -> list[str]:
        """The mart's files of these days, relative to the lake."""
        known = self.state.files.get(mart.name, {})
        return [known[day.isoformat()] for day in days if day.isoformat() in known]

    def cold(self, name: str) -> str:
        """SQL that selects a base table, one row per key."""
        table = self.manifest.tables[name]
        return cold_sql(table, table.cold_files, root=self.root)

    def relation(self, kind: str, name: str, sql: str) -> None:
        """Makes the temporary TABLE or VIEW (`kind`) `name` of the rows of `sql`."""
        self.connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {sql}")

    def values(self, week: date) -> Values:
        """The values of the placeholders in most weekly marts."""
        return {"week": week.isoformat(), "zone": self.zone, "k": self.k}

    def store_week(self, week: date, values: Values, *, of: str = "usage") -> None:
        """Writes the weekly marts of one kind; `values` complete their SQL."""
        for mart in self.marts:
            if (mart.period, mart.of) == ("week", of):
                self.store(mart, week.isoformat(), Template(mart.sql).substitute(values))

    def store(self, mart: Mart, period: str, sql: str) -> None:
        """Writes the rows of `sql` as the file of a period of the mart; an unchanged file stays."""
        folder = f"{self.place}{mart.zone}/marts/{mart.name}/{mart.period}={period}"
        path = f"{folder}/{self.state.build:08d}.parquet"
        zone = "restricted" if self.place else mart.zone
        rows = write_rows(self.connection, sql, self.lake, path, zone=zone)
        known = self.state.files.get(mart.name, {}).get(period)
        if rows and known and is_same(self.lake / known, self.lake / path):
            (self.lake / path).unlink()
        else:
            self.state.replace(mart.name, period, path if rows else None, self.now)
