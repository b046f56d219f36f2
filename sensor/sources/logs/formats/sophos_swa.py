"""Sophos Web Appliance: a request as `key=value` of one or two letters.

    h=10.1.2.3 u="jdoe" s=200 X=- t=1791280800 T=120 act=1 cat="0x22" … meth=GET ua="…" req="GET http://…
    HTTP/1.1" …

`act` is positive for what was let through, also where a user was warned and went on, and negative where a
page of the appliance came instead: blocked, warned, out of quota. `t` is when the request came, `T` how long
it took, in microseconds. What `in` and `out` count is told differently in different editions: volumes are
unknown.
Source: Sophos Web Appliance, "Interpreting log files".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "client": "h", "user": "u", "status": "s", "time": "t", "micros": "T", "act": "act", "method": "meth",
    "agent": "ua",
    "request": "req", "server": "target_ip",
}  # fmt: skip


class SophosSwaFormat(LogFormat):
    """Reads the Sophos Web Appliance's requests."""

    name = "sophos-swa"
    help = "Sophos Web Appliance: sophos_log"
    vantage = "proxy"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "action", "user_agent")
    marks = ('req="',)
    claims = pl.col("line").str.contains(r'^h=\S+ u="[^"]*" s=-?\d+ X=.* t=\d{9,11} .*\breq="')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request."""
        read = keyvalue.read(lines["line"], _WANTED)
        act = pl.col("act").cast(pl.Int64, strict=False)
        return read.select(
            "time",
            "client",
            "method",
            "status",
            "server",
            duration_s=pl.col("micros").cast(pl.Float64, strict=False) / 1_000_000,
            kind=pl.lit("proxy"),
            user_name="user",
            url=pl.col("request").str.extract(r"^[A-Z]+ (\S+)"),
            user_agent="agent",
            action=one_of({"allowed": act > 0, "blocked": act <= 0}, otherwise="unknown"),
        )
