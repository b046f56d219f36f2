"""Untangle / Arista Edge Threat Management NG Firewall: events as JSON behind syslog (`uvm`).

    {"class": "class com.untangle.app.web_filter.WebFilterEvent", "requestLine": "GET http://www.example.org/",
     "blocked": false, "sessionEvent": {"CClientAddr": …, "SServerAddr": …, "username": …, "hostname": …}, …}
    {"class": "class com.untangle.uvm.app.SessionStatsEvent", "c2pBytes": 1433, "p2cBytes": 7503, …}

`CClientAddr` is the client before translation; `c2pBytes` went from it to the firewall, `p2cBytes` came back.
HttpResponseEvent has the lengths that both bodies announced, 0 where they announced none: then unknown.
Session, requests and statistics of one `sessionId` are one session. Source: Arista, "NG Firewall Event
Definitions".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PORTS, NO_SERVICE
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of


def _of_session(key: str) -> str:
    return f"sessionEvent.{key}|httpRequestEvent.sessionEvent.{key}|{key}"


_FIELDS = {
    "class": "class",
    "time": "timeStamp",
    "begun": "sessionEvent.timeStamp",
    "ended": "endTime",
    "client": _of_session("CClientAddr"),
    "client_port": _of_session("CClientPort"),
    "server": _of_session("SServerAddr"),
    "port": _of_session("SServerPort"),
    "proto": _of_session("protocol"),
    "user": _of_session("username"),
    "device": _of_session("hostname"),
    "inside": _of_session("localAddr"),
    "session": _of_session("sessionId"),
    "request": "requestLine",
    "host": "host|domain|httpRequestEvent.host",
    "path": "requestUri|httpRequestEvent.requestUri",
    "method": "method|httpRequestEvent.method",
    "up": "c2pBytes",
    "down": "p2cBytes",
    "sent": "httpRequestEvent.contentLength",
    "got": "contentLength",
    "blocked": "blocked",
}
_WEB = ("WebFilterEvent", "HttpRequestEvent", "HttpResponseEvent", "SslInspectorLogEvent")
_FLOW = ("SessionEvent", "SessionStatsEvent", "FirewallEvent")


class UntangleFormat(LogFormat):
    """Reads events of Untangle's firewall."""

    name = "untangle"
    help = "Untangle / Arista NG Firewall 16 and 17: web filter, HTTP, sessions (JSON, syslog)"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action")
    advice = "Send SessionStatsEvent too: only it has all volumes; WebFilterEvent names hosts."
    marks = ('"class com.untangle.',)
    claims = pl.col("line").str.contains(r'"class"\s*:\s*"class com\.untangle\.')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http) or session event (kind flow)."""
        read = objects.read(lines["line"], _FIELDS)
        kind = pl.col("class").str.extract(r"\.(\w+)$")
        web, flow = kind.is_in(_WEB), kind.is_in(_FLOW)
        ended = (kind == "SessionStatsEvent").fill_null(False)
        answered = (kind == "HttpResponseEvent").fill_null(False)
        blocked = (pl.col("blocked") == "true").fill_null(False)
        url = pl.col("request").str.extract(r"^\S+ (\S+)")
        proto = pl.col("proto").replace({"6": "tcp", "17": "udp"})
        session = pl.concat_str(pl.lit(lines["sender"]).fill_null(""), "session", "client", separator="|")
        return read.select(
            "client",
            "client_port",
            "server",
            # Of a visit from outside, it is the name of the server.
            device=pl.when((pl.col("inside") == pl.col("client")).fill_null(True)).then("device"),
            time=pl.when(ended).then(pl.coalesce("begun", "time")).otherwise("time"),
            ended=pl.when(ended).then("time"),
            kind=one_of({"http": web}, otherwise="flow"),
            user_name="user",
            url=pl.when(web).then(url),
            host=pl.when(web & url.is_null()).then("host"),
            path=pl.when(web & url.is_null()).then("path"),
            method=pl.coalesce("method", pl.col("request").str.extract(r"^([A-Z]+) ")),
            server_port="port",
            transport=proto,
            bytes_up=pl.when(ended).then("up").when(answered & (pl.col("sent") != "0")).then("sent"),
            bytes_down=pl.when(ended).then("down").when(answered & (pl.col("got") != "0")).then("got"),
            action=one_of({"blocked": blocked}, otherwise="allowed"),
            session=pl.when(~blocked).then(session),
            phase=one_of({"end": ended, "delta": answered, "name": web}, otherwise="begin"),
            reason=one_of({NO_SERVICE: ~(web | flow).fill_null(False), NO_PORTS: ~has_ports(proto)}),
        )
