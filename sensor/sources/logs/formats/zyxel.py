r"""Zyxel USG, ATP, VPN and ZyWALL (ZLD, ZyNOS): syslog of sessions, rules and web filter.

    src="10.1.2.3:40000" dst="192.0.2.7:443" msg="Traffic Log" note="Traffic Log" user="jdoe" devID="…"
    cat="Traffic Log"
    duration=60 sent=1200 rcvd=5400 dir="lan1:wan1" protoID=6 proto="https"
    src="…" dst="…" msg="priority:1, from LAN to WAN, TCP, service others, ACCEPT" note="ACCESS FORWARD" …
    cat="Firewall"
    src="…" dst="…" msg="www.example.org: Gambling, rule_name:cf1, SSI:N" note="WEB BLOCK" … cat="Blocked
    web sites"
    src="0.0.0.0:0" dst="0.0.0.0:0" msg="DHCP server assigned 10.1.2.3 to ann-pc(02:00:00:00:00:0A)"
    note="DHCP ACK" user="unknown" … cat="DHCP"

A traffic log is written when a session ends, `sent` and `rcvd` are the initiator's view. Rules' verdicts
are in `note` (ACCESS FORWARD, BLOCK, DROP), the web filter's in `cat` and `note`. Source: Zyxel, USG
user's guides, "Syslog logs" and "Log descriptions".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, keyvalue, patterns
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = ("src", "dst", "msg", "note", "user", "cat", "duration", "sent", "rcvd", "protoID", "proto", "mac")
_SITE = r"^(?:https?://)?((?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]+)(?::\d+)?(?:/[^\s,]*)?(?:[:,\s]|$)"

_ASSIGNED = (
    r"^DHCP server assigned (?<address>[0-9a-fA-F.:]+) to (?<name>[^(]*)\((?<mac_given>[0-9A-Fa-f:]{17})\)"
)


class ZyxelFormat(LogFormat):
    """Reads logs of Zyxel firewalls."""

    name = "zyxel"
    help = "Zyxel USG, ATP, VPN, ZyWALL: traffic, firewall and web filter logs (syslog)"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "user", "bytes_up", "bytes_down", "action")
    advice = "Send the category Traffic Log (volumes) and the content filter's logs (hosts)."
    marks = ('" note="',)
    claims = pl.col("line").str.contains(
        r'^src="[^"]*" dst="[^"]*" msg="(?:[^"\\]|\\.|"[^ ])*" note="[^"]*" '
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        read = keyvalue.read(lines["line"], _WANTED)
        read = read.hstack(patterns.read(read["msg"], _ASSIGNED))
        leased = pl.col("address").is_not_null()
        said, note = pl.col("cat").str.to_lowercase(), pl.col("note").str.to_uppercase()
        ended = (said == "traffic log").fill_null(False)
        ruled = note.str.starts_with("ACCESS ").fill_null(False)
        site = pl.col("msg").str.extract(_SITE, 1)
        web = said.str.contains(r"web site|content filter|url").fill_null(False) & site.is_not_null()
        blocked = note.str.contains(r"BLOCK|DROP|REJECT|DENY").fill_null(False) | (
            web & said.str.contains("block").fill_null(False)
        )
        told = pl.col("msg").str.extract(r"\b(TCP|UDP|ICMP)\b")
        proto = pl.coalesce("protoID", told, one_of({"tcp": web}))
        return read.select(
            kind=one_of(
                {"lease": leased, "tls": web & _port("dst").is_in(["443"]), "http": web}, otherwise="flow"
            ),
            client=pl.coalesce("address", _address("src")),
            client_port=_port("src"),
            client_mac=pl.coalesce("mac_given", "mac"),
            device="name",
            lease_s=pl.when(leased).then(dhcp.ASSUMED_S),
            origin=pl.when(leased).then(pl.lit("dhcp")),
            confidence=pl.when(leased).then(dhcp.ASSUMED),
            user_name=pl.when(pl.col("user") != "unknown").then("user"),
            host=pl.when(web).then(site),
            server=_address("dst"),
            server_port=_port("dst"),
            transport=proto,
            duration_s=pl.when(ended).then("duration"),
            at_end=ended,
            bytes_up=pl.when(ended).then("sent"),
            bytes_down=pl.when(ended).then("rcvd"),
            action=one_of({"blocked": blocked}, otherwise="allowed"),
            session=pl.when((ended | ruled | web) & ~blocked).then(
                pl.concat_str("src", "dst", separator="|")
            ),
            phase=one_of({"end": ended, "name": web}, otherwise="begin"),
            reason=one_of(
                {
                    NO_CONNECTION: ~ended & ~ruled & ~web & ~leased,
                    NO_PORTS: ~has_ports(proto).fill_null(False) & ~leased,
                }
            ),
        )


def _address(side: str) -> pl.Expr:
    """`10.1.2.3:40000`, `[2001:db8::7]:443`, or an address alone."""
    return pl.coalesce(
        pl.col(side).str.extract(r"^\[?([0-9.]+|[0-9a-fA-F:]+?)\]?:\d+$"),
        pl.col(side).str.extract(r"^([0-9a-fA-F.:]+)$"),
    )


def _port(side: str) -> pl.Expr:
    return pl.col(side).str.extract(r":(\d+)$")
