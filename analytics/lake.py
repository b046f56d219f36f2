"""Reads the manifest of a lake, and opens DuckDB: the only module that does.

`manifest.json` is replaced by rename after every compaction. Connections behave the same on every machine: no
extension is ever downloaded, the time zone is UTC, memory is limited. Nothing here writes to the lake.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import weakref
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

#: Layout of `manifest.json` this code understands.
FORMAT = 1
#: Smallest group whose figures may be shown, unless the settings say otherwise.
K = 5
#: Begins the names of folders for what queries of restricted rows do not have room for.
ASKED = "asked-"
#: The table of erasure requests, by which people are hidden.
ERASURES = "erasures"
_connections: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")


class LakeUnreadable(Exception):
    """A lake that is missing, damaged or of another release; the text names the file and a remedy."""


@dataclass(frozen=True)
class StoredTable:
    """One table of a lake: its columns and its compacted files.

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
        """The table's folder, relative to the lake."""
        return f"{self.zone}/{self.name}"

    @property
    def cold_files(self) -> tuple[str, ...]:
        """All compacted files, in the order of their event days."""
        return tuple(path for day in sorted(self.cold) for path in self.cold[day])


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`: the tables of a lake. Hot parts up to `watermark` are compacted."""

    generation: int
    watermark: str
    low_water: str
    zone: str
    #: smallest group a published figure may describe
    k: int
    tables: dict[str, StoredTable]

    def as_of(self, moment: datetime) -> Manifest:
        """The manifest without rows that landed after `moment` (an aware time); erasures stay in force."""
        tables = {
            name: table if name == ERASURES else replace(table, known_until=moment)
            for name, table in self.tables.items()
        }
        return replace(self, tables=tables)


def read_manifest(lake: Path) -> Manifest:
    """The manifest of `lake`. Raises LakeUnreadable if it is missing or cannot be used."""
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
    """Raises LakeUnreadable if `path` has a later format (`found`) than this release knows (`known`)."""
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
    """`zone`, if it looks like an IANA time zone and so can be put into SQL. Raises ValueError otherwise."""
    if not _ZONE.fullmatch(zone):
        raise ValueError(f"{zone!r} is no IANA time zone such as Europe/Berlin")
    return zone


def literal(text: str | Path) -> str:
    """`text` as an SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def connect(*, memory: str = "1GB", spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """An empty in-memory DuckDB database, in UTC, limited to `memory`; it never downloads an extension.

    `spill` is the folder for pages that do not fit into memory; DuckDB makes it when it needs it, and deletes
    what it made. Without one nothing is written to disk, because such a page may hold tokens.
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
    """Interrupts what runs on the connections that `connect` made: it raises duckdb.InterruptException."""
    for connection in list(_connections):
        with suppress(duckdb.ConnectionException):  # closed, but somebody (a traceback) still holds it
            connection.interrupt()


def most_memory() -> str:
    """Half of what the machine has, for what must not be written to disk."""
    return f"{max(1.0, _machine_gb() / 2):.1f}GB"


def spill_of(lake: Path) -> Path | None:
    """A folder for the pages of queries about restricted rows, beside these rows and so as well protected.

    None where the lake is read only; scratch.py deletes those of killed readers.
    """
    restricted = lake / "restricted"
    return restricted / f"{ASKED}{secrets.token_hex(8)}" if os.access(restricted, os.W_OK) else None


def _roomy() -> str:
    """Memory for rows of evidence, which are put in order: a week of 100 million sightings a year takes 2 GB;
    never more than half of what the machine has."""
    return f"{min(3.0, max(1.0, _machine_gb() / 2)):.1f}GB"


def _machine_gb() -> float:
    """Memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def open_views(
    lake: Path, *, restricted: bool = False, folder: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the published views of `lake`, wherever the lake was moved to.

    `folder` may hold other views files of the same lake (asof.py). Raises LakeUnreadable.
    """
    path = (folder or lake) / ("restricted.duckdb" if restricted else "open.duckdb")
    if not path.is_file():
        raise LakeUnreadable(f"{path}: not published yet; run a scan or compact the lake")
    # Attached, not opened: a process that opens one path twice shares the file it saw first, and
    # would not notice that a new one took its name.
    connection = connect(memory=_roomy(), spill=spill_of(lake)) if restricted else connect()
    connection.execute(f"ATTACH {literal(path)} AS lake (READ_ONLY)")
    connection.execute("USE lake")
    connection.execute(f"SET VARIABLE lake = {literal(lake.absolute())}")
    return connection
