"""Plain lines of the two layouts that `stamped` reads, read by the compiled scanner instead.

What the scanner takes for a field may still be none in these layouts: such lines are left for `stamped`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from sensor.coded import by_value
from sensor.sources.logs.formats.squid.columns import COLUMNS, known
from sensor.sources.logs.formats.squid.meaning import told
from sensor.sources.logs.formats.squid.stamped import (
    NATIVE_CODE,
    OUR_CODE,
    QUOTED,
    WITH_PORT,
    last_quoted,
    result_and_status,
    split,
)
from sensor.sources.logs.line_format import Cut
from sensor.sources.logs.rows import records

if TYPE_CHECKING:
    from sensor.decode.text import delimited

_BEGINS = r"\d{10}\.\d{3} +\d"
_BEGINS_NATIVE = r"\d{10}\.\d{3} +\d+ \S+ [A-Z_]+/\d{3} (?:\d+|-) "
_EARLIEST, _LATEST = (datetime.fromtimestamp(s, UTC) for s in (records.EARLIEST_S, records.LATEST_S))


@dataclass(frozen=True)
class _Layout:
    """One layout, for the scanner."""

    #: name of each field, and its kind, a name in `delimited`
    fields: tuple[tuple[str, str], ...]
    #: fields with no white space in them but the scanner's separator, as `SquidFormat.claims` has it
    words: tuple[str, ...]
    #: from these fields to `COLUMNS` (all but those that no line has), `sound` where the codes are some
    read: Callable[[pl.DataFrame], pl.DataFrame]


class Scanner:
    """Reads blocks of lines; what it learns of the values of a log is kept for its next block."""

    def __init__(self) -> None:
        self._cutters: dict[_Layout, delimited.Cutter] = {}

    def cut(self, text: bytes) -> Cut | None:
        """Lines of the native layout or of ours, whichever the first of them is in; None if it is in
        neither."""
        begin = text[: text.find(b"\n") + 1].decode("utf-8", "replace")
        if not re.match(_BEGINS, begin):
            return None
        layout = _NATIVE if re.match(_BEGINS_NATIVE, begin) else _OURS
        if layout not in self._cutters:
            self._cutters[layout] = _cutter(layout)
        return _checked(self._cutters[layout].cut(text), text, layout)


def _cutter(layout: _Layout) -> delimited.Cutter:
    from sensor.decode.text import delimited

    fields = tuple(delimited.Field(getattr(delimited, kind), name) for name, kind in layout.fields)
    return delimited.Cutter(delimited.Layout(fields, separator=" ", empty=False, tail=True))


def _checked(found: delimited.Cut, text: bytes, layout: _Layout) -> Cut:
    """The lines that were cut; those that `stamped` has to judge are left."""
    from sensor.decode.text.delimited import lines_at

    at = pl.col("at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    rows = layout.read(found.rows.with_columns(at, pl.col("url_path").alias("url_rest")))
    sound = _is_sound(rows, layout, is_ascii=text.isascii())
    missing = [
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in COLUMNS.items() if name not in rows.columns
    ]
    rows, odd = rows.with_columns(missing), found.odd
    if not sound.all():
        left = rows.filter(~sound).select("offset", "bytes")
        odd = pl.concat([odd, lines_at(text, left)]).sort("offset")
        rows = rows.filter(sound)
    return Cut(told(rows.select(*COLUMNS, "url_rest")), rows.select("offset", "bytes"), odd)


def _is_sound(rows: pl.DataFrame, layout: _Layout, *, is_ascii: bool) -> pl.Series:
    sound = rows["sound"].fill_null(False) & rows["at"].is_between(_EARLIEST, _LATEST)
    sound &= rows["elapsed_ms"].is_not_null()  # the scanner takes `-` for a number that is not known
    for name in layout.words:
        sound &= by_value(rows[name], _of_word)["is_word"].fill_null(True)
    if "url" in layout.words and not is_ascii:
        sound &= ~rows["url_path"].str.contains(r"\s").fill_null(False)
    return sound & ~by_value(rows["client"], _of_client)["has_port"].fill_null(False)


def _of_word(text: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"is_word": text.str.contains(r"^\S+$")})


def _of_client(client: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"has_port": client.str.contains(WITH_PORT)})


def _native(rows: pl.DataFrame) -> pl.DataFrame:
    code, peer = by_value(rows["code"], _of_native_code), by_value(rows["peer"], _of_peer)
    sound = code["sound"] & peer["is_peer"]
    return rows.with_columns(
        *code.drop("sound"), *peer.drop("is_peer"), *by_value(rows["tail"], _of_native_tail), sound=sound
    )


def _of_native_code(code: pl.Series) -> pl.DataFrame:
    both = result_and_status(code)
    status = pl.col("status").cast(pl.Int64, strict=False)
    return both.with_columns(status, sound=code.str.contains(NATIVE_CODE))


def _of_peer(code: pl.Series) -> pl.DataFrame:
    both = split(code, "/", "hierarchy", "peer").select(known(pl.all()))
    return both.with_columns(is_peer=code.str.contains(r"^[A-Z_]+/\S"))


def _of_native_tail(tail: pl.Series) -> pl.DataFrame:
    nothing = pl.Series([None], dtype=pl.String)
    return pl.DataFrame({"agent": last_quoted(tail, nothing.new_from_index(0, len(tail)))})


def _ours(rows: pl.DataFrame) -> pl.DataFrame:
    code = by_value(rows["code"], _of_our_code)
    sound = code["sound"] & (rows["status"] < 1000)
    return rows.with_columns(*code.drop("sound"), *by_value(rows["tail"], _of_our_tail), sound=sound)


def _of_our_code(code: pl.Series) -> pl.DataFrame:
    return split(code, ":", "result", "hierarchy").with_columns(sound=code.str.contains(OUR_CODE))


def _of_our_tail(tail: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"agent": tail.str.extract(r"^" + QUOTED), "bump": tail.str.extract(r"\" (\w+)\s*$")})


_NATIVE = _Layout(
    (
        ("at", "STAMP"), ("elapsed_ms", "PADDED"), ("client", "CODE"), ("code", "CODE"), ("down", "COUNT"),
        ("method", "CODE"), ("url", "URL"), ("user", "CODE"), ("peer", "CODE"), ("tail", "CODE"),
    ),
    words=("client",),
    read=_native,
)  # fmt: skip
_OURS = _Layout(
    (
        ("at", "STAMP"), ("elapsed_ms", "PADDED"), ("client", "CODE"), ("user", "CODE"), ("method", "CODE"),
        ("url", "URL"), ("status", "COUNT"), ("code", "CODE"), ("up", "COUNT"), ("down", "COUNT"),
        ("sni", "CODE"), ("tail", "CODE"),
    ),
    words=("client", "user", "method", "url"),
    read=_ours,
)  # fmt: skip
