"""Keeps letters until they are sent, and records the outcome, so that none is lost or sent twice.

    <state>/outbox/waiting/<destination>/<letter id>.json   a letter, how often it was tried and when next
    <state>/outbox/delivered.jsonl                          a line per letter: sent, or given up, and why

A letter that cannot be sent is tried again after 1, 5, 15 and 60 minutes, then every four hours, for three
days, by the next command that sends (a timer runs `alert` every 15 minutes). Then it is given up, which is
recorded and reported like every failure. If a process is killed between sending a letter and recording that,
the letter is sent again with the same id, so that receivers can recognise it.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any

from analytics.delivery.letter import Attachment, DeliveryFailed, Letter, Transport

_PAUSES_MIN = (1, 5, 15, 60)
_PAUSE_MIN = 240
#: after this long without success a letter is given up
GIVE_UP = timedelta(days=3)


class OutboxBusy(Exception):
    """Another process is sending."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter that waits, and how often and when it was tried."""

    destination: str
    letter: Letter
    since: datetime
    attempts: int = 0
    next_try: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an attempt: `result` is 'sent', 'waiting' or 'given up'."""

    destination: str
    subject: str
    result: str
    attempts: int
    reason: str = ""


class Outbox:
    """The outbox in a folder of the state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting = folder / "waiting"
        self._record = folder / "delivered.jsonl"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the outbox: only one process queues and sends at a time. Raises OutboxBusy."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as lock:
            try:
                flock(lock, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                raise OutboxBusy from None
            yield

    def put(self, destination: str, letter: Letter, now: datetime, *, again: bool = False) -> bool:
        """Queue `letter`; False if the destination has it already (sent, given up or waiting), unless
        `again`."""
        if not again and not self.unknown(destination, [letter]):
            return False
        self._keep(Waiting(destination, letter, since=now))
        return True

    def waiting(self) -> list[Waiting]:
        """The letters that wait, the oldest first."""
        found = [_waiting(path) for path in sorted(self._waiting.glob("*/*.json"))]
        return sorted(found, key=lambda w: (w.since, w.destination, w.letter.id))

    def waits(self, destination: str, letter: Letter) -> bool:
        """True if `letter` waits for this destination."""
        return self._path(destination, letter).exists()

    def flush(
        self, transports: Mapping[str, Transport], now: datetime, *, early: bool = False
    ) -> list[Outcome]:
        """Send the letters that are due, by the transports of their destinations; with `early` all that
        wait."""
        return [
            self._attempt(waiting, transports[waiting.destination], now)
            for waiting in self.waiting()
            if waiting.destination in transports
            and (early or waiting.next_try is None or waiting.next_try <= now)
        ]

    def abandon(self, known: Collection[str], now: datetime) -> list[Outcome]:
        """Give up the letters for destinations that are no longer `known`."""
        reason = "no such destination in the settings any more"
        return [
            self._settle(waiting, "given up", waiting.attempts, now, reason)
            for waiting in self.waiting()
            if waiting.destination not in known
        ]

    def unknown(self, destination: str, letters: Sequence[Letter]) -> list[Letter]:
        """Those of `letters` that were neither sent to this destination nor wait for it."""
        settled = self._settled()
        return [
            letter
            for letter in letters
            if (destination, letter.id) not in settled and not self.waits(destination, letter)
        ]

    def count_since(self, destination: str, kind: str, since: datetime) -> int:
        """Letters of a kind queued for this destination at or after `since`; for flood limits."""
        queued = [
            datetime.fromisoformat(line["since"])
            for line in self._lines()
            if (line["destination"], line["kind"]) == (destination, kind)
            and line["result"] in ("sent", "given up")
        ]
        queued += [w.since for w in self.waiting() if (w.destination, w.letter.kind) == (destination, kind)]
        return sum(moment >= since for moment in queued)

    def settle(self, destination: str, letters: Sequence[Letter], result: str, now: datetime) -> None:
        """Record that `letters` need not be sent by themselves; `result` is the reason."""
        for letter in letters:
            self._write(Waiting(destination, letter, since=now), result, 0, now)

    def _attempt(self, waiting: Waiting, transport: Transport, now: datetime) -> Outcome:
        attempts = waiting.attempts + 1
        try:
            transport.send(waiting.letter)
        except DeliveryFailed as error:
            reason, over = str(error), error.for_good or now - waiting.since >= GIVE_UP
            if over:
                return self._settle(waiting, "given up", attempts, now, reason)
            pause = _PAUSES_MIN[attempts - 1] if attempts <= len(_PAUSES_MIN) else _PAUSE_MIN
            again = replace(
                waiting, attempts=attempts, next_try=now + timedelta(minutes=pause), last_error=reason
            )
            self._keep(again)
            return Outcome(waiting.destination, waiting.letter.subject, "waiting", attempts, reason)
        return self._settle(waiting, "sent", attempts, now)

    def _settle(
        self, waiting: Waiting, result: str, attempts: int, now: datetime, reason: str = ""
    ) -> Outcome:
        self._write(waiting, result, attempts, now, reason)
        self._path(waiting.destination, waiting.letter).unlink(missing_ok=True)
        return Outcome(waiting.destination, waiting.letter.subject, result, attempts, reason)

    def _write(self, waiting: Waiting, result: str, attempts: int, now: datetime, reason: str = "") -> None:
        line = {
            "at": now.isoformat(),
            "since": waiting.since.isoformat(),
            "destination": waiting.destination,
            "letter": waiting.letter.id,
            "kind": waiting.letter.kind,
            "subject": waiting.letter.subject,
            "result": result,
            "attempts": attempts,
            "reason": reason,
        }
        descriptor = os.open(self._record, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        length = os.fstat(descriptor).st_size
        cut_short = length > 0 and os.pread(descriptor, 1, length - 1) != b"\n"
        with os.fdopen(descriptor, "a", encoding="utf-8") as record:
            record.write("\n" * cut_short + json.dumps(line, ensure_ascii=False) + "\n")
            record.flush()
            os.fsync(record.fileno())

    def _settled(self) -> set[tuple[str, str]]:
        return {(line["destination"], line["letter"]) for line in self._lines()}

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            text = self._record.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        for line in filter(None, text.split("\n")):  # `splitlines` would cut a line at U+2028 in a subject
            try:
                yield json.loads(line)
            except json.JSONDecodeError:  # cut short by a power failure: that letter goes out once more
                continue

    def _path(self, destination: str, letter: Letter) -> Path:
        return self._waiting / destination / f"{letter.id}.json"

    def _keep(self, waiting: Waiting) -> None:
        path = self._path(waiting.destination, waiting.letter)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(_plain(waiting), file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)


def _plain(waiting: Waiting) -> dict[str, Any]:
    letter = asdict(waiting.letter)
    letter["written_at"] = waiting.letter.written_at.isoformat()
    letter["attachments"] = [
        {"name": a.name, "media_type": a.media_type, "content": base64.b64encode(a.content).decode()}
        for a in waiting.letter.attachments
    ]
    letter["facts"] = json.loads(json.dumps(dict(waiting.letter.facts), default=str))
    return {
        "destination": waiting.destination,
        "since": waiting.since.isoformat(),
        "attempts": waiting.attempts,
        "next_try": waiting.next_try and waiting.next_try.isoformat(),
        "last_error": waiting.last_error,
        "letter": letter,
    }


def _waiting(path: Path) -> Waiting:
    kept = json.loads(path.read_text(encoding="utf-8"))
    letter = kept["letter"]
    letter["written_at"] = datetime.fromisoformat(letter["written_at"])
    letter["attachments"] = tuple(
        Attachment(a["name"], a["media_type"], base64.b64decode(a["content"])) for a in letter["attachments"]
    )
    return Waiting(
        kept["destination"],
        Letter(**letter),
        datetime.fromisoformat(kept["since"]),
        kept["attempts"],
        datetime.fromisoformat(kept["next_try"]) if kept["next_try"] else None,
        kept["last_error"],
    )
