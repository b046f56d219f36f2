r"""Kaspersky Web Traffic Security (syslog), Scan Engine for ICAP and Security Center (CEF).

    type="Request": method="POST": action="Allow": workspace="": http_user_name="ada": http_user_agent="…":
      http_user_ip="10.1.2.3": url="https://chat.example.com/a": nofile: rules="…"
    CEF:0|Kaspersky Lab|Kaspersky ICAP Server|8.9|3|Scan result clean|5| … src=192.0.2.1 cs2=ada
      cs2Label=X-Client-Username cs3=10.1.2.3 cs3Label=X-Client-IP request=http://… cs1=CLEAN …
    CEF:0|KasperskyLab|SecurityCenter|13.2|GNRL_EV_WEB_URL_BLOCKED|Web resource blocked|3|rt=1791280800000
      dhost=PC1 dst=10.1.2.3 cs2=KES cs2Label=ProductName msg=…\\nUser: ACME\\ada\\n…Object: https://…

A response that was let through belongs to a request told before. In CEF `src` is the proxy that asks for
scans, the client stands in its own field; what is done with a detection, the proxy decides. Of a Security
Center's event `dst` and `dhost` are the endpoint. No volumes.
Source: Kaspersky online help, "Contents of syslog messages about traffic processing events"; "Format of CEF
logs in ICAP mode"; Security Center, "Exporting events to SIEM systems".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, keyvalue, layouts
from sensor.sources.logs.text.reasons import NO_PAGE, NO_REQUEST, REPEATED
from sensor.sources.logs.text.words import one_of

_IS_EVENT = r'\baction="[A-Za-z]+": .*\bhttp_user_ip="'
_EVENT = {
    "type": "type", "method": "method", "action": "action", "user": "http_user_name",
    "agent": "http_user_agent", "client": "http_user_ip", "url": "url",
}  # fmt: skip
_SCAN = {
    "time": "start", "proxy": "src", "client": "cs:X-Client-IP", "user": "cs:X-Client-Username",
    "url": "request",
    "result": "cs:Scan result",
}  # fmt: skip
_CENTER = {
    "time": "rt", "client": "dst", "device": "dhost", "user": "duser|suser", "url": "request", "text": "msg",
}  # fmt: skip
_IS_CENTER = r"(?i)\|Kaspersky(?:Lab| Lab)?\|Security ?Center\|"
_PAGE = r"(https?://[^\s\\\"]+)"


class KasperskyFormat(LogFormat):
    """Reads Kaspersky's proxy and ICAP server."""

    name = "kaspersky"
    help = (
        "Kaspersky Web Traffic Security 6 (syslog), Scan Engine 1 and 2 in ICAP mode, "
        "Security Center's web events (CEF)"
    )
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "device", "action", "user_agent")
    advice = "No volumes are logged: scan the proxy's own access log, too."
    marks = ('http_user_ip="', "|kaspersky")
    claims = pl.col("line").str.contains(_IS_EVENT) | cef.claims(
        "Kaspersky(?: ?Lab)?", "(?:(?:Kaspersky|Scan Engine) (?:ICAP|HTTP)|Security ?Center)"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        return layouts.read(lines, [(_IS_EVENT, _events), (_IS_CENTER, _told), (pl.lit(True), _scans)])


def _events(lines: pl.DataFrame) -> pl.DataFrame:
    # Pairs are parted by `: `, each value is quoted.
    read = keyvalue.read(lines["line"].str.replace_all('": ', '" ', literal=True), _EVENT)
    passed = (pl.col("action").str.to_lowercase() == "allow").fill_null(False)
    return read.select(
        *("client", "method", "url"),
        kind=pl.lit("proxy"),
        user_name="user",
        user_agent="agent",
        transport=pl.lit("tcp"),
        action=one_of({"allowed": passed}, otherwise="blocked"),
        reason=one_of(
            {NO_REQUEST: pl.col("url").is_null(), REPEATED: (pl.col("type") == "Response") & passed}
        ),
    )


def _scans(lines: pl.DataFrame) -> pl.DataFrame:
    read = cef.read(lines["line"], _SCAN)
    clean = pl.col("result").str.to_uppercase() == "CLEAN"
    return read.select(
        "time",
        "url",
        kind=pl.lit("proxy"),
        client=pl.coalesce("client", "proxy"),
        user_name="user",
        transport=pl.lit("tcp"),
        action=one_of({"allowed": clean}, otherwise="unknown"),
        reason=one_of({NO_REQUEST: pl.col("url").is_null()}),
    )


def _told(lines: pl.DataFrame) -> pl.DataFrame:
    """What the center tells of pages on an endpoint; its other events name none that was asked for."""
    read = cef.read(lines["line"], _CENTER)
    event = pl.concat_str("event", "name", separator=" ", ignore_nulls=True)
    web = event.str.contains("(?i)_WEB_|web (?:resource|site|page|control)|URL")
    page = pl.coalesce("url", pl.col("text").str.extract(_PAGE))
    user = pl.coalesce("user", pl.col("text").str.extract(r"User: ?([^\s\\]+(?:\\{1,2}[^\s\\]+)?)"))
    return read.select(
        *("time", "client", "device"),
        kind=pl.lit("http"),
        user_name=user,
        url=page,
        action=one_of(
            {
                "blocked": event.str.contains("(?i)block|denied|prohibit"),
                "allowed": event.str.contains("(?i)pass|allow|warn"),
            },
            otherwise="unknown",
        ),
        reason=one_of({NO_PAGE: ~web.fill_null(False) | page.is_null()}),
    )
