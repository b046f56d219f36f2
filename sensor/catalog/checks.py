"""Lints over the whole catalog: one small class each, with the reason it exists and what to do. Pure.

`check(draft, today)` runs every subclass of `Check`; a new lint is a new class, nothing else.
"""

from __future__ import annotations

import datetime
import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from typing import ClassVar

import polars as pl

from sensor import schema
from sensor.catalog import index
from sensor.catalog.blind import BlindSpot, places
from sensor.catalog.model import Event, Indicator
from sensor.catalog.problem import Problem
from sensor.catalog.read import Draft, Entry
from sensor.catalog.suffixes import is_public_suffix, is_shared
from sensor.match.explain import url_event
from sensor.match.index import Index
from sensor.match.match import match, match_hosts

#: References that are no address and no file: see `DeadReference`.
PUBLIC_CODE, GENERAL_KNOWLEDGE = "public client code", "general knowledge"


class Check(ABC):
    """One lint. `reason` says why it matters, `remedy` what the author of an entry should do."""

    reason: ClassVar[str]
    remedy: ClassVar[str]

    @abstractmethod
    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        """Every place in `draft` that this lint objects to."""

    def at(self, draft: Draft, entry: Entry, place: tuple[str | int, ...], what: str) -> Problem:
        """A `Problem` of this lint at `place` in the entry's file."""
        return draft.documents[entry.app].problem(place, what, self.remedy)


def check(draft: Draft, today: datetime.date) -> list[Problem]:
    """What all lints find in `draft`, in file order."""
    return sorted(problem for lint in Check.__subclasses__() for problem in lint().find(draft, today))


def _indicators(draft: Draft) -> Iterator[tuple[Entry, int, Indicator]]:
    for entry in draft.entries:
        for position, indicator in enumerate(entry.service.indicators):
            yield entry, position, indicator


def _blind_spots(draft: Draft) -> Iterator[tuple[str, int, BlindSpot]]:
    for key, file in draft.blind.items():
        for position, spot in enumerate(file.entries):
            yield key, position, spot


class Tie(Check):
    """Two indicators of one value: neither is more specific."""

    reason = "a hit must have one winner, and the order of files must not decide"
    remedy = "keep it in the service people would name, or make one of them more specific"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        claims: dict[str, list[tuple[Entry, int]]] = defaultdict(list)
        for entry, position, indicator in _indicators(draft):
            kind = "host" if indicator.kind in ("domain", "suffix") else indicator.kind
            claims[f"{kind} {indicator.value}"].append((entry, position))
        for value, claimants in claims.items():
            for entry, position in claimants[1:]:
                what = f"{value} is also claimed by {claimants[0][0].app}"
                yield self.at(draft, entry, ("indicators", position), what)


class Redundant(Check):
    """A host that an own suffix already covers in the same way."""

    reason = "an indicator that never decides anything only hides those that do"
    remedy = "remove it, or give it the access class that makes it different"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry in draft.entries:
            suffixes = [i for i in entry.service.indicators if i.kind == "suffix"]
            for position, indicator in enumerate(entry.service.indicators):
                cover = _nearest_cover(indicator, suffixes)
                if cover and (cover.access, cover.shared) == (indicator.access, indicator.shared):
                    what = f"{indicator.value} is covered by suffix {cover.value}"
                    yield self.at(draft, entry, ("indicators", position), what)


def _nearest_cover(indicator: Indicator, suffixes: list[Indicator]) -> Indicator | None:
    if indicator.kind not in ("domain", "suffix", "pattern"):
        return None
    around = [s for s in suffixes if indicator.value.endswith(f".{s.value}")]
    return max(around, key=lambda suffix: len(suffix.value), default=None)


class TooBroad(Check):
    """A suffix or pattern over names that strangers can register."""

    reason = "whoever visits a page that strangers host there would be counted as a user"
    remedy = "name the vendor's own domain or host, or set shared: true"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry, position, indicator in _indicators(draft):
            counts = index.role(indicator, draft.vocabulary) == "use"
            if indicator.kind == "suffix" and counts and is_public_suffix(indicator.value):
                what = f"suffix {indicator.value} is a public suffix"
                yield self.at(draft, entry, ("indicators", position), what)


