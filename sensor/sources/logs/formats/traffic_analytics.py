"""Azure Network Watcher, traffic analytics: tables NTANetAnalytics and AzureNetworkAnalytics_CL (JSON).

    {"TimeGenerated": …, "FlowStartTime": …, "SrcIp": "10.1.2.3", "DestIp": "", "DestPublicIps":
     "192.0.2.7|1|0|9|9|900|7000", "DestPort": 443, "L4Protocol": "T", "FlowDirection": "Outbound",
     "FlowStatus": "Allowed", "BytesSrcToDest": 900, "BytesDestToSrc": 7000, …}

A record sums the like flows of an interval. Public addresses stand in a column of their own, with their
shares; of several, no one is the server (or client). Former records count from the machine's view
(`OutboundBytes_d`). Source: Microsoft Learn, "Traffic analytics schema and data aggregation".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of, said

_WANTED = {
    "time": "FlowStartTime|FlowStartTime_t|TimeGenerated", "end": "FlowEndTime|FlowEndTime_t",
    "src": "SrcIp|SrcIP_s", "dst": "DestIp|DestIP_s", "machine": "VMIP_s",
    "src_public": "SrcPublicIps|SrcPublicIPs_s", "dst_public": "DestPublicIps|DestPublicIPs_s",
    "public": "PublicIPs_s", "port": "DestPort|DestPort_d", "proto": "L4Protocol|L4Protocol_s",
    "way": "FlowDirection|FlowDirection_s", "status": "FlowStatus|FlowStatus_s",
    "up": "BytesSrcToDest", "down": "BytesDestToSrc", "packets_up": "PacketsSrcToDest",
    "packets_down": "PacketsDestToSrc", "out": "OutboundBytes_d", "in": "InboundBytes_d",
}  # fmt: skip
_ONE = r"^([0-9a-fA-F.:]+)(?:\|\S*)?$"


class TrafficAnalyticsFormat(LogFormat):
    """Reads the tables of traffic analytics."""

    name = "traffic-analytics"
    help = "Azure traffic analytics: NTANetAnalytics, AzureNetworkAnalytics_CL (JSON)"
    vantage = "flow"
    counts_headers = "frame"
    proof = ("bytes_up", "bytes_down", "action")
    advice = "Flow records name no hosts: add Azure DNS or Azure Firewall application rules."
    own_zone = "UTC"
    marks = ('"flowstatus"', '"flowstatus_s"')
    claims = objects.having_any("SrcIp", "SrcIP_s") & objects.having_any("FlowStatus", "FlowStatus_s")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind flow)."""
        read = objects.read(lines["line"], _WANTED)
        inbound = pl.col("way").str.starts_with("I").fill_null(False)
        public = pl.col("public").str.strip_chars(" ").str.extract(_ONE)
        client = pl.coalesce(
            said("src"),
            pl.col("src_public").str.strip_chars(" ").str.extract(_ONE),
            pl.when(inbound).then(public).otherwise("machine"),
        )
        server = pl.coalesce(
            said("dst"),
            pl.col("dst_public").str.strip_chars(" ").str.extract(_ONE),
            pl.when(inbound).then("machine").otherwise(public),
        )
        proto = pl.col("proto").replace({"T": "tcp", "U": "udp"})
        return read.select(
            "time",
            "packets_up",
            "packets_down",
            ended="end",
            kind=pl.lit("flow"),
            client=client,
            server=server,
            server_port=pl.col("port").str.extract(r"^(\d+)"),
            transport=proto,
            bytes_up=_whole(pl.coalesce("up", pl.when(inbound).then("in").otherwise("out"))),
            bytes_down=_whole(pl.coalesce("down", pl.when(inbound).then("out").otherwise("in"))),
            action=one_of(
                {
                    "blocked": pl.col("status").str.starts_with("D"),
                    "allowed": pl.col("status").str.starts_with("A"),
                }
            ),
            reason=one_of({NO_CONNECTION: client.is_null(), NO_PORTS: ~has_ports(proto).fill_null(False)}),
        )


def _whole(count: pl.Expr) -> pl.Expr:
    """Custom tables write whole numbers as `900.0`."""
    return count.str.extract(r"^(\d+)(?:\.0*)?$")
