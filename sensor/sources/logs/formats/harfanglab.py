"""HarfangLab EDR telemetry (JSON): network connections, DNS resolutions and URL requests of endpoints.

`direction` says who began; a connection that came to nothing has `connection_successful` false.
Processes, files, alerts and the agents' own logs name no connection. Newer agents count bytes, and tell
a connection when it begins and again when it is complete. Source: HarfangLab, "Telemetry".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import FROM_OUTSIDE, NO_SERVICE
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "@event_create_date|utc_time|@timestamp",
    "what": "log_type",
    "client": "saddr",
    "client_port": "sport",
    "server": "daddr",
    "port": "dport",
    "direction": "direction",
    "initiated": "initiated",
    "success": "connection_successful",
    "user": "username",
    "device": "agent.hostname",
    "asked": "requested_name",
    "type": "query_type",
    "url": "url",
    "inside": "agent.ipaddress",
    "up": "outgoing_bytes",
    "down": "incoming_bytes",
    "session": "connection_unique_id",
    "told": "kind",
    "ended": "connection_closed_time",
}


class HarfanglabFormat(LogFormat):
    """Reads HarfangLab EDR telemetry."""

    name = "harfanglab"
    help = "HarfangLab EDR: network, DNS and URL telemetry of endpoints (JSON)"
    vantage = "endpoint"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action")
    advice = "Agents before 5 count no bytes: their uploads stay unknown."
    marks = ('"log_type"',)
    claims = objects.having("log_type") & objects.having_any(
        "agentid", "agent_id", "process_unique_id", "@event_create_date"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS, lists=["ip_addresses"])
        of = pl.col("what")
        dns, page, flow = (of == kind for kind in ("dns_resolution", "url_request", "network"))
        incoming = (pl.col("direction") == "in") | (pl.col("initiated").str.to_lowercase() == "false")
        failed = (pl.col("success").str.to_lowercase() == "false").fill_null(False)
        return read.select(
            "time",
            "device",
            kind=one_of({"dns": dns, "http": page}, otherwise="flow"),
            client=pl.coalesce("client", "inside"),
            client_port="client_port",
            user_name="user",
            host=pl.when(dns).then("asked"),
            url=pl.when(page).then("url"),
            server=pl.when(flow).then("server"),
            server_port=pl.when(flow).then("port"),
            answers=pl.when(dns).then("ip_addresses"),
            ended="ended",
            bytes_up=pl.when(flow).then("up"),
            bytes_down=pl.when(flow).then("down"),
            session=pl.when(flow).then("session"),
            phase=one_of({"end": pl.col("told") == "complete"}, otherwise="begin"),
            action=one_of({"reset": flow & failed}, otherwise="allowed"),
            qtype=pl.col("type"),
            reason=one_of({NO_SERVICE: ~(dns | page | flow).fill_null(False), FROM_OUTSIDE: flow & incoming}),
        )
