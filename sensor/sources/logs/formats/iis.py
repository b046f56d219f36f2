"""Microsoft IIS' own log format, comma-separated without titles (W3C's, the default, is read by `elff`).

    10.1.2.3, ada, 10/6/2026, 10:00:00, W3SVC1, WEB01, 10.0.0.9, 2, 769, 4143, 200, 0, POST, /v1/chat, q=1,

Client, account, date and time (local, in the notation of the server's country), service, server's name and
address, milliseconds, bytes the client sent, bytes the server sent, status, Windows' status, method, target
and parameters. The stamp is the end. Source: learn.microsoft.com, "IIS Log File Format".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns, requests

_LINE = (
    r"^(?<client>[0-9a-fA-F.:]+), (?<user>[^,]*), (?<date>\d{1,4}[./-]\d{1,2}[./-]\d{1,4}), "
    r"(?<clock>\d{1,2}:\d\d:\d\d(?: [AP]M)?), W3SVC\d+, [^,]*, (?<server>[0-9a-fA-F.:]*), (?<millis>\d+), "
    r"(?<up>\d+), (?<down>\d+), (?<status>\d+), \d+, (?<method>[A-Z-]+), (?<target>\S+), "
)


class IisFormat(LogFormat):
    """Reads IIS' own access log."""

    name = "iis"
    help = "Microsoft IIS: access log in its own format (u_in*.log); W3C's: elff"
    vantage = "proxy"
    is_stateless = True
    proof = ("path", "user", "bytes_up", "bytes_down")
    advice = "It names no host: log in W3C's format, with cs-host, cs-bytes and sc-bytes."
    marks = (", w3svc",)
    claims = pl.col("line").str.contains(patterns.ascii_only(_LINE))

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        read = patterns.read(lines["line"], _LINE)
        told = read.with_columns(time=pl.concat_str("date", "clock", separator=" "))
        parts = requests.named(told, {name: name for name in told.columns if name in requests.PARTS})
        return parts.select(**requests.fields(at_end=True))
