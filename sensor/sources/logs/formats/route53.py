"""Route 53 Resolver query logs (JSON lines, CloudWatch, S3), and what is *not* one of ours: hosted zones.

A name answered from the VPC's cache within its TTL is not logged: counts are lower bounds. Public
hosted-zone logs (space separated) tell which resolvers of the world asked for the organisation's own
names: no client of ours, set aside. Source: Amazon Route 53 Developer Guide, Resolver query logging.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import HOSTED_ZONE
from sensor.sources.logs.text.words import one_of

_WANTED = (
    "query_timestamp", "query_name", "query_type", "rcode", "srcaddr", "srcport", "transport",
    "srcids.instance",
    "firewall_rule_action",
)  # fmt: skip
_ANSWERS = ("answers[].Rdata", "answers[].Type")
_ZONE = r"^1\.0 \d{4}-\d\d-\d\dT[\d:.]+Z Z\w+ \S+ [A-Z0-9]+ [A-Z]+ (?:UDP|TCP) "


class Route53Format(LogFormat):
    """Reads Route 53 Resolver query logs."""

    name = "route53"
    help = "AWS Route 53 Resolver query log (JSON 1.0, 1.1), with DNS Firewall verdicts"
    vantage = "dns"
    proof = ("host", "device", "action")
    marks = (" tcp ", " udp ", '"query_name"')
    claims = (objects.having("query_name") & objects.having_any("srcids", "query_timestamp")) | pl.col(
        "line"
    ).str.contains(_ZONE)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per question."""
        read = objects.read(lines["line"], _WANTED, lists=_ANSWERS)
        firewall = pl.col("firewall_rule_action").str.to_uppercase()
        return read.with_columns(zone=lines["line"].str.contains(_ZONE)).select(
            time="query_timestamp",
            kind=pl.lit("dns"),
            client="srcaddr",
            client_port="srcport",
            device="srcids.instance",
            host="query_name",
            transport="transport",
            action=one_of(
                {"blocked": firewall == "BLOCK", "allowed": firewall == "ALERT"},
                otherwise=lookups.verdict(pl.col("rcode")),
            ),
            answers=_ANSWERS[0],
            qtype=pl.col("query_type"),
            reason=one_of({HOSTED_ZONE: pl.col("zone")}),
        )
