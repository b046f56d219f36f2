"""Twingate: connections to resources, as its connectors log them (`ANALYTICS {…}`) and as they are exported.

    {"event_type": "closed_connection", "user": {"email": …}, "resource": {"address": …, "port": 443},
    "connection":
     {"protocol": "tcp", "client_ip": …, "resource_ip": …, "resource_port": 443, "duration": …, "tx": …,
     "rx": …}, …}

`established_connection` opens what `closed_connection` ends, `failed_to_connect` stands alone. Which way `tx`
and `rx` go the documentation does not say: unknown. `client_ip` is the public address.
Source: Twingate, "Real-time connection logs", "Detailed network event schemas".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "timestamp", "event": "event_type", "user": "user.email", "host": "resource.address",
    "port": "connection.resource_port|resource.port", "server": "connection.resource_ip",
    "id": "connection.id",
    "client": "connection.client_ip", "proto": "connection.protocol", "ms": "connection.duration",
}  # fmt: skip


class TwingateFormat(LogFormat):
    """Reads Twingate's connection logs."""

    name = "twingate"
    help = "Twingate connector and network event logs (JSON)"
    vantage = "proxy"
    proof = ("host", "user", "action")
    marks = (
        '"closed_connection"', '"closed_to_connect"', '"established_connection"', '"established_to_connect"',
        '"failed_connection"', '"failed_to_connect"',
    )  # fmt: skip
    claims = pl.col("line").str.contains(
        r'^(?:ANALYTICS )?\{.*"event_type"\s*:\s*"(?:closed|established|failed)_(?:connection|to_connect)"'
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"].str.replace(r"^ANALYTICS ", ""), _WANTED)
        closed = (pl.col("event") == "closed_connection").fill_null(False)
        failed = pl.col("event").str.starts_with("failed").fill_null(False)
        return read.select(
            time="time",
            duration_s=pl.when(closed).then(pl.col("ms").cast(pl.Float64, strict=False) / 1000),
            at_end=closed,
            kind=pl.lit("flow"),
            client="client",
            user_name="user",
            host=pl.when(pl.col("host").str.contains("[A-Za-z]")).then("host"),
            name_from=pl.lit("url"),
            server="server",
            server_port="port",
            transport="proto",
            action=one_of({"unknown": failed}, otherwise="allowed"),
            session=pl.when(~failed).then("id"),
            phase=one_of({"end": closed}, otherwise="begin"),
        )
