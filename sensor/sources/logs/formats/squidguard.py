r"""squidGuard and ufdbGuard: what a redirector beside Squid decided.

    2026-10-06 10:00:00 [1234] Request(default/ads/-) http://ads.example.org/x 10.1.2.3/pc7.lan jdoe GET
    REDIRECT
    2026-10-06 10:00:00 [1234] BLOCK jdoe 10.1.2.3 allSystems ads http://ads.example.org/x GET

squidGuard logs what it redirected (`log` of an acl or destination), ufdbGuard what it blocked and, with
`logall on`, passed. Local time. Source: squidGuard "Logging"; ufdbGuard reference manual, "Log file".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns

_STAMP = r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \[\d+\] "
_GUARD = (
    _STAMP + r"(?:New )?[Rr]equest\([^)]*\) (?P<url>\S+) (?P<client>[0-9a-fA-F.:]+)(?:/(?P<device>\S+))? "
    r"(?P<user>\S+) (?P<method>[A-Z-]+)(?: (?P<verdict>[A-Z]+))?"
)
_UFDB = (
    _STAMP
    + r"(?P<verdict>BLOCK|PASS|TEST) +(?P<user>\S+) +(?P<client>[0-9a-fA-F.:]+) +\S+ +\S+ +(?P<url>\S+) "
    r"+(?P<method>[A-Z]+)"
)
_ACTIONS = {"BLOCK": "blocked", "REDIRECT": "blocked", "PASS": "allowed", "TEST": "allowed"}


class SquidguardFormat(LogFormat):
    """Reads verdicts of squidGuard and ufdbGuard."""

    name = "squidguard"
    help = "squidGuard, ufdbGuard: blocked and passed requests"
    vantage = "proxy"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "device", "action")
    advice = "Squid's own access.log has the volumes: scan it, too."
    marks = ("block", "pass", "request(", "test")
    claims = pl.col("line").str.contains(
        r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\d+\] (?:(?:New )?[Rr]equest\([^)]*\) |(?:BLOCK|PASS|"
        r"TEST) +\S+ +[0-9a-fA-F.:]+ )"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per verdict."""
        return layouts.read(lines, [(_GUARD, _reader(_GUARD)), (_UFDB, _reader(_UFDB))])


def _reader(pattern: str) -> layouts.Reader:
    def read(lines: pl.DataFrame) -> pl.DataFrame:
        found = patterns.read(lines["line"], pattern)
        named = pl.col("device") if "device" in found.columns else pl.lit(None, dtype=pl.String)
        return found.select(
            "time",
            "client",
            "url",
            "method",
            kind=pl.lit("http"),
            user_name="user",
            device=pl.when(named != "-").then(named),
            # squidGuard without a last word logged it because it was redirected.
            action=pl.col("verdict").fill_null("REDIRECT").replace_strict(_ACTIONS, default="unknown"),
        )

    return read
