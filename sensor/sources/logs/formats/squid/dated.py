"""Native with a date in place of the seconds (%tl, %{%Y-%m-%d %H:%M:%S}tl …), or without elapsed time."""

from __future__ import annotations

import polars as pl

from sensor import schema
from sensor.sources.logs.formats.squid.columns import conformed
from sensor.sources.logs.text import patterns

_DATE = (
    r"\[?\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4}(?:\.\d+)?)?\]?"
    r"|\[?\d{4}[-/.]\d\d[-/.]\d\d[T _-]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?\]?"
    r"|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?: [A-Z]{3,4})? \d{4}"
    r"|\d\d[/.]\d\d[/.]\d{4} \d\d:\d\d:\d\d|\d{10}(?:\.\d{3})?"
)
_DATED = (
    rf"^(?<time>{_DATE}) +(?:(?<elapsed_ms>-?\d+) +)?(?<client>\S+) (?<result>(?:TCP|UDP|NONE|TAG)[A-Z_]*)/"
    r"(?<status>\d{3}) (?<down>\d+|-) (?<method>[A-Z_-]+) (?<url>\S+) (?<user>\S.*?) "
    r'(?<hierarchy>[A-Z_]+)/(?<peer>\S+)(?:[^"]*(?:"[^"]*" )?"(?<agent>[^"]*)".*|.*)$'
)
CLAIM = rf"^(?:{_DATE}) +(?:-?\d+ +)?\S+ (?:TCP|UDP|NONE|TAG)[A-Z_]*/\d{{3}} (?:\d+|-) [A-Z_-]+ \S+ "


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`row` and `COLUMNS` of lines in this layout."""
    read = patterns.read(lines["line"], _DATED)
    dated = read.with_columns(lines["row"], at=pl.lit(None, dtype=schema.TIME))
    return dated.drop_nulls("time").select("row", *conformed({name: pl.col(name) for name in read.columns}))
