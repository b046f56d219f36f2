"""All log formats, and which of them have lines at the beginning of a stream.

For each line of a file, the formats found at its beginning are tried first, then all others. Normalised
schemas (`generic`) are tried after the formats of products.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import io
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import NamedTuple

import polars as pl

import sensor.sources.logs.formats
from sensor.sources.logs.line_format import LineFormat
from sensor.sources.logs.lines import envelopes, json_documents, prefixes, tables
from sensor.sources.logs.lines.blocks import blocks, first_lines
from sensor.sources.logs.lines.framing import Framing, as_utf8, framed
from sensor.sources.logs.sorting import Sorter

#: Lines of the head that are examined.
HEAD_LINES = 200
#: A format's framing is used if the format claims at least this share of the framed records.
ENOUGH = 0.3
#: A prefix is tried if more than this share of the first lines begins with it.
PREFIXED = 0.5
#: Heads that are examined together, and heads whose result is cached.
_EXAMINED_TOGETHER, _MOST_SEEN = 50, 10_000
#: All formats are tried on one of this many lines; on the other lines, those that claimed one are tried
#: first. Few lines are not sampled: for them, compiling regular expressions takes longest.
_SAMPLED, _FEW = 20, 40
#: Columns that removing an envelope fills.
_PEELED = ("line", "stamp", "sender", "tag")


#: Formats from the user's TOML files; they come before all others.
_OWN: dict[str, type[LineFormat]] = {}


def add(log_format: type[LineFormat]) -> None:
    """Register `log_format`, before all built-in ones; it replaces one of the same name."""
    _OWN[log_format.name] = log_format
    _forget()


def remove(name: str) -> None:
    """Unregister a format that was added."""
    del _OWN[name]
    _forget()


def _forget() -> None:
    all_formats.cache_clear()
    _SEEN.clear()


@cache
def all_formats() -> tuple[type[LineFormat], ...]:
    """All formats in the folder `formats` and those added: first those added, then products, then normalised
    schemas, each sorted by name."""
    found: dict[str, type[LineFormat]] = {}
    for module in pkgutil.iter_modules(sensor.sources.logs.formats.__path__):
        loaded = importlib.import_module(f"{sensor.sources.logs.formats.__name__}.{module.name}")
        for thing in vars(loaded).values():
            if inspect.isclass(thing) and issubclass(thing, LineFormat) and not inspect.isabstract(thing):
                found[thing.name] = thing
    found |= _OWN
    return tuple(sorted(found.values(), key=_place))


def _place(log_format: type[LineFormat]) -> tuple[bool, int, str]:
    return log_format.name not in _OWN, log_format.generic + log_format.fallback, log_format.name


class _Claimed(NamedTuple):
    """Which formats claim the first lines of a stream."""

    #: share of the lines by format; formats without any are left out
    shares: dict[str, float]
    #: True if some lines of another format are wrapped in JSON
    wraps: bool
    #: prefix of the lines, one of PREFIXES
    prefix: str | None = None

    @property
    def share(self) -> float:
        """The share of all formats together."""
        return sum(self.shares.values())


@dataclass(frozen=True)
class _Seen:
    """What the head of a stream shows."""

    #: how its records are found; None: one per line
    framing: Framing | None
    claimed: _Claimed


#: by the hash of a head
_SEEN: dict[bytes, _Seen] = {}


def look_at(heads: Iterable[bytes]) -> None:
    """Compute `shares` of many streams in advance.

    Each format's expressions are evaluated on all of them at once, because regular expressions are compiled
    anew in each evaluation.
    """
    fresh = {_hash(head): head for head in heads}
    for key in fresh.keys() & _SEEN.keys():
        del fresh[key]
    left = iter(fresh.items())
    while some := list(islice(left, _EXAMINED_TOGETHER)):
        if len(_SEEN) > _MOST_SEEN:
            _SEEN.clear()
        framings = [_framing(head) for _, head in some]
        lines = [_lines(head, how) for (_, head), how in zip(some, framings, strict=True)]
        claimed = _without_prefixes(lines, _claimed(lines))
        for (key, _), how, found in zip(some, framings, claimed, strict=True):
            _SEEN[key] = _Seen(how, found)


@lru_cache(maxsize=8)  # `recognise` of every format is called with the same head
def _hash(head: bytes) -> bytes:
    return hashlib.blake2b(head, digest_size=16).digest()


def _seen(head: bytes) -> _Seen:
    key = _hash(head)
    if key not in _SEEN:
        look_at([head])
    return _SEEN[key]


def shares(head: bytes) -> dict[str, float]:
    """The share of the first records of `head` that each format claims, by name; without those that claim
    none."""
    return _seen(head).claimed.shares


def framing_of(head: bytes) -> Framing | None:
    """The framing of a stream that begins with `head`; None if it has one record per line."""
    return _seen(head).framing


def head_lines(head: bytes) -> pl.Series:
    """The first records of a stream that begins with `head`, one per line."""
    return _lines(head, framing_of(head))


def sorter(first: type[LineFormat] | None, head: bytes = b"", *, resumed: bool = False) -> Sorter:
    """A sorter for a stream that begins with `head`; lines that no format claims go to `first`.

    `resumed`: the blocks to sort begin further on, but their header line may be in `head`.
    """
    claimed = _seen(head).claimed if head else _Claimed({}, wraps=True)
    made = Sorter(_ordered(claimed.shares), first, may_wrap=claimed.wraps, prefix=claimed.prefix)
    if resumed:
        made.split(pl.DataFrame({"line": head_lines(head)}).with_columns(offset=0, bytes=0))
    return made


def _framing(head: bytes) -> Framing | None:
    text = as_utf8(head)
    for log_format in all_formats():
        if log_format.framing is not None and log_format.framing.fits(text):
            found = _shares(_lines(head, log_format.framing))
            if found.get(log_format.name, 0.0) >= ENOUGH:
                return log_format.framing
    if json_documents.JSON.fits(text):
        # Whether the items of a list called `events` or `data` are records, or part of one, depends on the
        # product.
        unknown = not _shares(_lines(head, json_documents.JSON))
        known_whole = unknown and _shares(_lines(head, json_documents.WHOLE_JSON))
        return json_documents.WHOLE_JSON if known_whole else json_documents.JSON
    if tables.TABLE.fits(text):
        found = _shares(_lines(head, tables.TABLE))
        own = (share for name, share in found.items() if not _known()[name].generic)
        return tables.TABLE if sum(own) >= ENOUGH else None
    fitting = [how for how in (tables.RESAVED, tables.ROWS) if how.fits(text)]
    if fitting and sum(_shares(_lines(head, None)).values()) < ENOUGH:
        return next((how for how in fitting if sum(_shares(_lines(head, how)).values()) >= ENOUGH), None)
    return None


def _known() -> dict[str, type[LineFormat]]:
    return {log_format.name: log_format for log_format in all_formats()}


def _lines(head: bytes, how: Framing | None) -> pl.Series:
    if how is None:
        return first_lines(head, HEAD_LINES)
    block = next(blocks(framed(io.BytesIO(head), how)), None)
    return pl.Series([], dtype=pl.String) if block is None else block.lines()["line"].head(HEAD_LINES)


def _shares(lines: pl.Series) -> dict[str, float]:
    (claimed,) = _claimed([lines])
    return claimed.shares


def _claimed(streams: list[pl.Series]) -> list[_Claimed]:
    """Which formats claim the first lines of each stream, without removing prefixes.

    If there are many, all formats are tried on a sample of the lines; those that claim some are tried first
    on the rest.
    """
    peeled = envelopes.peel(_numbered(streams))
    met: dict[int, set[str]] = {}
    if peeled.height > _FEW:
        sample = peeled.filter(pl.int_range(pl.len()).over("offset") % _SAMPLED == 0)
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


def _numbered(streams: list[pl.Series]) -> pl.DataFrame:
    """Lines as `Sorter` takes them; `offset` is the number of their stream."""
    return pl.concat(
        pl.DataFrame({"line": one}, schema={"line": pl.String}).with_columns(offset=nth, bytes=0)
        for nth, one in enumerate(streams)
    )


def _without_prefixes(streams: list[pl.Series], claimed: list[_Claimed]) -> list[_Claimed]:
    """Which formats claim the lines of each stream without their prefix, if they have one; otherwise
    `claimed`.

    A prefix is removed if more lines are claimed without it. A format that recognises its lines by a text in
    the middle claims as many lines with the prefix. Then it is only removed if it is unmistakable, or if the
    rest of the lines begins as records do.
    """
    best = list(claimed)
    begun = _begun(streams)
    for place, prefix in enumerate(prefixes.PREFIXES):
        bare: dict[int, pl.Series] = {}
        for nth, counts in begun.items():
            if counts[place] > PREFIXED * len(streams[nth]):
                text = prefixes.removed(streams[nth].to_frame("line"), prefix)["line"]
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


def _begun(streams: list[pl.Series]) -> dict[int, Sequence[int]]:
    """How many lines of each stream, by its number, begin with each of PREFIXES; without empty streams."""
    begin = [pl.col("line").str.contains(prefix) for prefix in prefixes.PREFIXES]
    counts = (
        _numbered(streams).group_by("offset").agg(each.sum().alias(str(n)) for n, each in enumerate(begin))
    )
    return {nth: found for nth, *found in counts.iter_rows()}


def _is_certain(prefix: str, bare: pl.Series) -> bool:
    """True if `prefix` is certainly no part of a format; `bare` are the lines without it."""
    return prefix in prefixes.UNMISTAKABLE or _whole(bare) > PREFIXED * len(bare)


def _whole(lines: pl.Series) -> int:
    """The number of lines with a syslog header, or with the beginning of a record."""
    peeled = envelopes.peel(lines.to_frame("line"))
    return int((peeled["stamp"].is_not_null() | lines.str.contains(prefixes.WHOLE)).sum())


def _ordered(found: Mapping[str, float]) -> list[type[LineFormat]]:
    """As `all_formats`, but within each of its three parts, formats with the largest share in `found`
    come first."""
    return sorted(all_formats(), key=lambda one: (*_place(one)[:2], -found.get(one.name, 0.0)))
