r"""DansGuardian and e2guardian access log, native layout (Smoothwall, ClearOS and others build on it).

    2026.10.6 10:00:00 ada 10.1.2.3 https://www.example.org/a *DENIED* Banned site: example.org GET 0 0 AI 1
      403 - - …

Date, time, user, client, URL, what was decided and why, method, size of the answer, weight, category, filter
group, status, content type. Source: e2guardian, "logfileformat 1".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.text import patterns
from sensor.sources.text.words import one_of

_LINE = (
    r"^(?P<time>\d{4}\.\d{1,2}\.\d{1,2} \d{1,2}:\d\d:\d\d) (?P<user>\S+) (?P<client>[0-9a-fA-F.:]+) "
    r"(?P<url>\S+) (?P<decision>.*?) ?\b(?P<method>[A-Z]{3,9}) (?P<down>\d+) -?\d+ (?P<rest>.*)$"
)


class DansguardianFamily(Family):
    """Reads DansGuardian and e2guardian logs."""

    name = "dansguardian"
    help = "DansGuardian 2 and e2guardian 3 to 5 access log (native layout)"
    vantage = "proxy"
    proof = ("host", "path", "user", "bytes_down", "action")
    advice = "The log has no upload sizes: the log of the Squid behind it can have them (`%>st`)."
    claims = pl.col("line").str.contains(
        r"^\d{4}\.\d{1,2}\.\d{1,2} \d{1,2}:\d\d:\d\d \S+ [0-9a-fA-F.:]+ \S+ .*[A-Z]{3,9} \d+ -?\d+ "
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        read = patterns.read(lines["line"], _LINE)
        refused = pl.col("decision").str.contains(r"\*(?:DENIED|INFECTED|BLOCKED)\*").fill_null(False)
        return read.select(
            "time",
            "client",
            "url",
            "method",
            kind=pl.lit("proxy"),
            user_name="user",
            status=pl.col("rest").str.extract(r"(?:^|\s)([1-5]\d\d)(?:\s|$)"),
            transport=pl.lit("tcp"),
            bytes_down="down",
            action=one_of({"blocked": refused}, otherwise="allowed"),
        )
