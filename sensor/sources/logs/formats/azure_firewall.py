r"""Azure Firewall: application, network, NAT and threat rules; classic text and structured tables.

    {"category": "AzureFirewallApplicationRule", "time": "…", "properties": {"msg": "HTTPS request from
    10.0.2.4:56029 to
    host.example.org:443. Action: Deny. No rule matched. …"}}
    {"category": "AZFWApplicationRule", "time": "…", "properties": {"SourceIp": …, "Fqdn": …, "TargetUrl": …,
    "Action": …}}

Also as flat rows of Log Analytics. There are no byte counts. The DNS proxy's records are the Azure DNS
format's. Source: Azure, "Azure Firewall monitoring data reference".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects, patterns
from sensor.sources.logs.text.partial import either, only
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "time": "time|TimeGenerated|TimeGenerated [UTC]|timestamp",
    "category": "category|Category|Type",
    "msg": "properties.msg|msg_s|msg|Msg",
    "client": "properties.SourceIp|properties.SourceIP|SourceIp|SourceIP",
    "client_port": "properties.SourcePort|SourcePort",
    "server": "properties.DestinationIp|properties.DestinationIP|DestinationIp",
    "port": "properties.DestinationPort|DestinationPort",
    "proto": "properties.Protocol|Protocol",
    "host": "properties.Fqdn|Fqdn",
    "url": "properties.TargetUrl|TargetUrl",
    "action": "properties.Action|Action",
}
_MSG = (
    r"^(?P<proto>[A-Za-z]+)(?: Type=\d+)?\s+request from \[?(?P<client>[0-9a-fA-F.:]+?)"
    r"\]?(?::(?P<client_port>\d+))? to "
    r"\[?(?P<target>[^\s\]]+?)\]?(?::(?P<port>\d+))?(?:\. |\s|$)"
)


class AzureFirewallFormat(LogFormat):
    """Reads Azure Firewall rule logs."""

    name = "azure-firewall"
    help = (
        "Azure Firewall: application, network, NAT, threat intelligence logs; classic and structured (AZFW…)"
    )
    vantage = "firewall"
    proof = ("host", "path", "action")
    advice = (
        "Azure Firewall logs no volumes: add VNet flow logs. Application rules name hosts, network rules "
        "do not."
    )
    marks = ("azurefirewall", "azfw", "request from ")
    claims = pl.col("line").str.contains(
        r'^\s*\{.*"(?:AzureFirewall(?:Application|Network|Nat|ThreatIntel)|AZFW(?:Application|Network|'
        r"Nat|Threat|Idps|Flow|Fat|Internal))"
        r"|^[A-Z]+(?: Type=\d+)?\s+request from [0-9a-fA-F.:]+ to \S+ (?:Url: \S+ )?Action: "
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record: kind http or tls with a host, else flow."""
        read = objects.read(lines["line"], _FIELDS)
        msg = either(read["msg"], only(lines["line"], ~lines["line"].str.starts_with("{")))
        told = patterns.read(msg, _MSG)
        words = patterns.read(msg, r"Url: (?P<url>\S+?)\. .*|$")
        action = msg.str.extract(r"Action: ([A-Za-z]+)")
        named = pl.col("target").str.contains(r"[A-Za-z]") & ~pl.col("target").str.contains(":")
        both = read.with_columns(
            *(either(told[name], read[name]) for name in ("proto", "client", "client_port", "port")),
            told["target"],
            said_url=words["url"],
        )
        host = pl.coalesce(said("host"), pl.when(named).then("target"))
        url = pl.coalesce("url", "said_url").str.strip_suffix(".")
        proto = pl.col("proto").str.to_lowercase().str.extract(r"^([a-z0-9]+)")
        web = proto.is_in(["http", "https", "mssql"])
        with_path = url.str.contains(r"^(?:[a-z]+://)?[^/]+/").fill_null(False)
        return both.select(
            "time",
            "client",
            "client_port",
            kind=one_of(
                {"http": with_path | (host.is_not_null() & (proto == "http")), "tls": host.is_not_null()},
                otherwise="flow",
            ),
            url=pl.when(with_path).then(url),
            host=host,
            server=pl.coalesce("server", pl.when(~named).then("target")),
            server_port="port",
            transport=one_of({"tcp": web}, otherwise=proto),
            action=pl.coalesce("action", pl.lit(action)),
            reason=one_of(
                {
                    NO_CONNECTION: pl.col("client").is_null()
                    | pl.col("category").str.contains("FlowTrace|FatFlow|FqdnResolve"),
                    NO_PORTS: ~web & ~has_ports(proto),
                }
            ),
        )
