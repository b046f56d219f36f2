"""Trend Micro InterScan Web Security (IWSVA, IWSS): access log through syslog, `tk_name=value` with commas.

    tk_username=jdoe,tk_url=http://…,tk_size=1000,tk_date_field=2026-10-06 10:00:00+0000,tk_protocol=http,…,
    tk_client_ip=10.1.2.3,tk_server_ip=192.0.2.7,tk_domain=www.example.org,tk_path=x,…,tk_operation=GET,…

`tk_size` is what the server sent. What was blocked stands in other logs (`tk_filter_action`,
`tk_blocked_by`). Where nobody has signed in, `tk_username` is the address. Source: Trend
Micro, IWSVA Administrator's Guide, "Syslog".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue
from sensor.sources.logs.text.reasons import NO_REQUEST
from sensor.sources.logs.text.words import one_of

_KEYS = (
    "username",
    "url",
    "size",
    "date_field",
    "protocol",
    "client_ip",
    "server_ip",
    "domain",
    "operation",
    "filter_action",
    "blocked_by",
)
_WANTED = {key: f"tk_{key}" for key in _KEYS}


class IwsvaFormat(LogFormat):
    """Reads access logs of InterScan Web Security."""

    name = "iwsva"
    help = "Trend Micro InterScan Web Security (IWSVA): access and URL blocking logs (syslog)"
    vantage = "proxy"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "bytes_down", "action")
    advice = "The access log has no upload bytes: uploads stay unknown."
    marks = ("tk_url=", "tk_username=")
    claims = pl.col("line").str.contains(r"\btk_(?:username|url)=.*,tk_\w+=")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request."""
        read = keyvalue.read(lines["line"], _WANTED, separator=",")
        blocked = pl.col("filter_action").str.contains("(?i)block|denied") | (pl.col("blocked_by") != "")
        user = pl.col("username")
        is_address = user.str.contains(r"^(?:\d+(?:\.\d+){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+)$").fill_null(False)
        return read.select(
            time="date_field",
            kind=pl.lit("proxy"),
            client=pl.coalesce("client_ip", pl.when(is_address).then(user)),
            user_name=pl.when(~is_address).then(user),
            url="url",
            host=pl.when(pl.col("url").is_null()).then("domain"),
            method="operation",
            server="server_ip",
            bytes_down="size",
            action=one_of({"blocked": blocked}, otherwise="allowed"),
            reason=one_of({NO_REQUEST: pl.coalesce("url", "domain").is_null()}),
        )
