"""Akamai Secure Internet Access (Enterprise Threat Protector): events of lookups and of its proxy, JSON.

    {"id": …, "query": {"time": …, "clientIp": …, "domain": "www.example.org.", "queryType": "A", …},
     "event": {"actionName": "Block", …}}
    {"connection"/"request": {"time"/"requestTime": …, "clientIP": …, "uri"/"domain": …}, "event": …}

`actionName`: Monitor, Allow, Bypass let through; Block…, Deny, Error Page and Sinkhole do not.
Source: Akamai, "SIA Reporting API", dns-activities, events and proxy-traffic.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "query.time|connection.time|request.time|query.requestTime|startTime",
    "client": "query.deviceOwnerIp|query.internalClientIp|connection.internalClientIP|internalIP|"
    "query.clientIp|connection.clientIP|clientIp",
    "inside": "event.internalClientIP",
    "device": "query.deviceName|connection.machineName|query.clientMachineName|machineName",
    "user": "query.userName|connection.userName|request.userName|userName",
    "host": "query.domain|connection.domain|domain", "type": "query.queryType",
    "url": "request.uri|query.url|uri",
    "action": "event.actionName|event.action|actionName", "up": "request.bytesUp|uploadBytes",
    "down": "request.bytesDown|downloadBytes", "l7": "l7Protocol", "agent": "request.userAgent|userAgent",
}  # fmt: skip


class AkamaiSiaFormat(LogFormat):
    """Reads Akamai's lookups and proxy events."""

    name = "akamai-sia"
    help = "Akamai Secure Internet Access / ETP: DNS and proxy events (JSON)"
    vantage = "dns"
    proof = ("host", "path", "user", "device", "action")
    advice = "Events only show what a list caught: export dns-activities, too."
    marks = ('"configid"', '"l7protocol"')
    claims = objects.having("configId", "l7Protocol", "query") | objects.having(
        "configId", "query", "clientIp"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        is_web = pl.col("l7").str.contains("(?i)^https?").fill_null(False)
        action = pl.col("action").str.to_lowercase()
        stopped = action.str.contains(r"block|deny|sinkhole|error page|refuse").fill_null(False)
        return read.select(
            time="time",
            kind=one_of({"http": is_web}, otherwise="dns"),
            # `N/A` where no forwarder or client of Akamai's told it.
            client=pl.coalesce(pl.col("inside").replace("N/A", None), "client"),
            user_name="user",
            device="device",
            host="host",
            url=pl.when(is_web).then("url"),
            user_agent="agent",
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": stopped}, otherwise="allowed"),
            qtype=pl.col("type"),
        )
