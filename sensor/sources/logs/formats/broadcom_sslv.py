r"""Broadcom (Symantec, Blue Coat) SSL Visibility Appliance: session log over syslog, a line per TLS session.

    [A:81000064] 1791280800 10.1.2.3:49307 -> 192.0.2.7:443 TLS1.2 TLS_ECDHE_… www.example.org
    rule:6 resign Success(0x0)

From version 3.9.4 on the matched category and the certificate's fingerprint stand behind the name. The
verdict is that of the rule: `cut` (passed on unread), `resign` and their like let the session through, `drop`
and `reject` do not. Where the handshake failed, its error stands for `Success`. No page says whether the
name is the client's wish or the certificate's; neither users nor volumes are logged. Source: Broadcom
knowledge base, article 168879.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import UNREADABLE
from sensor.sources.logs.text.words import one_of

_END = r"\[?[0-9a-fA-F.:]+?\]?"
_LINE = (
    rf"(?:^|\s)\[\w+:[0-9a-f]+\] (?P<time>[0-9]{{10}}) (?P<client>{_END}):(?P<client_port>\d+) -> "
    rf"(?P<server>{_END}):(?P<port>\d+) (?:TLS|SSL|Unknown)\S* \S+ (?P<host>\S+) "
    r".*?\brule:\S+ (?P<word>\S+) (?P<status>.+)\(0x[0-9a-fA-F]+\)\s*$"
)


class BroadcomSslvFormat(LogFormat):
    """Reads session logs of Broadcom's TLS inspection appliance."""

    name = "broadcom-sslv"
    help = "Broadcom / Symantec SSL Visibility Appliance 3 to 5: session log over syslog"
    vantage = "firewall"
    is_stateless = True
    proof = ("host", "action")
    advice = "This log has neither users nor volumes: add the log of the proxy or firewall behind it."
    marks = (" -> ",)
    claims = pl.col("line").str.contains(
        rf"(?:^|\s)\[\w+:[0-9a-f]+\] [0-9]{{10}} {_END}:\d+ -> {_END}:\d+ (?:TLS|SSL|Unknown)"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per TLS session."""
        read = patterns.read(lines["line"], _LINE)
        stopped = pl.col("word").str.contains("(?i)drop|reject")
        return read.select(
            *("time", "client", "client_port", "host", "server"),
            kind=pl.lit("tls"),
            server_port="port",
            transport=pl.lit("tcp"),
            action=one_of(
                {
                    "blocked": stopped,
                    "allowed": pl.col("status") == "Success",
                    "reset": pl.col("status").is_not_null(),
                }
            ),
            reason=one_of({UNREADABLE: pl.col("time").is_null()}),
        )
