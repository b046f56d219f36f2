"""Menlo Security isolation platform: web log of its log API and SIEM export (NDJSON).

    {"vendor": "Menlo Security", "product": "MSIP", "event_time": …, "userid": …, "x-client-ip": …, "url": …,
     "pe_action": "allow", "request_type": "POST", …}

`x-client-ip` is the client's address as the platform sees it, `xff_ip` the one a proxy before it told,
`origin_ip` the server's. There are no volumes but `file_size` of a download. Source: Menlo Security, "Log
Export, web fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import said

#: The log API puts each into `event`.
_FIELDS = {
    name: f"{name}|event.{name}"
    for name in (
        "event_time",
        "userid",
        "xff_ip",
        "x-client-ip",
        "url",
        "domain",
        "request_type",
        "response_code",
        "user-agent",
        "pe_action",
        "origin_ip",
    )
}


class MenloFormat(LogFormat):
    """Reads Menlo Security logs."""

    name = "menlo"
    help = "Menlo Security isolation platform: web log export (JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "action", "user_agent")
    advice = "The web log has no volumes: uploads stay unknown."
    marks = ('"request_type"', '"x-client-ip"')
    claims = objects.having("pe_action", "request_type") | objects.having("pe_action", "x-client-ip")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        read = objects.read(lines["line"], _FIELDS)
        behind = said("xff_ip", "NA")
        return read.select(
            "url",
            time="event_time",
            kind=pl.lit("proxy"),
            client=pl.coalesce(behind, "x-client-ip"),
            user_name="userid",
            host=pl.when(pl.col("url").is_null()).then("domain"),
            name_from=pl.lit("url"),
            method="request_type",
            status="response_code",
            user_agent="user-agent",
            server="origin_ip",
            transport=pl.lit("tcp"),
            action="pe_action",
        )
