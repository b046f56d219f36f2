"""Lints of single indicators, and of indicators that get in each other's way."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from sensor.catalog.checks.interface import Check, Subject
from sensor.catalog.document import Place
from sensor.catalog.entry import Claim, Entry
from sensor.catalog.model import PORT_PATH
from sensor.catalog.problem import Problem
from sensor.catalog.suffixes import CLOUD_APEXES, NEVER_HOSTS, is_public_suffix, is_shared


class Tie(Check):
    """Two indicators of one value: neither is more specific."""

    reason = "a hit must have one winner, and the order of files must not decide"
    remedy = "keep it in the service people would name, or make one of them more specific"

    def find(self, subject: Subject) -> Iterator[Problem]:
        first: dict[str, tuple[Entry, Place]] = {}
        for entry, claim in subject.claims:
            if claim.kind in ("ja4", PORT_PATH):  # neither decides alone
                continue
            kind = "host" if claim.kind in ("domain", "suffix") else claim.kind
            value = f"{kind} {claim.value}"
            other, place = first.setdefault(value, (entry, claim.place))
            if (other, place) == (entry, claim.place):
                continue
            # Two of one catalog: the later one. With an overlay: the file that its author can change.
            if subject.is_built_in(entry) and not subject.is_built_in(other):
                yield self.at(subject, other.app, place, f"{value} is also claimed by {entry.app}")
            else:
                yield self.at(subject, entry.app, claim.place, f"{value} is also claimed by {other.app}")


class Redundant(Check):
    """A host that an own suffix already covers in the same way."""

    reason = "an indicator that never decides anything only hides those that do"
    remedy = "remove it, or give it the access class that makes it different"

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry in subject.draft.entries:
            suffixes = {claim.value: claim for claim in entry.claims if claim.kind == "suffix"}
            for claim in entry.claims:
                cover = _nearest_cover(claim, suffixes)
                if cover and (cover.access, cover.shared) == (claim.access, claim.shared):
                    what = f"{claim.value} is covered by suffix {cover.value}"
                    yield self.at(subject, entry.app, claim.place, what)


def _nearest_cover(claim: Claim, suffixes: Mapping[str, Claim]) -> Claim | None:
    if claim.kind not in ("domain", "suffix", "pattern"):
        return None
    labels = claim.value.split(".")
    parents = (".".join(labels[at:]) for at in range(1, len(labels)))
    return next((suffixes[parent] for parent in parents if parent in suffixes), None)


class TooBroad(Check):
    """A suffix or pattern over names that strangers can register."""

    reason = "whoever visits a page that strangers host there would be counted as a user"
    remedy = "name the vendor's own domain or host, or set shared: true"

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry, claim in subject.claims:
            everything = _everything_below(claim)
            if everything is None or subject.role(claim) != "use":
                continue
            if is_public_suffix(everything):
                what = f"{claim.kind} {claim.value} is a public suffix"
                yield self.at(subject, entry.app, claim.place, what)
            elif claim.kind == "pattern" and everything in CLOUD_APEXES:
                what = f"pattern {claim.value} is a whole cloud"
                yield self.at(subject, entry.app, claim.place, what)


def _everything_below(claim: Claim) -> str | None:
    """The domain of which a suffix, or a pattern of stars in front of it, takes every name."""
    if claim.kind == "suffix":
        return claim.value
    stars, _, rest = claim.value.rpartition("*.")
    return rest if claim.kind == "pattern" and not stars.strip("*.") else None


class Platform(Check):
    """A whole platform or many-purpose host claimed by one AI service."""

    reason = "ordinary work on a shared platform must never count as AI use"
    remedy = "name the AI host or path, or set shared: true"

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry, claim in subject.claims:
            on_host = claim.kind in ("domain", "suffix")
            counts = subject.role(claim) == "use"
            if on_host and counts and is_shared(claim.value):
                what = f"{claim.value} also serves other things"
                yield self.at(subject, entry.app, claim.place, what)


class SharedPath(Check):
    """A URL marked as shared."""

    reason = "a path that only the AI feature has is proof; one that others use too is no indicator"
    remedy = "remove shared: true, or choose a longer path"

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry, claim in subject.claims:
            if claim.kind == "url" and claim.shared:
                what = f"{claim.value} is marked shared"
                yield self.at(subject, entry.app, claim.place, what)


class SharedSideDoor(Check):
    """A side door that other products use as well."""

    reason = "a sign-in or telemetry service of many products says nothing about any of them"
    remedy = "remove it, or remove shared: true if the host belongs to this service alone"

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry, claim in subject.claims:
            if claim.shared and subject.role(claim) == "support":
                what = f"{claim.value} is a shared {claim.access} host"
                yield self.at(subject, entry.app, claim.place, what)


class Swallowed(Check):
    """An indicator that never wins, because indicators of another service are more specific."""

    reason = "an entry that is never reported only looks as if the service were known"
    remedy = "make it more specific than the other, or remove one of them"

    def find(self, subject: Subject) -> Iterator[Problem]:
        claims = [(entry, claim, event) for entry, claim in subject.claims if (event := _example(claim))]
        winners = subject.winners([event for *_, event in claims])
        for number, (entry, claim, _) in enumerate(claims):
            winner = winners.get(number)
            taken = winner is None or winner["app"] != entry.app
            if taken and not (winner and subject.is_tie(claim, winner["signature"])):
                taker = winner["signature"] if winner else "nothing"
                what = f"{claim.kind} {claim.value} is swallowed by {taker}"
                yield self.at(subject, entry.app, claim.place, what)


def _example(claim: Claim) -> dict[str, str | int] | None:
    """An event that only `claim` should explain; None for kinds that do not decide alone."""
    host, slash, path = claim.value.partition("/")
    match claim.kind:
        case "domain" | "pattern":
            return {"host": host.replace("*", "x0")}
        case "suffix":
            return {"host": f"x0.{host}"}
        case "url":
            return {"host": host.replace("*", "x0"), "path": f"{slash}{path}"}
        case "extension_id":
            return {"host": host}
        case "software":
            return {"software": claim.value}
        case "label":
            return {"host": f"{claim.value}.x0.example"}
        case _:
            return None


class NeverAI(Check):
    """A host that many products call, AI or not, claimed by a service."""

    reason = "sign-in, payment, error reports and experiments are bought: their hosts say nothing about AI"
    remedy = "remove the indicator, or name a host that this service has for itself"

    def find(self, subject: Subject) -> Iterator[Problem]:
        events: list[dict[str, str | int]] = [{"host": host} for host in sorted(NEVER_HOSTS)]
        guilty: dict[str, str] = {}
        for number, winner in subject.winners(events).items():
            guilty.setdefault(winner["signature"], str(events[number]["host"]))
        for entry, claim in subject.claims:
            if host := guilty.get(f"{entry.app}#{claim.kind}:{claim.value}"):
                what = f"{claim.value} takes {host}, which is no AI service"
                yield self.at(subject, entry.app, claim.place, what)


class NeverSeen(Check):
    """A path on a host that nothing names without one."""

    reason = "without a proxy that decrypts, a connection shows no path: this service stays unseen there"
    remedy = "name the host as well (shared: true if it serves other things), or accept the blind spot"
    level = "warning"

    def find(self, subject: Subject) -> Iterator[Problem]:
        claims = [(entry, claim) for entry, claim in subject.claims if claim.kind == "url"]
        hosts = [claim.value.partition("/")[0].replace("*", "x0") for _, claim in claims]
        named = subject.winners([{"host": host} for host in hosts])
        doors = {
            entry.app for entry, claim in subject.claims if claim.kind in ("domain", "suffix", "pattern")
        }
        for number, (entry, claim) in enumerate(claims):
            # A mere reason to look (which package of an index) may stay unseen: the host is everybody's.
            if number not in named and entry.app not in doors and claim.access != "candidate":
                what = f"{claim.value} shows only where paths are seen"
                yield self.at(subject, entry.app, claim.place, what)


class SharedPort(Check):
    """A port with a path that two self-hosted products serve."""

    reason = "it tells neither of them, so traffic is not matched by it"
    remedy = "give it to a product without ports that stands for the whole family"
    level = "warning"

    def find(self, subject: Subject) -> Iterator[Problem]:
        claimants: dict[str, list[tuple[Entry, Claim]]] = defaultdict(list)
        for entry, claim in subject.claims:
            if claim.kind == PORT_PATH:
                claimants[claim.value].append((entry, claim))
        for value, sharing in claimants.items():
            for entry, claim in sharing[1:]:
                what = f"{value} is also served by {sharing[0][0].app}"
                yield self.at(subject, entry.app, claim.place, what)


class GenericAgent(Check):
    """A User-Agent token that other programs carry as well."""

    reason = "browsers and HTTP libraries name each other in their User-Agent"
    remedy = "use the product's own token up to and including the slash"

    GENERIC = frozenset({
        "mozilla/", "chrome/", "safari/", "electron/", "node", "node-fetch", "undici", "axios/", "python",
        "python-requests/", "python-httpx/", "aiohttp/", "go-http-client/", "okhttp/", "curl/", "reqwest/",
    })  # fmt: skip

    def find(self, subject: Subject) -> Iterator[Problem]:
        for entry, claim in subject.claims:
            token = claim.value.lower()
            if claim.kind == "user_agent" and (token in self.GENERIC or not re.search(r"[a-z]{3}", token)):
                yield self.at(subject, entry.app, claim.place, f"'{token}' is not one product's")
