"""Smokescreen, Stripe's egress proxy: what it decided about each host, and what a connection carried (JSON).

    {"msg": "CANONICAL-PROXY-DECISION", "allow": true, "requested_host": "www.example.org:443", "role": "x",
     "inbound_remote_addr": "10.1.2.3:50000", "outbound_remote_addr": "192.0.2.7:443", "id": …, "time": …}
    {"msg": "CANONICAL-PROXY-CN-CLOSE", "bytes_in": 500, "bytes_out": 9000, "duration": 1.5, "id": …, …}

Bytes are counted on the way to the server: `bytes_out` is what the client sent. `role` is the service that
asked. Source: smokescreen, pkg/smokescreen (canonical log lines).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of

_FIELDS = (
    "msg", "time", "start_time", "allow", "requested_host", "role", "inbound_remote_addr",
    "outbound_remote_addr", "id", "bytes_in", "bytes_out", "duration",
)  # fmt: skip
_PEER = r"^\[?([0-9a-fA-F.:]+?)\]?:\d+$"


class SmokescreenFormat(LogFormat):
    """Reads Smokescreen's log."""

    name = "smokescreen"
    help = "Smokescreen egress proxy: decisions and closed connections (JSON)"
    vantage = "proxy"
    proof = ("host", "user", "bytes_up", "bytes_down", "action")
    marks = ('"canonical-proxy-cn-close"', '"canonical-proxy-decision"')
    claims = pl.col("line").str.contains(r'"msg"\s*:\s*"CANONICAL-PROXY-(?:DECISION|CN-CLOSE)"')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line; decision and close of one connection are one session."""
        read = objects.read(lines["line"], _FIELDS)
        closed = pl.col("msg").str.ends_with("CLOSE")
        refused = (pl.col("allow") == "false").fill_null(False)
        return read.select(
            time=pl.coalesce("start_time", "time"),
            duration_s=pl.when(closed).then("duration"),
            kind=pl.lit("proxy"),
            client=pl.col("inbound_remote_addr").str.extract(_PEER),
            client_port=pl.col("inbound_remote_addr").str.extract(r":(\d+)$"),
            user_name="role",
            url=pl.col("requested_host"),
            server=pl.col("outbound_remote_addr").str.extract(_PEER),
            server_port=pl.col("outbound_remote_addr").str.extract(r":(\d+)$"),
            transport=pl.lit("tcp"),
            bytes_up=pl.when(closed).then("bytes_out"),
            bytes_down=pl.when(closed).then("bytes_in"),
            action=one_of({"blocked": refused}, otherwise="allowed"),
            session=pl.when(~refused).then("id"),
            phase=one_of({"end": closed}, otherwise="begin"),
        )
