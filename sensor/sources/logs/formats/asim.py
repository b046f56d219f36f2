"""Microsoft Sentinel's ASIM: normalised network sessions, web sessions and DNS activity (JSON, CSV).

`SrcBytes` is what the source sent, `DstBytes` what the destination sent; `NetworkBytes` is their sum and
of no use. Source: Microsoft Sentinel, ASIM schema references.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, lookups, objects
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_WANTED: dict[str, str] = {
    "time": "EventStartTime|TimeGenerated|TimeGenerated [UTC]",
    "schema": "EventSchema",
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
}
_ACTIONS = {"success": "allowed", "failure": "unknown", "partial": "unknown", "na": "unknown"}


class AsimFormat(LogFormat):
    """Reads ASIM events."""

    name = "asim"
    help = "Microsoft Sentinel ASIM network session, web session and DNS events (JSON, CSV)"
    vantage = "proxy"
    generic = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    header = r"^[^{]*\bSrcIpAddr\b"
    marks = ("srcipaddr",)
    claims = objects.having("SrcIpAddr")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        if lines["header"].null_count() < lines.height:
            headed = commas.read_headed(lines.select("line", "header"), _WANTED)
            read = read.with_columns(pl.coalesce(name, pl.lit(headed[name])).alias(name) for name in _WANTED)
        dns = pl.col("query").is_not_null()
        web = pl.col("url").is_not_null() | pl.col("method").is_not_null()
        word = pl.col("action").str.to_lowercase()
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
            kind=one_of({"dns": dns, "http": web}, otherwise="flow"),
            url=pl.when(~dns).then("url"),
            host=pl.when(dns).then("query").otherwise(pl.when(pl.col("url").is_null()).then("host")),
            name_from=one_of({"dns_answer": ~dns & ~web & pl.col("host").is_not_null()}),
            status=pl.when(web).then("status"),
            server="server",
            server_port=pl.when(~dns).then("server_port"),
            bytes_up=pl.when(~dns).then("bytes_up"),
            bytes_down=pl.when(~dns).then("bytes_down"),
            duration_s=pl.col("duration").cast(pl.Float64, strict=False) / 1000,
            action=pl.coalesce(
                pl.when(dns).then(lookups.verdict(pl.col("rcode"))), word.replace(_ACTIONS), pl.lit("unknown")
            ),
            qtype=pl.col("type"),
            reason=one_of(
                {NO_CONNECTION: pl.all_horizontal(pl.col("query", "url", "host", "server").is_null())}
            ),
        )
