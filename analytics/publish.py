"""Writes the two views files, `open.duckdb` and `restricted.duckdb`, which clients open.

A views file holds no rows. Its schema `stored` has relations that read the lake's files (stored.py), its
schema `main` the analysts' views on them (views/*.sql). Each file is written under a temporary name and
renamed, so that readers get either the old or the new one. The open file names no restricted path. Paths are
relative to the variable `lake`, so that a moved or mounted lake only needs one `SET VARIABLE`.

Creating the views with the comments on their columns takes DuckDB longest, and is the same for every lake. So
it is done once, over relations without files (`_blank`), kept, and copied. The relations are macros, because
creating a view opens all files it names, and creating a macro does not.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

from analytics.counting.state import GRACE
from analytics.counting.threads import beside
from analytics.definitions import VIEWS, Mart, View, Zone, load_marts, load_views
from analytics.lake import LakeUnreadable, Manifest, StoredTable, checked_zone, literal, open_views
from analytics.stored import files_sql, restated_sql, table_sql

#: Files of each mart, relative to the lake, by mart and period.
MartFiles = Mapping[str, Mapping[str, str]]

#: Storage version and block size that DuckDB 1.5 can read.
_ATTACH = "(STORAGE_VERSION 'v1.2.0', BLOCK_SIZE 16384)"
#: What macros of stored relations call the lake's folder; no column's name.
_FOLDER = "lake_folder"

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
    """The first column of this release that the open views of `lake` lack, as 'view.column'; '' if none.

    Then an earlier release published them; compacting publishes those of this release.
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
) -> None:
    """Replaces both views files of `lake`.

    `zone` is the time zone of reports, a literal in the views. `connection` is any connection; opening
    another would take 15 ms. Files are written to `folder`, by default to where readers look for them.
    `blanks` is a folder for caching blank views files, for this lake or any other; by default they are cached
    for the process.
    """
    checked_zone(zone)
    ensure_low_water(lake, manifest.low_water)
    kinds = load_marts()
    place = folder or lake
    open_file, restricted_file = place / "open.duckdb", place / "restricted.duckdb"
    zones = {name: table.zone for name, table in manifest.tables.items()}
    zones |= {mart.name: mart.zone for mart in kinds}
    nothing = _nothing(manifest, kinds)
    sql_by_name = {name: _rows(name, sql) for name, sql in _relations(lake, manifest, kinds, marts).items()}
    # Parsed once for both files: the lists of a year's files are long.
    rows = {name: connection.extract_statements(sql) for name, sql in sql_by_name.items()}

    def write(target: Path, zone_of: Sequence[Zone]) -> None:
        names = {name for name, of in zones.items() if of in zone_of}
        with beside(connection) as own:
            empty = {name: sql for name, sql in nothing.items() if name in names}
            blank = _blank(own, blanks or _of_process(), empty, zone_of, zone=zone)
            _write(own, target, blank, lake, [rows[name] for name in rows if name in names])

    with ThreadPoolExecutor(2) as writers:  # some hundred statements each where there is no blank yet
        files = ((open_file, ("open",)), (restricted_file, ("open", "restricted")))
        for written in [writers.submit(write, *file) for file in files]:
            written.result()
    restricted_file.chmod(0o640)


def _relations(lake: Path, manifest: Manifest, kinds: Sequence[Mart], marts: MartFiles) -> dict[str, str]:
    """SQL of every stored relation with files, base tables of the manifest and marts, in _FOLDER."""
    relations: dict[str, str] = {}
    for table in manifest.tables.values():
        folder = lake / table.folder / "hot"
        hot = any(folder.glob("*/*.parquet"))
        if hot or table.cold:
            unlike = any(_lacks(file, table) for file in _waiting(folder, manifest.watermark))
            relations[table.name] = table_sql(
                table, root=_FOLDER, watermark=manifest.watermark, hot=hot, unlike=unlike
            )
    if {"sightings", "restated"} <= set(relations):
        restated = "SELECT * FROM stored.restated"
        relations["sightings"] = restated_sql(manifest.tables["sightings"], relations["sightings"], restated)
    for mart in kinds:
        if files := [path for _, path in sorted(marts.get(mart.name, {}).items())]:
            relations[mart.name] = files_sql(mart.types, files, root=_FOLDER)
    return _without_erased(relations)


def _waiting(hot: Path, watermark: str) -> Iterable[Path]:
    """For each input, the first hot file that is not compacted: its columns show if an older release wrote
    it."""
    first: dict[str, Path] = {}
    for part in sorted(hot.glob("part=*")):
        if part.name.removeprefix("part=") > watermark:
            for file in sorted(part.glob("*.parquet")):
                first.setdefault(file.name.rpartition("-")[0], file)
    return first.values()


