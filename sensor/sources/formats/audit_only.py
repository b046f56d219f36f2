"""Logs known to say nothing of network use: a wrong file is told at once, and never read as another's.

Teleport audit; Cisco Secure Endpoint; ForgeRock; Mimecast; Defender and XDR alerts; Snort and Suricata
alerts in "fast" layout; NX-OS messages. What may be read of the same makers stands in families of their
own.
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import objects

_TEXT = r"\[\*\*\] \[\d+:\d+:\d+\] .*\[\*\*\] |%[A-Z][A-Z0-9_]+(?:-[A-Z0-9_]+)?-[0-7]-[A-Z0-9_]+: "
NOTHING = "set aside: audit, alert or device message: tells of no network use"


class AuditOnlyFamily(Family):
    """Recognises logs without network use."""

    name: ClassVar[str] = "audit-only"
    help: ClassVar[str] = (
        "without network use, set aside: Teleport, Cisco Secure Endpoint, ForgeRock, Mimecast, "
        "Defender and Snort alerts, NX-OS"
    )
    vantage: ClassVar[str] = "mixed"
    generic: ClassVar[bool] = True
    proof: ClassVar[Proof] = Proof()
    advice: ClassVar[str] = (
        "Nothing in such a log tells who used what: give the proxy's, resolver's or firewall's."
    )
    claims: ClassVar[pl.Expr] = (
        objects.having("cluster_name", "code", "ei", "event")
        | objects.having("event_type_id", "connector_guid")
        | objects.having("payload", "eventName", "component")
        | objects.having("accountCode", "processingId")
        | objects.having("alertId", "incidentId")
        | objects.having("sid", "gid", "pkt_gen", "rule")
        | pl.col("line").str.contains(_TEXT)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line, none of them used."""
        # Not `select` alone: literals would make one row.
        return lines.with_columns(reason=pl.lit(NOTHING)).select("reason")
