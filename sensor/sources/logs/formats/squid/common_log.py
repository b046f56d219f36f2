"""Layouts of web servers, with Squid's result at the end.

common    %>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st %Ss:%Sh
combined  the same with "%{Referer}>h" "%{User-Agent}>h" before %Ss:%Sh
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.squid.columns import rows
from sensor.sources.logs.text import patterns

_COMMON = (
    r"^(?<client>\S+) \S+ (?<user>\S[^\[]*) \[(?<at>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"(?<method>\S+) (?<url>\S+)(?: [^"]*)?" (?<status>\d{1,3}) (?<down>\d+|-)'
    # Squid writes quotes inside the two headers as they are, so the last quote decides.
    r'(?: ".*?" "(?<agent>.*)")? (?<result>[A-Z_]+):(?<hierarchy>[A-Z_]+)$'
)


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`row` and `COLUMNS` of lines in these layouts."""
    at = pl.col("at").str.to_datetime("%d/%b/%Y:%H:%M:%S %z", time_unit="us", strict=False)
    return rows(lines, patterns.read(lines["line"], _COMMON), at.dt.convert_time_zone("UTC"))
