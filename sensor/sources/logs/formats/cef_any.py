"""CEF and LEEF of products without a format of their own.

CEF says `in` is what flowed from source to destination; most vendors write it the other way round, so
without knowing the vendor the two are no volume: NULL. LEEF's `srcBytes` and `dstBytes` are what source
and destination sent. Sources: ArcSight CEF implementation standard; IBM QRadar LEEF reference.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS, NO_SERVICE
from sensor.sources.logs.text.words import one_of

_FIELDS: dict[str, tuple[str, ...]] = {
    "time": ("start", "rt", "end", "devTime", "deviceReceiptTime"),
    "client": ("src", "c6a2", "sourceAddress", "srcip", "client_ip", "clientip"),
    "client_port": ("spt", "srcPort", "sourcePort", "srcport"),
    "client_mac": ("smac", "srcMAC", "sourceMacAddress"),
    "user_name": ("suser", "usrName", "sourceUserName", "duser", "user", "username", "accountName"),
    "device": ("shost", "identHostName", "sourceHostName", "srchost"),
    "url": ("request", "url", "requestUrl", "URL"),
    "host": ("dhost", "destinationHostName", "destinationDnsDomain", "sni", "domain", "hostname", "urlHost",
    "qname", "dnsQuery", "query"),
    "method": ("requestMethod", "method", "httpMethod"),
    "status": ("httpStatus", "statusCode", "responseCode"),
    "agent": ("requestClientApplication", "userAgent", "useragent", "user_agent"),
    "server": ("dst", "c6a3", "destinationAddress", "dstip"),
    "server_port": ("dpt", "dstPort", "destinationPort", "dstport"),
    "transport": ("proto", "transportProtocol", "protocol"),
    "app": ("app", "applicationProtocol", "service"),
    "act": ("act", "action", "deviceAction", "outcome", "categoryOutcome"),
    "up": ("srcBytes", "bytesSent", "bytes_sent"),
    "down": ("dstBytes", "bytesReceived", "bytes_received"),
}  # fmt: skip
_KEYS = tuple(key for keys in _FIELDS.values() for key in keys)
_CUT_CEF = r"^\s?[01]\|(?:[^|=]+\|){5}[^|]*\|\w+="
_CUT_LEEF = r"^[12]\.0\|(?:[^|=]+\|){4}(?:[^|]{1,4}\|)?\w+="
#: Sign-ins, tickets and account management; 5156 and the like are connections.
_WINDOWS = r"^Microsoft-Windows-Security-Auditing:4[6-9]\d\d$"
_LAYERS = ("icmp", "igmp", "esp", "gre", "1", "58", "47", "50")


class CefFormat(LogFormat):
    """Reads CEF and LEEF of unknown vendors."""

    name = "cef"
    help = "CEF and LEEF (1.0, 2.0) of any product without a format of its own"
    vantage = "proxy"
    generic = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "CEF's `in` and `out` mean opposite things at different vendors, so they are not read: a custom "
        "format can say which is the upload."
    )
    # `host CEF: 0|…`: what looks like syslog's tag is the format's name.
    # Some forwarders cut it off.
    marks = ("|",)
    claims = pl.col("line").str.contains(
        r"(?:^|[\s:])(?:CEF|LEEF):\s*\d(?:\.\d)?\|[^|]*\|[^|]*\|" + f"|{_CUT_CEF}|{_CUT_LEEF}"
    ) | (
        pl.col("tag").is_in(["CEF", "LEEF"]).fill_null(False)
        & pl.col("line").str.contains(r"^\d(?:\.\d)?\|[^|]*\|")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        cut = lines["line"].str.contains(_CUT_LEEF) | (
            (lines["tag"] == "LEEF").fill_null(False) & lines["line"].str.contains(r"^\d")
        )
        whole = lines.select(pl.when(cut).then("LEEF:" + pl.col("line")).otherwise("line").alias("line"))
        keys = cef.read(whole["line"], _KEYS)
        read = keys.select(pl.coalesce(keys_of).alias(name) for name, keys_of in _FIELDS.items()).hstack(
            keys.select(event="event", event_name="name")
        )
        app = pl.col("app").str.to_lowercase()
        dns = (app == "dns").fill_null(False) | (
            (pl.col("server_port") == "53") & pl.col("host").is_not_null()
        ).fill_null(False)
        web = pl.col("url").is_not_null() | pl.col("method").is_not_null()
        return read.select(
            *(
                "time",
                "client",
                "client_port",
                "client_mac",
                "user_name",
                "device",
                "method",
                "status",
                "server_port",
            ),
            kind=one_of({"dns": dns, "http": web}, otherwise="flow"),
            url=pl.when(~dns).then("url"),
            host="host",
            name_from=one_of({"sni": ~dns & ~web & pl.col("host").is_not_null()}),
            user_agent="agent",
            server="server",
            transport="transport",
            action=pl.coalesce("act", pl.lit("unknown")),
            bytes_up="up",
            bytes_down="down",
            reason=one_of(
                {
                    # `dhost` is the computer that somebody signed in to.
                    NO_SERVICE: pl.col("event").str.contains(_WINDOWS),
                    NO_CONNECTION: pl.all_horizontal(pl.col(n).is_null() for n in ("url", "host", "server")),
                    NO_PORTS: pl.col("transport").str.to_lowercase().is_in(_LAYERS),
                }
            ),
        )
