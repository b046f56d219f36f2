"""Palo Alto Prisma SD-WAN (CloudGenix ION): flow log over syslog, `cgxFlowLogV1`.

    2026-10-06T10:00:00,10.1.2.3,50000,192.0.2.7,443,tcp,,,9,8,900,7000,lan1,wan1,1579,openai,Flow End,Web:…

Packets and bytes sent and received are the source's. A flow is told when it begins (`New Flow`) and when
it ends (`Flow End`, `Delete flow (udp flow timeout)`): one session. Stamps are UTC.
Source: Palo Alto Networks, Prisma SD-WAN Administrator's Guide, "Syslog Flow Export".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = (
    "time", "client", "client_port", "server", "server_port", "proto", "", "", "packets_up", "packets_down",
    "up", "down", "", "", "path", "app", "event", "rules",
)  # fmt: skip
_ADDRESS = r"[0-9a-fA-F.:]+"
_START = rf"^\d{{4}}-\d\d-\d\dT[\d:.]+Z?,{_ADDRESS},\d+,{_ADDRESS},\d+,[A-Za-z0-9-]+,,,\d+,\d+,\d+,\d+,"


class PrismaSdwanFormat(LogFormat):
    """Reads the flow log of ION devices."""

    name = "prisma-sdwan"
    help = "Palo Alto Prisma SD-WAN (CloudGenix ION) 5 and 6: flow log over syslog"
    vantage = "firewall"
    proof = ("bytes_up", "bytes_down", "action")
    advice = "Flows have no names: add the resolver's DNS log."
    own_zone = "UTC"
    marks = (",,,",)
    claims = pl.col("line").str.contains(_START)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event of a flow."""
        read = commas.read(lines["line"], _FIELDS)
        ended = pl.col("event").str.contains(r"(?i-u)end|clos|terminat|delete").fill_null(False)
        denied = pl.col("rules").str.contains(r"(?i-u):(?:deny|reject|drop)\b").fill_null(False)
        proto = pl.col("proto").str.to_lowercase()
        sides = ("client", "client_port", "server", "server_port")
        return read.select(
            *sides,
            "time",
            "packets_up",
            "packets_down",
            kind=pl.lit("flow"),
            transport=proto,
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": denied}, otherwise="allowed"),
            session=pl.when(~denied).then(pl.concat_str(proto, *sides, separator="|")),
            phase=one_of({"end": ended}, otherwise="begin"),
            reason=one_of({NO_PORTS: ~has_ports(proto).fill_null(False)}),
        )
