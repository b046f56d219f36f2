"""SmartDNS: audit log.

    [2026-10-06 10:00:00,123] 10.1.2.3 query chat.example.com, type 1, time 15ms, speed: 12.5ms, group
      default, result 192.0.2.7, 192.0.2.8

The type is a number; older versions write neither speed nor group. A name on a block list has no result, as
one that does not exist: unknown. Source: SmartDNS, `audit-enable`, `src/dns_server/audit.c`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"^\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?)\] (?<client>[0-9a-fA-F.:]+) query (?<host>\S+), "
    r"type (?<type>\d+),(?: .*?,)?? (?:time|speed|elapsed)\b.* result:? ?(?<result>.*)$"
)


class SmartdnsFormat(LogFormat):
    """Reads lookups of SmartDNS."""

    name = "smartdns"
    help = "SmartDNS: audit log"
    vantage = "dns"
    proof = ("host",)
    marks = (" query ",)
    claims = pl.col("line").str.contains(_LINE)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup (kind dns)."""
        read = patterns.read(lines["line"], _LINE)
        answers = pl.col("result").str.extract_all(r"[0-9a-fA-F]*[.:][0-9a-fA-F.:]+")
        return read.select(
            *("time", "client", "host"),
            kind=pl.lit("dns"),
            answers=answers,
            action=one_of({"allowed": answers.list.len() > 0}, otherwise="unknown"),
            qtype=pl.col("type"),
        )
