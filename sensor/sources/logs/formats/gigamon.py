"""Gigamon Application Metadata Intelligence (AMX, HAWK) as JSON: what a traffic broker reads of connections.

    {"eventType"/"vendor": "Gigamon", "timestamp": …, "src_ip": …, "dst_ip": …, "dst_port": 443,
    "protocol": 6,
     "app_name": "https", "ssl_common_name"/"http_host"/"dns_query": …, "src_bytes": …, "dst_bytes": …}

Which attributes are there is chosen in the metadata template. `ssl_common_name` is the name of the hello,
or else of the certificate. Source: Gigamon, "Application Metadata Intelligence" attributes.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "start_time|ts|timestamp", "ended": "end_time", "client": "src_ip|client_ip",
    "server": "dst_ip|server_ip",
    "client_port": "src_port", "port": "dst_port", "proto": "protocol",
    "query": "dns_query|dns_host|dns_name",
    "qtype": "dns_query_type|dns_host_type", "sni": "ssl_server_name|ssl_sni|ssl_common_name",
    "http": "http_host|http_server", "path": "http_uri|http_uri_path", "method": "http_method",
    "agent": "http_user_agent", "status": "http_code|http_status", "up": "src_bytes", "down": "dst_bytes",
}  # fmt: skip


class GigamonFormat(LogFormat):
    """Reads Gigamon's application metadata."""

    name = "gigamon"
    help = "Gigamon Application Metadata Intelligence (JSON)"
    vantage = "flow"
    proof = ("host", "path", "bytes_up", "bytes_down", "user_agent")
    advice = "Choose ssl_common_name, http_host, dns_query, src_bytes and dst_bytes in the template."
    marks = ('"gigamon',)
    claims = pl.col("line").str.contains(r'^\s*\{.*"(?:eventType|vendor)"\s*:\s*"Gigamon') & objects.having(
        "src_ip", "dst_ip"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        read = objects.read(lines["line"], _WANTED)
        is_dns, is_http = pl.col("query").is_not_null(), pl.col("http").is_not_null()
        is_tls = pl.col("sni").is_not_null()
        return read.select(
            "time",
            "ended",
            "client",
            "client_port",
            "method",
            "status",
            kind=one_of({"dns": is_dns, "http": is_http, "tls": is_tls}, otherwise="flow"),
            host=pl.coalesce("query", "http", "sni"),
            path="path",
            user_agent="agent",
            server="server",
            server_port=pl.when(~is_dns).then("port"),
            transport=pl.when(~is_dns).then("proto"),
            bytes_up=pl.when(~is_dns).then("up"),
            bytes_down=pl.when(~is_dns).then("down"),
            qtype=pl.col("qtype"),
            reason=one_of({NO_PORTS: ~is_dns & ~has_ports(pl.col("proto")).fill_null(True)}),
        )
