"""AWS VPC Lattice: access logs of its services, and of resources reached through it (JSON).

    {"sourceIpPort": "10.1.2.3:40000", "targetIpPort": "10.9.9.9:443", "requestMethod": "POST", "requestPath":
     "/v1/chat?x=1", "hostHeader": "llm.example.org", "bytesReceived": 900, "bytesSent": 7000, "startTime": …}
    {"eventTimestamp": …, "sourceIpPort": …, "destinationIpPort": "10.1.9.9:443", "resourceIpPort": …}

They tell who reached names of one's own. Received is what the client sent; `duration` is in milliseconds. Of
what TLS hides (passthrough), there is a server name only. Resources are told without name and size.
Source: AWS, "Access logs for Amazon VPC Lattice".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "startTime|eventTimestamp", "client": "sourceIpPort", "server": "targetIpPort|destinationIpPort",
    "named": "hostHeader", "sni": "serverNameIndication", "method": "requestMethod", "path": "requestPath",
    "status": "responseCode", "agent": "userAgent", "up": "bytesReceived", "down": "bytesSent",
    "took": "duration", "denied": "authDeniedReason",
}  # fmt: skip
_END = r"^\[?(.*?)\]?:(\d+)$"


class AwsVpcLatticeFormat(LogFormat):
    """Reads access logs of VPC Lattice."""

    name = "aws-vpc-lattice"
    help = "AWS VPC Lattice: access logs of services and resources (JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    marks = ('"sourceipport"',)
    claims = objects.having("sourceIpPort", "serviceNetworkArn")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http) or connection (kind tls or flow)."""
        read = objects.read(lines["line"], _WANTED).with_columns(pl.all().replace("-", None))
        requested = pl.col("method").is_not_null()
        return read.select(
            *("time", "method", "path", "status"),
            duration_s=pl.col("took").cast(pl.Float64, strict=False) / 1000,
            kind=one_of({"http": requested, "tls": pl.col("sni").is_not_null()}, otherwise="flow"),
            client=pl.col("client").str.extract(_END),
            client_port=pl.col("client").str.extract(_END, 2),
            host=pl.when(requested).then(pl.coalesce("named", "sni")).otherwise("sni"),
            user_agent="agent",
            server=pl.col("server").str.extract(_END),
            server_port=pl.col("server").str.extract(_END, 2),
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": pl.col("denied").is_not_null()}, otherwise="allowed"),
        )
