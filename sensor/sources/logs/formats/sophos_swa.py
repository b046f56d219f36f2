"""Sophos Web Appliance: a request as `key=value` of one or two letters.

    h=10.1.2.3 u="jdoe" s=200 X=- t=1791280800 T=120 act=1 cat="0x22" … meth=GET ua="…" req="GET http://…
    HTTP/1.1" …

`act` is 1 for what was let through, others were warned of or blocked (negative: an error of the
appliance's own). What `in` and `out` count is told differently in different editions: volumes are unknown.
Source: Sophos Web Appliance, "Interpreting log files".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue

_WANTED = {
    "client": "h", "user": "u", "status": "s", "time": "t", "ms": "T", "act": "act", "method": "meth",
    "agent": "ua",
    "request": "req", "server": "target_ip",
}  # fmt: skip
_ACTIONS = {"1": "allowed", "2": "blocked", "0": "blocked"}


class SophosSwaFormat(LogFormat):
    """Reads the Sophos Web Appliance's requests."""

    name = "sophos-swa"
    help = "Sophos Web Appliance: sophos_log"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "action", "user_agent")
    marks = ('req="',)
    claims = pl.col("line").str.contains(r'^h=\S+ u="[^"]*" s=-?\d+ X=.* t=\d{9,11} .*\breq="')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request."""
        read = keyvalue.read(lines["line"], _WANTED)
        return read.select(
            "time",
            "client",
            "method",
            "status",
            "server",
            kind=pl.lit("proxy"),
            user_name="user",
            url=pl.col("request").str.extract(r"^[A-Z]+ (\S+)"),
            user_agent="agent",
            action=pl.col("act").replace_strict(_ACTIONS, default="unknown"),
        )
