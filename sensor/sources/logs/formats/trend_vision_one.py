"""Trend Vision One (JSON lines): web access through Internet Access, and endpoint activity.

Internet Access writes one record per request (`eventName` SWG_ACTIVITY_LOG); `act` is a number (0
allow, 1 monitor, 2 block, 3 warn, 4 override, 5 analyse) or its word; there are no sizes. Of the
endpoint sensor's events three are network use, by `eventId`: 3 connection (`eventSubId` 202 listens,
203 is incoming), 4 DNS lookup (`hostName` is what was asked, `objectIps` the answer), 7 web request
(`request`). Detections and audit events are none. Source: Trend Micro, Vision One "Network Activity
Data", "Endpoint Activity Data" (automation.trendmicro.com).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import FROM_OUTSIDE, NO_SERVICE
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "eventTime|eventTimeDT",
    "event": "eventId",
    "sub": "eventSubId",
    "name": "eventName",
    "act": "act",
    "client": "src|clientIp",
    "addresses": "endpointIp",
    "client_port": "spt",
    "user": "principalName|suid",
    "logon": "logonUser",
    "device": "endpointHostName",
    "url": "request",
    "base": "requestBase",
    "method": "requestMethod",
    "agent": "userAgent",
    "server": "dst|objectIp",
    "port": "dpt|objectPort",
    "asked": "hostName",
}
_ACTS = {
    "0": "allowed",
    "1": "allowed",
    "2": "blocked",
    "3": "blocked",
    "4": "allowed",
    "5": "allowed",
    "allow": "allowed",
    "monitor": "allowed",
    "block": "blocked",
    "warn": "blocked",
    "override": "allowed",
    "analyze": "allowed",
}
_FIRST = r'^\["?([^",\]]+)'


class TrendVisionOneFormat(LogFormat):
    """Reads Trend Vision One activity data."""

    name = "trend-vision-one"
    help = "Trend Vision One: Internet Access web log, endpoint activity (NDJSON)"
    vantage = "proxy"
    proof = ("host", "path", "user", "device", "action", "user_agent")
    advice = "Neither web access nor endpoint activity has sizes: uploads stay unknown."
    marks = ('"endpointguid"', '"endpointhostname"')
    claims = (
        objects.having("eventTime")
        & objects.having_any("endpointGuid", "endpointGUID", "endpointHostName")
        & objects.having_any("eventSubId", "eventName")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS, lists=["objectIps"])
        web = (pl.col("name") == "SWG_ACTIVITY_LOG").fill_null(False)
        dns, page = (((pl.col("event") == code) & ~web).fill_null(False) for code in ("4", "7"))
        flow = ((pl.col("event") == "3") & ~web).fill_null(False)
        act = (
            pl.col("act").str.to_lowercase().replace_strict(_ACTS, default="unknown", return_dtype=pl.String)
        )
        return read.select(
            "time",
            "client_port",
            "device",
            "method",
            kind=one_of({"proxy": web, "dns": dns, "http": page}, otherwise="flow"),
            client=pl.coalesce("client", pl.col("addresses").str.extract(_FIRST)),
            user_name=pl.coalesce("user", pl.col("logon").str.extract(_FIRST)),
            url=pl.when(web | page).then(pl.coalesce("url", "base")),
            host=pl.when(dns).then("asked"),
            user_agent="agent",
            server=pl.when(~dns).then("server"),
            server_port=pl.when(~dns).then("port"),
            transport=one_of({"tcp": web | page}),
            answers=pl.when(dns).then("objectIps"),
            action=pl.when(web).then(act).otherwise(pl.lit("allowed")),
            reason=one_of(
                {
                    NO_SERVICE: ~(web | dns | page | flow),
                    FROM_OUTSIDE: flow & pl.col("sub").is_in(["202", "203"]),
                }
            ),
        )
