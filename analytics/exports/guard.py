"""Keeps out of lists what must not be blocked: names everybody needs, and hosts of other services. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files

from analytics.exports.interface import Entry


def ancestors(name: str) -> Iterator[str]:
    """`name` and each domain above it: a.b.c, b.c, c."""
    while name:
        yield name
        name = name.partition(".")[2]


def within(name: str, domain: str) -> bool:
    """True if `name` is `domain` or lies below it."""
    return name == domain or name.endswith("." + domain)


def host_of(value: str) -> str:
    """The host of a domain, suffix, pattern or URL indicator."""
    return value.partition("/")[0]


@cache
def expression(pattern: str) -> re.Pattern[str]:
    """The regular expression of a host pattern; `*` matches within a label."""
    return re.compile("[^.]+".join(re.escape(part) for part in pattern.split("*")))


def touches(entry: Entry, claim: str) -> bool:
    """True if `entry` matches a host that the host or pattern `claim` matches, too."""
    value = host_of(entry.value)
    if "*" in value:
        return claim == value or expression(value).fullmatch(claim) is not None
    if "*" in claim:
        tail = claim.rpartition("*")[2].partition(".")[2]
        return expression(claim).fullmatch(value) is not None or (
            entry.kind == "suffix" and bool(tail) and within(tail, value)
        )
    return claim == value or (entry.kind == "suffix" and within(claim, value))


class Never:
    """Names that are never listed.

    `built_in`: host or cloud apex → what it is. It and the domains above it are refused; names below it are
    not, because vendors rent those. `own`: names of the organisation, refused with everything below them.
    `is_public_suffix` recognises names under which anybody can register.
    """

    def __init__(
        self, built_in: Mapping[str, str], own: Iterable[str], is_public_suffix: Callable[[str], bool]
    ) -> None:
        exact = {name: "others need it to work" for name in _listed() if not name.startswith(".")}
        self._trees = {name[1:]: "others need it to work" for name in _listed() if name.startswith(".")}
        names = (name.strip().lower().lstrip("*.").rstrip(".") for name in own)
        self._trees |= dict.fromkeys(names, "on your own never-block list")
        self._is_public_suffix = is_public_suffix
        self._reasons = {**self._trees, **built_in, **exact, **self._trees}  # of two reasons that of the tree
        self._patterns = [name for name in self._reasons if "*" in name]
        #: of each domain the first claim at it or below
        self._below: dict[str, str] = {}
        for name in self._reasons:
            for domain in ancestors(name):
                self._below.setdefault(domain, name)

    def why(self, entry: Entry) -> str | None:
        """Why `entry` must not be listed, or None."""
        host = host_of(entry.value)
        above = next((name for name in ancestors(host) if name in self._trees), None)
        if above:
            return f"{self._trees[above]}: {above}"
        if entry.kind in ("url", "address"):  # a path on a shared host is that path only
            return None
        if entry.kind == "suffix" and self._is_public_suffix(host):
            return "anybody registers names below this public suffix"
        found = self._touched(entry, host)
        return f"{self._reasons[found]}: {found}" if found else None

    def _touched(self, entry: Entry, host: str) -> str | None:
        """The first claim that `entry` would decide about, or None."""
        if "*" in host:
            return next((name for name in self._reasons if touches(entry, name)), None)
        found = self._below.get(host) if entry.kind == "suffix" else host if host in self._reasons else None
        return found or next((name for name in self._patterns if touches(entry, name)), None)


@cache
def _listed() -> tuple[str, ...]:
    text = files("analytics.exports").joinpath("never.txt").read_text("utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
