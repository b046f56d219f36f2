"""F5 BIG-IP LTM request logging, as Telemetry Streaming forwards it (JSON): a reverse proxy's requests.

The fields are named by the request logging profile; read are those of F5's own examples. `bytes_in` is
what the client sent. Application security and access policy events are none. Source: F5, "BIG-IP
Telemetry Streaming".
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import objects

_FIELDS = {
    "category": "telemetryEventCategory",
    "time": "req_start_time|event_timestamp|timestamp|date_time",
    "client": "client_ip|src_ip|ip_client",
    "client_port": "client_port|src_port",
    "user": "user|username",
    "host": "http_host|host",
    "path": "http_uri|http_url|uri",
    "method": "http_method|method",
    "status": "http_status|http_statcode",
    "agent": "http_user_agent|user_agent",
    "server": "server_ip|node",
    "port": "server_port|node_port",
    "up": "bytes_in",
    "down": "bytes_out",
}
OTHER = "set aside: event that is no request"


class F5Family(Family):
    """Reads F5 BIG-IP request logging."""

    name: ClassVar[str] = "f5"
    help: ClassVar[str] = "F5 BIG-IP LTM request logging through Telemetry Streaming (JSON)"
    vantage: ClassVar[str] = "proxy"
    proof: ClassVar[Proof] = Proof(
        host=True, path=True, user=True, bytes_up=True, bytes_down=True, action=True, user_agent=True
    )
    advice: ClassVar[str] = "Log http_host, bytes_in and bytes_out in the request logging profile."
    claims: ClassVar[pl.Expr] = objects.having("telemetryEventCategory")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS)
        request = ((pl.col("category") == "LTM") & pl.col("method").is_not_null()).fill_null(False)
        return read.select(
            *("client", "client_port", "path", "method", "status", "server"),
            # `2026-01-31:06:54:30.000Z`: a colon before the time
            time=pl.col("time").str.replace(r"^(\d{4}-\d\d-\d\d):", "${1}T"),
            kind=pl.lit("http"),
            user_name="user",
            host="host",
            user_agent="agent",
            server_port="port",
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            action=pl.lit("allowed"),
            reason=pl.when(~request).then(pl.lit(OTHER)),
        )
