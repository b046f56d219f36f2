"""A lake made by hand from schema frames: cold and hot files and a manifest, as the store writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from analytics.counting.build import Build
from analytics.counting.day_marts import make_days
from analytics.counting.state import MartState, locked
from analytics.counting.week_marts import make_weeks
from analytics.definitions import load_marts
from analytics.lake import K, literal
from analytics.refresh import complete_manifest
from analytics.scratch import scratch_database
from analytics.stored import files_sql
from sensor import schema

TYPES: dict[Any, str] = {
    schema.TIME: "TIMESTAMP WITH TIME ZONE",
    pl.String(): "VARCHAR",
    pl.Int64(): "BIGINT",
    pl.Int16(): "SMALLINT",
    pl.Float64(): "DOUBLE",
    pl.Boolean(): "BOOLEAN",
}
TABLES = (schema.CATALOG, *schema.STORED)
ZONE = "Europe/Berlin"
Row = dict[str, Any]

_numbers = count(1)


#: Views with as many rows as traffic or logs make; sorting them would cost every query that sums over them.
UNORDERED = {
    "sightings", "sightings_named", "sessions", "usage_hourly", "names", "names_by_client", "restated",
    "leases", "directory", "counting", "coverage", "rejects",
}  # fmt: skip


def whole(view: str) -> str:
    """SQL of all rows of a view, in an order that is always the same."""
    return f"SELECT * FROM {view}" + (" ORDER BY ALL" if view in UNORDERED else "")


def at(text: str) -> datetime:
    """'2026-11-17 10:00' (UTC)."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def sighting(seen: str, **more: Any) -> Row:
    """A session of u1's laptop with acme/chat: grade 4, one slice, 60 s, 1000 bytes up."""
    number = next(_numbers)
    row: Row = {
        "event_id": number, "seen_at": at(seen), "duration_s": 60.0, "sensor": "span", "vantage": "packets",
        "source": "pcap", "input": "i1", "kind": "tls", "grade": 4, "action": "allowed", "site": "hq",
        "client_scope": "internal", "server_scope": "external", "client": "addr1", "user_name": "u1",
        "host": "chat.acme.test", "bytes_up": 1000, "bytes_down": 9000, "connections": 1,
        "app": "acme/chat", "access": "web", "role": "use", "catalog_version": "1",
        "flow": number, "connection": number, "started_at": at(seen), "slice": 0,
    }  # fmt: skip
    return row | more


def proxied(seen: str, **more: Any) -> Row:
    """A proxy's log line for the same: it knows no connection."""
    row: Row = {
        "sensor": "squid", "vantage": "proxy", "source": "squid", "kind": "proxy", "requests": 1,
        "flow": None, "connection": None, "started_at": None, "slice": None,
    }  # fmt: skip
    return sighting(seen, **(row | more))


def lookup(seen: str, **more: Any) -> Row:
    """A DNS question for its host, seen in the resolver's log."""
    row: Row = {
        "sensor": "resolver", "vantage": "dns", "source": "zeek", "kind": "dns", "grade": 1, "lookups": 1,
        "duration_s": 0.0, "bytes_up": None, "bytes_down": None, "connections": 0,
        "flow": None, "connection": None, "started_at": None, "slice": None,
    }  # fmt: skip
    return sighting(seen, **(row | more))


