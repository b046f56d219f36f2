"""The lake as the analysts' side sees it: its manifest, and the one place that opens DuckDB.

In: `manifest.json`, which the store replaces by rename after every compaction. Out: a `Manifest`,
and connections whose behaviour does not depend on the machine: no extension is ever fetched, the
time zone is set, memory is limited. Nothing here writes.
"""

from __future__ import annotations

import json
import os
import re
import weakref
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

#: Layout of `manifest.json` this code understands.
FORMAT = 1
#: Smallest group whose figures may be shown, unless the settings say otherwise.
K = 5
#: The table that hides people who asked for it.
ERASURES = "erasures"
_connections: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")


class LakeUnreadable(Exception):
    """The lake's description is missing or damaged: says which file, and what to try."""


@dataclass(frozen=True)
class StoredTable:
    """One table of the lake: its columns, and which compacted files hold it.

    `columns` are DuckDB type names in order. `cold` maps an event day (UTC, ISO) or `all` to
    paths relative to the lake. `time` is the column that decides the event day, or ''.
    """

    name: str
    zone: str
    time: str
    key: tuple[str, ...]
    columns: dict[str, str]
    cold: dict[str, tuple[str, ...]]
    #: rows that landed later are not there
    known_until: datetime | None = None

    @property
    def folder(self) -> str:
        """Where the table lives, relative to the lake."""
        return f"{self.zone}/{self.name}"

    @property
    def cold_files(self) -> tuple[str, ...]:
        """Every compacted file, in the order of its event day."""
        return tuple(path for day in sorted(self.cold) for path in self.cold[day])


@dataclass(frozen=True)
class Manifest:
    """What the store says the lake holds: hot parts up to `watermark` are in the cold files."""

    generation: int
    watermark: str
    low_water: str
    zone: str
    #: smallest group a published figure may describe
    k: int
    tables: dict[str, StoredTable]

    def as_of(self, moment: datetime) -> Manifest:
        """The same lake without what landed after `moment` (an aware time); whoever is erased stays so."""
        tables = {
            name: table if name == ERASURES else replace(table, known_until=moment)
            for name, table in self.tables.items()
        }
        return replace(self, tables=tables)


def read_manifest(lake: Path) -> Manifest:
    """The manifest of `lake`; raises LakeUnreadable with the file's name when it cannot be used."""
    path = lake / "manifest.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        check_format(path, data["format"], FORMAT)
        return Manifest(
            generation=int(data["generation"]),
            watermark=str(data["watermark"]),
            low_water=str(data.get("low_water", "")),
            zone=checked_zone(data["zone"]),
            k=int(data.get("k", K)),
            tables={name: _table(name, entry) for name, entry in data["tables"].items()},
        )
    except FileNotFoundError as error:
        raise LakeUnreadable(f"{path}: no lake here; scan something first, or name it with --lake") from error
    except OSError as error:
        raise LakeUnreadable(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LakeUnreadable(f"{path}: does not describe a lake; restore it from a backup") from error


def check_format(path: Path, found: int, known: int) -> None:
    """Raises LakeUnreadable for a file of a later format than the one known."""
    if found > known:
        raise LakeUnreadable(
            f"{path}: written by a newer release (format {found}, this one reads {known}); use that release"
        )


def _table(name: str, entry: dict[str, object]) -> StoredTable:
    columns, cold, key = entry["columns"], entry["cold"], entry.get("key") or []
    if not isinstance(columns, dict) or not isinstance(cold, dict) or not isinstance(key, list):
        raise ValueError(f"table {name}: columns and cold must be objects, key a list")
    for word in (name, *columns):
        if not _IDENTIFIER.fullmatch(word):
            raise ValueError(f"table {name}: {word!r} is no column or table name")
    return StoredTable(
        name=name,
        zone=str(entry["zone"]),
        time=str(entry.get("time") or ""),
        key=tuple(str(column) for column in key),
        columns={str(column): str(dtype) for column, dtype in columns.items()},
        cold={str(day): tuple(str(path) for path in paths) for day, paths in cold.items()},
    )


def checked_zone(zone: str) -> str:
    """`zone` if it has the shape of an IANA time zone, so that it may stand in SQL; else ValueError."""
    if not _ZONE.fullmatch(zone):
        raise ValueError(f"{zone!r} is no IANA time zone such as Europe/Berlin")
    return zone


def literal(text: str | Path) -> str:
    """`text` as an SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def connect(*, memory: str = "1GB", spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """An empty DuckDB in memory, in UTC, that never fetches an extension and keeps to `memory`.

    `spill` is the folder for what does not fit; without one nothing is written to disk, because
    a spilled page may hold tokens.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": memory,
            "temp_directory": str(spill) if spill else "",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # on standard output it would stand in the result
    _connections.add(connection)
    return connection


def interrupt() -> None:
    """Break off what runs on any connection made by `connect`: it ends with duckdb.InterruptException."""
    for connection in list(_connections):
        connection.interrupt()


def _roomy() -> str:
    """Memory for rows of evidence, which are put in order: a week of 100 million sightings a year takes 2 GB;
    never more than half of what the machine has."""
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{min(3.0, max(1.0, has / 2)):.1f}GB"


def open_views(
    lake: Path, *, restricted: bool = False, folder: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """The published views of `lake`, read-only, at whatever path the lake lies now.

    `folder` holds other views files of the same lake (asof.py).
    """
    path = (folder or lake) / ("restricted.duckdb" if restricted else "open.duckdb")
    if not path.is_file():
        raise LakeUnreadable(f"{path}: not published yet; run a scan or compact the lake")
    # Attached, not opened: a process that opens one path twice shares the file it saw first, and
    # would not notice that a new one took its name.
    connection = connect(memory=_roomy() if restricted else "1GB")
    connection.execute(f"ATTACH {literal(path)} AS lake (READ_ONLY)")
    connection.execute("USE lake")
    connection.execute(f"SET VARIABLE lake = {literal(lake.absolute())}")
    return connection
