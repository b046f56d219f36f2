"""Turns the lines of a log into batches. The lines may be of several formats.

For each block: the lines are divided among the formats that claim them (sorting.py); each format parses its
lines; `rows` finishes the result, joins sessions and one-way records, ends leases, and counts all lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from sensor import schema
from sensor.sources.interface import Batch
from sensor.sources.logs.line_format import Cut, LineFormat
from sensor.sources.logs.lines.blocks import Block
from sensor.sources.logs.rows import clocks, finish, headers, records
from sensor.sources.logs.rows.flows import Pairs
from sensor.sources.logs.rows.leases import LeaseTracker, reported
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.sorting import Sorter
from sensor.sources.logs.text import scanner
from sensor.sources.logs.text.reasons import LOST, SET_ASIDE

#: More records than any proxy loses between two lines: a text that somebody else wrote.
_MOST_LOST = 1_000_000_000


@dataclass
class _OpenRecords:
    """State from earlier lines of a format that later lines continue."""

    sessions: Sessions = field(default_factory=Sessions)
    pairs: Pairs = field(default_factory=Pairs)
    leases: LeaseTracker = field(default_factory=LeaseTracker)


class Reader:
    """Turns blocks of lines into batches; keeps the state that spans blocks."""

    def __init__(self, first: LineFormat, sorter: Sorter) -> None:
        self._first = first
        self._sorter = sorter
        self._formats: dict[str, LineFormat] = {first.name: first}
        self._open_records: dict[str, _OpenRecords] = {}

    def refer_to(self, written: datetime) -> None:
        """Say when the next lines were written: near that is a stamp without a year, and a line without a
        time has it."""
        for log_format in self._formats.values():
            log_format.reference = written

    def batches(self, block: Block) -> Iterator[Batch]:
        """The parts of a block. The first format's comes last: it carries the errors of the block itself."""
        cut = self._cut(block)
        lines = block.lines() if cut is None else cut.odd
        parts = self._sorter.split(lines)
        own = parts.pop(self._first.name, None)
        mine = own[1] if own is not None else self._sorter.empty_part(lines)
        bare = replace(block, overlong=None, fault=None, lost={})
        others = {name: self._format(type_of=kind) for name, (kind, _) in sorted(parts.items())}
        tables = {name: self._tables(log_format, parts[name][1], bare) for name, log_format in others.items()}
        last = self._tables(self._first, mine, block, cut)
        del cut, lines, parts, own, mine  # free the memory: the caller may take long with the batch
        # The answers of one format name the connections of another: all come with the first batch.
        told = [each.pop("answers") for each in (*tables.values(), last)]
        for name, log_format in others.items():
            yield self._batch(block, tables.pop(name) | _answers(told), log_format, is_part=True)
        yield self._batch(block, last | _answers(told), self._first, is_part=block.replayed)

    def _cut(self, block: Block) -> Cut | None:
        """What the compiled scanner reads of a block, with offsets in the stream; None if it reads
        nothing."""
        is_wanted = self._first.scans_lines and self._sorter.is_first(type(self._first))
        if not (is_wanted and scanner.is_worth(block.text)):
            return None
        cut = self._first.cut(block.text)
        if cut is None:
            return None
        in_stream = pl.col("offset") + block.start
        return replace(cut, places=cut.places.with_columns(in_stream), odd=cut.odd.with_columns(in_stream))

    def _batch(
        self, block: Block, tables: dict[str, pl.DataFrame], log_format: LineFormat, *, is_part: bool
    ) -> Batch:
        return Batch(block.end, tables, is_part=is_part, is_replay=block.replayed, source=log_format.name)

    def _tables(
        self, log_format: LineFormat, lines: pl.DataFrame, block: Block, cut: Cut | None = None
    ) -> dict[str, pl.DataFrame]:
        """The tables of one format's lines of a block."""
        open_records = self._open_records.setdefault(log_format.name, _OpenRecords())
        if cut is None:
            read = read_lines(log_format, lines)
        else:
            read, lines = _merged(log_format, cut, lines)
        self._compare_clocks(log_format, read, lines)
        rejoined = open_records.pairs.take(open_records.sessions.take(read))
        used = rejoined.filter(pl.col("reason").is_null())
        is_lease = (used["kind"] == "lease").fill_null(False)
        leases = open_records.leases.update(reported(used.filter(is_lease), log_format.vantage))
        others = used.filter(~is_lease) if is_lease.any() else used
        if log_format.counts_headers:
            others = headers.on_the_wire(others, log_format.counts_headers)
        seen = {"observations": others, "answers": finish.answers(rejoined)}
        if block.replayed:
            return seen
        each = _records(rejoined, lines)
        read = records.complete(records.sampled(each, block), block, _lost(rejoined, each["at"]))
        return seen | {
            "leases": leases,
            "coverage": _carried(records.coverage(read), used, each["at"], log_format.reference),
            "rejects": records.rejects(read, block),
        }

    def _compare_clocks(self, log_format: LineFormat, read: pl.DataFrame, lines: pl.DataFrame) -> None:
        """Note whether a format's own times agree with those of its envelopes, by its first lines."""
        if log_format.name not in self._first.apart:
            apart = clocks.apart(read, lines)
            if apart is not None:
                self._first.apart[log_format.name] = apart

    def _format(self, type_of: type[LineFormat]) -> LineFormat:
        if type_of.name not in self._formats:
            self._formats[type_of.name] = self._first.other(type_of)
        return self._formats[type_of.name]


