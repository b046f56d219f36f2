"""VMware (VeloCloud) Cloud Web Security (JSON): web log of the secure web gateway.

There are no volumes but `fileSize`, of what was scanned. Source: VMware SASE, "Cloud Web Security: log
download".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects

_FIELDS = {
    "time": "cws_timestamp",
    "client": "sourceIp",
    "user": "userId",
    "url": "url",
    "host": "domain",
    "method": "requestMethod",
    "status": "responseCode",
    "agent": "userAgent",
    "server": "destinationIp",
    "action": "action",
}


class VmwareCwsFormat(LogFormat):
    """Reads VMware Cloud Web Security logs."""

    name = "vmware-cws"
    help = "VMware (VeloCloud) SASE Cloud Web Security: web log (JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "action", "user_agent")
    advice = "The web log has no volumes: uploads stay unknown."
    marks = ('"cws_timestamp"',)
    claims = objects.having("cws_timestamp")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        read = objects.read(lines["line"], _FIELDS)
        return read.select(
            *("time", "client", "url", "method", "status", "server", "action"),
            kind=pl.lit("proxy"),
            user_name=pl.when(pl.col("user") != "Unknown").then("user"),
            host=pl.when(pl.col("url").is_null()).then("host"),
            name_from=pl.lit("url"),
            user_agent="agent",
            transport=pl.lit("tcp"),
        )
