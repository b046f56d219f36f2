r"""Juniper NetScreen, SSG and ISG (ScreenOS): traffic log.

    NetScreen device_id=gw  [Root]system-notification-00257(traffic): start_time="2026-10-06 10:00:00"
      duration=60 policy_id=5 service=https proto=6 src zone=Trust dst zone=Untrust action=Permit
      sent=9000 rcvd=500 src=10.1.2.3 dst=192.0.2.7 src_port=50000 dst_port=443 …

A line is a session that ended, told with its beginning; `sent` is what the client sent. Policies that also
log beginnings (`session-init`) write a line before, without volumes, whose `reason` is `Creation`. Source:
Juniper, "ScreenOS Message Log Reference Guide"; Logstash, NETSCREENSESSIONLOG.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = (
    "start_time", "duration", "proto", "action", "sent", "rcvd", "src", "dst", "src_port", "dst_port",
    "session_id", "reason",
)  # fmt: skip


class NetscreenFormat(LogFormat):
    """Reads traffic logs of ScreenOS."""

    name = "netscreen"
    help = "Juniper NetScreen, SSG, ISG (ScreenOS 5 and 6): traffic log (syslog)"
    vantage = "firewall"
    proof = ("bytes_up", "bytes_down", "action")
    advice = "ScreenOS logs no hosts: add the log of the resolver its clients ask."
    marks = ("(traffic): start_time=", "netscreen device_id=")
    claims = pl.col("line").str.contains(r"\bNetScreen device_id=|\bsystem-\w+-\d{5}\(traffic\): start_time=")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line (kind flow); beginning and end of a session are one session."""
        read = keyvalue.read(lines["line"], _FIELDS)
        ends = ("session_id", "src", "src_port", "dst", "dst_port")
        permitted = (pl.col("action") == "Permit") & (pl.col("session_id") != "0")
        return read.select(
            time="start_time",
            duration_s="duration",
            kind=pl.lit("flow"),
            client="src",
            client_port="src_port",
            server="dst",
            server_port="dst_port",
            transport="proto",
            bytes_up="sent",
            bytes_down="rcvd",
            action="action",
            session=pl.when(permitted).then(
                pl.concat_str(pl.lit(lines["sender"]).fill_null(""), *ends, separator="|")
            ),
            phase=one_of({"begin": pl.col("reason") == "Creation"}, otherwise="end"),
            reason=one_of(
                {
                    NO_CONNECTION: pl.col("src").is_null(),
                    NO_PORTS: ~has_ports(pl.col("proto")),
                }
            ),
        )
