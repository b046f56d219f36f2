"""Kong Gateway: what its logging plugins write of each request (JSON).

    {"client_ip": "10.1.2.3", "consumer": {"username": "ada"}, "service": {"host": "api.example.com", …},
     "request": {"method": "POST", "url": "http://gw.example.net/ask", "size": 900, …},
     "upstream_uri": "/v1/ask", "response": {"status": 200, "size": 4100}, "started_at": 1791280800123, …}

`size` of the request is what the client sent, heads included; that of the response what it got. The service
is where the gateway passed the request on; one that has an address or a bare name for a host is one's own,
and then the name the client asked for counts. What has no `tries` the gateway answered itself. AI plugins
tell the model. Source: Kong, "Log plugins, log format"; "AI Gateway, audit log reference".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "started_at",
    "lasted": "latencies.request",
    "client": "client_ip",
    "user": "consumer.username|consumer.custom_id|authenticated_entity.consumer_id",
    "method": "request.method",
    "url": "request.url",
    "agent": "request.headers.user-agent",
    "up": "request.size",
    "down": "response.size",
    "status": "response.status",
    "scheme": "service.protocol",
    "host": "service.host",
    "port": "service.port",
    "path": "upstream_uri",
    "tries": "tries",
    "model": "|".join(
        f"ai.{plugin}.meta.{told}_model"
        for plugin in ("proxy", "ai-proxy", "ai-proxy-advanced")
        for told in ("response", "request")
    ),
}


class KongFormat(LogFormat):
    """Reads the log of Kong's plugins."""

    name = "kong"
    help = "Kong Gateway 1 to 3, AI Gateway: http-log, file-log, tcp-log and other log plugins (JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    marks = ('"upstream_uri"',)
    claims = objects.having("upstream_uri", "latencies", "started_at", "client_ip")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        passed_on = pl.col("host").str.contains(r"[^.]\.[A-Za-z][^.]*$") & ~pl.col("host").str.ends_with(
            ".local"
        )
        refused = (pl.col("tries") == "[]") & pl.col("status").is_in(["401", "403", "429"])
        address = pl.concat_str(
            pl.col("scheme").fill_null("https"), pl.lit("://"), "host", pl.lit(":"), "port"
        )
        path = pl.col("path").fill_null("")
        return read.select(
            *("time", "client", "method", "status", "model"),
            duration_s=pl.col("lasted").cast(pl.Float64, strict=False) / 1000,
            kind=pl.lit("http"),
            user_name="user",
            url=pl.when(passed_on).then(pl.concat_str(address, path)).otherwise("url"),
            user_agent="agent",
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": refused}, otherwise="allowed"),
        )
