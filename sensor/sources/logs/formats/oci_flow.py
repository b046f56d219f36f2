"""Oracle Cloud Infrastructure VCN flow logs: JSON of Logging, its search, Object Storage and streams.

    {"data": {"action": "ACCEPT", "sourceAddress": "10.0.0.5", "sourcePort": 40000, "destinationAddress": …,
      "destinationPort": 443, "protocol": 6, "bytesOut": 900, "packets": 9, "startTime": 1791280800, …},
     "oracle": {"vnicocid": …}, "type": "com.oraclecloud.vcn.flowlogs.DataEvent"}

A record counts what its source sent in one window; the way back is a record of its own. Search and
streams put it into `logContent`. Source: Oracle Cloud Infrastructure, "Details for VCN Flow Logs".
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_DATA, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

#: Where the data of a record stands: in search results and streams, below other objects.
_BELOW = ("data", "logContent.data", "data.logContent.data", "event.data", "event.logContent.data")


def within(fields: Mapping[str, str]) -> dict[str, str]:
    """Paths of `fields` of a record's data, wherever that stands."""
    return {name: "|".join(f"{below}.{key}" for below in _BELOW) for name, key in fields.items()}


_DATA = {
    "client": "sourceAddress", "client_port": "sourcePort", "server": "destinationAddress",
    "server_port": "destinationPort", "proto": "protocol", "bytes": "bytesOut", "packets": "packets",
    "start": "startTime", "end": "endTime", "action": "action",
}  # fmt: skip
_WANTED = within(_DATA) | {
    "observer": "oracle.vnicocid|logContent.oracle.vnicocid|data.logContent.oracle.vnicocid|"
    "event.oracle.vnicocid",
}


class OciFlowFormat(LogFormat):
    """Reads the flow logs of virtual cloud networks."""

    name = "oci-flow"
    help = "Oracle Cloud Infrastructure VCN flow logs (JSON)"
    vantage = "flow"
    proof = ("bytes_up", "bytes_down", "action")
    advice = "Flow logs name no hosts: scan them together with the DNS log of the resolver in use."
    marks = ('"com.oraclecloud.vcn.flowlogs.',)
    claims = pl.col("line").str.contains(r'^\s*\{.*"type"\s*:\s*"com\.oraclecloud\.vcn\.flowlogs\.')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind flow, one way)."""
        read = objects.read(lines["line"], _WANTED)
        begin, end = (pl.col(name).cast(pl.Int64, strict=False) for name in ("start", "end"))
        return read.select(
            "client",
            "client_port",
            "server",
            "server_port",
            time="start",
            duration_s=(end - begin).cast(pl.Float64),
            kind=pl.lit("flow"),
            transport="proto",
            bytes_up="bytes",
            packets_up="packets",
            one_way=pl.lit(True),
            observer="observer",
            action="action",
            reason=one_of(
                {
                    NO_DATA: pl.col("client").is_null(),
                    NO_PORTS: ~has_ports(pl.col("proto")).fill_null(False),
                }
            ),
        )
