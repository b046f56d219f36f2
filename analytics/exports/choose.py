"""Chooses the entries of a list by the status of services, and gives the reason for everything left out.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from analytics.exports.guard import Never, ancestors, host_of, touches
from analytics.exports.interface import Entry, LeftOut, Selection, Target
from analytics.exports.statuses import STATUSES, USABLE, Statuses

Row = Mapping[str, Any]
#: Certainties that are too weak to act on, and why.
WEAK = {
    "convention": "a usual name that nobody has seen in use",
    "unsure": "sources disagree whether it is in use",
}
#: Kinds of indicator that name no destination.
NO_DESTINATION = {
    "port": "a port and path are no destination",
    "user_agent": "a program is no destination",
    "software": "software is no destination",
    "label": "a first label is no destination",
    "extension_id": "browser add-ons are managed in the browser",
    "ja4": "a fingerprint is no destination",
}
#: Roles that are no use.
_ROLES = {
    "embedded": "shared with other things",
    "support": "sign-in, CDN or pages, which is no use by itself",
}
_HOSTED = ("domain", "suffix", "pattern", "url")


@dataclass(frozen=True)
class Wanted:
    """What the list should hold: services with these statuses, or only some services."""

    mode: str
    statuses: Set[str]
    on: date
    apps: Set[str] = frozenset()


def choose(
    target: Target,
    wanted: Wanted,
    indicators: Sequence[Row],
    statuses: Statuses,
    never: Never,
    experimental: Set[str] = frozenset(),
) -> Selection:
    """The entries of `target`'s list.

    `indicators` are all of the catalog (app, kind, value, access, role, certainty): those not asked for show
    which hosts other services use. `experimental` services are not proven, and never listed.
    """
    entries: list[Entry] = []
    left_out: list[LeftOut] = []
    others = _Others()
    for row in indicators:
        excused = _excused(row, wanted, statuses)
        if excused or not _asked(row, wanted, statuses):
            others.add(row)
        if not _asked(row, wanted, statuses):
            continue
        entry = Entry(row["value"], row["kind"], row["app"])
        if reason := _unfit(row, target, experimental) or excused or never.why(_as_meant(entry, target)):
            left_out.append(LeftOut(entry.app, entry.value, reason))
        else:
            entries.append(entry)
    warnings: list[str] = []
    kept = []
    for entry in entries:
        reason, warning = _collision(_as_meant(entry, target), others, wanted, statuses)
        if reason:
            left_out.append(LeftOut(entry.app, entry.value, reason))
        else:
            kept.append(entry)
            warnings += [warning] if warning else []
    final = tuple(_uncovered(kept, target))
    apps = sorted({entry.app for entry in final})
    warnings += [
        f"{text}; the list knows no departments" for app in apps for text in statuses.narrower(app, wanted.on)
    ]
    if wanted.mode == "allow":
        warnings.append("sign-in, CDN and telemetry hosts of the services are not in an allow list")
    omitted = tuple(sorted(_untouched(left_out, final, target)))
    return Selection(wanted.mode, final, omitted, tuple(dict.fromkeys(warnings)))


def _asked(row: Row, wanted: Wanted, statuses: Statuses) -> bool:
    if wanted.apps and row["app"] not in wanted.apps:
        return False
    return statuses.of(row["app"], row["access"]) in wanted.statuses


def _excused(row: Row, wanted: Wanted, statuses: Statuses) -> str:
    """The exception for everyone that keeps a service out of a block list which does not name it; ''."""
    if wanted.mode != "block" or wanted.apps:
        return ""
    standing = statuses.standing(row["app"], row["access"], wanted.on)
    return "" if standing in STATUSES else standing


def _opposed(status: str, mode: str) -> bool:
    """True for what the policy says the contrary of."""
    if mode == "allow":
        return status == "unsanctioned"
    return status in USABLE or status not in STATUSES  # an exception excuses it


def _unfit(row: Row, target: Target, experimental: Set[str]) -> str | None:
    """Why an indicator can be in no list, or not in this one."""
    if row["kind"] in NO_DESTINATION:
        return NO_DESTINATION[row["kind"]]
    if row["role"] != "use":
        return _ROLES[row["role"]]
    if row["app"] in experimental:
        return "the service's entry is not proven yet"
    if row["certainty"] in WEAK:
        return WEAK[row["certainty"]]
    if row["kind"] not in target.says:
        what = {"url": "a path: its host would be too much", "pattern": "a pattern", "address": "addresses"}
        return f"{target.name} cannot say {what.get(row['kind'], 'names, which need DNS')}"
    return None


def _as_meant(entry: Entry, target: Target) -> Entry:
    """What the entry does in the target's own reading."""
    if target.widens and entry.kind == "domain":
        return replace(entry, kind="suffix")
    return replace(entry, kind="domain") if target.narrows and entry.kind == "suffix" else entry


