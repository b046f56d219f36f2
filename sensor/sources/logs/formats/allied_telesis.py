r"""Allied Telesis AR-series firewalls (AlliedWare Plus): URL filter and connection log, syslog or file.

    [Drop] URLFILTER: URL:http://www.example.org/a [http] 10.1.2.3:50000 -> 192.0.2.7:80
    [Http] URL:http://www.example.org/a 10.1.2.3:50000 -> 192.0.2.7:80            (log url-requests)
    Web_Control: BLOCK http://www.example.org/ requested by 10.1.2.3: Piracy, 0
    END proto=TCP orig_src=10.1.2.3 orig_dst=192.0.2.7 orig_sport=50000 orig_dport=443 orig_pkts=9
      orig_bytes=900 reply_src=192.0.2.7 reply_dst=203.0.113.9 … reply_pkts=8 reply_bytes=7000

`orig_bytes` is what the client sent, headers of IP included. NEW and END of one connection are one session.
IP reputation, malware and intrusion messages are set aside; packets that rules log are format `netfilter`.
Source: Allied Telesis, "Advanced Network Protection" and "Firewall and NAT", chapters "Logging".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, patterns
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_REQUEST = (
    r"^\[(?P<word>\w+)\] (?:URLFILTER: )?\[?URL:(?P<url>\S+?)\]? (?:\[\w+\] )?"
    r"(?P<client>[0-9a-fA-F.:]+):(?P<client_port>\d+) -> (?P<server>[0-9a-fA-F.:]+):(?P<port>\d+)"
)
_WEB_CONTROL = (
    r"^Web_Control: (?P<word>BLOCK|ALLOW) (?P<url>\S+) requested by (?P<client>[0-9a-fA-F.:]*[0-9a-fA-F]): "
)
_CONNECTION = r"^(?:NEW|END) proto=\S+ orig_src=\S+ orig_dst="
_OTHER = r"^\[(?:Drop|Alert|DROP|ALERT)\] (?:IPREP|MALWARE|IPS|WEBCTRL|ANTIVIRUS): "
_WANTED = {
    "proto": "proto", "client": "orig_src", "server": "orig_dst", "client_port": "orig_sport",
    "server_port": "orig_dport", "packets_up": "orig_pkts", "up": "orig_bytes", "packets_down": "reply_pkts",
    "down": "reply_bytes",
}  # fmt: skip


class AlliedTelesisFormat(LogFormat):
    """Reads AlliedWare Plus' URL filter and connection log."""

    name = "allied-telesis"
    help = "Allied Telesis AR series (AlliedWare Plus 5.4 and 5.5): URL filter, connection log"
    vantage = "firewall"
    counts_headers = "ip"
    proof = ("host", "path", "bytes_up", "bytes_down", "action")
    advice = (
        "`log url-requests` in url-filter mode logs what is let through, `connection-log events all` volumes."
    )
    marks = ("] url", "] [url", " orig_src=", "[alert] ", "[drop] ", "web_control: ")
    claims = pl.col("line").str.contains("|".join((_REQUEST, _CONNECTION, _OTHER))) | pl.col(
        "line"
    ).str.contains(_WEB_CONTROL)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http) or event of a connection (kind flow)."""
        return layouts.read(
            lines,
            [
                (_REQUEST, _requests),
                (_CONNECTION, _connections),
                (_WEB_CONTROL, _controlled),
                (pl.lit(True), layouts.set_aside(NO_CONNECTION)),
            ],
        )


def _requests(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _REQUEST)
    return read.select(
        *("client", "client_port", "server", "url"),
        kind=pl.lit("http"),
        server_port="port",
        transport=pl.lit("tcp"),
        action=one_of({"blocked": pl.col("word").str.to_lowercase() == "drop"}, otherwise="allowed"),
    )


def _controlled(lines: pl.DataFrame) -> pl.DataFrame:
    return patterns.read(lines["line"], _WEB_CONTROL).select(
        "client", "url", kind=pl.lit("http"), transport=pl.lit("tcp"), action="word"
    )


def _connections(lines: pl.DataFrame) -> pl.DataFrame:
    read = keyvalue.read(lines["line"], _WANTED)
    ended = pl.lit(lines["line"]).str.starts_with("END")
    proto = pl.col("proto").str.to_lowercase()
    sides = ("client", "client_port", "server", "server_port")
    return read.select(
        *sides,
        "packets_up",
        "packets_down",
        kind=pl.lit("flow"),
        transport=proto,
        bytes_up="up",
        bytes_down="down",
        action=pl.lit("allowed"),
        session=pl.concat_str(proto, *sides, separator="|"),
        phase=one_of({"end": ended}, otherwise="begin"),
        reason=one_of({NO_PORTS: ~has_ports(proto).fill_null(False)}),
    )
