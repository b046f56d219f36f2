"""Alibaba Cloud Firewall: traffic of the internet, NAT and VPC firewalls (JSON of Log Service).

    {"__topic__": "cloudfirewall_access_log", "log_type": "internet_log", "direction": "out", "src_ip": …,
     "src_private_ip": "10.1.2.3", "src_port": "40000", "dst_ip": "192.0.2.7", "dst_port": "443", "domain":
     "chat.example.org", "out_packet_bytes": "900", "in_packet_bytes": "7000", "rule_result": "pass", …}

The sizes are those of traffic out of the cloud and into it, whoever began: of `direction` in, a client
outside sent what came in. Between networks of one's own it is always out. Frames are counted (of one packet,
58 bytes). `src_ip` is the public address of a machine whose own is `src_private_ip`.
Source: Alibaba Cloud, "Cloud Firewall: log fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "start_time", "end": "end_time", "client": "src_ip", "own": "src_private_ip",
    "client_port": "src_port", "server": "dst_ip", "server_port": "dst_port", "transport": "ip_protocol",
    "host": "domain", "url": "url", "app": "app_name", "way": "direction", "log": "log_type",
    "action": "rule_result", "out": "out_packet_bytes", "in": "in_packet_bytes",
    "packets_out": "out_packet_count", "packets_in": "in_packet_count",
}  # fmt: skip


class AlibabaFirewallFormat(LogFormat):
    """Reads traffic logs of Cloud Firewall."""

    name = "alibaba-firewall"
    help = "Alibaba Cloud Firewall: traffic logs of internet, NAT and VPC firewalls (JSON of Log Service)"
    vantage = "firewall"
    counts_headers = "frame"
    proof = ("host", "path", "bytes_up", "bytes_down", "action")
    advice = "Names are told of outbound traffic that carries them."
    marks = ("cloudfirewall_access_log", "cloudfirewall_vpc_log")
    claims = pl.col("line").str.contains(r'"__topic__"\s*:\s*"cloudfirewall_(?:access|vpc)_log"')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per session: kind dns, http, tls or flow."""
        read = objects.read(lines["line"], _WANTED).with_columns(pl.all().replace("", None))
        inward = (pl.col("way") == "in").fill_null(False)
        named = pl.col("host").is_not_null()
        asked = named & ((pl.col("app") == "DNS") | (pl.col("log") == "dns_firewall_log"))
        secure = named & pl.col("app").str.contains("(?i)^(?:https|ssl|tls)")
        begin, end = (pl.col(name).cast(pl.Float64, strict=False) for name in ("time", "end"))

        def turned(name: str, other: str) -> pl.Expr:
            return pl.when(inward).then(other).otherwise(name)

        return read.select(
            *("time", "client_port", "server", "server_port", "transport", "url", "action"),
            duration_s=pl.when(end >= begin).then(end - begin),
            kind=one_of({"dns": asked, "http": pl.col("url").is_not_null(), "tls": secure}, otherwise="flow"),
            client=pl.when(inward).then("client").otherwise(pl.coalesce("own", "client")),
            host=pl.when(pl.col("url").is_null()).then("host"),
            name_from=one_of({"qname": asked, "sni": pl.col("url").is_null() & named}),
            # What a lookup weighs is nobody's upload.
            bytes_up=pl.when(~asked.fill_null(False)).then(turned("out", "in")),
            bytes_down=pl.when(~asked.fill_null(False)).then(turned("in", "out")),
            packets_up=turned("packets_out", "packets_in"),
            packets_down=turned("packets_in", "packets_out"),
            reason=one_of({NO_PORTS: ~has_ports(pl.col("transport")).fill_null(False)}),
        )
