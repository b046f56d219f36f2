"""Trend Micro's agents, in CEF or LEEF: Deep Security (Cloud One Workload Security) and Apex One.

    CEF:0|Trend Micro|Deep Security Agent|20.0|5000000|WebReputation|5|dvchost=ann-pc request=… msg=…
    CEF:0|Trend Micro|Deep Security Agent|20.0|20|Log TCP 443|0|dvchost=… act=Log src=… dst=… out=1019
    CEF:0|Trend Micro|Apex Central|2019|WB:36|36|3|rt=… act=2 src=… request=… duser=… dvchost=…

The agent runs on the client, so `dvchost` is its name; of packets only where they go out (`out=`). That
number is one packet's size, no volume. An action behind `IDS:` is what prevention would have done: the
rule only detects. Apex writes what it did with a page as a number (`_PAGES`). Sources: Trend Micro,
"Syslog message formats" (Deep Security) and "CEF web security logs" (Apex Central).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "rt|devTime",
    "client": "src|c6a2",
    "agent_address": "dvc",
    "client_port": "spt|srcPort",
    "client_mac": "smac|srcMAC",
    "user_name": "suser|duser|usrName",
    "source_name": "shost",
    "agent_name": "dvchost",
    "server": "dst|c6a3",
    "server_port": "dpt|dstPort",
    "transport": "proto",
    "host": "dhost",
    "url": "request|url",
    "word": "act",
    "told": "msg",
    "outbound": "out",
}
#: What Apex One did with a page; `warn` lets who goes on through, and is no verdict.
_PAGES = {"1": "allowed", "2": "blocked", "3": "allowed", "4": "blocked", "5": "blocked", "7": "allowed",
          "8": "allowed"}  # fmt: skip


def page_action(event: pl.Expr, word: pl.Expr) -> pl.Expr:
    """The action of an Apex One web event (`WB:…`); NULL of others and of numbers that decide nothing."""
    return pl.when(event.str.starts_with("WB:")).then(word.replace_strict(_PAGES, default=None))


class TrendMicroFormat(LogFormat):
    """Reads Deep Security's and Apex Central's events."""

    name = "trend-micro"
    help = "Trend Micro Deep Security, Cloud One Workload Security, Apex Central (CEF, LEEF)"
    vantage = "endpoint"
    is_stateless = True
    proof = ("host", "path", "user", "device", "action")
    advice = "The agents tell of pages and packets that met a rule, with no volume: add the proxy's log."
    marks = ("|trend micro|",)
    claims = cef.claims("Trend Micro", r"(?:Deep Security (?:Agent|Manager)|Apex Central)\|")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event: a page (kind http) or a packet (kind flow)."""
        read = cef.read(lines["line"], _WANTED)
        page = pl.col("url").is_not_null()
        on_client = page | pl.col("outbound").is_not_null()
        nowhere = pl.all_horizontal(pl.col("url", "host", "server").is_null())
        return read.select(
            *("time", "client_port", "client_mac", "user_name", "url", "server", "server_port"),
            kind=one_of({"http": page}, otherwise="flow"),
            client=pl.coalesce("client", pl.when(on_client).then("agent_address")),
            device=pl.coalesce("source_name", pl.when(on_client).then("agent_name")),
            host=pl.when(~page).then("host"),
            name_from=one_of({"sni": ~page & pl.col("host").is_not_null()}),
            transport="transport",
            action=_action(),
            reason=one_of({NO_CONNECTION: nowhere, NO_PORTS: ~has_ports(pl.col("transport"))}),
        )


def _action() -> pl.Expr:
    word = pl.col("word")
    return pl.coalesce(
        page_action(pl.col("event"), word),
        one_of({"allowed": word.str.starts_with("IDS:"), "unknown": word.str.contains(r"^\d+$")}),
        word,
        one_of({"blocked": pl.col("told").str.contains("(?i)^blocked")}, otherwise="unknown"),
    )
