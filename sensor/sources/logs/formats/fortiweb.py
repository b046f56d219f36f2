"""FortiWeb, the reverse proxy before one's own web servers: a request and its reply as `key=value`.

    date=2026-10-06 time=10:00:00 log_id=30000000 msg_id=000000006133 device_id=FV… vd="root"
    timezone="(GMT-8:00)Pacific Time(US&Canada)" timezone_dayst="GMTa+7" type=traffic … status=success
    original_src=198.51.100.9 src=10.0.0.9 src_port=53345 dst=192.0.2.2 dst_port=443 …
    http_request_bytes=444 http_response_bytes=401 http_method=post http_url="/v1/chat"
    http_host="llm.example.org" http_agent="…" http_retcode=200 …

The time is the device's: `timezone_dayst` is the zone in force, written as POSIX does (`GMT+7` is seven hours
west), `timezone` the one of winter. As it leaves some devices, a record begins `v013xxxxdate=`.
`original_src` is the client that a proxy before it told. An attack's record repeats the request of a
traffic record. Source: Fortinet, "FortiWeb Log Message Reference".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue
from sensor.sources.logs.text.reasons import ALERT
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "type": "type", "date": "date", "clock": "time", "nanoseconds": "eventtime", "winter": "timezone",
    "in_force": "timezone_dayst", "origin": "original_src", "src": "src", "client_port": "src_port",
    "server": "dst", "server_port": "dst_port", "up": "http_request_bytes", "down": "http_response_bytes",
    "method": "http_method", "url": "http_url", "host": "http_host", "agent": "http_agent",
    "status": "http_retcode", "outcome": "status", "user_name": "user_name",
}  # fmt: skip
#: How FortiWeb's records are told from FortiGate's.
SHAPE = r"\blog_id=\"?\d{8}\"? msg_id=\"?\d+\"? (?:devname=\S+ )?device_id="


class FortiwebFormat(LogFormat):
    """Reads FortiWeb's traffic log."""

    name = "fortiweb"
    help = "Fortinet FortiWeb: traffic log (syslog)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Tells of one's own web servers only; the traffic log has to be switched on."
    marks = (" msg_id=",)
    claims = pl.col("line").str.contains(SHAPE)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http)."""
        read = keyvalue.read(lines["line"].str.replace(r"^.*?\bv\d{3}x+date=", "date="), _WANTED)
        posix = pl.col("in_force").str.extract_groups(r"GMT[a-z]?([+-])(\d{1,2})(?::(\d\d))?")
        winter = pl.col("winter").str.extract_groups(r"GMT([+-])(\d{1,2})(?::(\d\d))?")
        here = pl.col("origin").str.contains(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]+:[0-9a-fA-F:.]*)$")
        return read.select(
            *("client_port", "server", "server_port", "host", "method", "status", "user_name"),
            kind=pl.lit("http"),
            time=pl.coalesce("nanoseconds", pl.concat_str("date", "clock", separator=" ")),
            zone=pl.coalesce(_offset(posix, plus="-"), _offset(winter, plus="+")),
            client=pl.when(here).then("origin").otherwise("src"),
            path=pl.col("url"),
            user_agent="agent",
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            action=one_of({"allowed": pl.col("outcome") == "success"}, otherwise="unknown"),
            reason=one_of({ALERT: (pl.col("type") != "traffic").fill_null(True)}),
        )


def _offset(groups: pl.Expr, *, plus: str) -> pl.Expr:
    """`+07:00` out of sign, hours and minutes, where `plus` is what a plus means."""
    sign, hours, minutes = (groups.struct.field(str(n)) for n in (1, 2, 3))
    other = "-" if plus == "+" else "+"
    return pl.format(
        "{}{}:{}",
        sign.replace_strict({"+": plus, "-": other}, default=None, return_dtype=pl.String),
        hours.str.zfill(2),
        minutes.fill_null("00"),
    )
