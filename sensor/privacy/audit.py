"""The audit log: append-only, with each entry chained to the one before by a hash.

It is the file `audit/log.jsonl` in the state folder: one JSON object per line, with the columns of the table
`audit` (`sensor/schema.py`). `hash` is the SHA-256 of the previous hash and the canonical JSON of the entry
without `hash`. Changing, removing or reordering a line breaks the chain. Rewriting the whole chain, or
truncating it, is detected by the copy in the lake, by the hashes in weekly reports, and by the system log,
which receives number, action and hash of each entry immediately (facility authpriv, if available).

An entry does not name the people the data is about; it counts tokens. It names the account that acted, after
the name of a custodian, too: two custodians who act from the same account may be one person.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import syslog
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import polars as pl

from sensor import schema
from sensor.account import account
from sensor.errors import LakeError, reason_of

#: previous hash of the first entry
GENESIS = "0" * 64
#: longest reason
REASON_CHARS = 300
#: bytes that must be free for an entry and its proof
ROOM = 1_000_000


@dataclass(frozen=True)
class Entry:
    """One action; the columns are explained in `schema.AUDIT`."""

    entry: int
    done_at: str
    action: str
    case_id: str | None
    done_by: str
    reason: str | None
    people: int | None
    deleted_rows: int | None
    deleted_files: int | None
    proof: str | None
    hash: str

    @property
    def account(self) -> str:
        """The account in `done_by`, without a preceding custodian name."""
        return self.done_by.rpartition(" (")[2].removesuffix(")")


class AuditLog:
    """The audit log of one state folder."""

    def __init__(self, state: Path) -> None:
        self.path = state / "audit" / "log.jsonl"

    def check(self) -> None:
        """Call it before what is recorded only when it is done. Raises LakeError where `append` would."""
        try:
            with self._open() as file:
                _last(_split(file.read()), self.path)
            with tempfile.TemporaryFile(dir=self.path.parent) as trial:
                trial.write(bytes(ROOM))
        except OSError as error:
            raise self._unwritable(error) from None

    def append(
        self,
        action: str,
        *,
        now: datetime,
        done_by: str | None = None,
        case_id: str | None = None,
        reason: str | None = None,
        people: int | None = None,
        deleted_rows: int | None = None,
        deleted_files: int | None = None,
        proof: str | None = None,
    ) -> Entry:
        """Append an entry durably; arguments are its columns. Raises LakeError if damaged or not writable."""
        fields = {
            "done_at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "action": action,
            "case_id": case_id,
            "done_by": f"{done_by} ({account()})" if done_by else account(),
            "reason": reason and reason[:REASON_CHARS],
            "people": people,
            "deleted_rows": deleted_rows,
            "deleted_files": deleted_files,
            "proof": proof,
        }
        try:
            with self._open() as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                last = _last(_split(file.read()), self.path)
                number, before = (last["entry"] + 1, last["hash"]) if last else (1, GENESIS)
                entry: dict[str, Any] = {"entry": number, **fields}
                entry["hash"] = digest(entry, before)
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            syslog.syslog(
                syslog.LOG_AUTHPRIV | syslog.LOG_NOTICE,
                f"shadowai audit: entry {number}, {action}, hash {entry['hash']}",
            )
        except OSError as error:
            raise self._unwritable(error) from None
        return Entry(**entry)

    def _open(self) -> TextIO:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(handle, "r+", encoding="utf-8")

    def _unwritable(self, error: OSError) -> LakeError:
        reason = reason_of(error)
        return LakeError(reason, place=str(self.path), hint="nothing was done; make it writable")

    def entries(self) -> list[Entry]:
        """All entries, oldest first. Raises LakeError with the number of a damaged line."""
        found = []
        for number, line in enumerate(self._lines(), start=1):
            try:
                found.append(Entry(**json.loads(line)))
            except (ValueError, TypeError):
                raise LakeError(
                    "no audit entry", place=f"{self.path}:{number}", hint="the log was changed"
                ) from None
        return found

    def verify(
        self, copies: Mapping[int, Iterable[str]] | None = None, witnesses: Iterable[str] = ()
    ) -> list[str]:
        """A text for each fault of the chain; empty if it is intact.

        `copies` are the hashes in the lake by entry number. `witnesses` are hashes kept elsewhere, or
        prefixes of them.
        """
        problems, before = [], GENESIS
        entries = self.entries()
        for place, entry in enumerate(entries, start=1):
            fields = asdict(entry)
            stated = fields.pop("hash")
            if entry.entry != place:
                problems.append(f"line {place} is entry {entry.entry}: one was removed, added or moved")
            if digest(fields, before) != stated:
                problems.append(f"entry {entry.entry} does not match its hash, or the one before was changed")
            before = stated
        known = {entry.entry: entry.hash for entry in entries}
        for number, hashes in sorted((copies or {}).items()):
            if number not in known:
                problems.append(f"entry {number} is in the lake, but not in the log: its end was cut off")
            elif set(hashes) != {known[number]}:
                problems.append(f"entry {number} is another one in the lake: the log was rewritten")
        for witness in witnesses:
            if not witness or not any(known[number].startswith(witness.lower()) for number in known):
                problems.append(f"no entry has the hash {witness}: the log was cut or rewritten")
        return problems

    def enrolled_from(self, account: str) -> set[str]:
        """Names of the custodians enrolled from this account."""
        return {
            entry.done_by.removesuffix(f" ({account})")
            for entry in self.entries()
            if (entry.action, entry.account) == ("reveal.enrol", account)
        }

    def one_account(self) -> dict[str, str]:
        """Case id → account, for cases requested and approved from the same account."""
        asked: dict[str, str] = {}
        found: dict[str, str] = {}
        for entry in self.entries():
            case_id, by = entry.case_id or "", entry.account
            if entry.action == "reveal.request":
                asked[case_id] = by
            elif entry.action == "reveal.approve" and by and asked.get(case_id) == by:
                found[case_id] = by
        return found

    def frame(self) -> pl.DataFrame:
        """The entries as rows of the table `audit`."""
        rows = pl.DataFrame([asdict(entry) for entry in self.entries()], infer_schema_length=None)
        if rows.is_empty():
            return schema.AUDIT.empty()
        moment = pl.col("done_at").str.to_datetime(time_unit="us", time_zone="UTC")
        return schema.AUDIT.conform(rows.with_columns(moment))

    def _lines(self) -> list[str]:
        try:
            return _split(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []


def digest(fields: Mapping[str, Any], before: str) -> str:
    """The hash of an entry, from its other `fields` and the previous hash `before`."""
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()


def _split(text: str) -> list[str]:
    """The lines of the log. A reason may hold what `str.splitlines` takes for a line end (U+2028, U+0085)."""
    return text.removesuffix("\n").split("\n") if text else []


def _last(lines: list[str], path: Path) -> dict[str, Any] | None:
    if not lines:
        return None
    try:
        last: dict[str, Any] = json.loads(lines[-1])
        return {"entry": int(last["entry"]), "hash": str(last["hash"])}
    except (ValueError, KeyError, TypeError):
        raise LakeError(
            "the last line is damaged", place=str(path), hint="shadowai audit verify; restore it"
        ) from None
