"""Calico Enterprise and Cloud: flow logs of Kubernetes (JSON).

    {"start_time": 1791280800, "end_time": …, "source_ip": "10.65.0.3", "source_name": "app-1", "dest_ip": …,
     "dest_port": 443, "dest_domains": ["chat.example.com"], "proto": "tcp", "action": "allow",
     "reporter": "src", "bytes_in": 7000, "bytes_out": 900, …}

A record sums what its end (`reporter`) saw of like flows in the interval; `bytes_out` is what that end sent.
Of a pod's flow (`source_type` wep) to another the other end has a record, too: it tells only what it refused.
Source: Tigera, "Flow log data types".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PORTS, OTHER_END
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "start": "start_time", "end": "end_time", "client": "source_ip", "client_port": "source_port",
    "pod": "source_name", "kin": "source_name_aggr", "server": "dest_ip", "port": "dest_port",
    "proto": "proto", "action": "action", "reporter": "reporter",
    "source": "source_type", "in": "bytes_in", "out": "bytes_out",
    "packets_in": "packets_in", "packets_out": "packets_out",
}  # fmt: skip


class CalicoFormat(LogFormat):
    """Reads the flow logs of Calico."""

    name = "calico"
    help = "Calico Enterprise and Cloud flow logs (JSON)"
    vantage = "flow"
    is_stateless = True
    proof = ("host", "device", "bytes_up", "bytes_down", "action")
    marks = ('"source_namespace"',)
    claims = objects.having("source_namespace", "dest_namespace", "reporter", "bytes_out")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind flow)."""
        read = objects.read(lines["line"], _WANTED, lists=("dest_domains",))
        here = pl.col("reporter") == "src"
        again = (pl.col("reporter") == "dst") & (pl.col("source") == "wep") & (pl.col("action") == "allow")
        proto = pl.col("proto").str.to_lowercase()
        pod = pl.coalesce(pl.when(pl.col("pod") != "-").then("pod"), "kin")
        return read.select(
            time="start",
            ended="end",
            kind=pl.lit("flow"),
            client="client",
            client_port="client_port",
            device=pod,
            host=pl.col("dest_domains").list.first(),
            name_from=pl.lit("dns_answer"),
            server="server",
            server_port="port",
            transport=proto,
            bytes_up=pl.when(here).then("out").otherwise("in"),
            bytes_down=pl.when(here).then("in").otherwise("out"),
            packets_up=pl.when(here).then("packets_out").otherwise("packets_in"),
            packets_down=pl.when(here).then("packets_in").otherwise("packets_out"),
            action="action",
            reason=one_of({NO_PORTS: ~has_ports(proto).fill_null(False), OTHER_END: again}),
        )
