r"""WithSecure (F-Secure) Elements and Business Suite: endpoints' security events, in CEF.

    CEF:0|F-Secure|Computer Protection Premium and EDR||browsingProtection.blocked|Browsing …|4|
      details_clientTimestamp=1791280800000 details_url=hxxp://chat.example.com
      details_hostIpAddress=10.1.0.7/24 suser=ANN-PC\\ann shost=ann-pc …

The event's name ends in what was done; `accountName` is the customer. Addresses have a prefix length,
URLs may be written `hxxp`. Source: WithSecure, "Elements Connector: forwarding security events".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "details_clientTimestamp|rt",
    "address": "details_hostIpAddress|src",
    "user_name": "details_userName|suser",
    "device": "details_computerName|shost",
    "page": "details_url|details_websiteUrl",
    "server": "details_ip",
    "server_port": "details_port",
    "direction": "details_direction",
    "word": "act",
}
_PAGES = r"^(?:browsingProtection|webTrafficScanning|webContentControl)\."
_CONNECTIONS = r"^(?:connectionControl|firewall)\."


class WithSecureFormat(LogFormat):
    """Reads WithSecure's events: pages and connections that were stopped or reported."""

    name = "withsecure"
    help = "WithSecure (F-Secure) Elements, Business Suite: web and connection events (CEF)"
    vantage = "endpoint"
    is_stateless = True
    proof = ("host", "path", "user", "device", "action")
    advice = "Only pages and connections that met a rule are told, with no volume: add the proxy's log."
    marks = ("secure|",)
    claims = cef.claims("F-Secure|WithSecure")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event: a page (kind http) or a connection (kind flow)."""
        read = cef.read(lines["line"], _WANTED)
        event = pl.col("event")
        page = event.str.contains(_PAGES) & pl.col("page").is_not_null()
        reached = event.str.contains(_CONNECTIONS) & pl.col("server").is_not_null()
        outgoing = reached & (pl.col("direction") != "in").fill_null(True)
        return read.select(
            *("time", "user_name", "device"),
            kind=one_of({"http": page}, otherwise="flow"),
            client=pl.col("address").str.extract(r"^([^/]+)"),
            url=pl.when(page).then(pl.col("page").str.replace("(?i)^hxxp", "http")),
            server=pl.when(outgoing).then("server"),
            server_port=pl.when(outgoing).then("server_port"),
            action=pl.coalesce("word", event.str.extract(r"\.(\w+)$"), pl.lit("unknown")),
            reason=one_of({NO_CONNECTION: ~(page | outgoing).fill_null(False)}),
        )
