"""Gives each line of a log to the format that claims it, once its envelopes are removed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from sensor.sources.logs.line_format import LineFormat
from sensor.sources.logs.lines import envelopes
from sensor.sources.logs.text.reasons import HEADER

NO_FORMAT = "no known format"
# Senders whose last header line is remembered.
_MOST_SENDERS = 1_000
# Lines that are searched for marks one by one; most others have the same.
_FIRST_LINES = 200


class Sorter:
    """Assigns lines to formats; remembers the header lines in force across blocks, one for each sender."""

    def __init__(
        self,
        order: Sequence[type[LineFormat]],
        first: type[LineFormat] | None = None,
        *,
        may_wrap: bool = True,
        prefix: str | None = None,
    ) -> None:
        """`order`: the formats in the order in which they are tried. `first` gets the lines that no format
        claims.

        `may_wrap`: lines of another format may be wrapped in JSON; False if the beginning of a file has none
        such. `prefix`: the prefix of the lines (prefixes.py).
        """
        self._order = list(order)
        self._first = first
        self._last = [code for code, log_format in enumerate(self._order) if log_format.fallback]
        self._marks = sorted({mark for log_format in self._order for mark in log_format.marks})
        self._may_wrap, self._prefix = may_wrap, prefix
        # The format and text of the last header line of each sender; the newest one last.
        self._headers: dict[str | None, tuple[int, str]] = {}

    def is_first(self, log_format: type[LineFormat]) -> bool:
        """True if `log_format` is tried before all others."""
        return self._order[0] is log_format

    def split(self, lines: pl.DataFrame) -> dict[str, tuple[type[LineFormat], pl.DataFrame]]:
        """`lines` (line, offset, bytes) by name of their format, with the columns of envelopes, `header`,
        `reason`.

        Lines that no format claims go to `first`, with a reason; without `first` they are dropped.
        Column `number` counts the lines of each part, from 0.
        """
        return self.split_peeled(envelopes.peel(lines, self._prefix))

    def split_peeled(self, peeled: pl.DataFrame) -> dict[str, tuple[type[LineFormat], pl.DataFrame]]:
        """As `split`, for lines whose syslog envelopes are removed."""
        bare = self.unwrapped(peeled)
        return self.parts(bare.with_columns(owner=self.owners(bare)))

    def parts(self, bare: pl.DataFrame) -> dict[str, tuple[type[LineFormat], pl.DataFrame]]:
        """As `split`, for lines without envelopes, with their format in column `owner`."""
        owned = self._headed(bare)
        if self._first is not None and _all_of(owned["owner"], self._order.index(self._first)):
            return {self._first.name: (self._first, owned.drop("owner").with_row_index("number"))}
        out: dict[str, tuple[type[LineFormat], pl.DataFrame]] = {}
        by_code = dict(enumerate(self._order))
        for (code,), part in owned.group_by("owner", maintain_order=True):
            log_format = by_code.get(code) if isinstance(code, int) else None
            if log_format is None:
                if self._first is None:
                    continue
                log_format, part = (
                    self._first,
                    part.with_columns(reason=pl.lit(NO_FORMAT), header=pl.lit(None, dtype=pl.String)),
                )
            known = out.get(log_format.name)
            out[log_format.name] = (log_format, part if known is None else pl.concat([known[1], part]))
        return {
            name: (
                log_format,
                part.sort("offset", maintain_order=True).drop("owner").with_row_index("number"),
            )
            for name, (log_format, part) in out.items()
        }

    def empty_part(self, lines: pl.DataFrame) -> pl.DataFrame:
        """The empty part, for a format without any of `lines`."""
        empty = envelopes.peel(lines.clear()).with_columns(
            header=pl.lit(None, dtype=pl.String), reason=pl.lit(None, dtype=pl.String)
        )
        return empty.with_row_index("number")

    def unwrapped(self, peeled: pl.DataFrame) -> pl.DataFrame:
        """`peeled` with JSON envelopes removed where a format claims what is inside.

        Many lines look like normalised schemas (`generic`). Their claim to the inner line only counts if the
        outer line certainly is an envelope (`envelopes.WHOLE`), if no format claims the outer line, or if the
        inner line was a quoted text and the outer one is claimed by the same format or only as a last resort.

        Envelopes may be nested (a search result around a raw event).
        """
        if not self._may_wrap:
            return peeled
        generic = [code for code, log_format in enumerate(self._order) if log_format.generic]
        outer, places = peeled, pl.Series(range(peeled.height), dtype=pl.UInt32)
        for _ in range(envelopes.DEPTH):
            insides = envelopes.inner(outer)
            if insides.is_empty():
                break
            around = outer[insides["place"]]
            inherited = [pl.coalesce(name, around[name]).alias(name) for name in ("stamp", "sender", "tag")]
            insides = insides.with_columns(*inherited, place=places.gather(insides["place"]))
            own = self.owners(insides)
            whole = around["line"].str.contains(envelopes.WHOLE) & ~own.is_in(self._last).fill_null(False)
            if (doubtful := own.is_in(generic).fill_null(False) & ~whole).any():
                outside, quoted = self.owners(around), ~insides["line"].str.starts_with("{")
                likely = (outside == own) | outside.is_in(self._last)
                whole |= outside.is_null() | (likely & quoted).fill_null(False)
            claimed = insides.filter(own.is_not_null() & (~doubtful | whole))
            if claimed.height:
                peeled = envelopes.replaced(peeled, claimed)
            outer, places = insides, insides["place"]
        return peeled

    def owners(self, peeled: pl.DataFrame) -> pl.Series:
        """For each line, the index in `_order` of the format that claims it; NULL if none does."""
        owner = pl.Series("owner", [None] * peeled.height, dtype=pl.Int32)
        left = peeled.select("line", "tag").with_row_index("at")
        text: str | None = None
        for code, log_format in enumerate(self._order):
            if left.is_empty():
                break
            # The first format has most lines, so searching for its marks would save nothing.
            if code:
                text = self._marked(left) if text is None else text
                if not log_format.may_own(text):
                    continue
            # Not `select`: a claim that is a literal would make one row.
            claimed = left.with_columns(mine=log_format.claims.fill_null(False))["mine"]
            if claimed.any():
                owner = owner.scatter(left["at"].filter(claimed), code)
                left = left.filter(~claimed)
                if log_format.header and not code:
                    # Nobody else is asked about headers of the format of most lines: asking takes ms each.
                    left = left.filter(~left["line"].str.contains(log_format.header).fill_null(False))
        return owner

    def _marked(self, lines: pl.DataFrame) -> str:
        """A text in lower case that has the same marks as all lines and tags: the first lines, and those
        that have a mark these have not. Searching all lines for each mark would take most of the time."""
        tags = lines["tag"].unique().drop_nulls()
        first, others = lines["line"].head(_FIRST_LINES), lines["line"].slice(_FIRST_LINES)
        text = "\n".join([*first.drop_nulls(), *tags]).lower()
        if others.is_empty():
            return text
        rare = pl.Series([mark for mark in self._marks if mark not in text], dtype=pl.String)
        told = others.filter(
            others.str.contains_any(rare.implode(), ascii_case_insensitive=True).fill_null(False)
        )
        return "\n".join([text, *told]).lower()

    def _headed(self, owned: pl.DataFrame) -> pl.DataFrame:
        """`owned` with `header` (the header line in force) and `reason`.

        Lines that no format claims belong to the format of their sender's last header; of a sender without
        one, to that of the last header of all.
        """
        nothing = pl.lit(None, dtype=pl.String)
        out = owned.with_columns(header=nothing, reason=nothing)
        heads = self._header_lines(owned)
        if heads.null_count() == owned.height and not self._headers:
            return out
        carried_code, carried = list(self._headers.values())[-1] if self._headers else (None, None)
        titled = owned.select("sender", head=heads, text=pl.when(heads.is_not_null()).then("line"))
        under = titled.join(self._carried(), on="sender", how="left", nulls_equal=True, maintain_order="left")
        # Lines above the first header are under the one carried over, if there was one.
        under = under.select(
            own=pl.coalesce(pl.col("head").forward_fill().over("sender"), "own_code"),
            own_text=pl.coalesce(pl.col("text").forward_fill().over("sender"), "own_text"),
            last=pl.coalesce(pl.col("head").forward_fill(), pl.lit(carried_code, pl.Int32)),
            last_text=pl.coalesce(pl.col("text").forward_fill(), pl.lit(carried, pl.String)),
        )
        in_force, text = under.select(pl.coalesce("own", "last"), pl.coalesce("own_text", "last_text"))
        self._remember(titled)
        # What a header says of the lines below it goes before what the names in a line may mean.
        by_names = owned["owner"].is_in(self._last).fill_null(False) & under["own"].is_not_null()
        known = owned["owner"].set(by_names, None)
        owner = pl.select(pl.coalesce(heads, known, in_force, owned["owner"])).to_series()
        return out.with_columns(
            owner=owner,
            header=pl.when(owner == in_force).then(text),
            reason=pl.when(heads.is_not_null()).then(pl.lit(HEADER)),
        )

    def _carried(self) -> pl.DataFrame:
        """The remembered headers: sender, own_code, own_text."""
        rows = [(sender, code, text) for sender, (code, text) in self._headers.items()]
        schema = {"sender": pl.String, "own_code": pl.Int32, "own_text": pl.String}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _remember(self, titled: pl.DataFrame) -> None:
        """Remember the last header of each sender in `titled` (sender, head, text)."""
        for sender, code, text in titled.drop_nulls("head").iter_rows():
            self._headers.pop(sender, None)
            self._headers[sender] = (code, text)
        for sender in list(self._headers)[:-_MOST_SENDERS]:
            del self._headers[sender]

    def _header_lines(self, owned: pl.DataFrame) -> pl.Series:
        """For each header line, the index in `_order` of its format, if that or no format claims the line."""
        heads = pl.Series("head", [None] * owned.height, dtype=pl.Int32)
        owner, known = owned["owner"], set(owned["owner"].unique())
        unknown, text = owner.is_null(), None  # lines of nobody so far
        for code, log_format in enumerate(self._order):
            if not log_format.header:
                continue
            if code not in known:
                if not unknown.any():
                    continue
                text = self._marked(owned.filter(unknown)) if text is None else text
                if not log_format.may_own(text):
                    continue
            places = (unknown | (owner == code).fill_null(False)).arg_true()
            fresh = places.filter(owned["line"].gather(places).str.contains(log_format.header))
            if len(fresh):
                heads = heads.scatter(fresh, code)
                unknown &= heads.is_null()
        return heads


def _all_of(owner: pl.Series, code: int) -> bool:
    """True if all lines of a block belong to the same format."""
    return len(owner) > 0 and not owner.has_nulls() and owner.min() == code == owner.max()
