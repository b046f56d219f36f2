"""Peplink Balance, Pepwave: firewall events of rules that log.

    Aug 13 23:47:44 Denied CONN=Ethernet WAN SRC=10.1.2.3 DST=192.0.2.7 LEN=48 PROTO=TCP SPT=50000 DPT=443

The length is one packet's and no volume. Source: Peplink Balance user manual, "Firewall rules, event
logging".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue

_FIELDS = {"client": "SRC", "client_port": "SPT", "server": "DST", "server_port": "DPT", "transport": "PROTO"}
#: Where the router gives no name, the verdict stands where that of the host should be.
_EVENT = r"^(?:(Allowed|Denied) )?CONN=.* SRC=[0-9a-fA-F.:]+ DST=[0-9a-fA-F.:]+ .*\bPROTO="


class PeplinkFormat(LogFormat):
    """Reads the firewall events of Peplink routers."""

    name = "peplink"
    help = "Peplink Balance, Pepwave: firewall events (syslog)"
    vantage = "firewall"
    is_stateless = True
    proof = ("action",)
    advice = "Only rules with event logging are logged, without hosts or volumes: add DNS logs."
    marks = ("proto=",)
    claims = pl.col("line").str.contains(_EVENT)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event (kind flow)."""
        read = keyvalue.read(lines["line"], _FIELDS)
        return read.with_columns(
            kind=pl.lit("flow"), action=pl.coalesce(lines["line"].str.extract(_EVENT), lines["sender"])
        )
