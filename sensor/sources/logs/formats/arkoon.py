r"""Arkoon FAST360 (Stormshield's forerunner): `AKLOG` lines, over syslog or as a file.

    AKLOG - id=firewall time="2026-10-06 12:00:00" gmtime=1791280800 fw=fw1 aktype=IP ip_log_type=NEWCONN
      src=10.1.2.3 dst=192.0.2.7 proto="https" protocol=6 port_src=50000 port_dest=443 … action=ACCEPT
    AKLOG - … aktype=HTTP src=10.1.2.3 proto=http user="ada" op="GET" dstname=www.example.org
      arg="http://www.example.org/a HTTP/1.1" rcvd=355 result=200

`gmtime` is UTC, `time` local. NEWCONN and ENDCONN of one connection are one session; neither tells volumes,
`rcvd` of HTTP is what the client got. Alerts and intrusions are set aside. Source: Arkoon, "FAST360 log
formats"; WELF reference.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "kind": "aktype", "time": "gmtime|time", "client": "src", "server": "dst", "proto": "protocol",
    "client_port": "port_src", "server_port": "port_dest", "user": "user", "action": "action",
    "event": "ip_log_type",
    "method": "op", "host": "dstname", "asked": "arg", "agent": "agent", "down": "rcvd", "status": "result",
}  # fmt: skip


class ArkoonFormat(LogFormat):
    """Reads Arkoon's connections and requests."""

    name = "arkoon"
    help = "Arkoon FAST360: connections and web requests (AKLOG)"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_down", "action", "user_agent")
    advice = "Only the HTTP log has hosts and volumes; no log has uploads."
    marks = ("id=firewall ",)
    claims = pl.col("line").str.contains(r"(?:^|\bAKLOG ?- ?)id=firewall .*\baktype=[A-Z]")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event: kind flow or proxy."""
        read = keyvalue.read(lines["line"], _WANTED)
        web, flow = pl.col("kind") == "HTTP", pl.col("kind") == "IP"
        # The request line ends with the protocol's version.
        asked = pl.col("asked").str.replace(r" HTTP/[0-9.]+$", "")
        whole = asked.str.contains(r"^[a-z]+://").fill_null(False)
        sides = ("client", "client_port", "server", "server_port")
        denied = (pl.col("action") != "ACCEPT") & flow
        return read.select(
            *sides,
            "time",
            "method",
            kind=one_of({"proxy": web}, otherwise="flow"),
            user_name="user",
            url=pl.when(whole).then(asked),
            path=pl.when(~whole).then(asked),
            host="host",
            user_agent="agent",
            transport="proto",
            status="status",
            bytes_down="down",
            action=one_of({"blocked": denied}, otherwise="allowed"),
            session=pl.when(flow & ~denied).then(pl.concat_str(sides, separator="|")),
            phase=one_of({"end": pl.col("event") == "ENDCONN"}, otherwise="begin"),
            reason=one_of(
                {
                    NO_CONNECTION: ~(web | flow).fill_null(False),
                    NO_PORTS: flow & ~has_ports(pl.col("proto")).fill_null(False),
                }
            ),
        )
