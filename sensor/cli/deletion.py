"""Shared by `retain` and `erase`: the question before deleting, the affected days, the proof of deletion and
its entry in the audit log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo


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
    import typer

    from sensor.errors import UsageError

    try:
        typer.confirm(f"{question} This cannot be undone.", abort=True)
    except (typer.Abort, RuntimeError):  # the latter where standard input is closed
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        raise UsageError(
            "not confirmed, nothing was deleted", hint="add --yes where nobody can answer"
        ) from None


def record(
    state: Path,
    action: str,
    gone: Sequence[Gone],
    *,
    now: datetime,
    files: int,
    case_id: str | None = None,
    reason: str | None = None,
    people: int | None = None,
) -> str:
    """Keep the list of what was deleted beside the audit log, its hash in it; a line that says so.

    The list names files, rows and hashes, no person. The record is published: how many rows one person had
    stands in the list alone.
    """
    import hashlib
    import json

    from sensor import durable
    from sensor.privacy.audit import AuditLog

    names = ("path", "sha256", "rows", "deleted", "emptied")
    text = json.dumps([{name: getattr(one, name) for name in names} for one in gone], indent=1) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    rows = sum(one.deleted for one in gone)
    log = AuditLog(state)
    entry = log.append(
        action,
        now=now,
        case_id=case_id,
        reason=reason,
        people=people,
        deleted_rows=rows if people is None else None,
        deleted_files=files if people is None else None,
        proof=digest,
    )
    proof = log.path.parent / f"deleted-{entry.entry:06d}.json"
    durable.write(proof, text.encode())
    emptied = sum(one.emptied for one in gone)
    also = f", {emptied:,} rows of others no longer name a server" if emptied else ""
    went = f"{rows:,} rows deleted in {len(gone):,} files{also}; {files:,} files removed, with older copies"
    return f"{went}; proof {proof}, entry {entry.entry} of the record"


def days_of(gone: Sequence[Gone], table: str) -> list[date]:
    """The event days of a table's cold files that held what had to go."""
    names = [one.path.split("day=")[1].split("/")[0] for one in gone if f"/{table}/cold/" in one.path]
    return [date.fromisoformat(name) for name in names if name[:1].isdigit()]


def monday_of(zone: str, now: datetime) -> date:
    """Monday of the running week in the report zone."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return today - timedelta(days=today.weekday())
