"""Squid's own layout with the client's port (%>p) behind its address; also with the five sizes that Elastic's
integration asks for (%<st %>st %<sh %>sh %<bs), and with the version before the user.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.squid.columns import rows, stamp
from sensor.sources.logs.text import patterns

_WIDE = (
    r"^(?<at>\d{10}\.\d{3}) +(?<elapsed_ms>-?\d+) (?<client>\S+?)[ :](?<client_port>\d{1,5}) "
    r"(?<result>[A-Z_]+)/(?<status>\d{3}) (?<down>\d+|-)(?: (?<up>\d+|-) (?:(?:\d+|-) ){2}(?:\d+|-))? "
    r"(?<method>[A-Z_-]+) (?<url>\S+)(?: \d\.\d)? (?<user>\S.*?) (?<hierarchy>[A-Z_]+)/(?<peer>\S+)"
    # The referer stands before the agent; where there is only one of them, it is the agent.
    r'(?:[^"]*(?:"[^"]*" )?"(?<agent>[^"]*)".*|.*)$'
)


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`row` and `COLUMNS` of lines in this layout."""
    return rows(lines, patterns.read(lines["line"], _WIDE), stamp(pl.col("at")))
