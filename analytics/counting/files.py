"""Writes mart files atomically, with the file mode of their zone."""

from __future__ import annotations

import filecmp
import os
from pathlib import Path

import duckdb

from analytics.lake import literal

#: Modes of folders and files by zone. Only the owner and its group may read the restricted zone.
_FOLDER_MODES = {"restricted": 0o750, "open": 0o755}
_FILE_MODES = {"restricted": 0o640, "open": 0o644}


def write_rows(connection: duckdb.DuckDBPyConnection, sql: str, lake: Path, path: str, *, zone: str) -> int:
    """Writes the rows of `sql` to the Parquet file `path` (relative to the lake); returns how many.

    Without rows there is no file.
    """
    _make_folders(lake, Path(path).parent, mode=_FOLDER_MODES[zone])
    target = lake / path
    temporary = target.with_suffix(".tmp")
    copied = connection.execute(f"COPY ({sql}) TO {literal(temporary)} (FORMAT parquet, COMPRESSION zstd)")
    row = copied.fetchone()
    if not row or not row[0]:
        temporary.unlink()
        return 0
    temporary.chmod(_FILE_MODES[zone])
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.replace(target)
    return int(row[0])


def is_same(one: Path, other: Path) -> bool:
    """True if both files exist and have the same content."""
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def _make_folders(lake: Path, folder: Path, *, mode: int) -> None:
    """Makes `folder` (relative to the lake) and its parents, each with `mode`.

    Every level gets the mode, so that a copy of a subtree is protected as well.
    """
    for path in (*reversed(folder.parents[:-1]), folder):
        (lake / path).mkdir(exist_ok=True)
        if (lake / path).stat().st_mode & 0o777 != mode:
            (lake / path).chmod(mode)
