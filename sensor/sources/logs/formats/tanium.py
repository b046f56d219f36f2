"""Tanium Connect, Trace (Threat Response) stream (JSON): network connections and DNS events of endpoints.

An event carries its `fields`, none of them the time: the envelope's is taken. Process, file and
registry events name no connection. Source: Tanium, "Threat Response: Stream configuration".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_SERVICE
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "event": "event",
    "device": "hostname",
    "host_ip": "host",
    "client": "fields.local_ip",
    "port": "fields.local_port",
    "server": "fields.remote_ip",
    "server_port": "fields.remote_port",
    "user": "fields.process__user__name",
    "asked": "fields.query|fields.operation__query|fields.dns_query",
    "time": "fields.timestamp|timestamp",
}


class TaniumFormat(LogFormat):
    """Reads Tanium's endpoint stream."""

    name = "tanium"
    help = "Tanium Threat Response stream: network and DNS events (JSON)"
    vantage = "endpoint"
    proof = ("host", "user", "device", "action")
    advice = "Endpoint events have no volumes: uploads stay unknown."
    marks = ('"process__file__full_path"', '"process__pid"', '"tanium_process_id"')
    claims = objects.having("event", "fields") & pl.col("line").str.contains(
        r'"(?:tanium_process_id|process__file__full_path|process__pid)"'
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS)
        dns = pl.col("asked").is_not_null()
        flow = pl.col("event").is_in(["network_connect", "network_connection"]).fill_null(False)
        return read.select(
            "time",
            "device",
            kind=one_of({"dns": dns}, otherwise="flow"),
            client=pl.coalesce("client", "host_ip"),
            client_port="port",
            user_name="user",
            host="asked",
            server=pl.when(~dns).then("server"),
            server_port=pl.when(~dns).then("server_port"),
            action=pl.lit("allowed"),
            reason=one_of({NO_SERVICE: ~dns & ~flow}),
        )
