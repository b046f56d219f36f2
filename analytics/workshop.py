"""What a build needs of the disk: the lock of the marts, a database to count in, and writing mart files."""

from __future__ import annotations

import fcntl
import filecmp
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from analytics.lake import LakeUnreadable, connect, literal

#: Modes of folders and files by zone: only the owner and its group may read the restricted one.
FOLDER_MODES = {"restricted": 0o750, "open": 0o755}
FILE_MODES = {"restricted": 0o640, "open": 0o644}


@contextmanager
def alone(lake: Path) -> Iterator[None]:
    """Holds the lock that keeps two builds of one lake apart; waits for it. Raises LakeUnreadable."""
    try:
        handle = (lake / "marts.lock").open("w")
    except OSError as error:
        raise LakeUnreadable(f"{lake}: {error.strerror}; the lake must exist and be writable") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def workshop(lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database whose spilled pages lie in the restricted zone, and are deleted afterwards.

    Raises LakeUnreadable if SQL inside the block needs a column that the lake's manifest does not have.
    """
    restricted = lake / "restricted"
    restricted.mkdir(mode=0o750, exist_ok=True)
    for left_behind in restricted.glob("spill-*"):
        shutil.rmtree(left_behind)
    with (
        tempfile.TemporaryDirectory(dir=restricted, prefix="spill-") as spill,
        connect(spill=Path(spill)) as connection,
    ):
        # Packing keys before each sort and group costs more than the memory it saves.
        connection.execute("SET disabled_optimizers = 'compressed_materialization'")
        # Tables follow each other: a part of the memory is kept for the next one, not given back in between.
        connection.execute("SET block_allocator_memory = '256MB'")
        try:
            yield connection
        except duckdb.BinderException as error:
            what = str(error).partition("\n")[0]
            raise LakeUnreadable(
                f"{lake}: manifest.json is of another release ({what}); compact the lake"
            ) from error


def write_rows(connection: duckdb.DuckDBPyConnection, sql: str, target: Path, *, mode: int) -> int:
    """Writes the rows of `sql` to the Parquet file `target`, complete or not at all; returns how many.

    Without rows there is no file.
    """
    temporary = target.with_suffix(".tmp")
    copied = connection.execute(f"COPY ({sql}) TO {literal(temporary)} (FORMAT parquet, COMPRESSION zstd)")
    row = copied.fetchone()
    if not row or not row[0]:
        temporary.unlink()
        return 0
    temporary.chmod(mode)
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.replace(target)
    return int(row[0])


def make_folders(lake: Path, folder: Path, *, mode: int) -> None:
    """Makes `folder` (relative to the lake) and its parents, and gives each of them `mode`.

    Not only the zone's own folder gets it: a copy of a part of the lake must not be readable by everybody.
    """
    for path in (*reversed(folder.parents[:-1]), folder):
        (lake / path).mkdir(exist_ok=True)
        if (lake / path).stat().st_mode & 0o777 != mode:
            (lake / path).chmod(mode)


def is_same(one: Path, other: Path) -> bool:
    """True if both files exist and have the same content."""
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)
