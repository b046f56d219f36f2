"""Oracle Cloud Infrastructure private DNS resolvers: query responses (JSON of Logging and its streams).

    {"data": {"qname": "chat.example.org.", "qtype": "A", "rcodeName": "NOERROR", "sourceAddress": "10.1.2.3",
     "answer": "[CNAME a.example.net.] [a.example.net. 5 A 192.0.2.7]", "path": "internet", …},
     "type": "com.oraclecloud.dns.private.resolver", "time": …}

`path` tells how it was answered: a rule of one's own may have dropped it. Search and streams put the record
into `logContent`. Source: Oracle Cloud Infrastructure, "Details for Private DNS Resolver Logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.oci_flow import within
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.words import one_of

_WANTED = within(
    {
        "client": "sourceAddress", "client_port": "sourcePort", "host": "qname", "qtype": "qtype",
        "rcode": "rcodeName", "answer": "answer", "server": "destinationAddress",
        "server_port": "destinationPort", "transport": "protocol", "path": "path",
    }
) | {"time": "time|logContent.time|data.logContent.time|event.time|event.logContent.time"}  # fmt: skip
_ADDRESS = r"(?:\[| )(?:A|AAAA) [0-9a-fA-F.:]+"


class OciDnsFormat(LogFormat):
    """Reads query responses of private resolvers."""

    name = "oci-dns"
    help = "Oracle Cloud Infrastructure private DNS resolver: query responses (JSON)"
    vantage = "dns"
    proof = ("host", "action")
    marks = ('"com.oraclecloud.dns.private.resolver"',)
    claims = pl.col("line").str.contains(r'^\s*\{.*"type"\s*:\s*"com\.oraclecloud\.dns\.private\.resolver"')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per question."""
        read = objects.read(lines["line"], _WANTED)
        dropped = pl.col("path").str.ends_with(":drop")
        answers = pl.col("answer").str.extract_all(_ADDRESS)
        return read.select(
            *("time", "client", "client_port", "host", "qtype", "server", "server_port", "transport"),
            kind=pl.lit("dns"),
            action=one_of({"blocked": dropped}, otherwise=lookups.verdict(pl.col("rcode"))),
            answers=answers.list.eval(pl.element().str.extract(r"(\S+)$")),
        )
