"""VMware SD-WAN (VeloCloud): firewall log of Edges over syslog, and the Orchestrator's export (JSON).

    edge1 velocloud.sdwan: ACTION=VCF Open SEGMENT=0 IN="GE2" PROTO=TCP SRC=10.1.2.3 DST=192.0.2.7
      SPT=40000 DPT=443 DEST=chat.example.com FW_POLICY_NAME=web SEGMENT_NAME=Global Segment
    edge1 velocloud.sdwan: ACTION=VCF Close … DURATION_SECS=9 BYTES_SENT=900 BYTES_RECEIVED=7000

    {"edgeName": "edge1", "actionTaken": "ALLOW", "sourceIp": "10.1.2.3", "domainName": "chat.example.com", …}

A session is told when it opens and when it closes; bytes sent are the source's. The export tells volumes
and a reason only of closed sessions, of others zeros. Source: VMware SD-WAN Administration Guide, "Syslog
Message Format for Firewall Logs", "Monitor Firewall Logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, objects
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "action": "ACTION", "client": "SRC", "client_port": "SPT", "server": "DST", "server_port": "DPT",
    "transport": "PROTO", "dest": "DEST", "lasted": "DURATION_SECS", "up": "BYTES_SENT",
    "down": "BYTES_RECEIVED",
}  # fmt: skip
_REFUSED = ["Deny", "Drop", "Reject"]
_EXPORT = {
    "time": "timestamp|@timestamp", "word": "actionTaken", "verdict": "verdict", "client": "sourceIp",
    "client_port": "sourcePort", "server": "destinationIp", "server_port": "destinationPort",
    "transport": "protocol", "dest": "domainName", "lasted": "sessionDurationSecs", "up": "bytesSent",
    "down": "bytesReceived", "closed": "closeReason",
}  # fmt: skip


class VelocloudFormat(LogFormat):
    """Reads the firewall log of VeloCloud Edges."""

    name = "velocloud"
    help = "VMware SD-WAN (VeloCloud) Edge 3 to 6: firewall log (syslog, Orchestrator's JSON)"
    vantage = "firewall"
    proof = ("host", "bytes_up", "bytes_down", "action")
    marks = ('action="vcf ', "action=vcf ", '"actiontaken"')
    claims = pl.col("line").str.contains(r"\bACTION=\"?VCF \w+") | objects.having(
        "edgeName", "actionTaken", "sourceIp", "destinationIp"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event (kind flow)."""
        return layouts.read(lines, [(r"^\s*\{", _exported), (pl.lit(True), self._syslog)])

    def _syslog(self, lines: pl.DataFrame) -> pl.DataFrame:
        read = keyvalue.read(lines["line"], _FIELDS, spaced=True)
        word = pl.col("action").str.extract(r"VCF (\w+)")
        refused = word.is_in(_REFUSED)
        proto = pl.col("transport").str.to_lowercase()
        sides = ("client", "client_port", "server", "server_port")
        return read.select(
            *sides,
            at_end=word == "Close",
            duration_s="lasted",
            kind=pl.lit("flow"),
            transport=proto,
            host=pl.when(pl.col("dest").str.contains(r"^[\w-]+(?:\.[\w-]+)+$")).then("dest"),
            name_from=pl.lit("dns_answer"),
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": refused}, otherwise="allowed"),
            session=pl.when(~refused).then(pl.concat_str(proto, *sides, separator="|")),
            phase=one_of({"end": word == "Close", "update": word == "Update"}, otherwise="begin"),
            reason=one_of({NO_PORTS: ~has_ports(proto).fill_null(False)}),
        )


def _exported(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _EXPORT)
    refused = pl.col("word").str.to_titlecase().is_in(_REFUSED) | (pl.col("verdict") == "blocked")
    refused = refused.fill_null(False)
    closed = ((pl.col("closed") != "") | (pl.col("lasted") != "0")).fill_null(False) & ~refused
    sides = ("client", "client_port", "server", "server_port")
    return read.select(
        *sides,
        "time",
        at_end=closed,
        duration_s=pl.when(closed).then("lasted"),
        kind=pl.lit("flow"),
        transport="transport",
        host=pl.when(pl.col("dest").str.contains(r"^[\w-]+(?:\.[\w-]+)+$")).then("dest"),
        name_from=pl.lit("dns_answer"),
        bytes_up=pl.when(closed).then("up"),
        bytes_down=pl.when(closed).then("down"),
        action=one_of({"blocked": refused}, otherwise="allowed"),
        session=pl.when(~refused).then(pl.concat_str("transport", *sides, separator="|")),
        phase=one_of({"end": closed}, otherwise="begin"),
        reason=one_of({NO_PORTS: ~has_ports(pl.col("transport")).fill_null(False)}),
    )
