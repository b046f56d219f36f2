"""A letter: one report or alert, ready to be sent, independent of how it is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

#: severity of a finding to that of a syslog message (RFC 5424 section 6.2.1)
SEVERITIES = {"critical": 2, "high": 3, "medium": 4, "low": 5, "info": 6}


class DeliveryFailed(Exception):
    """An attempt to send failed; `for_good` if trying again is useless."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter."""

    name: str
    media_type: str  # 'text/html'
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent. `key` identifies it: a destination gets each key once."""

    key: str  # 'weekly 2026-W46 3f…'
    kind: str  # 'report' or 'alert'
    subject: str  # one line
    text: str  # plain text, what a mail says
    written_at: datetime  # UTC
    severity: str = "info"  # of SEVERITIES
    #: what programs read: flat names to numbers, texts, booleans or None
    facts: Mapping[str, object] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()

    @property
    def id(self) -> str:
        """A hash of the key, short and valid as a file name."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:32]


class Transport(Protocol):
    """One way of sending."""

    def send(self, letter: Letter) -> None:
        """Send it, or raise DeliveryFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Unusable:
    """Stands for a transport that cannot be made, for the reason given."""

    reason: str

    def send(self, letter: Letter) -> None:
        """Raises DeliveryFailed."""
        raise DeliveryFailed(self.reason)


@contextmanager
def network_errors() -> Iterator[None]:
    """Turns network errors inside the block into DeliveryFailed, with one line of text."""
    try:
        yield
    except OSError as error:  # includes timeouts, TLS errors, names that do not resolve
        raise DeliveryFailed(reason(error)) from None


def reason(error: OSError) -> str:
    """The reason of a network error, in one line."""
    return " ".join((error.strerror or str(error) or type(error).__name__).split())


def now() -> datetime:
    """The current time (UTC), without fractions of a second."""
    return datetime.now(UTC).replace(microsecond=0)