def _lacks(file: Path, table: StoredTable) -> bool:
    """True if a file lacks columns of its table; False if it was deleted meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return not table.columns.keys() <= pl.read_parquet_schema(file).keys()
    return False


def _without_erased(relations: dict[str, str]) -> dict[str, str]:
    """The relations with those of erased people hidden, from the moment `erasures` has them."""
    if "erasures" not in relations:
        return relations
    kept = "{0} IS NULL OR {0} NOT IN (SELECT token FROM stored.erasures)"
    return {
        name: f"SELECT * FROM (\n{sql}\n) AS every_one WHERE {kept.format(_ABOUT[name])}"
        if name in _ABOUT
        else sql
        for name, sql in relations.items()
    }


def _nothing(manifest: Manifest, kinds: Sequence[Mart]) -> dict[str, str]:
    """SQL of every stored relation as it is without files."""
    tables = {
        table.name: table_sql(replace(table, cold={}), root=_FOLDER, watermark="", hot=False)
        for table in manifest.tables.values()
    }
    return tables | {mart.name: files_sql(mart.types, (), root=_FOLDER) for mart in kinds}


def ensure_low_water(lake: Path, low_water: str) -> None:
    """Writes `low_water.parquet` unless it exists: the store writes it only once it deletes files."""
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
    blank: Path,
    lake: Path,
    rows: Iterable[Sequence[duckdb.Statement]],
) -> None:
    """Makes `target`: the views file `blank`, of `lake` and with these `rows`."""
    with _temporary(target) as temporary:
        shutil.copyfile(blank, temporary)
        with _writing(connection, temporary):
            connection.execute(_folder(str(lake.absolute())))
            for (statement,) in rows:
                connection.execute(statement)
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)


def _blank(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    nothing: Mapping[str, str],
    zone_of: Sequence[Zone],
    *,
    zone: str,
) -> Path:
    """A views file in `folder` over relations without rows; made unless it is there."""
    statements = [_folder("")]
    for name, sql in nothing.items():
        statements += [
            _rows(name, sql),
            f"CREATE VIEW stored.{name} AS FROM stored.{name}_in(stored.folder())",
        ]
    content = "\n".join([duckdb.__version__, fingerprint(), *zone_of, zone, *statements])
    folder.mkdir(parents=True, exist_ok=True)
    for left_behind in folder.glob("*.tmp*"):  # by a killed process, unless it is being written
        with contextlib.suppress(FileNotFoundError):
            if left_behind.stat().st_mtime < time.time() - GRACE.total_seconds():
                left_behind.unlink()
    path = folder / f"views-{hashlib.blake2b(content.encode(), digest_size=8).hexdigest()}.duckdb"
    if path.exists():
        return path
    for view in load_views():
        if view.zone in zone_of and view.reads <= set(nothing):
            statements += _statements(view, zone)
    with _temporary(path) as temporary:
        with _writing(connection, temporary):
            for statement in statements:
                connection.execute(statement)
        temporary.replace(path)
    return path


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A path beside `target`; what lies there afterwards, or in DuckDB's log of it, is deleted."""
    path = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    files = path, path.with_name(f"{path.name}.wal")
    for file in files:
        file.unlink(missing_ok=True)
    try:
        yield path
    finally:
        for file in files:
            file.unlink(missing_ok=True)


@cache
def fingerprint() -> str:
    """Changes with the views and the code that makes files of them, so that no outdated file is used.

    It is made of their text, because parsing them takes time.
    """
    digest = hashlib.sha256()
    for path in (Path(__file__), VIEWS.parent / "definitions.py", *sorted(VIEWS.glob("*.*"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _folder(lake: str) -> str:
    """SQL for the lake's path: the variable `lake` if it is set, else the path at publication."""
    folder = f"COALESCE(getvariable('lake'), {literal(lake)})"
    return f"CREATE OR REPLACE MACRO stored.folder() AS {folder}"


def _rows(name: str, sql: str) -> str:
    """The statement that makes the macro of a stored relation, which takes the folder of the lake."""
    return f"CREATE OR REPLACE MACRO stored.{name}_in({_FOLDER}) AS TABLE {sql}"


def _statements(view: View, zone: str) -> Iterator[str]:
    """The statements that make a view, with comments about the meaning of the view and its columns."""
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
    """A folder for empty views files, which is deleted when this process ends. They contain no data of a
    lake."""
    folder = tempfile.TemporaryDirectory(prefix="shadowai-views-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
