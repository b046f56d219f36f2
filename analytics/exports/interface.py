"""The records of an export: entries, what was left out, and what a target can express."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

#: Kinds that a network device can act on. Ports, programs and browser add-ons are no destinations.
NAMES = frozenset({"domain", "suffix"})
#: For formats without comments.
NO_COMMENTS = "made with --bare, the file has no comment lines, which are not known here"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One destination.

    Its kind is `domain` (this host only), `suffix` (with everything below it), `pattern` (with `*` within
    labels), `url` (host and beginning of a path) or `address` (a network).
    """

    value: str
    kind: str
    app: str


@dataclass(frozen=True, slots=True, order=True)
class LeftOut:
    """A destination that is not in the list, with the reason."""

    app: str
    value: str
    reason: str


@dataclass(frozen=True)
class Selection:
    """The content of a list. `entries` are sorted by value, and none is covered by another one."""

    mode: str
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]
    #: what the reader must know: whom else it hits, which departments lose an exception
    warnings: tuple[str, ...] = ()

    def of(self, *kinds: str) -> list[Entry]:
        """Entries of these kinds, in order."""
        return [entry for entry in self.entries if entry.kind in kinds]

    @property
    def apps(self) -> list[str]:
        """Services with at least one entry."""
        return sorted({entry.app for entry in self.entries})


@dataclass(frozen=True)
class Provenance:
    """Where a list comes from. `made_at` is UTC; `expires` is the last day on which it may be used."""

    catalog_version: str
    policy_version: str
    asked: str
    made_at: datetime
    expires: date


@dataclass(frozen=True)
class Target:
    """A program or device, and what its lists can express.

    `widens`: an exact name also matches everything below it there, so the guard treats it as a suffix.
    `narrows`: a suffix matches only its own name there, so names below it are entries of their own.
    """

    name: str
    title: str
    render: Callable[[Selection, Provenance], Iterator[str]]
    says: frozenset[str] = NAMES
    comment: str = "#"
    modes: tuple[str, ...] = ("block",)
    widens: bool = False
    narrows: bool = False
    notes: tuple[str, ...] = ()
