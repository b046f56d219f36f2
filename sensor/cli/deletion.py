"""Shared by `retain` and `erase`: the question before deleting, the affected days, the proof of deletion and
its entry in the audit log.

What is about to be deleted is listed in the state folder first (`Deletion.announce`). If the process is
killed before its entry is written, the next deletion enters that list as interrupted: it proves what may have
been deleted, and claims nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import typer

from sensor import durable
from sensor.cli.options import say
from sensor.errors import UsageError
from sensor.privacy.audit import AuditLog

#: What is being deleted, beside the audit log; and the lock of whoever deletes.
PENDING, _LOCK = "deleting.json", "deleting.lock"


class Gone(Protocol):
    """A file from which rows were deleted (`store.purge.Deleted`, `analytics.forget.Forgotten`)."""

    @property
    def path(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def deleted(self) -> int: ...
    @property
    def emptied(self) -> int: ...


def ask(question: str) -> None:
    """Ask before deleting. Raises Abort for no, UsageError if standard input is not interactive."""
    try:
        typer.confirm(f"{question} This cannot be undone.", abort=True)
    except (typer.Abort, RuntimeError):  # the latter where standard input is closed
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        raise UsageError(
            "not confirmed, nothing was deleted", hint="add --yes where nobody can answer"
        ) from None


@dataclass
class Deletion:
    """A deletion and its entry in the audit log; `gone` grows as it is announced."""

    state: Path
    action: str
    now: datetime
    case_id: str | None = None
    reason: str | None = None
    people: int | None = None
    gone: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(cls, state: Path, action: str, *, now: datetime, **about: Any) -> Iterator[Deletion]:
        """Runs one deletion at a time, and first records what an interrupted one had announced."""
        (state / "audit").mkdir(parents=True, exist_ok=True, mode=0o700)
        with (state / "audit" / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                cls(state, now=now, **json.loads((state / "audit" / PENDING).read_bytes())).settle()
            yield cls(state, action, now, **about)

    def announce(self, gone: Sequence[Gone]) -> None:
        """Call it before what is in `gone` is deleted."""
        names = ("path", "sha256", "rows", "deleted", "emptied")
        self.gone += [{name: getattr(one, name) for name in names} for one in gone]
        if not self.gone:
            return
        about = {"action": self.action, "case_id": self.case_id, "reason": self.reason, "people": self.people}
        text = json.dumps(about | {"gone": self.gone}, indent=1) + "\n"
        durable.write(self.state / "audit" / PENDING, text.encode())

    def record(self, *, files: int) -> str:
        """Keep the list of what was deleted beside the audit log, its hash in it; return a line about it.

        The list names files, rows and hashes, no person. The audit log is published, so the number of one
        person's rows is in the list only.
        """
        rows = sum(one["deleted"] for one in self.gone)
        is_public = self.people is None
        entry = self._enter(self.action, rows=rows if is_public else None, files=files if is_public else None)
        proof = self._keep_list(entry)
        emptied = sum(one["emptied"] for one in self.gone)
        also = f", {emptied:,} rows of others no longer name a server" if emptied else ""
        went = f"{rows:,} rows deleted in {len(self.gone):,} files{also}"
        went += f"; {files:,} files removed, with older copies"
        return f"{went}; proof {proof}, entry {entry} of the record"

    def settle(self) -> None:
        """Put on record what was announced by a process that was killed."""
        done = (
            one
            for one in AuditLog(self.state).entries()
            if (one.action, one.proof) == (self.action, self.proof)
        )
        found = next(done, None)  # all that is missing is its list
        entry = found.entry if found else self._enter(f"{self.action}.interrupted")
        said = f"an earlier {self.action} was interrupted; what it may have deleted: {self._keep_list(entry)}"
        say(f"{said}, entry {entry} of the record")

    @property
    def _text(self) -> str:
        return json.dumps(self.gone, indent=1) + "\n"

    @property
    def proof(self) -> str:
        """SHA-256 of the list."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def _enter(self, action: str, *, rows: int | None = None, files: int | None = None) -> int:
        about = {"case_id": self.case_id, "reason": self.reason, "proof": self.proof}
        entry = AuditLog(self.state).append(
            action, now=self.now, people=self.people, deleted_rows=rows, deleted_files=files, **about
        )
        return entry.entry

    def _keep_list(self, entry: int) -> Path:
        kept = self.state / "audit" / f"deleted-{entry:06d}.json"
        durable.write(kept, self._text.encode())
        (self.state / "audit" / PENDING).unlink(missing_ok=True)
        return kept


def days_of(gone: Sequence[Gone], table: str) -> list[date]:
    """The event days of a table's cold files that held what had to go."""
    names = [one.path.split("day=")[1].split("/")[0] for one in gone if f"/{table}/cold/" in one.path]
    return [date.fromisoformat(name) for name in names if name[:1].isdigit()]


def monday_of(zone: str, now: datetime) -> date:
    """Monday of the running week in the report zone."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return today - timedelta(days=today.weekday())
