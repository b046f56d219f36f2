"""Pi-hole 6: the query log as its API gives it (JSON).

    {"queries": [{"id": 1, "time": 1791280800.5, "type": "A", "domain": "chat.example.com",
     "status": "GRAVITY", "client": {"ip": "10.1.2.3", "name": "laptop"}, …}, …]}

Source: Pi-hole, API documentation, `/api/queries`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "time", "host": "domain", "type": "type", "status": "status", "client": "client.ip",
    "device": "client.name", "cname": "cname", "reply": "reply.type",
}  # fmt: skip
_REFUSED = r"^(?:GRAVITY|REGEX|DENYLIST|BLACKLIST|EXTERNAL_BLOCKED|SPECIAL_DOMAIN|BLOCKED)"


class PiholeApiFormat(LogFormat):
    """Reads what Pi-hole's API tells of lookups."""

    name = "pihole-api"
    help = "Pi-hole 6 API: queries (JSON)"
    vantage = "dns"
    proof = ("host", "device", "action")
    marks = ('"domain"',)
    claims = objects.having("domain", "client", "status", "dnssec", "reply")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        read = objects.read(lines["line"], _WANTED)
        refused = pl.col("status").str.contains(_REFUSED) | (lookups.verdict(pl.col("reply")) == "blocked")
        return read.select(
            *("time", "host", "client", "device", "cname"),
            kind=pl.lit("dns"),
            action=one_of({"blocked": refused}, otherwise="allowed"),
            qtype=pl.col("type"),
        )
