"""VMware SD-WAN (VeloCloud): firewall log of Edges over syslog.

    edge1 velocloud.sdwan: ACTION=VCF Open SEGMENT=0 IN="GE2" PROTO=TCP SRC=10.1.2.3 DST=192.0.2.7
      SPT=40000 DPT=443 DEST=chat.example.com FW_POLICY_NAME=web SEGMENT_NAME=Global Segment
    edge1 velocloud.sdwan: ACTION=VCF Close … DURATION_SECS=9 BYTES_SENT=900 BYTES_RECEIVED=7000

A session is told when it opens and when it closes; bytes sent are the source's. Source: VMware SD-WAN
Administration Guide, "Syslog Message Format for Firewall Logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.text import keyvalue
from sensor.sources.text.reasons import NO_PORTS
from sensor.sources.text.transports import has_ports
from sensor.sources.text.words import one_of

_FIELDS = {
    "action": "ACTION", "client": "SRC", "client_port": "SPT", "server": "DST", "server_port": "DPT",
    "transport": "PROTO", "dest": "DEST", "lasted": "DURATION_SECS", "up": "BYTES_SENT",
    "down": "BYTES_RECEIVED",
}  # fmt: skip
_REFUSED = ["Deny", "Drop", "Reject"]


class VelocloudFamily(Family):
    """Reads the firewall log of VeloCloud Edges."""

    name = "velocloud"
    help = "VMware SD-WAN (VeloCloud) Edge 3 to 6: firewall log (syslog)"
    vantage = "firewall"
    proof = ("host", "bytes_up", "bytes_down", "action")
    marks = ('action="vcf ', "action=vcf ")
    claims = pl.col("line").str.contains(r"\bACTION=\"?VCF \w+")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event (kind flow)."""
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
