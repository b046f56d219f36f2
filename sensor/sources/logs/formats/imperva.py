"""Imperva Cloud WAF (Incapsula): access and security events of the sites behind it (CEF).

    CEF:0|Incapsula|SIEMintegration|1|1|Normal|0| sourceServiceName=www.example.com src=198.51.100.9 cpt=50000
      request=www.example.com/a requestMethod=GET app=HTTPS act=REQ_PASSED cn1=200 start=1791280800123
      sip=192.0.2.7 spt=443 …

`spt` is the port of `sip`, the origin server; the client's is `cpt`. `suid` is the account of the customer.
Of volume there is a content length only. Source: Imperva, "Cloud WAF log file structure".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef
from sensor.sources.logs.text.words import one_of

_KEYS = (
    "start", "src", "cpt", "request", "requestMethod", "requestmethod", "app", "act", "cn1",
    "requestClientApplication", "sip", "spt",
)  # fmt: skip


class ImpervaFormat(LogFormat):
    """Reads events of Imperva's Cloud WAF."""

    name = "imperva"
    help = "Imperva Cloud WAF / Incapsula: access and security events (CEF)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "action", "user_agent")
    marks = ("|incapsula|",)
    claims = cef.claims("Incapsula")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http)."""
        read = cef.read(lines["line"], _KEYS)
        refused = pl.col("act").str.contains("^REQ_(?:BLOCKED|CHALLENGE|BAD)")
        scheme = pl.when(pl.col("app").str.to_lowercase().is_in(["http", "https"])).then(
            pl.col("app").str.to_lowercase() + "://"
        )
        return read.select(
            time="start",
            kind=pl.lit("http"),
            client="src",
            client_port="cpt",
            url=pl.concat_str(scheme.fill_null(""), "request"),
            method=pl.coalesce("requestMethod", "requestmethod"),
            status="cn1",
            user_agent="requestClientApplication",
            server="sip",
            server_port="spt",
            transport=pl.lit("tcp"),
            action=one_of({"blocked": refused}, otherwise="allowed"),
        )
