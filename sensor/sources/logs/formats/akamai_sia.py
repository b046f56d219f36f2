"""Akamai Secure Internet Access (Enterprise Threat Protector): lookups, requests and connections, JSON.

    {"id": …, "configId": …, "query": {"time": …, "clientIp": …, "domain": "www.example.org.",
     "queryType": "A", "resolved": [{"response": …}]},
     "event": {"actionName": "Block", "internalClientIP": "N/A", …}}
    {"id": …, "l7Protocol": "HTTPS", "request": {"startTime": 1791280800123, "domain": "www.example.org.",
     "uri": "/a", "method": "GET", "clientIp": …, "destinationIP": …}, "response": {"endTime": …},
     "event": {…}}
    {"connectionId": …, "domain": …, "connStartTime": …, "clientIP": …, "destinationIP": …, "stats": {…},
     "dropInfo": {"wasDropped": false}}

`actionName`: Monitor, Classify, Allow, Bypass let through; Block…, Deny, Error Page and Sinkhole do not.
`clientIp` is what Akamai sees, `internalClientIP` the host behind it, where a forwarder or client told it.
Which way `inBytes` of a connection went is not told: its volumes are unknown.
Source: Akamai, "SIA Reporting API", dns-activities, events, traffic transactions; ULS, "Log Overview".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, objects
from sensor.sources.logs.text.words import one_of

_EVENT = {
    "time": "query.time|connection.time|request.time|query.requestTime|startTime",
    "client": "query.deviceOwnerIp|query.internalClientIp|connection.internalClientIP|internalIP|"
    "query.clientIp|connection.clientIP|clientIp",
    "inside": "event.internalClientIP",
    "device": "query.deviceName|connection.machineName|query.clientMachineName|machineName",
    "user": "query.userName|connection.userName|request.userName|userName",
    "host": "query.domain|connection.domain|domain", "type": "query.queryType", "server": "query.dnsIp",
    "url": "request.uri|query.url|uri",
    "action": "event.actionName|event.action|actionName", "up": "request.bytesUp|uploadBytes",
    "down": "request.bytesDown|downloadBytes", "l7": "l7Protocol", "agent": "request.userAgent|userAgent",
}  # fmt: skip
_ANSWERS = "query.resolved[].response"
_REQUEST = {
    "time": "request.startTime", "ended": "response.endTime", "client": "request.clientIp",
    "client_port": "request.clientPort", "inside": "event.internalClientIP", "device": "event.deviceName",
    "host": "request.domain", "path": "request.uri", "method": "request.method",
    "server": "request.destinationIP", "server_port": "request.destinationPort", "l7": "l7Protocol",
    "action": "event.actionName", "agent": "event.httpUserAgent",
}  # fmt: skip
_CONNECTION = {
    "time": "connStartTime", "ended": "connEndTime", "client": "clientIP", "client_port": "clientPort",
    "inside": "internalClientIP", "decrypted": "decryptedInternalClientIP", "device": "machineName",
    "host": "domain", "server": "destinationIP", "server_port": "destinationPort", "action": "policyAction",
    "agent": "httpUserAgent", "dropped": "dropInfo.wasDropped",
}  # fmt: skip


class AkamaiSiaFormat(LogFormat):
    """Reads Akamai's lookups, requests and connections."""

    name = "akamai-sia"
    help = "Akamai Secure Internet Access / ETP: DNS and proxy events (JSON)"
    vantage = "dns"
    proof = ("host", "path", "user", "device", "action")
    advice = "Events only show what a list caught: export dns-activities, too."
    marks = ('"configid"', '"l7protocol"', '"connstarttime"')
    claims = (
        objects.having("configId", "l7Protocol", "query")
        | objects.having("configId", "query", "clientIp")
        | objects.having("l7Protocol", "request", "destinationIP", "actionName")
        | objects.having("connStartTime", "onrampType", "destinationIP")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup, request or connection."""
        kinds = [
            (objects.having("connStartTime"), _connection),
            (objects.having("request", "destinationIP"), _request),
            (pl.lit(True), _event),
        ]
        return layouts.read(lines, kinds)


def _event(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _EVENT, lists=[_ANSWERS])
    is_web = pl.col("l7").str.contains("(?i)^https?").fill_null(False)
    return read.select(
        time="time",
        kind=one_of({"http": is_web}, otherwise="dns"),
        client=_address("inside", "client"),
        user_name="user",
        device="device",
        host="host",
        url=pl.when(is_web).then("url"),
        user_agent="agent",
        server=pl.when(~is_web).then("server"),
        answers=pl.col(_ANSWERS).list.filter(pl.element().str.contains(r"^[0-9a-fA-F.:]+$")),
        bytes_up="up",
        bytes_down="down",
        action=one_of({"blocked": _stopped()}, otherwise="allowed"),
        qtype=pl.col("type"),
    )


def _request(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _REQUEST)
    scheme = pl.col("l7").str.to_lowercase()
    return read.select(
        time="time",
        ended="ended",
        kind=pl.lit("proxy"),
        client=_address("inside", "client"),
        client_port="client_port",
        device="device",
        url=pl.concat_str(scheme, pl.lit("://"), pl.col("host").str.strip_suffix("."), "path"),
        method="method",
        user_agent="agent",
        server="server",
        server_port="server_port",
        transport=pl.lit("tcp"),
        action=one_of({"blocked": _stopped()}, otherwise="allowed"),
    )


def _connection(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _CONNECTION)
    return read.select(
        time="time",
        ended="ended",
        kind=pl.lit("proxy"),
        client=_address("decrypted", "inside", "client"),
        client_port="client_port",
        device="device",
        url=pl.concat_str("host", pl.lit(":"), "server_port"),
        user_agent="agent",
        server="server",
        server_port="server_port",
        transport=pl.lit("tcp"),
        action=one_of({"blocked": (pl.col("dropped") == "true") | _stopped()}, otherwise="allowed"),
    )


def _address(*names: str) -> pl.Expr:
    """The first of these that holds an address: what is not told is empty or `N/A`."""
    return pl.coalesce(pl.when(pl.col(name).str.contains(r"[.:]")).then(name) for name in names)


def _stopped() -> pl.Expr:
    """True for the action of a request that did not get through."""
    words = pl.col("action").str.to_lowercase()
    return words.str.contains(r"block|deny|sinkhole|error page|refuse").fill_null(False)
