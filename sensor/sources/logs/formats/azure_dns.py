"""Azure DNS: the DNS proxy of Azure Firewall (classic text and structured), DNS resolver query logs.

    {"category": "AzureFirewallDnsProxy", "properties": {"msg": "DNS Request: 10.0.2.4:61248 - 6513 A IN …"}}
    {"category": "AZFWDnsQuery", "properties": {"SourceIp", "QueryName", "QueryType", "ResponseCode", …}}
    {"category": "DnsResponse", …} or table DNSQueryLogs     SourceIpAddress, ResolverPolicyRuleAction, …

The classic text is CoreDNS's. Sources: Azure Firewall "Monitoring data reference"; Azure DNS "DNS
security policy".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats import coredns
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.words import one_of

_WANTED = (
    "properties.msg|msg_s|msg|Msg",
    "time|TimeGenerated|TimeGenerated [UTC]|timestamp",
    "properties.SourceIp|SourceIp|properties.SourceIpAddress|SourceIpAddress|properties.SourceIP",
    "properties.SourcePort|SourcePort",
    "properties.QueryName|QueryName",
    "properties.QueryType|QueryType",
    "properties.Protocol|Protocol|properties.Transport|Transport",
    "properties.ResponseCode|ResponseCode",
    "properties.ResolverPolicyRuleAction|ResolverPolicyRuleAction|properties.ResolutionPath",
)


class AzureDnsFormat(LogFormat):
    """Reads Azure's DNS logs."""

    name = "azure-dns"
    help = "Azure Firewall DNS proxy (classic, AZFWDnsQuery) and Azure DNS resolver query logs"
    vantage = "dns"
    proof = ("host", "action")
    marks = (
        '"dnsresponse"', "azfwdnsquery", "azurefirewalldnsproxy", "dns request: ", "dnsquerylogs",
        "resolverpolicyruleaction",
    )  # fmt: skip
    claims = (
        # Rows of an exported table have the words, too; they are read when they are objects.
        objects.having()
        & pl.col("line").str.contains_any(
            ["AzureFirewallDnsProxy", "AZFWDnsQuery", "DNSQueryLogs", "ResolverPolicyRuleAction"]
        )
        | pl.col("line").str.contains(r"^DNS Request: \S+:\d+ - ")
        | objects.having("QueryName") & objects.having_any("DnsResponse")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per question."""
        read = objects.read(lines["line"], _WANTED)
        read.columns = ["msg", "time", "ip", "port", "name", "type", "protocol", "rcode", "policy"]
        text = coredns.rows(either(read["msg"], lines["line"]))
        blocked = pl.col("policy").str.to_lowercase().str.contains("block|deny")
        told = read.select(
            "time",
            client="ip",
            client_port="port",
            host="name",
            transport=pl.col("protocol").str.to_lowercase(),
            action=one_of({"blocked": blocked}, otherwise=lookups.verdict(pl.col("rcode"))),
            qtype=pl.col("type"),
            reason=pl.lit(None, dtype=pl.String),
        )
        structured = read["name"].is_not_null()
        return pl.select(
            pl.when(structured).then(told[name]).otherwise(text[name]).alias(name)
            for name in ("client", "client_port", "host", "transport", "action", "reason", "qtype")
        ).with_columns(told["time"], kind=pl.lit("dns"))
