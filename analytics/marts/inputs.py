"""What a day or week is built from, as fingerprints: two equal ones mean the mart would be the same.

A fingerprint is a hash over names and sizes of the input files (cold files are never changed under
one name), the counting rules' text, the zone and k. Of small tables that every scan writes anew (sensors,
catalog, directory) it is over their rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path

import duckdb

from analytics.definitions import MARTS
from analytics.lake import Manifest, StoredTable, literal
from analytics.marts.days import neighbours, on_day
from analytics.marts.holders import digest_sql
from analytics.stored import LANDED, files_sql

#: Tables whose rows hold for a while, and so can touch many days.
LASTING = ("leases", "directory")


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

    `held` says who held which address and who was who: a lease or a directory that came late touches only the
    days on which that changed.
    """
    tables = manifest.tables
    cold, restated = tables["sightings"].cold, tables["restated"]
    return {
        day: fingerprint(
            *constants,
            sizes.of(tables["sightings"], files_of(cold, neighbours(day))),
            sizes.of(restated, files_of(restated.cold, neighbours(day))),
            held[day],
        )
        for day in days_with_sightings(manifest)
    }


def content(connection: duckdb.DuckDBPyConnection, rows: str) -> str:
    """Says whether `rows` (SQL) are still the same, in whatever order and file."""
    hashed = f"SELECT HASH(r) AS hash FROM ({rows}) AS r"
    ((digest,),) = connection.execute(f"SELECT {digest_sql()} FROM ({hashed}) AS hashed").fetchall()
    return digest or ""


def directories(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, str]:
    """Says of each day whether the rows of `every_directory` that hold on it are still the same."""
    columns = ", ".join(digest_sql(on_day(day)) for day in days)
    rows = f"SELECT * EXCLUDE ({LANDED}) FROM every_directory"
    hashed = f"SELECT valid_from, valid_to, HASH(r) AS hash FROM ({rows}) AS r"
    (row,) = connection.execute(f"SELECT {columns} FROM ({hashed}) AS hashed").fetchall()
    return {day: found or "" for day, found in zip(days, row, strict=True)}


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
