"""The database that marts are counted in: in memory, with room on disk that is gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from analytics.counting.state import GRACE
from analytics.lake import ASKED, LakeUnreadable, connect

#: Begins the names of folders with views of an earlier moment (asof.py).
AS_OF = "as-of-"


@contextmanager
def scratch_database(lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database whose spilled pages lie in the restricted zone, and are deleted afterwards.

    To be opened under the lock of the marts (state.py): pages that are there already are taken to be those of
    a killed build. What killed readers left is deleted, too. Raises LakeUnreadable if SQL inside the block
    needs a column that the lake's manifest does not have.
    """
    restricted = lake / "restricted"
    restricted.mkdir(mode=0o750, exist_ok=True)
    for left_behind in restricted.glob("spill-*"):
        shutil.rmtree(left_behind)
    for folder in (*restricted.glob(f"{ASKED}*"), *restricted.glob(f"{AS_OF}*")):
        with suppress(FileNotFoundError):  # its reader has just ended
            if folder.stat().st_mtime < time.time() - GRACE.total_seconds():
                shutil.rmtree(folder, ignore_errors=True)
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
