"""Caches the compiled catalog on disk, keyed by what the catalog's files look like.

Path, size, inode and times of change stand for the content of a file, because reading thousands of files
takes longer than everything else. Times are coarse, so a catalog that has just been changed is not cached
yet.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sensor.catalog.files import places

#: Part of the stamp; raised when the meaning of the cached form changes.
CACHE_FORMAT = 4
#: Within this a file may change twice and look the same.
SETTLED_NS = 1_000_000_000
_VERSION = "version"


@dataclass(frozen=True)
class Stamp:
    """What the catalog files of some folders look like."""

    digest: str
    #: newest change of any of them, nanoseconds since 1970
    changed_ns: int


def stamp(folders: Sequence[Path]) -> Stamp:
    """The stamp of the catalog files in `folders`."""
    seen = [look(path) for folder in folders for path in places(folder)]
    digest = hashlib.sha256(repr((CACHE_FORMAT, [str(folder) for folder in folders], seen)).encode())
    return Stamp(digest.hexdigest()[:32], max((look[-1] for look in seen), default=0))


def look(path: str) -> tuple[str, int, int, int, int]:
    """Path, size, inode, and times of the last modification and status change; zeros if the file is gone."""
    try:
        status = os.stat(path)  # noqa: PTH116 - Path would be slower, thousands of times
    except OSError:
        return path, 0, 0, 0, 0
    return path, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def read(folder: Path, stamp: Stamp) -> dict[str, Any]:
    """The frames by name, and the version, cached for `stamp`; empty if there are none, or they are
    damaged."""
    place = folder / stamp.digest
    try:
        found: dict[str, Any] = {path.stem: pl.read_ipc(path) for path in place.glob("*.arrow")}
        return {**found, _VERSION: found[_VERSION].item()}
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError):
        return {}


def write(folder: Path, stamp: Stamp, catalog: Mapping[str, Any]) -> None:
    """Cache `catalog` in place of all earlier ones. Failures are ignored: it is only a cache."""
    if time.time_ns() - stamp.changed_ns < SETTLED_NS:
        return
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder, prefix=".draft-"))
        try:
            for name, value in catalog.items():
                frame = pl.DataFrame({name: [value]}) if name == _VERSION else value
                frame.write_ipc(draft / f"{name}.arrow", compression="uncompressed")
            for old in folder.glob("[0-9a-f]*"):
                shutil.rmtree(old, ignore_errors=True)
            draft.rename(folder / stamp.digest)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
