"""Writes the two views files, `open.duckdb` and `restricted.duckdb`, whole or not at all.

A views file holds no rows: schema `stored` says where the rows lie (stored.py), schema `main` holds
the analysts' views (views/*.sql). Each file is made under a temporary name and renamed, so that a
reader has either the old one or the new one. The open file names no restricted path.

Paths resolve through the variable `lake`, so a moved or mounted lake needs one `SET VARIABLE`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from analytics.definitions import Mart, View, Zone, load_marts, load_views
from analytics.lake import Manifest, checked_zone, connect, literal
from analytics.stored import files_sql, lake_expression, restated_sql, table_sql

#: Files of each mart, relative to the lake, by mart and period.
MartFiles = Mapping[str, Mapping[str, str]]

#: Storage version and block size that DuckDB 1.5 can read; a views file then takes 28 KB or so.
_ATTACH = "(STORAGE_VERSION 'v1.2.0', BLOCK_SIZE 16384)"

#: Relations that name somebody, and the column that does.
_ABOUT = {
    "sightings": "user_name",
    "restated": "user_name",
    "leases": "user_name",
    "directory": "user_name",
    "usage_hourly": "subject",
    "not_use_hourly": "subject",
    "finding_evidence": "subject",
    "ai_servers_daily": "subject",
    "exception_people": "subject",
}


def publish(
    lake: Path, manifest: Manifest, marts: MartFiles, *, zone: str, folder: Path | None = None
) -> tuple[Path, Path]:
    """Replaces both views files of `lake`; returns their paths, open first.

    `zone` is the time zone reports are kept in; views state it as a literal. They are written to `folder`,
    else to where readers look for them.
    """
    checked_zone(zone)
    ensure_low_water(lake, manifest.low_water)
    kinds = load_marts()
    place = folder or lake
    open_file, restricted_file = place / "open.duckdb", place / "restricted.duckdb"
    public = stored_relations(lake, manifest, kinds, marts, zones=("open",))
    everything = stored_relations(lake, manifest, kinds, marts, zones=("open", "restricted"))
    shown: list[View] = []
    hidden: list[View] = []
    for view in load_views():
        is_public = view.zone == "open" and view.reads <= set(public)
        (shown if is_public else hidden).append(view)
    _write(open_file, public, shown, zone=zone)
    # DuckDB looks into every Parquet file a view reads, so what both files say is made once.
    more = {name: sql for name, sql in everything.items() if name not in public}
    hidden = [view for view in hidden if view.reads <= set(everything)]
    _write(restricted_file, more, hidden, zone=zone, beyond=open_file)
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
    with connect() as connection:
        rows = f"SELECT {literal(low_water)} AS low_water"
        connection.execute(f"COPY ({rows}) TO {literal(temporary)} (FORMAT parquet)")
    # A link fails where the store was quicker; its mark is the younger one.
    with contextlib.suppress(FileExistsError):
        os.link(temporary, target)
    temporary.unlink()


def _write(
    target: Path,
    relations: Mapping[str, str],
    views: Sequence[View],
    *,
    zone: str,
    beyond: Path | None = None,
) -> None:
    """Makes `target` of these relations and views, and of all that the views file `beyond` holds."""
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        if beyond:
            shutil.copyfile(beyond, temporary)
        with connect() as connection:
            connection.execute(f"ATTACH {literal(temporary)} AS views {_ATTACH}")
            connection.execute("CREATE SCHEMA IF NOT EXISTS views.stored")
            connection.execute("USE views.main")
            # In one transaction: otherwise each of some hundred comments waits for the disk.
            connection.execute("BEGIN")
            _create(connection, relations, views, zone=zone)
            connection.execute("COMMIT")
            connection.execute("USE memory")
            connection.execute("DETACH views")
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _create(
    connection: duckdb.DuckDBPyConnection, relations: Mapping[str, str], views: Sequence[View], *, zone: str
) -> None:
    for name, sql in relations.items():
        connection.execute(f"CREATE VIEW stored.{name} AS {sql}")
    for view in views:
        connection.execute(f"CREATE VIEW main.{view.name} AS {view.sql(zone)}")
        comment = literal(f"a row is {view.row}")
        connection.execute(f"COMMENT ON VIEW main.{view.name} IS {comment}")
        for name, column in view.columns.items():
            meaning = f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
            connection.execute(f"COMMENT ON COLUMN main.{view.name}.{name} IS {literal(meaning)}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


__all__ = ["MartFiles", "Zone", "ensure_low_water", "publish", "stored_relations"]
