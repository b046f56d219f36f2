"""Lints of evidence: references, dates, hits and misses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from sensor.catalog.checks.interface import Check, Subject
from sensor.catalog.model import Event
from sensor.catalog.problem import Problem
from sensor.match.explain import url_event

#: References that are no address and no file: see `DeadReference`.
PUBLIC_CODE, GENERAL_KNOWLEDGE = "public client code", "general knowledge"


class DeadReference(Check):
    """A reference that cannot be looked up."""

    reason = "an indicator is only as good as the place one can look it up"
    remedy = (
        "give a URL or 'owner/repository path'; "
        f"'{PUBLIC_CODE}' needs certainty widely_seen, '{GENERAL_KNOWLEDGE}' needs unsure"
    )

    _FORM = re.compile(r"https?://[^\s/]+\.\S+|[\w.-]+/[\w.-]+( .+)?")
    _STOCK: ClassVar[dict[str, str]] = {PUBLIC_CODE: "widely_seen", GENERAL_KNOWLEDGE: "unsure"}

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry, claim in subject.claims:
            if what := self._wrong(claim.reference, claim.certainty):
                yield self.at(subject, entry.app, (*claim.place, "reference"), what)
        for key, position, spot in subject.blind_spots:
            if what := self._wrong(spot.reference, spot.certainty):
                yield self.at(subject, key, ("entries", position, "reference"), what)

    def _wrong(self, reference: str, certainty: str) -> str | None:
        stock = self._STOCK.get(reference)
        if stock != certainty and (stock or not self._FORM.fullmatch(reference)):
            return f"reference '{reference}' does not carry certainty {certainty}"
        return None


class FutureCheck(Check):
    """A date of checking that has not come yet."""

    reason = "the catalog's version is the newest date in it"
    remedy = "write the day on which the reference was read"

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry, claim in subject.claims:
            if claim.checked > subject.today:
                what = f"checked on {claim.checked}, which is in the future"
                yield self.at(subject, entry.app, (*claim.place, "checked"), what)
        for key, position, spot in subject.blind_spots:
            if spot.checked > subject.today:
                what = f"checked on {spot.checked}, which is in the future"
                yield self.at(subject, key, ("entries", position, "checked"), what)


class NoProof(Check):
    """An entry without a hit and a miss, or known from hearsay only, that does not say so."""

    reason = "what is not proven is reported apart"
    remedy = "add hits and misses and a firm source, or set experimental: true"

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry in subject.draft.entries:
            if entry.experimental or not entry.claims:
                continue
            if not (entry.hits and entry.misses):
                yield self.at(subject, entry.app, (), "no hits or no misses")
            if all(claim.certainty == "unsure" for claim in entry.claims):
                yield self.at(subject, entry.app, (), "every indicator is unsure")


class UntoldVersion(Check):
    """Versions with known vulnerabilities for software without a known answer that names its version."""

    reason = "a range that nothing is ever held against looks like a check and is none"
    remedy = "add an answer to tells_version, or move the numbers to advisories"

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry in subject.draft.entries:
            if entry.affected and not entry.tells_version:
                yield self.at(subject, entry.app, ("affected",), "no answer tells the version")


class NoDoor(Check):
    """A service with side doors only, if it does not say that it is a candidate and no more."""

    reason = "an entry of help pages and telemetry can never show use"
    remedy = "add the host, path or User-Agent that people use it through"

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry in subject.draft.entries:
            candidate = all(claim.access == "candidate" for claim in entry.claims)
            if not candidate and {subject.role(claim) for claim in entry.claims} == {"support"}:
                yield self.at(subject, entry.app, ("indicators",), "all indicators are side doors")


class FalseProof(Check):
    """A hit that matches another service, or a miss that matches this one."""

    reason = "proof is only proof if it is run: an entry may be swallowed by a later one"
    remedy = "correct the event or the indicator; `shadowai catalog explain` shows who wins"

    def find(self, subject: Subject) -> Iterator[Problem]:
        events = [
            (entry, kind, position, event)
            for entry in subject.draft.entries
            for kind in ("hits", "misses")
            for position, event in enumerate(getattr(entry, kind))
        ]
        winners = subject.winners([_fields(event) for *_, event in events])
        for number, (entry, kind, position, event) in enumerate(events):
            app = winners[number]["app"] if number in winners else None
            if (app == entry.app) != (kind == "hits"):
                what = (
                    f"{kind[:-1] if kind == 'hits' else 'miss'} {_text(event)} resolves to {app or 'nothing'}"
                )
                yield self.at(subject, entry.app, (kind, position), what)


def _fields(event: Event) -> dict[str, str | int]:
    given: dict[str, str | int] = event.model_dump(exclude_none=True)
    url = given.pop("url", None)
    return {**given, **url_event(str(url))} if url else given


def _text(event: Event) -> str:
    return " ".join(f"{name}={value}" for name, value in event.model_dump(exclude_none=True).items())