def _answers(told: list[pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The table of all that are left, of which none are left then."""
    answers = schema.ANSWERS.conform(pl.concat(told)) if told else schema.ANSWERS.empty()
    told.clear()
    return {"answers": answers}


def read_lines(log_format: LineFormat, lines: pl.DataFrame) -> pl.DataFrame:
    """Parsed and finished rows of `lines` (from `Sorter.split`), one or more per line; `row` is the line's
    number."""
    wanted = (
        lines.filter(pl.col("reason").is_null()) if lines["reason"].null_count() < lines.height else lines
    )
    numbers = wanted["number"]
    # Without lines, an expression of literals would still make one row.
    parsed = (
        pl.DataFrame()
        if wanted.is_empty()
        else log_format.parse(wanted.select("line", "tag", "sender", "header"))
    )
    if "row" not in parsed.columns:
        parsed = parsed.with_row_index("row")
    return finish.rows(parsed, wanted, log_format).with_columns(row=numbers.gather(parsed["row"]))


def _merged(log_format: LineFormat, cut: Cut, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Finished rows and lines of a block, in order: those that the scanner read, and those of `lines`."""
    places = cut.places.select(
        pl.lit(None, dtype=dtype).alias(name) if name not in cut.places.columns else name
        for name, dtype in lines.schema.items()
        if name != "number"
    )
    finished = finish.rows(cut.parsed.with_row_index("row"), places, log_format)
    if lines.is_empty():
        return finished, places.with_row_index("number")
    both = (
        pl.concat([places, lines.drop("number")]).with_row_index("place").sort("offset", maintain_order=True)
    )
    order = pl.Series(range(both.height), dtype=lines.schema["number"])
    number = order.clone().scatter(both["place"], order)
    read = read_lines(log_format, lines)
    done = [
        finished.with_columns(row=number.head(places.height).gather(finished["row"])),
        read.with_columns(row=number.slice(places.height).gather(read["row"])),
    ]
    whole = pl.concat(done, how="vertical_relaxed").sort("row", maintain_order=True)
    return whole, both.drop("place").with_row_index("number")


def _records(done: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Each line as a record for coverage and rejects. A line with several rows counts as used if one of them
    is."""
    if done["row"].equals(lines["number"]):  # one row a line, as nearly all formats have it
        joined = lines.with_columns(done["at"], done["reason"].alias("row_reason"))
    else:
        by_line = done.group_by("row").agg(
            pl.col("at").min(),
            pl.when(pl.col("reason").null_count() == 0).then(pl.col("reason").first()).alias("row_reason"),
        )
        joined = lines.with_columns(row=pl.col("number")).join(
            by_line, on="row", how="left", maintain_order="left"
        )
    reason = pl.coalesce("reason", "row_reason")
    return joined.with_columns(reason=reason).select(
        "at",
        "offset",
        "bytes",
        "reason",
        rejected=(pl.col("reason").is_not_null() & ~pl.col("reason").str.starts_with(SET_ASIDE)),
        line=pl.when(pl.col("reason").is_not_null()).then("line"),
    )


def _lost(done: pl.DataFrame, at: pl.Series) -> list[tuple[datetime | None, str, int]]:
    """What the writer of the log says it could not write: when it said so, and how many."""
    told = done.filter(pl.col("lost") > 0)
    told = told.select(pl.col("lost").clip(upper_bound=_MOST_LOST), at=at.gather(told["row"]))
    minute = pl.col("at").dt.truncate("1m").alias("minute")
    by_minute = told.group_by(minute).agg(pl.col("at").max(), pl.col("lost").sum())
    return [(when, LOST, count) for _, when, count in by_minute.sort("minute").iter_rows()]


#: Column of coverage → columns of an observation, of which at least one must have a value.
_CARRIED = {
    "with_user": ("user_name",),
    "with_host": ("host",),
    "with_path": ("path",),
    "with_bytes_up": ("bytes_up",),
    "with_bytes_down": ("bytes_down",),
}


def _carried(
    coverage: pl.DataFrame, used: pl.DataFrame, at: pl.Series, reference: datetime | None
) -> pl.DataFrame:
    """`coverage` with the number of used records of each minute, and of those with each kind of field.

    `at` is the time of each record. One without a timestamp has the time of its file, `reference`, and does
    not count in `with_time`.
    """
    carries = {name: pl.any_horizontal(pl.col(c).is_not_null() for c in of) for name, of in _CARRIED.items()}
    carries["with_time"] = (pl.col("at") != pl.lit(reference, dtype=schema.TIME)).fill_null(True)
    carries["with_action"] = pl.col("action").is_in(["allowed", "blocked", "reset"])
    each = used.select("row", **carries).with_columns(minute=at.gather(used["row"]).dt.truncate("1m"))
    if not each["row"].is_unique().all():  # a record with several rows counts once
        each = each.group_by("row").agg(pl.col("minute").first(), pl.col(*carries).any())
    by_minute = each.group_by("minute").agg(
        pl.len().cast(pl.Int64).alias("used"), pl.col(*carries).sum().cast(pl.Int64)
    )
    return coverage.join(by_minute, on="minute", how="left", maintain_order="left")
