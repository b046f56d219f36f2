"""The folder itself: places, modes, locks and the numbering of hot parts."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from sensor import durable, schema
from sensor.account import account
from sensor.durable import explained
from sensor.errors import LakeError

#: sorts before every real part and holds one file without rows, so that no glob is ever empty
ZERO_PART = "0000"
#: Layout of `manifest.json` that is written.
FORMAT = 1
ZERO_FILE = "schema.parquet"
#: what a whole Parquet file begins and ends with
_PARQUET = b"PAR1"
MODES = {"restricted": 0o750, "open": 0o755}
#: how hard files are packed that stay, and segments, which compaction replaces (level of zstd)
KEPT_LEVEL, PASSING_LEVEL = 3, 1
FILE_MODES = {"restricted": 0o640, "open": 0o644}


def log_access(lake: Path, **what: str) -> None:
    """One line of JSON in `restricted/access.log`: who does `what` with what is about persons, and when.

    Raises LakeError if that cannot be written: then nothing may be looked at either.
    """
    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "by": account(), **what}
    file = lake / "restricted" / "access.log"
    with explained(lake):
        file.touch(mode=0o640, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")


class Lake:
    """One lake on a local or mounted file system."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> Lake:
        """Make folders, modes and zero-row files where missing. Raises LakeError."""
        with explained(self.path):
            for zone, mode in MODES.items():
                folder = self.path / zone
                folder.mkdir(parents=True, exist_ok=True)
                if folder.stat().st_mode & 0o777 != mode:
                    folder.chmod(mode)
            (self.path / "sources").mkdir(exist_ok=True)
            for table in stored():
                zero = self.hot(table) / f"part={ZERO_PART}" / ZERO_FILE
                if not zero.exists():
                    write_parquet(zero, table.empty(), {}, zone=table.zone)
        return self

    def exists(self) -> bool:
        """True if this looks like a lake."""
        return (self.path / "sources").is_dir()

    def hot(self, table: schema.Table) -> Path:
        """Folder of the table's segments as they landed."""
        return self.path / table.zone / table.name / "hot"

    def cold(self, table: schema.Table) -> Path:
        """Folder of the table's compacted files."""
        return self.path / table.zone / table.name / "cold"

    @contextmanager
    def lock(self, name: str, *, exclusive: bool, wait: bool = True) -> Iterator[bool]:
        """Hold `lake/.<name>.lock`; yields False if `wait` is off and somebody else has it."""
        with explained(self.path), (self.path / f".{name}.lock").open("w") as file:
            how = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB)
            try:
                fcntl.flock(file, how)
            except BlockingIOError:
                yield False
                return
            yield True

    @property
    def closed(self) -> str:
        """The newest part that no writer may still write to."""
        try:
            return (self.path / "closed").read_text(encoding="ascii").strip() or ZERO_PART
        except FileNotFoundError:
            return ZERO_PART

    def close(self, part: str) -> None:
        """Say that `part` and all before it are closed; call with the commit lock held exclusively."""
        write_text(self.path / "closed", part + "\n")

    def open_part(self, now: datetime) -> str:
        """The part a segment landing at `now` belongs to: the hour, or the next number in a closed one."""
        part = f"{now.astimezone(UTC):%Y-%m-%dT%H}.0000"
        closed = self.closed
        if part > closed:
            return part
        hour, _, number = closed.partition(".")
        return f"{hour}.{int(number) + 1:04d}"

    def manifest(self) -> dict[str, Any]:
        """The manifest, or an empty one for a lake that was never compacted.

        Raises LakeError for a damaged one, and for a later format than this release writes: what it says
        more would be lost.
        """
        path = self.path / "manifest.json"
        try:
            manifest = dict(json.loads(path.read_text(encoding="utf-8")))
            found = int(manifest["format"])
        except FileNotFoundError:
            return {"format": FORMAT, "generation": 0, "watermark": ZERO_PART, "compacted": {}, "tables": {}}
        except (ValueError, TypeError, KeyError):
            raise LakeError("does not describe a lake", place=str(path), hint="restore it") from None
        if found > FORMAT:
            what = f"written by a newer release (format {found}, this one writes {FORMAT})"
            raise LakeError(what, place=str(path), hint="use that release")
        return manifest


def stored() -> tuple[schema.Table, ...]:
    """Every table a lake holds, in the order a commit renames them: `sightings` last."""
    return (schema.CATALOG, *schema.STORED)


def damaged(place: Path) -> Path | None:
    """A file of the lake at `place` that is no whole Parquet file, by its first and last bytes."""
    for file in sorted(place.rglob("*.parquet")):
        with suppress(FileNotFoundError), file.open("rb") as stream:  # a compaction has replaced it
            begin = stream.read(len(_PARQUET))
            stream.seek(max(0, file.stat().st_size - len(_PARQUET)))
            if begin != _PARQUET or stream.read() != _PARQUET:
                return file
    return None


def write_parquet(path: Path, frame: pl.DataFrame, metadata: dict[str, str], *, zone: str = "open") -> None:
    """Write durably under the final name: temporary name, fsync, rename, fsync of the folder."""
    temporary = stage_parquet(path, frame, metadata, zone=zone, level=KEPT_LEVEL)
    durable.publish(temporary, path)


def stage_parquet(
    path: Path, frame: pl.DataFrame, metadata: dict[str, str], *, zone: str, level: int = PASSING_LEVEL
) -> Path:
    """Write and fsync under a temporary name beside `path`; readers' globs do not match it.

    Folder and file get their zone's modes, so that a copy of a part is no more open than the whole.
    """
    _make_folder(path.parent, MODES[zone])
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            frame.write_parquet(file, compression="zstd", compression_level=level, metadata=metadata)
            os.fchmod(file.fileno(), FILE_MODES[zone])
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, pl.exceptions.PolarsError):
            raise OSError(
                28, "no space left on device, or the file could not be written", str(path)
            ) from error
        raise
    return temporary


def _make_folder(folder: Path, mode: int) -> None:
    """`folder` and what is missing above it, each with `mode`."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        part.chmod(mode)


def write_text(path: Path, text: str) -> None:
    """Write a small file durably by rename; the umask says who may read it."""
    durable.write(path, text.encode(), mode=0o666)
