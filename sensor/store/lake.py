"""The lake as a folder: where tables lie, file modes, locks, and the numbering of hot parts.

A part is the folder `part=<hour>.<number>` that segments land in. Compaction closes parts; writers then
move on to a later one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from sensor import durable, schema
from sensor.account import account
from sensor.durable import explained
from sensor.errors import LakeError

#: Name of a part that sorts before all others. It holds one file without rows, so that no glob is empty.
ZERO_PART = "0000"
#: Version of the layout of `manifest.json`; a lake with a higher one is refused.
FORMAT = 1
ZERO_FILE = "schema.parquet"
#: The bytes that every complete Parquet file begins and ends with.
_PARQUET = b"PAR1"
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
#: A disk with less room is full.
_FULL_BYTES = 1 << 20
MODES = {"restricted": 0o750, "open": 0o755}
#: zstd levels of compacted files, and of segments, which compaction soon replaces.
KEPT_LEVEL, PASSING_LEVEL = 3, 1
FILE_MODES = {"restricted": 0o640, "open": 0o644}


def log_access(lake: Path, **what: str) -> None:
    """Append a line of JSON to `restricted/access.log`: time, account, and `what` is done with personal data.

    Call it before looking. Raises LakeError if the line cannot be written; then nothing may be looked at.
    """
    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "by": account(), **what}
    file = lake / "restricted" / "access.log"
    with explained(lake):
        file.touch(mode=0o640, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")


class Lake:
    """One lake, in a folder on a local or mounted file system."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> Lake:
        """Make what is missing of the folders, their modes and the files without rows. Raises LakeError."""
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

    def renew(self, table: schema.Table) -> None:
        """Give the file without rows the columns of this release: readers take those of other files from it.

        It keeps its time (`made_at`). Raises OSError.
        """
        zero = self.hot(table) / f"part={ZERO_PART}" / ZERO_FILE
        made = zero.stat().st_mtime
        write_parquet(zero, table.empty(), {}, zone=table.zone)
        os.utime(zero, (made, made))

    def exists(self) -> bool:
        """True if the folder looks like a lake. Raises LakeError where that cannot be seen."""
        with explained(self.path):
            return (self.path / "sources").is_dir()

    @property
    def made_at(self) -> datetime:
        """When the lake was made, by the clock of then. Raises LakeError."""
        zero = self.hot(schema.SIGHTINGS) / f"part={ZERO_PART}" / ZERO_FILE
        with explained(self.path):
            return datetime.fromtimestamp(zero.stat().st_mtime, UTC)

    def hot(self, table: schema.Table) -> Path:
        """Folder of the table's segments, one subfolder per part."""
        return self.path / table.zone / table.name / "hot"

    def cold(self, table: schema.Table) -> Path:
        """Folder of the table's compacted files, one subfolder per event day."""
        return self.path / table.zone / table.name / "cold"

    @contextmanager
    def lock(self, name: str, *, exclusive: bool, wait: bool = True) -> Iterator[bool]:
        """Hold the lock file `.<name>.lock`; yields True, or False if `wait` is off and another process has
        it.

        Raises LakeError if the file cannot be opened.
        """
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
        """Name of the newest part that writers have left; ZERO_PART before the first compaction."""
        try:
            return (self.path / "closed").read_text(encoding="ascii").strip() or ZERO_PART
        except FileNotFoundError:
            return ZERO_PART

    def close(self, part: str) -> None:
        """Declare `part` and all before it closed. The caller must hold the commit lock exclusively."""
        write_text(self.path / "closed", part + "\n")

    def open_part(self, now: datetime) -> str:
        """The part for a segment that lands at `now`: that of its hour (UTC), or the next number if it is
        closed."""
        part = f"{now.astimezone(UTC):%Y-%m-%dT%H}.0000"
        closed = self.closed
        if part > closed:
            return part
        hour, _, number = closed.partition(".")
        return f"{hour}.{int(number) + 1:04d}"

    def key_prints(self) -> dict[str, str]:
        """Fingerprints of the keys that the lake's tokens were made with, by name. Raises LakeError."""
        return dict(self.manifest().get("keys", {}))

    def manifest(self) -> dict[str, Any]:
        """The parsed `manifest.json`, or an empty one for a lake that was never compacted.

        Raises LakeError if it is damaged or cannot be read, or has a later format than this release writes:
        rewriting it would lose what that format adds. Also if it is lost: a new one would not name the cold
        files, and they would be deleted like any that no manifest names.
        """
        path, text = self.path / "manifest.json", None
        with explained(self.path), suppress(FileNotFoundError):
            text = path.read_bytes()
        if text is None:
            if self._deleted_up_to() > ZERO_PART:
                what = "no such file, and no other names the rows of this lake"
                raise LakeError(what, place=str(path), hint="restore it from a backup")
            return {"format": FORMAT, "generation": 0, "watermark": ZERO_PART, "compacted": {}, "tables": {}}
        try:
            manifest = dict(json.loads(text))
            found = int(manifest["format"])
        except (ValueError, TypeError, KeyError):
            raise LakeError("does not describe a lake", place=str(path), hint="restore it") from None
        if found > FORMAT:
            what = f"written by a newer release (format {found}, this one writes {FORMAT})"
            raise LakeError(what, place=str(path), hint="use that release")
        return manifest

    def _deleted_up_to(self) -> str:
        """The newest part whose segments were deleted after they were merged; ZERO_PART if none was."""
        try:
            return str(pl.read_parquet(self.path / "low_water.parquet").item()) or ZERO_PART
        except FileNotFoundError:
            return ZERO_PART

    def replace_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write `manifest.json` anew: whoever reads sees the old one or all of this one."""
        write_text(self.path / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")


class Claims:
    """Inputs of which only this process stores rows, until it ends: each is a locked byte of one file."""

    def __init__(self, lake: Lake) -> None:
        """Raises LakeError if the file cannot be opened."""
        self._path = lake.path / ".inputs.lock"
        with explained(lake.path):
            self._file = self._path.open("w")  # stays open, because closing it would give all up

    def take(self, identity: str) -> bool:
        """False if another process has this input; `identity` is a hexadecimal number of 64 bits.

        Raises LakeError where the file system knows no locks.
        """
        with explained(self._path):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(identity, 16) >> 1)
            except (BlockingIOError, PermissionError):
                return False
            return True


def stored() -> tuple[schema.Table, ...]:
    """All tables of a lake, in the order in which a commit renames their files: `sightings` last."""
    return (schema.CATALOG, *schema.STORED)


def damaged(place: Path) -> Path | None:
    """The first file below `place` whose first or last bytes are not those of a Parquet file; None if all
    are."""
    for file in sorted(place.rglob("*.parquet")):
        with suppress(FileNotFoundError), file.open("rb") as stream:  # a compaction has replaced it
            begin = stream.read(len(_PARQUET))
            stream.seek(max(0, file.stat().st_size - len(_PARQUET)))
            if begin != _PARQUET or stream.read() != _PARQUET:
                return file
    return None


def write_parquet(path: Path, frame: pl.DataFrame, metadata: dict[str, str], *, zone: str = "open") -> None:
    """Write `frame` to `path`, complete or not at all, also if power fails. Raises OSError.

    `zone` decides the modes of the file and of folders that are missing.
    """
    temporary = stage_parquet(path, frame, metadata, zone=zone, level=KEPT_LEVEL)
    durable.publish(temporary, path)


def stage_parquet(
    path: Path, frame: pl.DataFrame, metadata: dict[str, str], *, zone: str, level: int = PASSING_LEVEL
) -> Path:
    """Write and fsync `frame` under a temporary name beside `path`, which no reader's glob matches; return
    it.

    Folder and file get the modes of their `zone`, so that a copy of a part of the lake is no more accessible
    than the whole. Raises OSError, and leaves no file then.
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
        number = _number_of(error, path.parent) if isinstance(error, pl.exceptions.PolarsError) else 0
        temporary.unlink(missing_ok=True)
        if number:
            raise OSError(number, os.strerror(number), str(path)) from error
        raise
    return temporary


def _number_of(error: pl.exceptions.PolarsError, folder: Path) -> int:
    """The errno behind an error of Polars when it wrote to `folder`.

    Polars' message contains it, except where a footer could not be written.
    """
    if said := _OS_ERROR.search(str(error)):
        return int(said[1])
    room = os.statvfs(folder)
    return errno.ENOSPC if room.f_bavail * room.f_frsize < _FULL_BYTES else errno.EIO


def _make_folder(folder: Path, mode: int) -> None:
    """Make `folder` and its missing parents, each with `mode`."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        part.chmod(mode)


def write_text(path: Path, text: str) -> None:
    """Write a small file, complete or not at all; the umask decides who may read it. Raises OSError."""
    durable.write(path, text.encode(), mode=0o666)
