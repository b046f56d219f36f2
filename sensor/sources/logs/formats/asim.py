"""Microsoft Sentinel's ASIM: normalised network and web sessions, DNS and DHCP activity (JSON, CSV).

`SrcBytes` is what the source sent, `DstBytes` what the destination sent; `NetworkBytes` is their sum and
of no use. Microsoft's parsers keep what is special about a product: of PAN-OS the two are exchanged (as in
its CEF), of FortiGate durations are in seconds and counts cumulative while a session lasts. Source:
Microsoft Sentinel, ASIM schema references; the parsers in Azure-Sentinel.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos.session_end import cut_off
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, dhcp, lookups, objects
from sensor.sources.logs.text.partial import filled
from sensor.sources.logs.text.reasons import NO_ADDRESS, NO_CONNECTION
from sensor.sources.logs.text.words import one_of, said

_WANTED: dict[str, str] = {
    "time": "EventStartTime|TimeGenerated|TimeGenerated [UTC]",
    "schema": "EventSchema",
    "type_of": "EventType",
    "result": "EventResult",
    "lease": "DhcpLeaseDuration",
    "client": "SrcIpAddr",
    "client_port": "SrcPortNumber",
    "client_mac": "SrcMacAddr",
    "user_name": "SrcUsername|ActorUsername|User",
    "device": "SrcHostname|SrcFQDN|SrcDvcHostname",
    "server": "DstIpAddr",
    "server_port": "DstPortNumber",
    "query": "DnsQuery|Query",
    "type": "DnsQueryTypeName|DnsQueryType",
    "rcode": "DnsResponseCodeName|EventResultDetails",
    "url": "Url",
    "host": "DstFQDN|DstDomain|HttpHost|DstHostname|TlsServerName",
    "method": "HttpRequestMethod",
    "status": "EventResultDetails|HttpStatusCode",
    "user_agent": "HttpUserAgent",
    "transport": "NetworkProtocol",
    "bytes_up": "SrcBytes",
    "bytes_down": "DstBytes",
    "duration": "NetworkDuration|Duration",
    "action": "DvcAction|EventResult",
    "vendor": "EventVendor",
    "product": "EventProduct",
    "ended_by": "EventOriginalResultDetails",
    "unit": "DvcId|Dvc|DvcHostname",
    "session": "NetworkSessionId|SessionId",
    "uid": "EventOriginalUid",
}
_ACTIONS = {"success": "allowed", "failure": "unknown", "partial": "unknown", "na": "unknown"}


class AsimFormat(LogFormat):
    """Reads ASIM events."""

    name = "asim"
    help = "Microsoft Sentinel ASIM network session, web session, DNS and DHCP events (JSON, CSV)"
    vantage = "proxy"
    usual_zone = "UTC"
    generic = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    header = r"^[^{;\t]*\bSrcIpAddr\b(?:[^;\t]|$)"
    marks = ("srcipaddr",)
    claims = objects.having("SrcIpAddr")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        read = filled(read, commas.read_headed(lines.select("line", "header"), _WANTED))
        dns = pl.col("query").is_not_null()
        web = pl.col("url").is_not_null() | pl.col("method").is_not_null()
        dhcp_said = (pl.col("schema").str.to_lowercase() == "dhcp").fill_null(False)
        gone = dhcp_said & (pl.col("type_of") == "Release").fill_null(False)
        held = dhcp_said & pl.col("type_of").is_in(["Assign", "Renew"]) & (pl.col("result") == "Success")
        turned = ((pl.col("vendor") == "Palo Alto") & (pl.col("product") == "PanOS")).fill_null(False)
        up, down = (pl.when(~dns).then(f"bytes_{way}") for way in ("up", "down"))
        sent = pl.when(turned).then(down).otherwise(up)
        return read.select(
            *(
                "time",
                "client",
                "client_port",
                "client_mac",
                "user_name",
                "device",
                "method",
                "user_agent",
                "transport",
            ),
            kind=one_of({"lease": dhcp_said, "dns": dns, "http": web}, otherwise="flow"),
            lease_s=pl.when(gone)
            .then(0.0)
            .when(dhcp_said)
            .then(pl.coalesce(dhcp.length(pl.col("lease")), pl.lit(dhcp.ASSUMED_S))),
            closes=gone,
            origin=one_of({"dhcp": dhcp_said}),
            url=pl.when(~dns).then("url"),
            host=pl.when(dns).then("query").otherwise(pl.when(pl.col("url").is_null()).then("host")),
            name_from=one_of({"dns_answer": ~dns & ~web & pl.col("host").is_not_null()}),
            status=pl.when(web).then("status"),
            server="server",
            server_port=pl.when(~dns).then("server_port"),
            bytes_up=sent,
            bytes_down=pl.when(turned).then(up).otherwise(down),
            duration_s=_lasted(),
            session=pl.when(~dns).then(_session()),
            phase=pl.lit("update"),
            action=_action(dns, sent),
            qtype=pl.col("type"),
            reason=one_of(
                {
                    NO_ADDRESS: dhcp_said & ~(held | gone).fill_null(False),
                    NO_CONNECTION: ~dhcp_said
                    & pl.all_horizontal(pl.col("query", "url", "host", "server").is_null()),
                }
            ),
        )


def _lasted() -> pl.Expr:
    """The schema wants milliseconds."""
    in_seconds = (pl.col("vendor") == "Fortinet") | (pl.col("product") == "Cortex Data Lake")
    duration = pl.col("duration").cast(pl.Float64, strict=False)
    return pl.when(in_seconds).then(duration).otherwise(duration / 1000)


def _session() -> pl.Expr:
    """What FortiGate's and Check Point's records of one connection share; the first rarely has its number."""
    told = said("session")
    ends = pl.concat_str("client", "client_port", "server", "server_port", separator="|")
    forti = pl.concat_str(pl.col("unit").fill_null(""), told.fill_null(""), ends, separator="|")
    return (
        pl.when(pl.col("vendor") == "Fortinet")
        .then(forti)
        .when(pl.col("vendor") == "Check Point")
        .then("uid")
    )


def _action(dns: pl.Expr, bytes_up: pl.Expr) -> pl.Expr:
    """What the device did goes before how a lookup ended. A reset ends ordinary sessions of FortiGate."""
    word = pl.col("action").str.to_lowercase()
    ended_early = pl.col("vendor").str.starts_with("Palo Alto") & cut_off(pl.col("ended_by"), bytes_up)
    refused = dns & word.str.contains("^(?:block|den|drop|reject|sinkhole)")
    ended = (pl.col("vendor") != "Fortinet").fill_null(True) & word.str.starts_with("reset")
    return one_of(
        {"blocked": ended_early | refused, "reset": ended},
        otherwise=pl.coalesce(
            pl.when(dns).then(lookups.verdict(pl.col("rcode"))), word.replace(_ACTIONS), pl.lit("unknown")
        ),
    )
