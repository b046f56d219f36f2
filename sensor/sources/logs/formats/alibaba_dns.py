"""Alibaba Cloud DNS: lookups of its private resolvers (JSON of Log Service), and those of hosted zones.

    {"__topic__": "dns_intranet_log", "src_addr": "10.1.2.3", "query_name": "chat.example.org.", "query_type":
     "A", "rcode": "0", "answer_rrset": "… 60 A 192.0.2.7 …", "module_type": "GLOBAL", "ecs_hostname": …}

A lookup is logged as a whole (GLOBAL), and by each module it passed through (CACHE, RECURSION …). Who asked
for names of one's own (`dns_resolve_log`) is no client of ours. Source: Alibaba Cloud, "Simple Log Service:
DNS".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import HOSTED_ZONE, REPEATED
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "__time__|time", "client": "src_addr", "client_port": "src_port", "device": "ecs_hostname",
    "host": "query_name", "qtype": "query_type", "rcode": "rcode", "answer": "answer_rrset",
    "server": "dst_addr", "server_port": "dst_port", "transport": "transport", "module": "module_type",
    "topic": "__topic__",
}  # fmt: skip
_ADDRESS = r"(?i)\b(?:a|aaaa)[ \t]+[0-9a-f.:]+"


class AlibabaDnsFormat(LogFormat):
    """Reads lookups of Alibaba Cloud DNS."""

    name = "alibaba-dns"
    help = "Alibaba Cloud DNS PrivateZone: lookups (JSON of Log Service)"
    vantage = "dns"
    proof = ("host", "device", "action")
    marks = ("dns_intranet_log", "dns_resolve_log")
    claims = pl.col("line").str.contains(r'"__topic__"\s*:\s*"dns_(?:intranet|resolve)_log"')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per question."""
        read = objects.read(lines["line"], _WANTED)
        answers = pl.col("answer").str.extract_all(_ADDRESS)
        return read.select(
            *("time", "client", "client_port", "device", "host", "qtype", "server", "server_port"),
            transport="transport",
            kind=pl.lit("dns"),
            action=lookups.verdict(pl.col("rcode")),
            answers=answers.list.eval(pl.element().str.extract(r"(\S+)$")),
            reason=one_of(
                {HOSTED_ZONE: pl.col("topic") == "dns_resolve_log", REPEATED: pl.col("module") != "GLOBAL"}
            ),
        )
