r"""Kerio Control (GFI): connection log and the filter log's URL rules; its HTTP log is read by `weblog.py`.

    [06/Oct/2026 10:00:00] [ID] 613181 [Rule] NAT [Service] HTTPS [User] ada
      [Connection] TCP 10.1.2.3:50000 -> chat.example.com:443 [Duration] 12 sec [Bytes] 9000/500/9500
      [Packets] 5/9/14
    [06/Oct/2026 10:00:00] DENY URL 'No AI' 10.1.2.3 ada HTTP GET https://chat.example.com/a
    [06/Oct/2026 10:00:00] DROP 'No AI' packet from LAN, proto:TCP, len:47, 10.1.2.3:50000 -> 192.0.2.7:443, …

A connection is logged when it ends; its sizes are sent, received, both. A destination is a name where Kerio
knew one. Later versions put a rule's name in double quotes. Clocks are local. Source: GFI, "Using the
Connection log", "Using the Filter log".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_CONNECTION = (
    r"^\[(?P<time>[^\]]+)\] \[ID\] \d+ (?:.*? )??(?:\[User\] (?P<user>\S+) )?\[Connection\] "
    r"(?P<proto>\S+) (?P<client>\S+?)(?::(?P<client_port>\d+))? -?> (?P<to>\S+?)(?::(?P<port>\d+))?"
    r"(?: \[Iface\].*?)? \[Duration\] (?P<duration>\d+) sec \[Bytes\] (?P<up>\d+)/(?P<down>\d+)/"
)
_RULE = (
    r"^\[(?P<at>[^\]]+)\] (?P<action>ALLOW|DENY|DROP) (?:URL|FTP) '.*?' (?P<asker>[0-9a-fA-F.:]+) "
    r"(?:(?P<name>\S+) )?(?:HTTPS?|FTP) (?P<method>[A-Z]+) (?P<url>\S+)"
)
_PACKET = (
    r"^\[(?P<met>[^\]]+)\] (?P<verdict>PERMIT|DENY|DROP) ['\"].*?['\"] packet (?:to|from) .*?, "
    r"proto:(?P<layer>\w+), len:\d+, "
    r"(?:ip/port:)?(?P<one>[0-9a-fA-F.:]+):(?P<one_port>\d+) (?:->?|>>) "
    r"(?P<other>[0-9a-fA-F.:]+):(?P<other_port>\d+)"
)
_ADDRESS = r"^(?:\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*:[0-9a-fA-F:.]+)$"


class KerioFormat(LogFormat):
    """Reads connection and filter logs of Kerio Control."""

    name = "kerio"
    help = "Kerio Control 7 to 9: connection log, URL rules of the filter log (file, syslog)"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    advice = "Turn `Log connections` on in the traffic rules that lead out."
    marks = ("[connection] ", "] allow ", "] deny ", "] drop ", "] permit ")
    claims = pl.col("line").str.contains(
        r"^\[[^\]]+\] (?:\[ID\] \d+ .*\[Connection\] |(?:ALLOW|DENY|DROP) (?:URL|FTP) '"
        r"|(?:PERMIT|DENY|DROP) ['\"].*?['\"] packet (?:to|from) )"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Connections (kind flow), requests of URL rules (kind proxy)."""
        read = (
            patterns.read(lines["line"], _CONNECTION)
            .hstack(patterns.read(lines["line"], _RULE))
            .hstack(patterns.read(lines["line"], _PACKET))
        )
        ruled, packet = pl.col("at").is_not_null(), pl.col("verdict").is_not_null()
        blocked = packet & (pl.col("verdict") != "PERMIT")
        sides = ("one", "one_port", "other", "other_port")
        named = pl.when(~pl.col("to").str.contains(_ADDRESS)).then("to")
        return read.select(
            time=pl.coalesce("time", "at", "met"),
            at_end=pl.col("time").is_not_null(),
            duration_s="duration",
            kind=one_of({"proxy": ruled}, otherwise="flow"),
            client=pl.coalesce("client", "asker", "one"),
            client_port=pl.coalesce("client_port", "one_port"),
            user_name=pl.coalesce("user", "name"),
            host=named,
            name_from=one_of({"dns_answer": named.is_not_null()}),
            url="url",
            method="method",
            server=pl.coalesce(pl.when(named.is_null()).then("to"), "other"),
            server_port=pl.coalesce("port", "other_port"),
            transport=one_of({"tcp": ruled}, otherwise=pl.coalesce("proto", "layer")),
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": blocked, "allowed": ~ruled}, otherwise=pl.col("action")),
            # Every packet of a connection that a rule logs has a line.
            session=pl.when(packet & ~blocked).then(pl.concat_str(sides, separator="|")),
            phase=one_of({"name": packet}),
            reason=one_of({NO_PORTS: ~has_ports(pl.coalesce("proto", "layer"))}),
        )
