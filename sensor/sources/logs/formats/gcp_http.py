"""Google Cloud request logs (JSON, `httpRequest`): HTTP(S) load balancing, Cloud Run, App Engine.

They tell who reached names of one's own. `requestSize` is what the client sent. `latency` is the time
to the end. Source: Google Cloud, "LogEntry: HttpRequest"; Cloud Load Balancing, "Logging and
monitoring".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "timestamp",
    "client": "httpRequest.remoteIp",
    "url": "httpRequest.requestUrl",
    "method": "httpRequest.requestMethod",
    "status": "httpRequest.status",
    "agent": "httpRequest.userAgent",
    "server": "httpRequest.serverIp",
    "up": "httpRequest.requestSize",
    "down": "httpRequest.responseSize",
    "took": "httpRequest.latency",
    "armor": "jsonPayload.enforcedSecurityPolicy.outcome",
    "details": "jsonPayload.statusDetails",
}
_PORT = r"^((?:\d+\.){3}\d+|\[.*\]):(\d+)$"


class GcpHttpFormat(LogFormat):
    """Reads Google Cloud's request logs."""

    name = "gcp-http"
    help = "Google Cloud load balancing, Cloud Run, App Engine: request logs (JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    marks = ('"httprequest"',)
    claims = objects.having("httpRequest", "requestUrl", "logName")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        blocked = (pl.col("armor") == "DENY") | pl.col("details").str.contains("denied|blocked")
        return read.select(
            "time",
            "url",
            "method",
            "status",
            kind=pl.lit("http"),
            duration_s=pl.col("took").str.strip_suffix("s").cast(pl.Float64, strict=False),
            client=pl.col("client").str.replace(_PORT, "$1"),
            client_port=pl.col("client").str.extract(_PORT, 2),
            user_agent="agent",
            server=pl.col("server").str.replace(_PORT, "$1"),
            server_port=pl.col("server").str.extract(_PORT, 2),
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": blocked}, otherwise="allowed"),
        )
