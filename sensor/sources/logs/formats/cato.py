"""Cato Networks: events (eventsFeed API, S3, SIEM): security, connectivity and internet firewall as JSON.

`src_ip` opened, `dest_ip`, `domain_name`, `full_path_url` or `url` is what for; bytes stand in flow events
only (`bytes_upstream`, `bytes_downstream`, seen from the client). DNS Protection tells of a lookup,
`dns_query`; `domain_name` is the resolver's there. Source: Cato, "Cato API – EventsFeed, event fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "stamp": "event_timestamp|event_time|time_str", "time": "time|event_time_ms", "type": "event_type",
    "subtype": "event_sub_type",
    "client": "src_ip|client_ip", "client_port": "src_port", "client_mac": "src_mac|client_mac",
    "server": "dest_ip|dst_ip", "port": "dest_port|dst_port",
    "proto": "ip_protocol|protocol", "host": "domain_name|tls_sni|sni", "full_url": "full_path_url",
    "part": "url", "mail": "vpn_user_email", "user": "user_name|user_display_name|ad_name|user",
    "device": "device_name|host_name|client_device_name", "agent": "user_agent",
    "method": "http_request_method|request_method",
    "up": "bytes_upstream|upstream_bytes|bytes_sent", "down": "bytes_downstream|downstream_bytes|"
    "bytes_received", "action": "action",
    "query": "dns_query", "qtype": "dns_record_type",
    "duration": "flow_duration|session_duration", "seat": "src_is_site_or_vpn",
}  # fmt: skip
#: A record of eventsFeed as the API gives it has them one level below.
_WANTED = {
    name: f"{paths}|" + "|".join(f"fieldsMap.{path}" for path in paths.split("|"))
    for name, paths in _FIELDS.items()
}
#: A client's tunnel came up or went down; `src_ip` is the address it was given.
_TUNNELS, _PEOPLE = ["Connected", "Disconnected"], ["VPN User", "SDP User"]


class CatoFormat(LogFormat):
    """Reads Cato events."""

    name = "cato"
    help = "Cato Networks events (API, S3, SIEM JSON): internet firewall, security, apps, connectivity"
    vantage = "firewall"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "Set internet firewall rules to Track: Event; URL and user fields need TLS inspection and identity."
    )
    marks = ('"event_sub_type"',)
    claims = pl.col("line").str.contains(r'^\s*\{.*"event_sub_type"\s*:') & pl.col("line").str.contains(
        r'"(?:pop_name|internalId|account_id|src_is_site_or_vpn)"\s*:'
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        read = read.with_columns(url=pl.coalesce(said("full_url"), "part"))
        whole = pl.col("url").str.contains(r"^[a-z]+://[^/\s]+").fill_null(False)
        asked = ((pl.col("subtype") == "DNS Protection") & (pl.col("query") != "")).fill_null(False)
        path = pl.when(pl.col("url").str.starts_with("/")).then("url")
        host = pl.when(~whole & (pl.col("host") != "")).then("host")
        proto = pl.col("proto").str.to_lowercase()
        named = whole | asked | host.is_not_null()
        tunnel = (
            (pl.col("type") == "Connectivity")
            & pl.col("subtype").is_in(_TUNNELS)
            & pl.col("seat").is_in(_PEOPLE)
            & ~pl.col("action").str.contains("(?i)fail")
        ).fill_null(False)
        return read.select(
            time=pl.coalesce(said("stamp"), "time"),
            duration_s="duration",
            kind=one_of(
                {"lease": tunnel, "dns": asked, "http": whole | path.is_not_null(), "tls": named},
                otherwise="flow",
            ),
            client="client",
            client_port="client_port",
            client_mac="client_mac",
            # The name for display is told beside it of some events only: one person would be two.
            user_name=pl.coalesce(said("mail"), "user"),
            device="device",
            url=pl.when(whole & ~asked).then(pl.col("url").str.replace(r"^([a-z]+://\S+) /", "$1/")),
            host=pl.when(asked).then("query").otherwise(host),
            qtype=pl.when(asked).then(lookups.question_type(pl.col("qtype"))),
            path=pl.when(~asked).then(path),
            method="method",
            user_agent="agent",
            server="server",
            server_port="port",
            transport=pl.coalesce(proto, one_of({"tcp": named})),
            bytes_up="up",
            bytes_down="down",
            action="action",
            lease_s=pl.when(tunnel).then(WORKING_DAY_S),
            closes=tunnel & (pl.col("subtype") == "Disconnected"),
            origin=one_of({"vpn": tunnel}),
            reason=one_of(
                {
                    NO_CONNECTION: ~tunnel & ~named & (pl.col("server").is_null() | pl.col("port").is_null()),
                    NO_PORTS: ~tunnel & ~named & ~has_ports(proto),
                }
            ),
        )
