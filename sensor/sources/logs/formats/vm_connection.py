"""Azure Monitor VM insights: table VMConnection, the connections of monitored machines (JSON).

    {"TimeGenerated": …, "Computer": "vm1", "Direction": "outbound", "ProcessName": "python",
     "SourceIp": "10.1.2.3", "DestinationIp": "192.0.2.7", "DestinationPort": 443, "Protocol": "tcp",
     "RemoteDnsQuestions": "[\\"chat.example.com\\"]", "BytesSent": 900, "BytesReceived": 7000, …}

A record sums a minute of like connections; sent and received are the machine's. Source: Microsoft Learn,
"VMConnection".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects

_WANTED = {
    "time": "TimeGenerated", "machine": "Computer", "way": "Direction", "client": "SourceIp",
    "server": "DestinationIp", "port": "DestinationPort", "proto": "Protocol", "sent": "BytesSent",
    "received": "BytesReceived", "names": "RemoteDnsQuestions", "others": "RemoteDnsCanonicalNames",
}  # fmt: skip
_NAME = r"^\W*((?:[A-Za-z0-9_-]+\.)+[A-Za-z0-9-]+)"


class VmConnectionFormat(LogFormat):
    """Reads the table VMConnection."""

    name = "vm-connection"
    help = "Azure Monitor VM insights: VMConnection (JSON)"
    vantage = "endpoint"
    is_stateless = True
    proof = ("host", "device", "bytes_up", "bytes_down")
    own_zone = "UTC"
    marks = ('"destinationip"',)
    claims = objects.having("SourceIp", "DestinationIp", "BytesSent", "Direction", "Computer")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind flow)."""
        read = objects.read(lines["line"], _WANTED)
        outbound = (pl.col("way") == "outbound").fill_null(False)
        name = pl.coalesce(pl.col("names").str.extract(_NAME), pl.col("others").str.extract(_NAME))
        return read.select(
            "time",
            "client",
            "server",
            kind=pl.lit("flow"),
            device=pl.when(outbound).then("machine"),
            host=pl.when(outbound).then(name),
            name_from=pl.lit("dns_answer"),
            server_port="port",
            transport="proto",
            bytes_up=pl.when(outbound).then("sent").otherwise("received"),
            bytes_down=pl.when(outbound).then("received").otherwise("sent"),
            action=pl.lit("allowed"),
        )