class _Others:
    """Claims of services not asked for, found by the domains above them."""

    def __init__(self) -> None:
        self._by_domain: dict[str, list[Row]] = {}
        self._patterns: list[Row] = []
        #: service → its access classes
        self._classes: dict[str, set[str]] = {}

    def add(self, row: Row) -> None:
        self._classes.setdefault(row["app"], set()).add(row["access"])
        if row["kind"] not in _HOSTED:
            return
        host = host_of(row["value"])
        if "*" in host:
            self._patterns.append(row)
        for name in ancestors(host):
            if "*" not in name:
                self._by_domain.setdefault(name, []).append(row)

    def touched_by(self, entry: Entry) -> Iterator[Row]:
        host = host_of(entry.value)
        if "*" in host:
            domain = host.rpartition("*")[2].partition(".")[2]
            near = self._by_domain.get(domain, [])
        elif entry.kind == "suffix":
            near = [*self._by_domain.get(host, []), *self._patterns]
        else:
            near = [
                *(row for row in self._by_domain.get(host, []) if host_of(row["value"]) == host),
                *self._patterns,
            ]
        for row in near:
            if touches(entry, host_of(row["value"])) and (entry.kind != "url" or _is_below(row, entry)):
                yield row

    def classes_of(self, apps: Iterable[str]) -> Iterator[tuple[str, str]]:
        """(service, access class) of claims by these services."""
        for app in apps:
            yield from ((app, access) for access in sorted(self._classes.get(app, ())))


def _is_below(row: Row, entry: Entry) -> bool:
    """True for a claim whose path begins with the entry's: a path covers all that begin with it."""
    below: str = row["value"].partition("/")[2]
    return row["kind"] == "url" and below.startswith(entry.value.partition("/")[2])


def _collision(
    entry: Entry, others: _Others, wanted: Wanted, statuses: Statuses
) -> tuple[str | None, str | None]:
    """(why it must not be listed, what to say if it may) because of other services on the same hosts."""
    also = set()
    if entry.kind == "address":
        for app, access in others.classes_of(statuses.of_vendor(entry.app)):
            if _opposed(status := statuses.standing(app, access, wanted.on), wanted.mode):
                return f"the vendor's network also serves {app}, which is {status}", None
        return None, None
    for row in others.touched_by(entry):
        status = statuses.standing(row["app"], row["access"], wanted.on)
        opposed = _opposed(status, wanted.mode)
        if row["app"] == entry.app and not opposed:
            continue
        if row["role"] == "embedded" and row["app"] != entry.app:
            return f"{host_of(row['value'])} is shared with {row['app']}", None
        if opposed:
            does = "also serves" if wanted.mode == "block" else "would also allow"
            return f"{does} {row['app']}, which is {status}", None
        also.add(f"{row['app']} ({status})")
    return None, f"{entry.value} also serves {', '.join(sorted(also))}" if also else None


def _untouched(left_out: Iterable[LeftOut], entries: Sequence[Entry], target: Target) -> Iterator[LeftOut]:
    """What no entry decides about all the same: a path of a listed host is not left out."""
    trees, hosts = (_values(entries, kind, target) for kind in ("suffix", "domain"))
    for one in set(left_out):
        host = host_of(one.value)
        if host not in hosts and trees.isdisjoint(ancestors(host)):
            yield one


def _values(entries: Iterable[Entry], kind: str, target: Target) -> set[str]:
    """The values of the entries that `target` takes for this kind."""
    return {entry.value for entry in entries if _as_meant(entry, target).kind == kind}


def _uncovered(entries: Iterable[Entry], target: Target) -> Iterator[Entry]:
    """Entries in order, without those that another one covers: some programs refuse duplicates."""
    entries = sorted(entries, key=lambda e: (e.value, e.kind != "suffix", e.kind, e.app))
    trees, hosts = (_values(entries, kind, target) for kind in ("suffix", "domain"))
    seen: set[str] = set()
    for entry in entries:
        host = host_of(entry.value)
        above = list(ancestors(host))
        covering = above[1:] if entry.value in trees else above
        on_path = entry.kind == "url" and host in hosts
        if entry.value in seen or on_path or (entry.kind != "address" and trees.intersection(covering)):
            continue
        seen.add(entry.value)
        yield entry
