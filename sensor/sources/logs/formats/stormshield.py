r"""Stormshield Network Security (SNS 2 to 5): key=value logs web, connection, plugin, filter, ssl, auth.

    id=firewall time="2026-10-06 10:00:05" fw="SN…" tz=+0200 startime="2026-10-06 10:00:00" … src=10.1.2.3 …
    dstname=host
    sent=98 rcvd=766 duration=5.00 action=pass arg="/p" logtype="plugin"

`sent` is what the client sent. `filter` opens a connection, `plugin`, `web` and `ssl` name it, `connection`
ends it with its volume: one session by its 5-tuple. Times are local with `tz`. Source: Stormshield,
"Description of audit logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "start": "startime", "time": "time", "zone": "tz", "firewall": "fw", "type": "logtype", "client": "src",
    "client_port": "srcport",
    "client_mac": "srcmac", "server": "origdst|dst", "port": "origdstport|dstport", "proto": "ipproto",
    "user": "user",
    "domain": "domain", "host": "sni|sslname", "certificate": "cnname", "object": "dstname", "path": "arg",
    "method": "op",
    "status": "result", "up": "sent",
    "down": "rcvd", "duration": "duration", "action": "action", "error": "error", "message": "msg",
    "address": "address",
    "query": "dnsname|domainname", "given": "remotenet",
}  # fmt: skip
_SESSIONS = ["web", "connection", "plugin", "filter", "ssl", "alarm", "filterstat", "smtp", "pop3", "ftp"]


class StormshieldFormat(LogFormat):
    """Reads Stormshield logs."""

    name = "stormshield"
    help = "Stormshield SNS 2 to 5: web, connection, plugin, filter, ssl, logins; key=value"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    advice = (
        "Log connections and web beside filter: only connection logs carry volumes, only web and plugin "
        "hosts."
    )
    marks = ("id=firewall ", 'startime="')
    claims = pl.col("line").str.contains(
        r'\bfw="[^"]*" .*\bstartime="|\bstartime=".*\blogtype="|\bid=firewall .*\bfw="[^"]*" .*\blogtype="'
        r"|\bid=firewall time=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d fw=\S+ tz="
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record; logins and tunnels as leases."""
        read = keyvalue.read(lines["line"], _FIELDS).with_columns(
            is_tunnel=_is_tunnel().fill_null(False),
            is_lease=(_is_login() | _is_tunnel()).fill_null(False),
            is_web=pl.col("type").is_in(["web", "plugin", "ssl"]).fill_null(False),
            is_blocked=pl.col("action").str.to_lowercase().is_in(["block", "reset", "drop"]),
        )
        return read.select(**_time(), **_holder(), **_request(), **_connection(), reason=_reason())


def _is_login() -> pl.Expr:
    told = pl.col("message")
    return (
        (pl.col("type") == "auth")
        & (pl.col("error").fill_null("0") == "0")
        & pl.col("user").is_not_null()
        & told.str.contains("(?i)logged in|success|authenti(?:fied|cated)")
        & ~told.str.contains("(?i)fail")
    )


def _is_tunnel() -> pl.Expr:
    """An SSL VPN's tunnel: `remotenet` is the address the client is given."""
    return (
        (pl.col("type") == "xvpn")
        & pl.col("given").is_not_null()
        & pl.col("message").str.contains("(?i)tunnel (?:created|removed)")
    )


def _time() -> dict[str, pl.Expr]:
    started = said("start").is_not_null()
    return {
        "time": pl.when(started).then("start").otherwise("time"),
        "at_end": ~started,
        "zone": pl.col("zone"),
        "duration_s": pl.col("duration"),
    }


def _holder() -> dict[str, pl.Expr]:
    """Who had the address, and for logins and tunnels how long."""
    in_domain = pl.concat_str(said("user"), said("domain"), separator="@")
    return {
        "client": pl.when("is_tunnel").then("given").otherwise("client"),
        "client_port": pl.col("client_port"),
        "client_mac": pl.col("client_mac"),
        "user_name": pl.coalesce(in_domain, "user"),
        "lease_s": pl.when("is_lease").then(WORKING_DAY_S),
        "closes": pl.col("is_tunnel") & pl.col("message").str.contains("(?i)removed"),
        "origin": one_of({"vpn": pl.col("is_tunnel")}, otherwise="directory"),
    }


def _request() -> dict[str, pl.Expr]:
    """What was asked for; `dstname` is an object's name, and a host's only where it reads like one."""
    whole = pl.col("path").str.contains("^[a-z]+://").fill_null(False)
    resolved = pl.when(pl.col("object").str.contains(r"\.[A-Za-z]")).then("object")
    return {
        "url": pl.when(whole).then("path"),
        "host": pl.when(~whole).then(pl.coalesce("host", resolved, "certificate")),
        "name_from": one_of(
            {
                "sni": pl.col("host").is_not_null(),
                "certificate": resolved.is_null() & pl.col("certificate").is_not_null(),
            },
            otherwise="url",
        ),
        "path": pl.when(pl.col("path").str.starts_with("/")).then("path"),
        "method": pl.when(pl.col("method").str.contains("^[A-Z]+$")).then("method"),
        "status": pl.col("status").str.extract(r"^(\d{3})$"),
    }


def _connection() -> dict[str, pl.Expr]:
    """The connection, and what this record tells of its session."""
    web, blocked, ended = pl.col("is_web"), pl.col("is_blocked"), pl.col("type") == "connection"
    measured = pl.col("up").is_not_null() & (pl.col("type") != "filter")
    ends = ("client", "client_port", "server", "port", "proto")
    session = pl.concat_str(pl.col("firewall").fill_null(""), *ends, separator="|")
    kinds = {
        "lease": pl.col("is_lease"),
        "http": web & pl.col("path").is_not_null(),
        "tls": web & (pl.col("port") == "443"),
    }
    return {
        "kind": one_of(kinds, otherwise="flow"),
        "server": pl.col("server"),
        "server_port": pl.col("port"),
        "transport": pl.col("proto"),
        "bytes_up": pl.when(measured).then("up"),
        "bytes_down": pl.when(measured).then("down"),
        "action": one_of({"blocked": blocked, "allowed": pl.col("action").is_not_null() | ended}),
        "session": pl.when(~blocked.fill_null(False) & ~pl.col("is_lease")).then(session),
        "phase": one_of({"end": ended, "update": measured, "name": web}, otherwise="begin"),
    }


def _reason() -> pl.Expr:
    ported = has_ports(pl.col("proto"))
    is_session = pl.col("type").is_in(_SESSIONS).fill_null(False)
    return one_of({NO_CONNECTION: ~pl.col("is_lease") & ~is_session, NO_PORTS: ~pl.col("is_lease") & ~ported})
