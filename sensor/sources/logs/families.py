"""All log formats (families), and which of them the beginning of a stream shows.

The formats that own lines at the beginning of a file are asked first for each of its lines, then all others.
Normalised schemas (`generic`) are asked after the formats of products.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import io
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import NamedTuple

import polars as pl

import sensor.sources.logs.formats
from sensor.sources.logs.lines import envelopes, json_documents, prefixes, tables
from sensor.sources.logs.lines.blocks import blocks, first_lines
from sensor.sources.logs.lines.framing import Framing, framed
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.sorting import Sorter

#: Lines of the head that are looked at.
HEAD_LINES = 200
#: A family's framing is used where it claims at least this share of the records it makes.
ENOUGH = 0.3
#: A prefix is tried if more than this share of the first lines begins with it.
PREFIXED = 0.5
#: Beginnings of files that are looked at together, and that are remembered.
_LOOKED_AT_TOGETHER, _MOST_SEEN = 50, 10_000
#: All families are asked about one line in so many; about the others, only those that owned one of these.
_SAMPLED = 20
#: What envelopes hold.
_PEELED = ("line", "stamp", "sender", "tag")


#: Families the user described, before all others.
_OWN: dict[str, type[LogFormat]] = {}


def add(family: type[LogFormat]) -> None:
    """Register `family`, before all built-in ones; it replaces one of the same name."""
    _OWN[family.name] = family
    _forget()


def remove(name: str) -> None:
    """Unregister a family that was added."""
    del _OWN[name]
    _forget()


def _forget() -> None:
    known_families.cache_clear()
    _SEEN.clear()


@cache
def known_families() -> tuple[type[LogFormat], ...]:
    """All families: those added, those of products, normalised schemas; each by name.

    The folder `formats` is walked.
    """
    found: dict[str, type[LogFormat]] = {}
    for module in pkgutil.iter_modules(sensor.sources.logs.formats.__path__):
        loaded = importlib.import_module(f"{sensor.sources.logs.formats.__name__}.{module.name}")
        for thing in vars(loaded).values():
            if inspect.isclass(thing) and issubclass(thing, LogFormat) and not inspect.isabstract(thing):
                found[thing.name] = thing
    found |= _OWN
    return tuple(sorted(found.values(), key=_place))


def _place(family: type[LogFormat]) -> tuple[bool, bool, str]:
    return family.name not in _OWN, family.generic, family.name


class _Claimed(NamedTuple):
    """What families claim of the first lines of a stream."""

    #: by family; those that claim none are left out
    shares: dict[str, float]
    #: is JSON around lines of another format?
    wraps: bool
    #: what stands before each line; one of PREFIXES
    prefix: str | None = None

    @property
    def share(self) -> float:
        """Of all families together."""
        return sum(self.shares.values())


@dataclass(frozen=True)
class _Seen:
    """What the beginning of a stream shows."""

    #: how its records are found; None: one a line
    framing: Framing | None
    #: share of its first records that each family claims; those without any are left out
    shares: dict[str, float]
    #: does it hold JSON around lines of another format?
    wraps: bool
    #: what stands before each of its lines; one of PREFIXES
    prefix: str | None = None


#: by the hash of what a stream begins with
_SEEN: dict[bytes, _Seen] = {}


def look_at(heads: Iterable[bytes]) -> None:
    """Compute `shares` of many streams in advance.

    Each family is asked about all of them at once, because its regular expressions are compiled for every
    call.
    """
    fresh = {_hash(head): head for head in heads}
    for key in fresh.keys() & _SEEN.keys():
        del fresh[key]
    left = iter(fresh.items())
    while some := list(islice(left, _LOOKED_AT_TOGETHER)):
        if len(_SEEN) > _MOST_SEEN:
            _SEEN.clear()
        framings = [_framing(head) for _, head in some]
        lines = [_lines(head, how) for (_, head), how in zip(some, framings, strict=True)]
        claimed = _without_prefixes(lines, _claimed(lines))
        for (key, _), how, found in zip(some, framings, claimed, strict=True):
            _SEEN[key] = _Seen(how, *found)


@lru_cache(maxsize=8)  # each family asks about the same one
def _hash(head: bytes) -> bytes:
    return hashlib.blake2b(head, digest_size=16).digest()


def _seen(head: bytes) -> _Seen:
    key = _hash(head)
    if key not in _SEEN:
        look_at([head])
    return _SEEN[key]


def shares(head: bytes) -> dict[str, float]:
    """The share of the first records of `head` that each family claims, by name; without those that claim
    none."""
    return _seen(head).shares


def framing_of(head: bytes) -> Framing | None:
    """The framing of a stream that begins with `head`; None if it has one record per line."""
    return _seen(head).framing


def head_lines(head: bytes) -> pl.Series:
    """The first records of a stream that begins with `head`, one per line."""
    return _lines(head, framing_of(head))


def sorter(first: type[LogFormat] | None, head: bytes = b"", *, resumed: bool = False) -> Sorter:
    """A sorter for a stream that begins with `head`; lines that nobody claims go to `first`.

    `resumed`: its blocks do not start with `head`, but the header in force may stand there.
    """
    seen = _seen(head) if head else _Seen(None, {}, wraps=True)
    made = Sorter(_ordered(seen.shares), first, may_wrap=seen.wraps, prefix=seen.prefix)
    if resumed:
        made.split(pl.DataFrame({"line": head_lines(head)}).with_columns(offset=0, bytes=0))
    return made


def _framing(head: bytes) -> Framing | None:
    for family in known_families():
        if family.framing is not None and family.framing.fits(head):
            found = _shares(_lines(head, family.framing))
            if found.get(family.name, 0.0) >= ENOUGH:
                return family.framing
    if json_documents.JSON.fits(head):
        # A list called `events` or `data` holds records of one product, and is part of a record of another.
        unknown = not _shares(_lines(head, json_documents.JSON))
        known_whole = unknown and _shares(_lines(head, json_documents.WHOLE_JSON))
        return json_documents.WHOLE_JSON if known_whole else json_documents.JSON
    if tables.TABLE.fits(head):
        found = _shares(_lines(head, tables.TABLE))
        own = (share for name, share in found.items() if not _known()[name].generic)
        return tables.TABLE if sum(own) >= ENOUGH else None
    fitting = [how for how in (tables.RESAVED, tables.ROWS) if how.fits(head)]
    if fitting and sum(_shares(_lines(head, None)).values()) < ENOUGH:
        return next((how for how in fitting if sum(_shares(_lines(head, how)).values()) >= ENOUGH), None)
    return None


def _known() -> dict[str, type[LogFormat]]:
    return {family.name: family for family in known_families()}


def _lines(head: bytes, how: Framing | None) -> pl.Series:
    if how is None:
        return first_lines(head, HEAD_LINES)
    block = next(blocks(framed(io.BytesIO(head), how)), None)
    return pl.Series([], dtype=pl.String) if block is None else block.lines()["line"].head(HEAD_LINES)


def _shares(lines: pl.Series) -> dict[str, float]:
    (claimed,) = _claimed([lines])
    return claimed.shares


def _claimed(streams: list[pl.Series]) -> list[_Claimed]:
    """What families claim of the first lines of each stream, as they are.

    All families are asked about a sample of the lines; those that own some are asked first about the rest.
    """
    lines = pl.concat(
        pl.DataFrame({"line": one}, schema={"line": pl.String}).with_columns(offset=nth, bytes=0)
        for nth, one in enumerate(streams)
    )
    peeled = envelopes.peel(lines)
    sample = peeled.filter(pl.int_range(pl.len()).over("offset") % _SAMPLED == 0)
    met: dict[int, set[str]] = {}
    for name, (_, part) in Sorter(_ordered({})).split_peeled(sample).items():
        for nth in part["offset"].unique():
            met.setdefault(nth, set()).add(name)
    alike: dict[frozenset[str], list[int]] = {}
    for nth in range(len(streams)):
        alike.setdefault(frozenset(met.get(nth, ())), []).append(nth)
    out = [_Claimed({}, wraps=False)] * len(streams)
    for first, numbers in alike.items():
        of_these = peeled.filter(pl.col("offset").is_in(numbers))
        order = _ordered(dict.fromkeys(first, 1.0))
        asked = Sorter(order)
        bare = asked.unwrapped(of_these)
        owned = bare.with_columns(owner=asked.owners(bare))
        differs = pl.any_horizontal(bare[name].ne_missing(of_these[name]) for name in _PEELED)
        wrapping = set(bare["offset"].filter(pl.select(differs).to_series()))
        for nth in numbers:
            parts = Sorter(order).parts(owned.filter(pl.col("offset") == nth))
            found = {name: part.height / len(streams[nth]) for name, (_, part) in parts.items() if name}
            out[nth] = _Claimed(found, nth in wrapping)
    return out


def _without_prefixes(streams: list[pl.Series], claimed: list[_Claimed]) -> list[_Claimed]:
    """What is claimed of each stream without its prefix, if it has one; else `claimed`, as it is.

    A prefix is removed if more lines are claimed without it. A family that knows its lines by a text in the
    middle claims as many with it: then the prefix must be unmistakable, or the lines must begin as records do
    without it.
    """
    best = list(claimed)
    for prefix in prefixes.PREFIXES:
        bare: dict[int, pl.Series] = {}
        for nth, lines in enumerate(streams):
            if lines.str.contains(prefix).sum() > PREFIXED * len(lines):
                text = prefixes.removed(lines.to_frame("line"), prefix)["line"]
                if best[nth].share < ENOUGH or (best[nth].prefix is None and _is_certain(prefix, text)):
                    bare[nth] = text
        if not bare:
            continue
        for (nth, text), found in zip(bare.items(), _claimed(list(bare.values())), strict=True):
            is_first = best[nth].prefix is None and found.share > 0
            is_as_good = found.share == best[nth].share and is_first and _is_certain(prefix, text)
            if found.share > best[nth].share or is_as_good:
                best[nth] = found._replace(prefix=prefix)
    return best


def _is_certain(prefix: str, bare: pl.Series) -> bool:
    """True if `prefix`, without which the lines are `bare`, surely was no part of a format."""
    return prefix in prefixes.UNMISTAKABLE or _whole(bare) > PREFIXED * len(bare)


def _whole(lines: pl.Series) -> int:
    """How many lines have a syslog head, or begin as records do."""
    peeled = envelopes.peel(lines.to_frame("line"))
    return int((peeled["stamp"].is_not_null() | lines.str.contains(prefixes.WHOLE)).sum())


def _ordered(found: Mapping[str, float]) -> list[type[LogFormat]]:
    """As `known_families`, but among each kind those first that own most of the beginning of a file."""
    return sorted(known_families(), key=lambda family: (*_place(family)[:2], -found.get(family.name, 0.0)))
