"""What a day or week is built from, as fingerprints: two equal ones mean the mart would be the same.

A fingerprint is a hash over names and sizes of the input files (cold files are never changed under
one name), the counting rules' text, the zone and k.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb

from analytics.definitions import MARTS
from analytics.lake import Manifest, StoredTable, literal
from analytics.marts.days import neighbours
from analytics.stored import LANDED, files_sql

#: Tables whose rows hold for a while, and so can touch many days.
LASTING = ("leases", "directory")


@dataclass(frozen=True)
class Span:
    """A file of a lasting table, and the time its rows reach over (UTC)."""

    path: str
    valid_from: datetime
    valid_to: datetime

    def touches(self, day: date) -> bool:
        """Whether any of its rows may hold on `day` or a neighbour of it."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        reach = timedelta(days=2)
        return self.valid_from <= noon + reach and self.valid_to >= noon - reach


@cache
def rules() -> str:
    """Fingerprint of the counting rules: a release that counts differently rebuilds everything."""
    digest = hashlib.sha256()
    for path in sorted([*MARTS.rglob("*.sql"), *MARTS.rglob("*.py"), *MARTS.rglob("*.yml")]):
        digest.update(path.relative_to(MARTS).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def fingerprint(*parts: object) -> str:
    """A hash of JSON-like values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Sizes:
    """Files as they go into a fingerprint: path and size, and until when their rows are looked at if some of
    them landed later."""

    connection: duckdb.DuckDBPyConnection
    lake: Path
    _newest: dict[str, datetime | None] = field(default_factory=dict)

    def of(self, table: StoredTable, paths: Iterable[str]) -> list[tuple[str | int, ...]]:
        """Each of the table's `paths`, in order."""
        return [self._one(table, path) for path in paths]

    def total(self, paths: Iterable[str]) -> int:
        """Bytes of all `paths`."""
        return sum((self.lake / path).stat().st_size for path in paths)

    def _one(self, table: StoredTable, path: str) -> tuple[str | int, ...]:
        size = (self.lake / path).stat().st_size
        until = table.known_until
        if until is None or LANDED not in table.columns:
            return path, size
        if path not in self._newest:
            rows = files_sql(table.columns, [path], root=literal(self.lake.absolute()))
            found = self.connection.execute(f"SELECT MAX({LANDED}) FROM ({rows}) AS file").fetchone()
            self._newest[path] = found[0] if found else None
        newest = self._newest[path]
        return (path, size, until.isoformat()) if newest is not None and newest > until else (path, size)


def day_fingerprints(
    sizes: Sizes, manifest: Manifest, constants: Iterable[object], held: Mapping[date, str]
) -> dict[date, str]:
    """For every event day with sightings: what its marts would be built from.

    `held` says who held which address (holders.digest): a lease that came late touches only the days on
    which that changed.
    """
    tables = manifest.tables
    cold, restated, directory = tables["sightings"].cold, tables["restated"], tables["directory"]
    spans = _spans(sizes, directory)
    sensors = sizes.of(tables["sensors"], tables["sensors"].cold_files)
    return {
        day: fingerprint(
            *constants,
            sizes.of(tables["sightings"], files_of(cold, neighbours(day))),
            sizes.of(restated, files_of(restated.cold, neighbours(day))),
            sizes.of(directory, [span.path for span in spans if span.touches(day)]),
            held[day],
            sensors,
        )
        for day in days_with_sightings(manifest)
    }


def days_with_sightings(manifest: Manifest) -> list[date]:
    """Event days that compacted sightings lie in."""
    return sorted(date.fromisoformat(day) for day in manifest.tables["sightings"].cold if is_day(day))


def files_of(files: Mapping[str, Iterable[str]], days: Iterable[date]) -> list[str]:
    """The files of these days, in order."""
    return [path for day in days for path in files.get(day.isoformat(), ())]


def is_day(name: str) -> bool:
    """Whether a cold folder's name is an event day (rows without a time lie elsewhere)."""
    try:
        date.fromisoformat(name)
    except ValueError:
        return False
    return True


def _spans(sizes: Sizes, table: StoredTable) -> list[Span]:
    """When the rows of each file hold; an open end reaches to the end of time."""
    spans = []
    ends = ("TIMESTAMPTZ '0001-01-02 00:00:00+00'", "TIMESTAMPTZ '9999-12-30 00:00:00+00'")
    bounds = f"MIN(COALESCE(valid_from, {ends[0]})), MAX(COALESCE(valid_to, {ends[1]}))"
    for path in table.cold_files:
        rows = files_sql(table.columns, [path], root=literal(sizes.lake.absolute()))
        found = sizes.connection.execute(f"SELECT {bounds} FROM ({rows}) AS file").fetchone()
        if found and found[0] is not None:
            spans.append(Span(path, found[0], found[1]))
    return spans
