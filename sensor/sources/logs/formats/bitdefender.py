"""Bitdefender GravityZone: what endpoints refused or reported, as pushed or sent by syslog (JSON, CEF).

    {"module": "uc", "uc_type": "http", "computer_name": "PC1", "computer_ip": "10.1.2.3", "user": {…},
     "url": "http://chat.example.com/a", "status": "uc_site_blocked", "last_blocked": …, "count": 1, …}
    CEF:0|Bitdefender|GravityZone|6.40|1000|Web Control|9|BitdefenderGZModule=uc dvchost=PC1 dvc=10.1.2.3
      request=http://chat.example.com/a act=uc_site_blocked end=… suser=…

Pushed events come as `{"jsonrpc": …, "params": {"events": […]}}`, in CEF as `{"cef": "0", "events": […]}`,
for Splunk as `{"event": {…}}`. `dvc` and `computer_ip` are the endpoint, the first of several addresses. Web
control (uc), antiphishing (aph) and data protection (dp) name a page; firewall and network monitor name only
who called. An event is of `count` requests, told once. There are no volumes. Source: Bitdefender, "Push event
JSON RPC messages", "Syslog event messages".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, layouts, objects
from sensor.sources.logs.text.reasons import NO_PAGE
from sensor.sources.logs.text.words import one_of

_JSON = {
    "time": "last_blocked", "module": "module", "sort": "uc_type|target_type", "client": "computer_ip",
    "device": "computer_name", "user_name": "user.name", "url": "url", "status": "status",
}  # fmt: skip
#: As Splunk's collector gets it.
_WANTED = {name: "|".join(f"{key}|event.{key}" for key in keys.split("|")) for name, keys in _JSON.items()}
_CEF = {
    "time": "end", "module": "BitdefenderGZModule",
    "sort": "BitdefenderGZApplicationControlType|BitdefenderGZTargetType", "client": "dvc",
    "device": "dvchost", "user_name": "suser", "url": "request", "status": "act",
}  # fmt: skip


class BitdefenderFormat(LogFormat):
    """Reads pages that were refused or reported on endpoints."""

    name = "bitdefender"
    help = (
        "Bitdefender GravityZone: web control, antiphishing, data protection events (push, syslog; JSON, CEF)"
    )
    vantage = "endpoint"
    is_stateless = True
    own_zone = "UTC"
    proof = ("host", "path", "user", "device", "action")
    advice = "Only pages that met a rule are told, with no volume: add the log of the proxy or resolver."
    marks = ('"computer_ip"', '"endpointid"', "|bitdefender|")
    claims = (
        objects.having("module", "computer_ip", "computer_id")
        | objects.having("module", "companyId", "endpointId")
        | cef.claims("Bitdefender", "GravityZone")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _WANTED))),
                (pl.lit(True), lambda part: _rows(cef.read(part["line"], _CEF).select(*_CEF))),
            ],
        )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    page = pl.col("module").is_in(["uc", "aph", "dp"]) & (pl.col("sort") == "http").fill_null(True)
    return read.select(
        *("time", "device", "user_name", "url"),
        kind=pl.lit("http"),
        client=pl.col("client").str.extract(r"^\s*([^,\s]+)"),
        action=one_of({"allowed": pl.col("status") == "reportOnly"}, otherwise=pl.col("status")),
        reason=one_of({NO_PAGE: ~(page & (pl.col("url") != "")).fill_null(False)}),
    )
