"""Writes the two views files, `open.duckdb` and `restricted.duckdb`, whole or not at all.

A views file holds no rows: schema `stored` says where the rows lie (stored.py), schema `main` holds
the analysts' views (views/*.sql). Each file is made under a temporary name and renamed, so that a
reader has either the old one or the new one. The open file names no restricted path.

Paths resolve through the variable `lake`, so a moved or mounted lake needs one `SET VARIABLE`.

What a lake has no part in, the analysts' views and what is said of each column, takes DuckDB ten times as
long to make as the rest. It is made once over relations without rows (`_blank`), kept, and copied.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

from analytics.definitions import Mart, View, Zone, load_marts, load_views
from analytics.lake import LakeUnreadable, Manifest, checked_zone, literal, open_views
from analytics.marts.threads import beside
from analytics.stored import files_sql, lake_expression, restated_sql, table_sql

#: Files of each mart, relative to the lake, by mart and period.
MartFiles = Mapping[str, Mapping[str, str]]

#: Storage version and block size that DuckDB 1.5 can read; a views file then takes 28 KB or so.
_ATTACH = "(STORAGE_VERSION 'v1.2.0', BLOCK_SIZE 16384)"

#: Relations that name somebody, and the column that does.
_ABOUT = {
    "sightings": "user_name",
    "restated": "user_name",
    "names_by_client": "user_name",
    "leases": "user_name",
    "directory": "user_name",
    "counting": "user_name",
    "usage_hourly": "subject",
    "named_daily": "subject",
    "not_use_hourly": "subject",
    "finding_evidence": "subject",
    "ai_servers_daily": "subject",
    "rhythm_daily": "subject",
    "model_pulls_daily": "subject",
    "exception_people": "subject",
}


def lacking(lake: Path) -> str:
    """The first column of this release that the open views of `lake` do not have, as 'view.column'; else ''.

    An earlier release made such a lake; compacting it publishes the views of this one.
    """
    try:
        with open_views(lake) as connection:
            rows = connection.execute(
                "SELECT table_name, column_name FROM duckdb_columns()"
                " WHERE database_name = 'lake' AND schema_name = 'main'"
            ).fetchall()
    except (LakeUnreadable, duckdb.Error):
        return ""
    there = set(rows)
    declared = ((view.name, name) for view in load_views() if view.zone == "open" for name in view.columns)
    return next((f"{view}.{name}" for view, name in declared if (view, name) not in there), "")


def publish(
    lake: Path,
    manifest: Manifest,
    marts: MartFiles,
    *,
    zone: str,
    connection: duckdb.DuckDBPyConnection,
    folder: Path | None = None,
    blanks: Path | None = None,
) -> tuple[Path, Path]:
    """Replaces both views files of `lake`; returns their paths, open first.

    `zone` is the time zone reports are kept in; views state it as a literal. `connection` is to any database;
    another takes 15 ms to make. They are written to `folder`, else to where readers look for them. `blanks`
    is a folder to keep views files over nothing in, for the next process, of this lake or another.
    """
    checked_zone(zone)
    ensure_low_water(lake, manifest.low_water)
    kinds = load_marts()
    place = folder or lake
    open_file, restricted_file = place / "open.duckdb", place / "restricted.duckdb"
    public = stored_relations(lake, manifest, kinds, marts, zones=("open",))
    everything = stored_relations(lake, manifest, kinds, marts, zones=("open", "restricted"))
    types = {mart.name: mart.types for mart in kinds}
    types |= {table.name: table.columns for table in manifest.tables.values()}
    views = [view for view in load_views() if view.reads <= set(everything)]
    shown = [view for view in views if view.zone == "open" and view.reads <= set(public)]

    def write(target: Path, relations: dict[str, str], seen: list[View]) -> None:
        of = {name: types[name] for name in relations}
        with beside(connection) as own:
            _write(own, target, relations, of, seen, zone=zone, blanks=blanks)

    with ThreadPoolExecutor(2) as writers:  # some hundred statements each, on two cores
        files = ((open_file, public, shown), (restricted_file, everything, views))
        for written in [writers.submit(write, *file) for file in files]:
            written.result()
    restricted_file.chmod(0o640)
    return open_file, restricted_file


def stored_relations(
    lake: Path, manifest: Manifest, kinds: Sequence[Mart], marts: MartFiles, *, zones: Sequence[str]
) -> dict[str, str]:
    """SQL of every stored relation of these zones: base tables of the manifest, and marts."""
    root = lake_expression(str(lake.absolute()))
    relations: dict[str, str] = {}
    for table in manifest.tables.values():
        if table.zone in zones:
            hot = any((lake / table.folder / "hot").glob("*/*.parquet"))
            relations[table.name] = table_sql(table, root=root, watermark=manifest.watermark, hot=hot)
    if {"sightings", "restated"} <= set(relations):
        stored = relations.pop("sightings")  # and back at the end, behind what it reads
        said = "SELECT * FROM stored.restated"
        relations["sightings"] = restated_sql(manifest.tables["sightings"], stored, said)
    for mart in kinds:
        if mart.zone in zones:
            files = [path for _, path in sorted(marts.get(mart.name, {}).items())]
            relations[mart.name] = files_sql(mart.types, files, root=root)
    return _without_erased(relations)


def _without_erased(relations: dict[str, str]) -> dict[str, str]:
    """The relations with those of erased people hidden, from the moment `erasures` has them."""
    if "erasures" not in relations:
        return relations
    hidden = {"erasures": relations.pop("erasures")}
    for name, sql in relations.items():
        if column := _ABOUT.get(name):
            kept = f"{column} IS NULL OR {column} NOT IN (SELECT token FROM stored.erasures)"
            hidden[name] = f"SELECT * FROM (\n{sql}\n) AS every_one WHERE {kept}"
        else:
            hidden[name] = sql
    return hidden


def ensure_low_water(lake: Path, low_water: str) -> None:
    """Makes `low_water.parquet` if the store has not yet had a reason to; never replaces one."""
    target = lake / "low_water.parquet"
    if target.exists():
        return
    temporary = lake / f"low_water.{os.getpid()}.tmp"
    pl.DataFrame({"low_water": [low_water]}).write_parquet(temporary)
    # A link fails where the store was quicker; its mark is the younger one.
    with contextlib.suppress(FileExistsError):
        os.link(temporary, target)
    temporary.unlink()


def _write(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    relations: Mapping[str, str],
    types: Mapping[str, Mapping[str, str]],
    views: Sequence[View],
    *,
    zone: str,
    blanks: Path | None,
) -> None:
    """Makes `target`: these views over these relations, which have columns of these types."""
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        nothing = _nothing(types)
        blank = _blank(connection, blanks or _of_process(), nothing, views, zone=zone)
        shutil.copyfile(blank, temporary)
        with _writing(connection, temporary):
            for name, sql in relations.items():
                if sql != nothing[name]:  # else it stands there
                    connection.execute(f"CREATE OR REPLACE VIEW stored.{name} AS {sql}")
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _nothing(types: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """SQL of stored relations of these types without rows."""
    return _without_erased({name: files_sql(columns, (), root="") for name, columns in types.items()})


def _blank(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    nothing: Mapping[str, str],
    views: Sequence[View],
    *,
    zone: str,
) -> Path:
    """A views file in `folder` over relations without rows; made unless it is there."""
    statements = [f"CREATE VIEW stored.{name} AS {sql}" for name, sql in nothing.items()]
    for view in views:
        statements += _statements(view, zone)
    said = "\n".join([duckdb.__version__, _ATTACH, *statements])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"views-{hashlib.blake2b(said.encode(), digest_size=8).hexdigest()}.duckdb"
    if path.exists():
        return path
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with _writing(connection, temporary):
            for statement in statements:
                connection.execute(statement)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _statements(view: View, zone: str) -> Iterator[str]:
    """What makes a view and says what it and its columns mean."""
    yield f"CREATE VIEW main.{view.name} AS {view.sql(zone)}"
    yield f"COMMENT ON VIEW main.{view.name} IS {literal(f'a row is {view.row}')}"
    for name, column in view.columns.items():
        meaning = f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
        yield f"COMMENT ON COLUMN main.{view.name}.{name} IS {literal(meaning)}"


@contextlib.contextmanager
def _writing(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    """`connection` in the views file `path`, made if absent, in one transaction.

    Otherwise each of some hundred comments waits for the disk.
    """
    name = f'"{path.name.partition(".")[0]}"'  # two are written at a time
    connection.execute(f"ATTACH {literal(path)} AS {name} {_ATTACH}")
    try:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name}.stored")
        connection.execute(f"USE {name}.main")
        connection.execute("BEGIN")
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("USE memory")
        connection.execute(f"DETACH {name}")


@cache
def _of_process() -> Path:
    """A folder for blank views files that goes when this process ends; nothing in them is of any lake."""
    folder = tempfile.TemporaryDirectory(prefix="shadowai-views-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


__all__ = ["MartFiles", "Zone", "ensure_low_water", "publish", "stored_relations"]
