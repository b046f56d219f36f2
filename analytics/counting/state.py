"""Reads and writes `marts.json` under its lock: the file of each period of each mart, and its inputs.

The name of a mart file contains the number of the build, and the file never changes. Readers that opened the
views before a build therefore still get consistent rows. Replaced files are kept for 12 h (`GRACE`).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path

from analytics.lake import LakeUnreadable, check_format

FORMAT = 1
#: How long replaced files are kept for readers that opened the views before the build.
GRACE = timedelta(hours=12)


@dataclass
class MartState:
    """What has been built.

    `files`: mart → period (ISO date, or `all`) → path relative to the lake. `inputs`: kind and period
    (`day/2026-11-20`) → fingerprint of the inputs.
    """

    build: int = 0
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    #: day (ISO date) → vantages of the rows it was counted from
    vantages: dict[str, list[str]] = field(default_factory=dict)
    #: keys of `inputs` that cannot be rebuilt, because their input rows were deleted
    final: list[str] = field(default_factory=list)
    #: replaced file → when (ISO, UTC)
    retired: dict[str, str] = field(default_factory=dict)

    def replace(self, mart: str, period: str, path: str | None, now: datetime) -> None:
        """Make `path` the file of a period of `mart` (None: no rows), and retire the old file at `now`."""
        files = self.files.setdefault(mart, {})
        old = files.pop(period, None)
        if path:
            files[period] = path
        if old and old != path:
            self.retired[old] = now.isoformat()

    @property
    def named(self) -> set[str]:
        """All current files, and retired ones that may still be read."""
        return {path for files in self.files.values() for path in files.values()} | set(self.retired)


@contextmanager
def locked(lake: Path) -> Iterator[None]:
    """Holds the exclusive lock of the marts; waits for it.

    Raises LakeUnreadable.
    """
    try:
        handle = (lake / "marts.lock").open("w")
    except OSError as error:
        raise LakeUnreadable(f"{lake}: {error.strerror}; the lake must exist and be writable") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def read_state(lake: Path) -> MartState:
    """The state of `lake`; empty if nothing was built yet, or only by an older release.

    Raises LakeUnreadable.
    """
    path = lake / "marts.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        found = data.pop("format")
        check_format(path, found, FORMAT)
        if found < FORMAT:
            return MartState()  # an older release: rebuild all
        if unknown := sorted(data.keys() - {known.name for known in fields(MartState)}):
            raise LakeUnreadable(
                f"{path}: written by another release (this one does not know {', '.join(unknown)}); "
                "use that release, or delete the file and compact again"
            )
        return MartState(**data)
    except FileNotFoundError:
        return MartState()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LakeUnreadable(f"{path}: damaged ({error!r}); delete it and compact again") from error


def write_state(lake: Path, state: MartState) -> None:
    """Replaces `marts.json` atomically. Raises OSError."""
    path = lake / "marts.json"
    temporary = path.with_name(f"marts.json.{os.getpid()}.tmp")
    text = json.dumps({"format": FORMAT, **vars(state)}, indent=1, sort_keys=True) + "\n"
    try:
        with temporary.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(lake: Path, state: MartState, now: datetime) -> None:
    """Deletes files retired more than GRACE ago, and files that a killed build left behind.

    To be called under the lock, as nobody else writes marts, their state or views then.
    """
    state.retired = {
        path: since for path, since in state.retired.items() if datetime.fromisoformat(since) > now - GRACE
    }
    keep = {lake / path for path in state.named}
    for file in (*lake.glob("*/marts/*/*/*"), *lake.glob("[!.]*.tmp*")):
        if file not in keep:
            file.unlink(missing_ok=True)
