"""Fingerprints of the inputs of a day or week: equal fingerprints mean equal marts.

A fingerprint is a hash of the names and sizes of the input files (a cold file never changes under its name),
of the text of the counting rules, the zone and k. Small tables that every scan rewrites (sensors, catalog,
directory) are hashed by their rows instead.
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

from analytics.counting.days import neighbours
from analytics.counting.intervals import DAY_US
from analytics.lake import Manifest, StoredTable, literal
from analytics.stored import LANDED, files_sql

#: Tables whose rows have a validity period, and so can affect many days.
LASTING = ("leases", "directory")

ANALYTICS = Path(__file__).parents[1]
#: What decides the contents of marts, in this folder.
CODE = ("counting", "marts", "policy", "stored.py")


@cache
def rules() -> str:
    """Fingerprint of the code that marts are made by, so that a new release rebuilds everything."""
    digest = hashlib.sha256()
    for path in sorted(path for name in CODE for path in _files_of(ANALYTICS / name)):
        digest.update(path.relative_to(ANALYTICS).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _files_of(path: Path) -> list[Path]:
    return [file for kind in ("py", "sql", "yml") for file in path.rglob(f"*.{kind}")] or [path]


def fingerprint(*parts: object) -> str:
    """SHA-256 of JSON-like values, in hexadecimal."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Sizes:
    """Describes files for fingerprints: path and size.

    As of an earlier time, also that time, if rows of the file landed after it.
    """

    connection: duckdb.DuckDBPyConnection
    lake: Path
    _newest: dict[str, datetime | None] = field(default_factory=dict)

    def of(self, table: StoredTable, paths: Iterable[str]) -> list[tuple[str | int, ...]]:
        """The descriptions of `paths`, files of `table`, in order."""
        return [self._one(table, path) for path in paths]

    def total(self, paths: Iterable[str]) -> int:
        """Size of all `paths` together, in bytes."""
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
    """The fingerprint of every event day with sightings.

    `constants` are part of every fingerprint. `held` has a digest per day of the address holders and the
    directory, so that a late lease or directory changes only the days it affects.
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
    """A digest of `rows` (SQL) that does not depend on their order or files."""
    hashed = f"SELECT HASH(r) AS hash FROM ({rows}) AS r"
    digest = "CAST(BIT_XOR(hash) AS VARCHAR) || '/' || COUNT(*)"
    ((found,),) = connection.execute(f"SELECT {digest} FROM ({hashed}) AS hashed").fetchall()
    return found or ""


def holders(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, str]:
    """For each of the sorted `days`, a digest of the rows of `every_holders` that overlap it or its
    neighbours."""
    first, last = f"from_us // {DAY_US} - 1", f"(to_us - 1) // {DAY_US} + 1"
    rows = f"SELECT {first} AS first, {last} AS last, HASH(every_holders) AS hash FROM every_holders"
    return _by_day(connection, rows, days)


def directories(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, str]:
    """For each of the sorted `days`, a digest of the rows of `every_directory` valid on it (as `on_day`)."""
    first, last = f"epoch_us(valid_from) // {DAY_US}", f"(epoch_us(valid_to) - 1) // {DAY_US}"
    known = f"SELECT * EXCLUDE ({LANDED}) FROM every_directory"
    rows = f"SELECT {first} AS first, {last} AS last, HASH(known) AS hash FROM ({known}) AS known"
    return _by_day(connection, rows, days)


def _by_day(connection: duckdb.DuckDBPyConnection, rows: str, days: Sequence[date]) -> dict[date, str]:
    """For each of the sorted `days`, a digest of the `rows` that cover it.

    `rows` is SQL with the columns `hash`, `first` and `last`: the first and last day number, NULL if open.
    One pass suffices for any number of days, because a row changes the running digest where it begins and
    ends.
    """
    if not days:
        return {}
    begin, end = (_number(day) for day in (days[0], days[-1]))
    within = f"SELECT GREATEST(first, {begin}) AS first, LEAST(last, {end}) AS last, hash FROM ({rows}) AS r"
    changes = (
        "SELECT first AS day, hash, 1 AS more FROM within WHERE last >= first "
        "UNION ALL SELECT last + 1, hash, -1 FROM within WHERE last >= first"
    )
    found = connection.execute(
        f"WITH within AS ({within}), changes AS ({changes}) "
        "SELECT day, BIT_XOR(hash), SUM(more) FROM changes GROUP BY day ORDER BY day"
    ).fetchall()
    digests, changed, height, nth = {}, 0, 0, 0
    for day in days:
        while nth < len(found) and found[nth][0] <= _number(day):
            changed, height, nth = changed ^ found[nth][1], height + found[nth][2], nth + 1
        digests[day] = f"{changed}/{height}"
    return digests


def _number(day: date) -> int:
    """Days since 1970, as in SQL."""
    return (day - date(1970, 1, 1)).days


def days_with_sightings(manifest: Manifest) -> list[date]:
    """The event days with compacted sightings, in order."""
    return sorted(date.fromisoformat(day) for day in manifest.tables["sightings"].cold if is_day(day))


def files_of(files: Mapping[str, Iterable[str]], days: Iterable[date]) -> list[str]:
    """The files of `days`, in order; `files` by ISO date."""
    return [path for day in days for path in files.get(day.isoformat(), ())]


def is_day(name: str) -> bool:
    """True if the name of a cold folder is an event day; rows without a time lie in another one."""
    try:
        date.fromisoformat(name)
    except ValueError:
        return False
    return True
