"""Zenarmor (Sensei) on OPNsense, pfSense, FreeBSD: connections, TLS, web and DNS as JSON, sent by syslog or
stored in Elasticsearch.

    zenarmor[9]: daemon=zenarmor, index=tls, data={"start_time": 1791280800000, "conn_uuid": …,
      "ip_src_saddr": "10.1.2.3", "ip_dst_saddr": "192.0.2.7", "ip_dst_port": 443, "is_blocked": 0,
      "src_nbytes": 900, "dst_nbytes": 7000, "server_name": "chat.example.com", …}

A connection is told by several records with one `conn_uuid`, each with the bytes so far; `src` opened it.
DNS records have `query`, web records `host` and `uri`. Alerts repeat what other records tell. Source:
Zenarmor Documentation, "Streaming Reporting Data".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects, patterns
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.reasons import ALERT, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "start_time|timestamp", "end": "end_time", "connection": "conn_uuid", "client": "ip_src_saddr",
    "client_port": "ip_src_port", "mac": "src_hwaddr", "device": "src_hostname", "user": "src_username",
    "server": "ip_dst_saddr", "port": "ip_dst_port", "proto": "transport_proto", "blocked": "is_blocked",
    "up": "src_nbytes", "down": "dst_nbytes", "packets_up": "src_npackets", "packets_down": "dst_npackets",
    "query": "query", "answers": "answers", "sni": "server_name", "host": "host", "path": "uri",
    "method": "method", "agent": "user_agent", "alert": "alertinfo.sid",
}  # fmt: skip
_SYSLOG = r"^daemon=zenarmor, index=(?P<index>\w+), data=(?P<data>\{.*)$"


class ZenarmorFormat(LogFormat):
    """Reads Zenarmor's reporting data."""

    name = "zenarmor"
    help = "Zenarmor (Sensei) 1 and 2: connections, TLS, web, DNS (syslog, Elasticsearch)"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action")
    marks = ('"ip_src_saddr"', "daemon=zenarmor, index=")
    claims = pl.col("line").str.contains("^daemon=zenarmor, index=") | objects.having(
        "ip_src_saddr", "ip_dst_saddr"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record: kind dns, http, tls or flow."""
        sent = patterns.read(lines["line"], _SYSLOG)
        read = objects.read(either(sent["data"], lines["line"]), _WANTED)
        asked, named = pl.col("query").is_not_null(), pl.col("sni").is_not_null()
        web = (pl.col("method").is_not_null() | pl.col("path").is_not_null()) & ~asked
        alert = (pl.lit(sent["index"]) == "alert").fill_null(False) | pl.col("alert").is_not_null()
        proto = pl.col("proto").str.to_lowercase()
        counted = pl.col("up").is_not_null() & ~asked
        return read.select(
            *("time", "client", "client_port", "method", "packets_up", "packets_down"),
            ended=pl.when(~asked).then("end"),
            kind=one_of({"dns": asked, "http": web, "tls": named}, otherwise="flow"),
            client_mac="mac",
            device=pl.when(pl.col("device").str.contains(r"[G-Zg-z]")).then("device"),
            user_name="user",
            host=pl.coalesce("query", "sni", pl.when(web).then("host")),
            path=pl.when(web).then("path"),
            user_agent="agent",
            server="server",
            server_port="port",
            transport=proto,
            bytes_up=pl.when(counted).then("up"),
            bytes_down=pl.when(counted).then("down"),
            answers=pl.when(asked).then(pl.col("answers").str.extract_all(r"[0-9a-fA-F]*[.:][0-9a-fA-F.:]+")),
            action=one_of({"blocked": pl.col("blocked") == "1", "allowed": pl.col("blocked") == "0"}),
            session=pl.when(~asked).then("connection"),
            phase=one_of({"update": counted}, otherwise="name"),
            reason=one_of({ALERT: alert, NO_PORTS: ~asked & ~has_ports(proto).fill_null(False)}),
        )
