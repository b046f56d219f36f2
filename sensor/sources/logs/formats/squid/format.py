"""Which lines are Squid's, told by the result code where other servers have the same layout; and ours:

    logformat shadowai %ts.%03tu %6tr %>a %un %rm %ru %>Hs %Ss:%Sh %>st %<st - "%{User-Agent}>h"
    access_log daemon:/var/log/squid/access.log shadowai

It tells how much a client sent; of the others, only those do that were made to. Where `ssl_bump`
is used, write `%ssl::>sni` in place of the bare `-`, and append ` %ssl::bump_mode`. A Squid built without
OpenSSL (`squid` of Debian and Ubuntu) knows neither and does not start with them.
"""

from __future__ import annotations

from functools import cached_property

import polars as pl

from sensor.sources.logs.formats.squid import common_log, dated, json_lines, splunk, stamped, wide
from sensor.sources.logs.formats.squid.meaning import told
from sensor.sources.logs.formats.squid.scanned import Scanner
from sensor.sources.logs.line_format import Cut
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text.patterns import ascii_only

LOGFORMAT = 'logformat shadowai %ts.%03tu %6tr %>a %un %rm %ru %>Hs %Ss:%Sh %>st %<st - "%{User-Agent}>h"'

_CLAIM = (
    r"^\d{10}(?:\.\d{3})? +-?\d+ \S+ (?:[A-Z_]+/\d{3} (?:\d+|-) |\S+ .*\S+ \d{1,3} [A-Z_]+:[A-Z_]+ )"
    r"|^\d{10}\.\d{3} +-?\d+ \S+?[ :]\d{1,5} [A-Z_]+/\d{3} (?:\d+|-) "
    r"|^\S+ \S+ \S[^\[]* \[[^\]]+\] \".* [A-Z_]+:[A-Z_]+$"
    rf"|^\d{{10}}\.\d{{3}} {splunk.MARK}|{dated.CLAIM}"
)


class SquidFormat(LogFormat):
    """Reads Squid access logs."""

    name = "squid"
    help = (
        "Squid access.log: native, common, combined, with ports, Splunk's, as JSON, and our logformat with "
        "uploads; Apache Traffic Server's squid.log"
    )
    vantage = "proxy"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "Squid's own formats do not log what clients send: uploads stay unknown. In squid.conf:\n"
        f"  {LOGFORMAT}\n"
        "  access_log daemon:/var/log/squid/access.log shadowai\n"
        "With ssl_bump, %ssl::>sni in place of the bare - and %ssl::bump_mode at the end."
    )
    claims = pl.col("line").str.contains(ascii_only(_CLAIM)) | json_lines.CLAIMS
    scans_lines = True

    @cached_property
    def _scanner(self) -> Scanner:
        return Scanner()

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line, all layouts."""
        return told(_columns(lines["line"]))

    def cut(self, text: bytes) -> Cut | None:
        """Lines of the native layout or of ours, whichever the first of them is in."""
        return self._scanner.cut(text)


def _columns(lines: pl.Series) -> pl.DataFrame:
    """`COLUMNS` of each line; all NULL where the line is in none of the layouts."""
    numbered = lines.rename("line").to_frame().with_row_index("row")
    parts = [stamped.read(numbered)]
    if parts[0].height == numbered.height:
        return parts[0].drop("row")
    for layout in (common_log, wide, dated, splunk, json_lines):
        left = numbered.join(pl.concat(parts).select("row"), on="row", how="anti")
        if left.height:
            parts.append(layout.read(left))
    every = numbered.select("row").join(pl.concat(parts), on="row", how="left", maintain_order="left")
    return every.drop("row")
