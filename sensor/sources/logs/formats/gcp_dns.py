r"""Google Cloud DNS query logs (Cloud Logging entries with `jsonPayload.queryName`).

`sourceIP` is absent where another network's resolver forwarded the question. `rdata` holds the answer
as text (`name<TAB>ttl<TAB>IN<TAB>a<TAB>address`). Source: Cloud DNS documentation, "Logging and
monitoring".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects

_WANTED = tuple(
    f"jsonPayload.{name}|{name}"
    for name in (
        "queryName", "queryType", "responseCode", "sourceIP", "vmInstanceName", "protocol", "rdata",
        "dns64Translated",
    )
)  # fmt: skip
_ADDRESS = r"(?i)\t(?:a|aaaa)\t([0-9a-f:.]+)"


class GcpDnsFormat(LogFormat):
    """Reads Cloud DNS query logs."""

    name = "gcp-dns"
    help = "Google Cloud DNS query logs (Cloud Logging JSON)"
    vantage = "dns"
    proof = ("host", "device", "action")
    marks = ('"queryname"',)
    claims = objects.having("queryName") & pl.col("line").str.contains_any(
        ["dns_queries", "sourceNetwork", "serverLatency", "authAnswer", "vmInstanceName", "responseCode"]
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per question."""
        read = objects.read(lines["line"], ("timestamp|receiveTimestamp", *_WANTED))
        read.columns = [name.removeprefix("jsonPayload.") for name in read.columns]
        found = pl.col("rdata").str.extract_all(_ADDRESS)
        return read.select(
            time="timestamp",
            kind=pl.lit("dns"),
            client="sourceIP",
            device=pl.col("vmInstanceName").str.replace(r"^\d+\.", ""),
            host="queryName",
            transport="protocol",
            action=lookups.verdict(pl.col("responseCode")),
            answers=found.list.eval(pl.element().str.extract(r"(\S+)$")),
            qtype=pl.col("queryType"),
        )
