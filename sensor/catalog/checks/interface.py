"""What a lint is, and what it looks at."""

from __future__ import annotations

import datetime
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import polars as pl

from sensor import schema
from sensor.catalog import index
from sensor.catalog.blind import BlindSpot
from sensor.catalog.document import Place
from sensor.catalog.entry import Claim, Entry
from sensor.catalog.load import BUILT_IN
from sensor.catalog.model import Role
from sensor.catalog.problem import Level, Problem
from sensor.catalog.read import Draft
from sensor.match.index import Index
from sensor.match.match import match


@dataclass(frozen=True)
class Subject:
    """A catalog that is being checked, on a day."""

    draft: Draft
    today: datetime.date

    @cached_property
    def index(self) -> Index:
        """The index that sensors would use."""
        draft = self.draft
        return Index.build(index.indicators(draft.entries, draft.vocabulary, draft.retired))

    @property
    def claims(self) -> Iterator[tuple[Entry, Claim]]:
        """Every claim of every entry."""
        return ((entry, claim) for entry in self.draft.entries for claim in entry.claims)

    @property
    def blind_spots(self) -> Iterator[tuple[str, int, BlindSpot]]:
        """Every blind spot with its file and its position there."""
        return (
            (key, position, spot)
            for key, file in self.draft.blind.items()
            for position, spot in enumerate(file.entries)
        )

    def is_built_in(self, entry: Entry) -> bool:
        """Whether the file of `entry` ships with the product."""
        return self.draft.documents[entry.app].path.startswith(f"{BUILT_IN}{os.sep}")

    def is_tie(self, claim: Claim, signature: str) -> bool:
        """True if the other indicator has the same kind and value, which the check `Tie` reports."""
        return signature.partition("#")[2].partition(":")[2] == claim.value

    def role(self, claim: Claim) -> Role:
        """What a hit on `claim` counts as."""
        return index.role(claim, self.draft.vocabulary)

    def winners(self, events: list[dict[str, str | int]]) -> dict[int, dict[str, str]]:
        """What each event (columns of an observation) resolves to, by position: signature, app, role."""
        if not events:
            return {}
        columns = ("host", "path", "cname", "user_agent", "origin", "software", "server", "server_port")
        frame = pl.DataFrame(
            {name: [event.get(name) for event in events] for name in columns},
            schema_overrides={name: schema.OBSERVATIONS.dtypes[name] for name in columns},
        )
        hits = match(schema.OBSERVATIONS.conform(frame).with_row_index("event"), self.index)
        return {
            row["event"]: row
            for row in hits.select("event", "signature", "app", "role").iter_rows(named=True)
        }


class Check(ABC):
    """One lint. `reason` says why it matters, `remedy` what the author of an entry should do."""

    reason: ClassVar[str]
    remedy: ClassVar[str]
    level: ClassVar[Level] = "error"

    @abstractmethod
    def find(self, subject: Subject) -> Iterator[Problem]:
        """Every place that this lint objects to."""

    def at(self, subject: Subject, key: str, place: Place, what: str) -> Problem:
        """A `Problem` of this lint at `place` in the file of an entry (its id) or of blind spots."""
        return subject.draft.documents[key].problem(place, what, self.remedy, self.level)
