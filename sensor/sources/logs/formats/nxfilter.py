"""NxFilter: its log of lookups over syslog.

    NXFILTER|2026-10-06 10:00:00|Y|chat.example.com|ada|10.1.2.3|admin|news|Blocked by admin|33

Time, blocked or not, name, user, client, policy, category, reason, type of the question. Source: NxFilter
tutorial, "Syslog exportation".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"NXFILTER\|(?<time>[\d-]+ [\d:]+)\|(?<blocked>[YN])\|(?<host>[^|]*)\|(?<user_name>[^|]*)"
    r"\|(?<client>[^|]*)\|"
)


class NxfilterFormat(LogFormat):
    """Reads NxFilter's lookups."""

    name = "nxfilter"
    help = "NxFilter 3, 4: lookups (syslog)"
    vantage = "dns"
    proof = ("host", "user", "action")
    marks = ("nxfilter|",)
    claims = pl.col("line").str.contains(r"^NXFILTER\|\d{4}-\d\d-\d\d ")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        read = patterns.read(lines["line"], _LINE)
        blocked = pl.col("blocked") == "Y"
        return read.select(
            *("time", "host", "user_name", "client"),
            kind=pl.lit("dns"),
            action=one_of({"blocked": blocked}, otherwise="allowed"),
        )
