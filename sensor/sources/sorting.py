"""Decides which family each line belongs to: removes envelopes, then asks the families which lines they
claim.

Families that own lines at the beginning of the file are asked first, then all others. Normalised schemas
(`generic`) are asked after the formats of products.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import io
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import polars as pl

import sensor.sources.formats
from sensor.sources import envelopes, framing
from sensor.sources.framing import Framing
from sensor.sources.lines import blocks, first_lines
from sensor.sources.text.reasons import HEADER

if TYPE_CHECKING:
    from sensor.sources.family import Family

#: Lines of the head that are looked at.
HEAD_LINES = 200
#: A family's framing is used where it claims at least this share of the records it makes.
ENOUGH = 0.3
#: Beginnings of files looked at together, and remembered.
_LOOKED_AT_TOGETHER, _MOST_SEEN = 50, 10_000
#: All families are asked about one in this many lines; about the others, only likely ones are.
_SAMPLED = 20
#: What envelopes hold.
_PEELED = ("line", "stamp", "sender", "tag")
NOBODYS = "no known format"


#: Families the user described, before all others.
_OWN: dict[str, type[Family]] = {}


def add(family: type[Family]) -> None:
    """Register `family`, before all built-in ones; it replaces one of the same name."""
    _OWN[family.name] = family
    _forget()


def remove(name: str) -> None:
    """Unregister a family that was added."""
    del _OWN[name]
    _forget()


def _forget() -> None:
    families.cache_clear()
    _SEEN.clear()


@cache
def families() -> tuple[type[Family], ...]:
    """All families: those added, those of products, normalised schemas; each by name. The folder is
    walked."""
    from sensor.sources.family import Family

    found: dict[str, type[Family]] = {}
    for module in pkgutil.iter_modules(sensor.sources.formats.__path__):
        loaded = importlib.import_module(f"{sensor.sources.formats.__name__}.{module.name}")
        for thing in vars(loaded).values():
            if inspect.isclass(thing) and issubclass(thing, Family) and not inspect.isabstract(thing):
                found[thing.name] = thing
    found |= _OWN
    return tuple(sorted(found.values(), key=_place))


def _place(family: type[Family]) -> tuple[bool, bool, str]:
    return family.name not in _OWN, family.generic, family.name


@dataclass(frozen=True)
class _Seen:
    """What the beginning of a stream shows."""

    #: how its records are found; None: one a line
    framing: Framing | None
    #: share of its first records that each family claims; those without any are left out
    shares: dict[str, float]
    #: does it hold JSON around lines of another format?
    wraps: bool


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
        for (key, _), how, (found, wraps) in zip(some, framings, _claimed(lines), strict=True):
            _SEEN[key] = _Seen(how, found, wraps)


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


def _framing(head: bytes) -> Framing | None:
    for family in families():
        if family.framing is not None and family.framing.fits(head):
            found = _shares(_lines(head, family.framing))
            if found.get(family.name, 0.0) >= ENOUGH:
                return family.framing
    if framing.JSON.fits(head):
        return framing.JSON
    if framing.TABLE.fits(head):
        found = _shares(_lines(head, framing.TABLE))
        own = (share for name, share in found.items() if not _known()[name].generic)
        return framing.TABLE if sum(own) >= ENOUGH else None
    return None


def _known() -> dict[str, type[Family]]:
    return {family.name: family for family in families()}


def _lines(head: bytes, how: Framing | None) -> pl.Series:
    if how is None:
        return first_lines(head, HEAD_LINES)
    block = next(blocks(framing.framed(io.BytesIO(head), how)), None)
    return pl.Series([], dtype=pl.String) if block is None else block.lines()["line"].head(HEAD_LINES)


def _shares(lines: pl.Series) -> dict[str, float]:
    ((found, _),) = _claimed([lines])
    return found


def _claimed(streams: list[pl.Series]) -> list[tuple[dict[str, float], bool]]:
    """For the first lines of each stream, the share that each family claims, and whether JSON is around
    lines of another format.

    All families are asked about a sample of the lines; those that own some are asked first about the rest.
    """
    lines = pl.concat(
        pl.DataFrame({"line": one}, schema={"line": pl.String}).with_columns(offset=nth, bytes=0)
        for nth, one in enumerate(streams)
    )
    peeled = envelopes.peel(lines)
    sample = peeled.filter(pl.int_range(pl.len()).over("offset") % _SAMPLED == 0)
    met: dict[int, set[str]] = {}
    for name, (_, part) in Sorter(None, b"").split_peeled(sample).items():
        for nth in part["offset"].unique():
            met.setdefault(nth, set()).add(name)
    alike: dict[frozenset[str], list[int]] = {}
    for nth in range(len(streams)):
        alike.setdefault(frozenset(met.get(nth, ())), []).append(nth)
    out: list[tuple[dict[str, float], bool]] = [({}, False)] * len(streams)
    for first, numbers in alike.items():
        of_these = peeled.filter(pl.col("offset").is_in(numbers))
        sorter = Sorter(None, b"", met=first)
        bare = sorter.unwrapped(of_these)
        owned = bare.with_columns(owner=sorter.owners(bare))
        differs = pl.any_horizontal(bare[name].ne_missing(of_these[name]) for name in _PEELED)
        wrapping = set(bare["offset"].filter(pl.select(differs).to_series()))
        for nth in numbers:
            parts = Sorter(None, b"", met=first).parts(owned.filter(pl.col("offset") == nth))
            found = {name: part.height / len(streams[nth]) for name, (_, part) in parts.items() if name}
            out[nth] = (found, nth in wrapping)
    return out


class Sorter:
    """Assigns lines to families; remembers the header line in force across blocks."""

    def __init__(
        self,
        first: type[Family] | None,
        head: bytes,
        *,
        resumed: bool = False,
        met: Iterable[str] = (),
    ) -> None:
        """`head` is the beginning of the stream; without it, `met` are names of families that own lines of
        it.

        `first` gets lines that nobody claims. `resumed`: blocks do not start with `head`.
        """
        self._first = first
        self._order = _ordered(shares(head) if head else dict.fromkeys(met, 1.0))
        #: JSON of a file whose beginning holds no envelope is not looked into again
        self._may_wrap = not head or _seen(head).wraps
        self._header: tuple[int | None, str | None] = (None, None)
        if resumed:
            self.split(pl.DataFrame({"line": head_lines(head)}).with_columns(offset=0, bytes=0))

    def is_first(self, family: type[Family]) -> bool:
        """True if `family` is asked before all others."""
        return self._order[0] is family

    def split(self, lines: pl.DataFrame) -> dict[str, tuple[type[Family], pl.DataFrame]]:
        """`lines` (line, offset, bytes) by name of their family, with the columns of envelopes, `header`,
        `reason`.

        Lines that nobody claims go to the first family, with a reason; without a first one they are dropped.
        Column `number` counts the lines of each part, from 0.
        """
        return self.split_peeled(envelopes.peel(lines))

    def split_peeled(self, peeled: pl.DataFrame) -> dict[str, tuple[type[Family], pl.DataFrame]]:
        """As `split`, for lines whose syslog envelopes are removed."""
        bare = self.unwrapped(peeled)
        return self.parts(bare.with_columns(owner=self.owners(bare)))

    def parts(self, bare: pl.DataFrame) -> dict[str, tuple[type[Family], pl.DataFrame]]:
        """As `split`, for lines without envelopes, with their family in column `owner`."""
        owned = self._headed(bare)
        if self._first is not None and _all_of(owned["owner"], self._order.index(self._first)):
            return {self._first.name: (self._first, owned.drop("owner").with_row_index("number"))}
        out: dict[str, tuple[type[Family], pl.DataFrame]] = {}
        by_code = dict(enumerate(self._order))
        for (code,), part in owned.group_by("owner", maintain_order=True):
            family = by_code.get(code) if isinstance(code, int) else None
            if family is None:
                if self._first is None:
                    continue
                family, part = (
                    self._first,
                    part.with_columns(reason=pl.lit(NOBODYS), header=pl.lit(None, dtype=pl.String)),
                )
            known = out.get(family.name)
            out[family.name] = (family, part if known is None else pl.concat([known[1], part]))
        return {
            name: (family, part.sort("offset", maintain_order=True).drop("owner").with_row_index("number"))
            for name, (family, part) in out.items()
        }

    def empty_part(self, lines: pl.DataFrame) -> pl.DataFrame:
        """The empty part, for a family that owns none of `lines`."""
        empty = envelopes.peel(lines.clear()).with_columns(
            header=pl.lit(None, dtype=pl.String), reason=pl.lit(None, dtype=pl.String)
        )
        return empty.with_row_index("number")

    def unwrapped(self, peeled: pl.DataFrame) -> pl.DataFrame:
        """`peeled` with JSON envelopes removed where a family claims what is inside.

        Many lines look like normalised schemas. So their claim only counts if what is inside is a whole
        record, or if nobody claims the envelope, or the same family does for what it quotes.

        Envelopes may be nested (a search result around a raw event).
        """
        if not self._may_wrap:
            return peeled
        generic = [code for code, family in enumerate(self._order) if family.generic]
        outer, places = peeled, pl.Series(range(peeled.height), dtype=pl.UInt32)
        for _ in range(envelopes.DEPTH):
            insides = envelopes.inner(outer)
            if insides.is_empty():
                break
            around = outer[insides["place"]]
            inherited = [pl.coalesce(name, around[name]).alias(name) for name in ("stamp", "sender", "tag")]
            insides = insides.with_columns(*inherited, place=places.gather(insides["place"]))
            own = self.owners(insides)
            whole = around["line"].str.contains(envelopes.WHOLE)
            if (doubtful := own.is_in(generic).fill_null(False) & ~whole).any():
                outside, quoted = self.owners(around), ~insides["line"].str.starts_with("{")
                whole |= outside.is_null() | ((outside == own) & quoted).fill_null(False)
            claimed = insides.filter(own.is_not_null() & (~doubtful | whole))
            if claimed.height:
                peeled = envelopes.replaced(peeled, claimed)
            outer, places = insides, insides["place"]
        return peeled

    def owners(self, peeled: pl.DataFrame) -> pl.Series:
        """For each line, the index in `_order` of the family that claims it; NULL if nobody does."""
        owner = pl.Series("owner", [None] * peeled.height, dtype=pl.Int32)
        left = peeled.select("line", "tag").with_row_index("at")
        text: str | None = None
        for code, family in enumerate(self._order):
            if left.is_empty():
                break
            # The first is the one most lines belong to.
            if code:
                text = _text(left) if text is None else text
                if not family.may_own(text):
                    continue
            # Not `select`: a claim that is a literal would make one row.
            claimed = left.with_columns(mine=family.claims.fill_null(False))["mine"]
            if claimed.any():
                owner = owner.scatter(left["at"].filter(claimed), code)
                left = left.filter(~claimed)
        return owner

    def _headed(self, owned: pl.DataFrame) -> pl.DataFrame:
        """`owned` with `header` (the header line in force) and `reason`.

        Lines that nobody claims belong to the family of the header in force.
        """
        nothing = pl.lit(None, dtype=pl.String)
        out = owned.with_columns(header=nothing, reason=nothing)
        heads = self._header_lines(owned)
        carried_code, carried = self._header
        if heads.null_count() == owned.height and carried_code is None:
            return out
        header_text = pl.select(pl.when(heads.is_not_null()).then(owned["line"])).to_series()
        # Lines above the first header are under the one carried over, if there was one.
        in_force = pl.select(pl.coalesce(heads.forward_fill(), pl.lit(carried_code, pl.Int32))).to_series()
        text = pl.select(pl.coalesce(header_text.forward_fill(), pl.lit(carried, pl.String))).to_series()
        if owned.height:
            self._header = (in_force[-1], text[-1])
        owner = pl.select(pl.coalesce(heads, owned["owner"], in_force)).to_series()
        return out.with_columns(
            owner=owner,
            header=pl.when(owner == in_force).then(text),
            reason=pl.when(heads.is_not_null()).then(pl.lit(HEADER)),
        )

    def _header_lines(self, owned: pl.DataFrame) -> pl.Series:
        """The place in `_order` of the family whose header a line is: its own, or nobody's."""
        heads = pl.Series("head", [None] * owned.height, dtype=pl.Int32)
        known = set(owned["owner"].unique())
        text = _text(owned.filter(pl.col("owner").is_null())) if None in known else ""
        for code, family in enumerate(self._order):
            if not family.header or not (code in known or (None in known and family.may_own(text))):
                continue
            places = (owned["owner"].is_null() | (owned["owner"] == code).fill_null(False)).arg_true()
            mine = owned["line"].gather(places).str.contains(family.header)
            fresh = places.filter(mine & heads.gather(places).is_null())
            heads = heads.scatter(fresh, code) if len(fresh) else heads
        return heads


def _text(lines: pl.DataFrame) -> str:
    """Lines and tags, in lower case."""
    texts = pl.concat([lines["line"], lines["tag"].unique()])
    return str(texts.str.join("\n")[0]).lower()


def _all_of(owner: pl.Series, code: int) -> bool:
    """Is every line of a block the same family's?"""
    return len(owner) > 0 and not owner.has_nulls() and owner.min() == code == owner.max()


def _ordered(known: dict[str, float]) -> list[type[Family]]:
    """Product formats before generic ones; among each, those seen in the head first."""

    def place(family: type[Family]) -> tuple[bool, bool, float, str]:
        return family.name not in _OWN, family.generic, -known.get(family.name, 0.0), family.name

    return sorted(families(), key=place)
