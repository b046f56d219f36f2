r"""Dante (sockd), a SOCKS server: what it passed and blocked.

    Oct 06 10:00:00 (1791280800.123456) sockd[7]: info: pass(2): tcp/connect [: username%ada@10.1.2.3.40000
    10.1.2.1.1080 -> 198.51.100.1.50000 192.0.2.7.443
    … pass(2): tcp/connect ]: 23290 -> username%ada@10.1.2.3.40000 10.1.2.1.1080 -> 52058, 52058 ->
    198.51.100.1.50000 192.0.2.7.443 -> 23290: local client closed.  Session duration: 7s
    … block(1): tcp/connect ]: 10.1.2.3.40000 10.1.2.1.1080 -> 0.0.0.0.0 chat.example.com.443

`[` opens, `]` closes or refuses. The numbers around an address are the bytes sent to it and those received
from it (checked with Dante 1.4.4, payloads without headers). What is passed is told by address, what is
refused by the name that was asked for. `accept` is the client's own connection to the server. A log file
has epochs in brackets, syslog has not. Source: Dante, "Logging", sockd.conf(5).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import CLOSED, NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_CONNECTION = (
    r"\b(?P<verdict>pass|block)\(\d+\): (?P<proto>tcp|udp)/\w+ [\[\]]: (?:(?P<down>\d+) -> )?"
    r"(?:[\w.-]+%(?P<user>\S*)@)?(?P<client>[0-9a-fA-F.:]+)\.(?P<client_port>\d+) \S+ -> "
    r"(?:(?P<up>\d+), \d+ -> )?(?:\S+ )?(?P<target>[0-9A-Za-z.:_-]+)\.(?P<port>\d+)\b"
    r"(?: -> \d+: (?P<end>.*?)(?: +Session duration: (?P<seconds>\d+)s)?$)?"
)


class DanteFormat(LogFormat):
    """Reads Dante's connections."""

    name = "dante"
    help = "Dante SOCKS server (sockd): connections passed and blocked, with their bytes"
    vantage = "proxy"
    is_on_site = True
    proof = ("host", "user", "bytes_up", "bytes_down", "action")
    advice = "Use `log: connect disconnect error` in socks rules."
    marks = ("pass(", "block(", "sockd", "danted")
    claims = pl.col("line").str.contains(r"\b(?:pass|block)\(\d+\): (?:tcp|udp)/\w+ [\[\]-]") | pl.col(
        "tag"
    ).str.contains(r"^(?:\(\d+\.\d+\) )?(?:sockd|danted)$").fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection that was opened or refused, and per end of one."""
        return layouts.read(
            lines,
            [
                (_CONNECTION, _connections),
                (r"\b(?:pass|block)\(\d+\): \S+ \]", layouts.set_aside(CLOSED)),
                (pl.col("line").is_not_null(), layouts.set_aside(NO_CONNECTION)),
            ],
        )


def _connections(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _CONNECTION)
    is_address = pl.col("target").str.contains(r"^[0-9.]+$|:")
    closed = pl.col("up").is_not_null()
    refused = (pl.col("verdict") == "block") & ~closed
    failed = (pl.col("down") == "0") & pl.col("end").str.contains("error", literal=True)
    return found.select(
        "client",
        "client_port",
        time=lines["tag"].str.extract(r"^\((\d+\.\d+)\)"),
        at_end=closed,
        duration_s="seconds",
        kind=pl.lit("flow"),
        user_name="user",
        host=pl.when(~is_address).then("target"),
        name_from=pl.lit("url"),
        server=pl.when(is_address).then("target"),
        server_port="port",
        transport="proto",
        bytes_up="up",
        bytes_down="down",
        action=one_of({"blocked": refused, "reset": failed}, otherwise="allowed"),
        session=pl.when(~refused).then(
            pl.concat_str("client", "client_port", "target", "port", separator="|")
        ),
        phase=one_of({"end": closed}, otherwise="begin"),
    )