def tunnel(seen: str, minutes: int, **more: Any) -> list[Row]:
    """A connection in 60 s slices, 1000 bytes up in each."""
    start, number = at(seen), more.pop("flow", None) or next(_numbers)
    return [
        sighting(
            (start + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M:%S.%f"),
            **({"flow": number, "connection": number, "started_at": start} | more),
            slice=minute,
            connections=int(minute == 0),
        )
        for minute in range(minutes)
    ]


SENSORS: list[Row] = [
    {"sensor": "span", "site": "hq", "vantage": "packets", "rank": 1, "kind": "packets", "zone": ZONE},
    {"sensor": "span2", "site": "hq", "vantage": "packets", "rank": 1, "kind": "packets", "zone": ZONE},
    {"sensor": "squid", "site": "hq", "vantage": "proxy", "rank": 2, "kind": "logs", "zone": ZONE},
    {"sensor": "resolver", "site": "hq", "vantage": "dns", "rank": 3, "kind": "logs", "zone": ZONE},
]
CATALOG: list[Row] = [
    {"app": "acme/chat", "service": "Acme Chat", "vendor": "Acme", "category": "chatbot", "country": "US"},
    {"app": "bolt/code", "service": "Bolt Code", "vendor": "Bolt", "category": "coding", "country": "DE"},
]


class HandmadeLake:
    """A lake folder. `cold` and `hot` put rows in; every call writes the manifest anew."""

    def __init__(self, path: Path, zone: str = ZONE) -> None:
        self.path, self.zone = path, zone
        self.watermark, self.generation = "", 0
        self.files: dict[str, dict[str, list[str]]] = {table.name: {} for table in TABLES}
        for table in TABLES:
            zero = path / table.zone / table.name / "hot" / "part=0000" / "zero.parquet"
            zero.parent.mkdir(parents=True, exist_ok=True)
            table.empty().write_parquet(zero)
        self.write_manifest()

    @classmethod
    def furnished(cls, path: Path, *sightings: Row, leases: list[Row] | None = None) -> HandmadeLake:
        """A lake with the usual sensors and catalog, and these sightings."""
        lake = cls(path)
        lake.cold("sensors", SENSORS)
        lake.cold("catalog", CATALOG)
        lake.cold("leases", leases or [])
        lake.cold("sightings", list(sightings))
        return lake

    def cold(self, table: str, rows: list[Row]) -> None:
        """Adds compacted files, one per event day."""
        self.generation += 1
        frame = rows_of(table, rows)
        time = schema.TABLES[table].time
        days = (
            frame[time].dt.strftime("%Y-%m-%d")
            if time
            else pl.Series(["all"] * frame.height, dtype=pl.String)
        )
        for day in sorted(days.unique()):
            folder = f"{schema.TABLES[table].zone}/{table}/cold/day={day}"
            path = self.path / folder / f"{self.generation:08d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.filter(days == day).write_parquet(path)
            self.files[table].setdefault(day, []).append(str(path.relative_to(self.path)))
        self.write_manifest()

    def hot(self, table: str, rows: list[Row], part: str) -> None:
        """Adds a segment that is not compacted yet."""
        folder = self.path / schema.TABLES[table].zone / table / "hot" / f"part={part}"
        folder.mkdir(parents=True, exist_ok=True)
        rows_of(table, rows).write_parquet(folder / f"input-{next(_numbers)}.parquet")

    def low_water(self, mark: str) -> None:
        """What the store writes before it deletes hot files."""
        pl.DataFrame({"low_water": [mark]}).write_parquet(self.path / "low_water.parquet")

    def write_manifest(self) -> None:
        """The manifest of what is there, by rename."""
        tables = {
            table.name: {
                "zone": table.zone,
                "time": table.time,
                "key": list(table.key),
                "columns": {name: TYPES[dtype] for name, dtype in table.dtypes.items()},
                "cold": self.files[table.name],
            }
            for table in TABLES
        }
        data = {"format": 1, "generation": self.generation, "watermark": self.watermark, "zone": self.zone}
        temporary = self.path / "manifest.tmp"
        temporary.write_text(json.dumps(data | {"tables": tables}))
        temporary.replace(self.path / "manifest.json")


@contextmanager
def counted(
    lake: HandmadeLake, *marts: str, zone: str = ZONE, weeks: bool = False, k: int = K
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Counts the days of a lake that was not built, and with `weeks` makes their cubes; publishes nothing.

    The connection has `marts`, daily or weekly ones, under their names.
    """
    with locked(lake.path), scratch_database(lake.path) as connection:
        manifest, state = complete_manifest(lake.path), MartState()
        build = Build(lake.path, manifest, state, connection, zone, k, datetime.now(UTC), load_marts())
        make_days(build)
        if weeks:
            make_weeks(build)
        for mart in (mart for mart in load_marts() if mart.name in marts):
            files = sorted(state.files.get(mart.name, {}).values())
            rows = files_sql(mart.types, files, root=literal(lake.path))
            connection.execute(f"CREATE TEMP VIEW {mart.name} AS {rows}")
        yield connection


def rows_of(table: str, rows: list[Row]) -> pl.DataFrame:
    """Rows as a frame of the table."""
    dtypes = schema.TABLES[table].dtypes
    unknown = {name for row in rows for name in row} - set(dtypes)
    assert not unknown, f"{table} has no {unknown}"
    return pl.DataFrame(
        {
            name: pl.Series(name, [row.get(name) for row in rows], dtype=dtype)
            for name, dtype in dtypes.items()
        }
    )
