"""Splunk Stream: what its forwarder saw on the wire, by protocol (stream:http, stream:dns …), as JSON.

    {"timestamp": "2026-10-06T10:00:00.1Z", "endtime": …, "src_ip": "10.1.2.3", "src_port": 40000,
     "dest_ip": …, "dest_port": 80, "bytes_in": 900, "bytes_out": 7000, "protocol_stack": "ip:tcp:http", …}

`src` began; `bytes_in` is what it sent, `bytes_out` what came back. DNS events hold question and answer in
one. Source: Splunk Stream, "Protocol fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "timestamp", "end": "endtime", "client": "src_ip", "client_port": "src_port", "mac": "src_mac",
    "server": "dest_ip", "port": "dest_port", "transport": "transport", "stack": "protocol_stack",
    "up": "bytes_in", "down": "bytes_out", "packets_up": "packets_in", "packets_down": "packets_out",
    "site": "site", "path": "uri_path", "method": "http_method", "status": "status",
    "agent": "http_user_agent", "rcode": "reply_code|reply_code_id",
    "sni": "tls_server_name|ssl_server_name|server_name",
}  # fmt: skip
_LISTS = ("query", "query_type", "host_addr")


class SplunkStreamFormat(LogFormat):
    """Reads the events of Splunk Stream."""

    name = "splunk-stream"
    help = "Splunk Stream 6 to 8: http, dns, tcp, udp and other protocols' events (JSON)"
    vantage = "flow"
    proof = ("host", "path", "bytes_up", "bytes_down", "user_agent")
    marks = ('"protocol_stack"',)
    claims = objects.having("protocol_stack", "src_ip", "dest_ip")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event: kind dns, http, tls or flow."""
        read = objects.read(lines["line"], _WANTED, lists=_LISTS)
        asked = pl.col("query").list.first()
        dns = asked.is_not_null()
        web = pl.col("site").is_not_null() | pl.col("method").is_not_null()
        named = pl.col("sni").is_not_null()
        return read.select(
            *("time", "client", "client_port", "method", "status", "packets_up", "packets_down", "transport"),
            ended=pl.when(~dns).then("end"),
            kind=one_of({"dns": dns, "http": web, "tls": named}, otherwise="flow"),
            client_mac="mac",
            host=pl.coalesce(asked, "sni", pl.when(web).then("site")),
            path=pl.when(web).then("path"),
            user_agent="agent",
            server="server",
            server_port="port",
            bytes_up=pl.when(~dns).then("up"),
            bytes_down=pl.when(~dns).then("down"),
            answers=pl.when(dns).then("host_addr"),
            action=one_of({"allowed": ~dns}, otherwise=lookups.verdict(pl.col("rcode"))),
            qtype=pl.col("query_type").list.first(),
            reason=one_of({NO_PORTS: ~dns & ~has_ports(pl.col("transport"))}),
        )
