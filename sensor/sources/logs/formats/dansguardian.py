r"""DansGuardian and e2guardian access log (Smoothwall, ClearOS and others build on it).

    2026.10.6 10:00:00 ada 10.1.2.3 https://www.example.org/a *DENIED* Banned site: example.org GET 0 0 AI 1
      403 - - …                                                      logfileformat 1; 4 has tabs for blanks
    1791280801.719⇥⇥ada⇥10.1.2.3⇥https://chat.example.com:443⇥CONNECT⇥0⇥23214⇥⇥⇥⇥1294⇥⇥0⇥*DENIED* …⇥0⇥…
                                                                 logfileformat 5 to 8; e2guardian 5 writes 8

1 and 4: date, time, user, client, URL, what was decided and why, method, size of the answer, weight,
category, filter group, status, content type. 5 to 8: end (epoch), name of the system, user, client, URL,
method, status, size of the answer, content type, two more, duration (ms), two more, decision. A user nobody
knows is blank or `-`; a tunnel has status 0. Source: e2guardian.conf, `logfileformat`; checked with 5.5.9.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.words import one_of

_NATIVE = (
    r"^(?P<time>\d{4}\.\d{1,2}\.\d{1,2} \d{1,2}:\d\d:\d\d) (?P<user>\S*) (?P<client>[0-9a-fA-F.:]+) "
    r"(?P<url>\S+) (?P<decision>.*?) ?\b(?P<method>[A-Z]{3,9}) (?P<down>\d+) -?\d+ (?P<rest>.*)$"
)
_TABBED = (
    r"^(?P<time>\d{4}\.\d{1,2}\.\d{1,2} \d{1,2}:\d\d:\d\d)\t(?P<user>[^\t]*)\t(?P<client>[0-9a-fA-F.:]+)\t"
    r"(?P<url>[^\t]+)\t(?P<decision>[^\t]*)\t(?P<method>[A-Z]{3,9})\t(?P<down>\d+)\t-?\d+\t(?P<rest>.*)$"
)
_PROTEX = (
    r"^(?P<time>\d{10}\.\d{3})\t[^\t]*\t(?P<user>[^\t]*)\t(?P<client>[0-9a-fA-F.:]+)\t(?P<url>[^\t]+)\t"
    r"(?P<method>[A-Z]{3,9})\t(?P<status>\d*)\t(?P<down>\d*)\t(?:[^\t]*\t){3}(?P<millis>\d*)\t(?:[^\t]*\t){2}"
    r"(?P<decision>[^\t]*)"
)


class DansguardianFormat(LogFormat):
    """Reads DansGuardian and e2guardian logs."""

    name = "dansguardian"
    help = "DansGuardian 2 and e2guardian 3 to 5 access log (logfileformat 1, 4, 5 to 8)"
    vantage = "proxy"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "bytes_down", "action")
    advice = "The log has no upload sizes: the log of the Squid behind it can have them (`%>st`)."
    claims = pl.col("line").str.contains(
        ascii_only(
            r"^\d{4}\.\d{1,2}\.\d{1,2} \d{1,2}:\d\d:\d\d[ \t]\S*[ \t][0-9a-fA-F.:]+[ \t]\S+[ \t].*"
            r"[A-Z]{3,9}[ \t]\d+[ \t]-?\d+[ \t]"
            r"|^\d{10}\.\d{3}\t[^\t]*\t[^\t]*\t[0-9a-fA-F.:]+\t[^\t]+\t[A-Z]{3,9}\t\d*\t\d*\t"
        )
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        return layouts.read(
            lines,
            [
                (r"^\d{10}\.", lambda part: _requests(patterns.read(part["line"], _PROTEX))),
                (r"^\S+ \S+\t", lambda part: _requests(_with_status(part["line"], _TABBED))),
                (pl.lit(True), lambda part: _requests(_with_status(part["line"], _NATIVE))),
            ],
        )


def _with_status(line: pl.Series, pattern: str) -> pl.DataFrame:
    """The status stands behind a category of any words."""
    status = pl.col("rest").str.extract(r"(?:^|\s)([1-5]\d\d)(?:\s|$)")
    return patterns.read(line, pattern).with_columns(status=status, millis=pl.lit(None, pl.String))


def _requests(read: pl.DataFrame) -> pl.DataFrame:
    refused = pl.col("decision").str.contains(r"\*(?:DENIED|INFECTED|BLOCKED)\*")
    failed = pl.col("decision").str.contains("*NETERROR*", literal=True)
    return read.select(
        "time",
        "client",
        "url",
        "method",
        at_end=pl.col("millis").is_not_null(),
        duration_s=pl.col("millis").cast(pl.Float64, strict=False) / 1000,
        kind=pl.lit("proxy"),
        user_name="user",
        status="status",
        transport=pl.lit("tcp"),
        bytes_down="down",
        action=one_of({"blocked": refused, "reset": failed}, otherwise="allowed"),
    )
