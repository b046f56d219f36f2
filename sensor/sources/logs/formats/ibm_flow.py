"""IBM Cloud flow logs for VPC: JSON documents in Object Storage that hold a list of `flow_logs`.

    {"start_time": "2026-10-06T10:00:00Z", "end_time": …, "direction": "O", "action": "accepted",
     "initiator_ip": "10.0.0.5", "initiator_port": 40000, "target_ip": "192.0.2.7", "target_port": 443,
     "transport_protocol": 6, "bytes_from_initiator": 900, "bytes_from_target": 7000,
     "cumulative_bytes_from_initiator": 1800, …}

The initiator opened the connection, whichever end logs it. Bytes are those of the record's own window; a
connection that lasts has several, which share `connection_start_time`, and all of it is in the cumulative
ones. Source: IBM Cloud Docs, "Viewing
flow log objects".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "start": "start_time", "opened": "connection_start_time", "end": "end_time",
    "action": "action",
    "client": "initiator_ip", "client_port": "initiator_port", "server": "target_ip",
    "server_port": "target_port", "proto": "transport_protocol", "over": "was_terminated",
    "up": "bytes_from_initiator", "packets_up": "packets_from_initiator", "down": "bytes_from_target",
    "packets_down": "packets_from_target", "total_up": "cumulative_bytes_from_initiator",
    "total_down": "cumulative_bytes_from_target",
}  # fmt: skip


class IbmFlowFormat(LogFormat):
    """Reads the flow logs of IBM Cloud's virtual private clouds."""

    name = "ibm-flow"
    help = "IBM Cloud flow logs for VPC (JSON)"
    vantage = "flow"
    proof = ("bytes_up", "bytes_down", "action")
    advice = "Flow logs name no hosts: scan them together with the DNS log of the resolver in use."
    marks = ('"transport_protocol"',)
    claims = objects.having("initiator_ip", "target_ip", "transport_protocol")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        read = objects.read(lines["line"], _WANTED)
        over = (pl.col("over") == "true").fill_null(False)
        sides = ("client", "client_port", "server", "server_port")
        return read.select(
            *sides,
            "packets_up",
            "packets_down",
            time="start",
            ended="end",
            kind=pl.lit("flow"),
            transport="proto",
            bytes_up="up",
            bytes_down="down",
            total_bytes_up="total_up",
            total_bytes_down="total_down",
            action=one_of(
                {"allowed": pl.col("action") == "accepted", "blocked": pl.col("action") == "rejected"},
                otherwise=pl.col("action"),
            ),
            session=pl.concat_str("proto", *sides, pl.coalesce("opened", "start"), separator="|"),
            phase=one_of({"end-delta": over}, otherwise="delta"),
            reason=one_of({NO_PORTS: ~has_ports(pl.col("proto")).fill_null(False)}),
        )
