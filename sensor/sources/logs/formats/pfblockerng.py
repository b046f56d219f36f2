"""pfBlockerNG (pfSense): dnsbl.log, dns_reply.log, ip_block.log, ip_permit.log, unified.log.

    DNSBL-python,Oct  6 10:00:00,chat.example.com,10.1.2.3,Python,DNSBL,DNSBL_AI,chat.example.com,ai_feed,+,A
    DNS-reply,Oct  6 10:00:00,A,A,A,300,chat.example.com,10.1.2.3,192.0.2.7,US
    Oct  6 10:00:00,1770009881,igb1,LAN,block,4,6,TCP-S,10.1.2.3,192.0.2.7,50000,443,out,US,pfB_x_v4,…

What DNSBL logs was answered with a sinkhole address: blocked. In place of an address stands what else was
answered (`NXDOMAIN`). The unified log puts `Block,`, `Permit,` or
`Match,` before what the firewall did. Stamps are local. Source: pfBlockerNG, pfb_unbound.py, pfblockerng.inc.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, layouts, lookups
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.words import one_of

_STAMP = r"(?:[A-Z][a-z]{2} +\d{1,2}|\d{4}-\d\d-\d\d|\d\d/\d\d/\d\d) \d\d:\d\d:\d\d"
_REFUSED = rf"^DNSBL[\w -]+,{_STAMP},[^,]+,[0-9a-fA-F.:]+,"
_REPLY = rf"^DNS-reply,{_STAMP},"
_PACKET = (
    rf"^(?:(?:Block|Permit|Match),)?{_STAMP},\d+,[^,]*,[^,]*,(?:block|pass|match|reject|unkn\(\d+\)),"
    r"[46],\d+,"
)
_REFUSED_FIELDS = ("", "time", "host", "client")
_REPLY_FIELDS = ("", "time", "", "", "", "ttl_s", "host", "client", "answer")
_PACKET_FIELDS = (
    "time", "", "", "", "action", "", "", "proto", "client", "server", "client_port", "server_port",
)  # fmt: skip


class PfblockerngFormat(LogFormat):
    """Reads the logs of pfBlockerNG."""

    name = "pfblockerng"
    help = "pfBlockerNG 3 (pfSense): DNSBL, DNS reply and IP logs"
    vantage = "dns"
    proof = ("host", "action")
    advice = "Enable DNS reply logging: dnsbl.log only has what was refused."
    marks = ("block", "dns-reply,", "dnsbl", "match", "pass", "reject", "unkn(")
    claims = pl.col("line").str.contains(f"{_REFUSED}|{_REPLY}|{_PACKET}")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup (kind dns) or packet that a rule logged (kind flow)."""
        return layouts.read(lines, [(_REFUSED, _refused), (_REPLY, _replies), (_PACKET, _packets)])


def _refused(lines: pl.DataFrame) -> pl.DataFrame:
    read = commas.read(lines["line"], _REFUSED_FIELDS)
    return read.select("time", "host", "client", kind=pl.lit("dns"), action=pl.lit("blocked"))


def _replies(lines: pl.DataFrame) -> pl.DataFrame:
    read = commas.read(lines["line"], _REPLY_FIELDS)
    address = pl.col("answer").str.contains(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]*)$")
    return read.select(
        "time",
        "host",
        "client",
        "ttl_s",
        kind=pl.lit("dns"),
        action=one_of({"blocked": lookups.verdict(pl.col("answer")) == "blocked"}, otherwise="allowed"),
        answers=pl.when(address).then(pl.concat_list("answer")),
    )


def _packets(lines: pl.DataFrame) -> pl.DataFrame:
    read = commas.read(lines["line"].str.replace("^(?:Block|Permit|Match),", ""), _PACKET_FIELDS)
    proto = pl.col("proto").str.to_lowercase().str.extract(r"^(tcp|udp)")
    return read.select(
        *("time", "client", "client_port", "server", "server_port"),
        kind=pl.lit("flow"),
        transport=proto,
        action=one_of({"blocked": pl.col("action").is_in(["block", "reject"])}, otherwise="allowed"),
        reason=one_of({NO_PORTS: proto.is_null()}),
    )