class Platform(Check):
    """A whole platform or many-purpose host claimed by one AI service."""

    reason = "ordinary work on a shared platform must never count as AI use"
    remedy = "name the AI host or path, or set shared: true"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry, position, indicator in _indicators(draft):
            on_host = indicator.kind in ("domain", "suffix")
            counts = index.role(indicator, draft.vocabulary) == "use"
            if on_host and counts and is_shared(indicator.value):
                what = f"{indicator.value} also serves other things"
                yield self.at(draft, entry, ("indicators", position), what)


class SharedPath(Check):
    """A URL marked as shared."""

    reason = "a path that only the AI feature has is proof; one that others use too is no indicator"
    remedy = "remove shared: true, or choose a longer path"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry, position, indicator in _indicators(draft):
            if indicator.kind == "url" and indicator.shared:
                what = f"{indicator.value} is marked shared"
                yield self.at(draft, entry, ("indicators", position), what)


class SharedSideDoor(Check):
    """A side door that other products use as well."""

    reason = "a sign-in or telemetry service of many products says nothing about any of them"
    remedy = "remove it, or remove shared: true if the host belongs to this service alone"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry, position, indicator in _indicators(draft):
            if indicator.shared and index.role(indicator, draft.vocabulary) == "support":
                what = f"{indicator.value} is a shared {indicator.access} host"
                yield self.at(draft, entry, ("indicators", position), what)


class GenericAgent(Check):
    """A User-Agent token that other programs carry as well."""

    reason = "browsers and HTTP libraries name each other in their User-Agent"
    remedy = "use the product's own token up to and including the slash"

    GENERIC: ClassVar[frozenset[str]] = frozenset({
        "mozilla/", "chrome/", "safari/", "electron/", "node", "node-fetch", "undici", "axios/", "python",
        "python-requests/", "python-httpx/", "aiohttp/", "go-http-client/", "okhttp/", "curl/", "reqwest/",
    })  # fmt: skip

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry, position, indicator in _indicators(draft):
            token = (indicator.user_agent or "").lower()
            if token and (token in self.GENERIC or not re.search(r"[a-z]{3}", token)):
                yield self.at(draft, entry, ("indicators", position), f"'{token}' is not one product's")


class DeadReference(Check):
    """A reference nobody can follow."""

    reason = "an indicator is only as good as the place one can look it up"
    remedy = (
        "give a URL or 'owner/repository path'; "
        f"'{PUBLIC_CODE}' needs certainty widely_seen, '{GENERAL_KNOWLEDGE}' needs unsure"
    )

    _FORM: ClassVar[re.Pattern[str]] = re.compile(r"https?://[^\s/]+\.\S+|[\w.-]+/[\w.-]+( .+)?")
    _STOCK: ClassVar[dict[str, str]] = {PUBLIC_CODE: "widely_seen", GENERAL_KNOWLEDGE: "unsure"}

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry, position, indicator in _indicators(draft):
            if what := self._wrong(indicator.reference, indicator.certainty):
                yield self.at(draft, entry, ("indicators", position, "reference"), what)
        for key, position, spot in _blind_spots(draft):
            if what := self._wrong(spot.reference, spot.certainty):
                yield draft.documents[key].problem(("entries", position, "reference"), what, self.remedy)

    def _wrong(self, reference: str, certainty: str) -> str | None:
        stock = self._STOCK.get(reference)
        if stock != certainty and (stock or not self._FORM.fullmatch(reference)):
            return f"reference '{reference}' does not carry certainty {certainty}"
        return None


class FutureCheck(Check):
    """A date of checking that has not come yet."""

    reason = "the catalog's version is the newest date in it"
    remedy = "write the day on which the reference was read"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry, position, indicator in _indicators(draft):
            if indicator.checked > today:
                what = f"checked on {indicator.checked}, which is in the future"
                yield self.at(draft, entry, ("indicators", position, "checked"), what)
        for key, position, spot in _blind_spots(draft):
            if spot.checked > today:
                what = f"checked on {spot.checked}, which is in the future"
                yield draft.documents[key].problem(("entries", position, "checked"), what, self.remedy)


