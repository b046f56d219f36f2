"""`marts.json`: which file holds which period of which mart, and what it was built from.

Mart files carry the number of the build in their name and are never changed, so that a reader who
opened the views before a build stays right; files no longer named are kept for 48 h.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path

from analytics.lake import LakeUnreadable, check_format

FORMAT = 1
#: A reader that opened the views before a build may go on for this long.
GRACE = timedelta(hours=48)


@dataclass
class MartState:
    """What is built. `files`: mart → period → path in the lake. `inputs`: period → fingerprint."""

    build: int = 0
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    #: day → vantages whose rows it was counted from
    eyes: dict[str, list[str]] = field(default_factory=dict)
    #: periods (as in `inputs`) that stay as they are, because rows they were made of were deleted
    final: list[str] = field(default_factory=list)
    #: files no longer named → since when (ISO, UTC)
    retired: dict[str, str] = field(default_factory=dict)

    def replace(self, mart: str, period: str, path: str | None, now: datetime) -> None:
        """Let `path` (None: no rows) hold this period from now on."""
        files = self.files.setdefault(mart, {})
        old = files.pop(period, None)
        if path:
            files[period] = path
        if old and old != path:
            self.retired[old] = now.isoformat()

    @property
    def named(self) -> set[str]:
        """Every file that is current or may still be read."""
        return {path for files in self.files.values() for path in files.values()} | set(self.retired)


def read_state(lake: Path) -> MartState:
    """The state of `lake`; an empty one where nothing was built yet."""
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
    """Replaces `marts.json` whole."""
    path = lake / "marts.json"
    temporary = path.with_name(f"marts.json.{os.getpid()}.tmp")
    text = json.dumps({"format": FORMAT, **vars(state)}, indent=1, sort_keys=True) + "\n"
    with temporary.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def sweep(lake: Path, state: MartState, now: datetime) -> None:
    """Forgets and deletes files retired longer than GRACE, and those a killed build left behind."""
    state.retired = {
        path: since for path, since in state.retired.items() if datetime.fromisoformat(since) > now - GRACE
    }
    keep = {lake / path for path in state.named}
    for file in lake.glob("*/marts/*/*/*"):
        if file not in keep:
            file.unlink(missing_ok=True)
