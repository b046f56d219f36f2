"""Check Point Harmony Endpoint (JSON, event forwarding): URL filtering and phishing events.

`resource` is the URL, `src` the endpoint's address; `dst` is often 0.0.0.0. Other products' events
(anti-malware, forensics …) name no page. There are no sizes. Source: Check Point, "Infinity Events: log
fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PAGE
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "time",
    "client": "src",
    "device": "src_machine_name",
    "user": "src_user_name",
    "url": "resource",
    "host": "appi_name",
    "server": "dst",
    "port": "service",
    "action": "action",
    "product": "product",
}
_PAGES = ("URL Filtering", "Zero Phishing", "Anti-Bot")
_FIRST = r'^\["?([^",\]]+)'


class CheckpointHarmonyFormat(LogFormat):
    """Reads Harmony Endpoint events."""

    name = "checkpoint-harmony"
    help = "Check Point Harmony Endpoint: URL filtering, phishing and bot events (JSON)"
    vantage = "endpoint"
    is_stateless = True
    proof = ("host", "path", "user", "device", "action")
    advice = "The log has no volumes, and only pages that a rule names: add the log of the proxy or resolver."
    marks = ('"product_family"',)
    claims = objects.having("client_name", "product", "orig") & pl.col("line").str.contains(
        r'"product_family"\s*:\s*"Endpoint"'
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        read = read.with_columns(
            pl.when(pl.col(n).str.starts_with("[")).then(pl.col(n).str.extract(_FIRST)).otherwise(n).alias(n)
            for n in ("user", "url", "host")
        )
        page = pl.col("product").is_in(_PAGES).fill_null(False) & (
            pl.col("url").is_not_null() | pl.col("host").is_not_null()
        )
        return read.select(
            *("time", "client", "device", "server", "action"),
            kind=pl.lit("http"),
            user_name="user",
            url="url",
            host=pl.when(pl.col("url").is_null()).then("host"),
            name_from=pl.lit("url"),
            server_port=pl.col("port").str.extract(r"^(\d+)$"),
            reason=one_of({NO_PAGE: ~page}),
        )