class NoProof(Check):
    """An entry without a hit and a miss, or known from hearsay only, that does not say so."""

    reason = "what is not proven is reported apart"
    remedy = "add hits and misses and a firm source, or set experimental: true"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry in draft.entries:
            service = entry.service
            if service.experimental:
                continue
            if not (service.hits and service.misses):
                yield self.at(draft, entry, (), "no hits or no misses")
            if all(indicator.certainty == "unsure" for indicator in service.indicators):
                yield self.at(draft, entry, (), "every indicator is unsure")


class NoDoor(Check):
    """A service with side doors only."""

    reason = "an entry of help pages and telemetry can never show use"
    remedy = "add the host, path or User-Agent that people use it through"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        for entry in draft.entries:
            roles = {index.role(indicator, draft.vocabulary) for indicator in entry.service.indicators}
            if roles == {"support"}:
                yield self.at(draft, entry, ("indicators",), "all indicators are side doors")


class BlindTwice(Check):
    """A place listed twice among the blind spots."""

    reason = "a connection is counted once, and the order of files must not decide as what"
    remedy = "keep the entry with the better reference"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        seen: dict[tuple[str, str, int | None, str | None], str] = {}
        for key, position, spot in _blind_spots(draft):
            for place in places(spot):
                if other := seen.get(place):
                    what = f"{place[1] or place[2]} is also in {other}"
                    yield draft.documents[key].problem(("entries", position), what, self.remedy)
                seen[place] = spot.name


class BlindService(Check):
    """A service of the catalog listed among the blind spots."""

    reason = "what is known to be an AI service is a sighting, not a blind spot"
    remedy = "remove it here, or from the service"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        names = [
            (key, position, name)
            for key, position, spot in _blind_spots(draft)
            for name in (*spot.hosts, *spot.suffixes)
        ]
        known = Index.build(index.indicators(draft.entries, draft.vocabulary))
        unique = pl.Series("host", sorted({name for _, _, name in names}), dtype=pl.String)
        services = set(match_hosts(unique, known)["host"])
        for key, position, name in names:
            if name in services:
                what = f"{name} belongs to a service of the catalog"
                yield draft.documents[key].problem(("entries", position), what, self.remedy)


class FalseProof(Check):
    """A hit that goes elsewhere, or a miss that hits."""

    reason = "proof is only proof if it is run: an entry may be swallowed by a later one"
    remedy = "correct the event or the indicator; `shadowai catalog explain` shows who wins"

    def find(self, draft: Draft, today: datetime.date) -> Iterator[Problem]:
        events = [
            (entry, kind, position, event)
            for entry in draft.entries
            for kind in ("hits", "misses")
            for position, event in enumerate(getattr(entry.service, kind))
        ]
        found = _apps(draft, [event for *_, event in events])
        for number, (entry, kind, position, event) in enumerate(events):
            app = found.get(number)
            if (app == entry.app) != (kind == "hits"):
                what = (
                    f"{kind[:-1] if kind == 'hits' else 'miss'} {_text(event)} resolves to {app or 'nothing'}"
                )
                yield self.at(draft, entry, (kind, position), what)


def _apps(draft: Draft, events: list[Event]) -> dict[int, str]:
    """Which service each event (by position) resolves to; events that hit nothing are absent."""
    if not events:
        return {}
    fields = [_fields(event) for event in events]
    names = ("host", "path", "cname", "user_agent", "server")
    frame = pl.DataFrame({name: [event.get(name) for event in fields] for name in names})
    observations = schema.OBSERVATIONS.conform(frame).with_row_index("event")
    hits = match(observations, Index.build(index.indicators(draft.entries, draft.vocabulary)))
    return dict(hits.select("event", "app").iter_rows())


def _fields(event: Event) -> dict[str, str]:
    given: dict[str, str] = event.model_dump(exclude_none=True)
    url = given.pop("url", None)
    return {**given, **url_event(url)} if url else given


def _text(event: Event) -> str:
    return " ".join(f"{name}={value}" for name, value in event.model_dump(exclude_none=True).items())
