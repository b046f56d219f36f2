"""Reads and writes `marts.json`, under its lock: which file holds which period of which mart, made from what.

Mart files have the number of the build in their name and are never changed, so that readers who opened the
views before a build still get right answers. Files that were replaced are kept for 48 h (`GRACE`).
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
#: Files that a build replaced are kept for this long, for readers that opened the views before.
GRACE = timedelta(hours=48)


@dataclass
class MartState:
    """What is built.

    `files`: mart → period (ISO date, or `all`) → path relative to the lake. `inputs`: kind and period
    (`day/2026-11-20`) → fingerprint of what it was made from.
    """

    build: int = 0
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    #: day (ISO date) → vantages whose rows it was counted from
    eyes: dict[str, list[str]] = field(default_factory=dict)
    #: keys of `inputs` that are never made again, because rows they were made from were deleted
    final: list[str] = field(default_factory=list)
    #: files that were replaced → when (ISO, UTC)
    retired: dict[str, str] = field(default_factory=dict)

    def replace(self, mart: str, period: str, path: str | None, now: datetime) -> None:
        """Make `path` the file of a period of `mart`; None if it has no rows. The old file is retired at
        `now`."""
        files = self.files.setdefault(mart, {})
        old = files.pop(period, None)
        if path:
            files[period] = path
        if old and old != path:
            self.retired[old] = now.isoformat()

    @property
    def named(self) -> set[str]:
        """All files that are current, or retired and may still be read."""
        return {path for files in self.files.values() for path in files.values()} | set(self.retired)


@contextmanager
def locked(lake: Path) -> Iterator[None]:
    """Holds the lock of the marts, so that one process at a time changes them; waits for it.

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
    """The state of `lake`; an empty one if nothing was built yet, or only by an older release.

    Raises LakeUnreadable.
    """
    path = lake / "marts.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        found = data.pop("format")
        check_format(path, found, FORMAT)
        if found < FORMAT:
            return MartState()  # an earlier release's: counted anew
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
    """Replaces `marts.json`, completely or not at all. Raises OSError."""
    path = lake / "marts.json"
    temporary = path.with_name(f"marts.json.{os.getpid()}.tmp")
    text = json.dumps({"format": FORMAT, **vars(state)}, indent=1, sort_keys=True) + "\n"
    with temporary.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def sweep(lake: Path, state: MartState, now: datetime) -> None:
    """Deletes files that were retired more than GRACE ago, and those a killed build left behind."""
    state.retired = {
        path: since for path, since in state.retired.items() if datetime.fromisoformat(since) > now - GRACE
    }
    keep = {lake / path for path in state.named}
    for file in lake.glob("*/marts/*/*/*"):
        if file not in keep:
            file.unlink(missing_ok=True)
