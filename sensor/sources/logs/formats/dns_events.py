"""Microsoft Sentinel and Log Analytics: table DnsEvents of Windows DNS servers, exported as JSON.

    {"TimeGenerated": "2026-10-06T10:00:00Z", "Computer": "dc1", "SubType": "LookupQuery",
     "ClientIP": "10.1.2.3", "Name": "chat.example.com", "QueryType": "A", "IPAddresses": "192.0.2.7",
     "ResultCode": 0, …}

Registrations and changes of the server's settings are set aside. Source: Microsoft Learn, "DnsEvents".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import NO_LOOKUP
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "TimeGenerated", "what": "SubType", "client": "ClientIP", "name": "Name", "type": "QueryType",
    "answers": "IPAddresses", "server": "Computer", "rcode": "ResultCode",
}  # fmt: skip


class DnsEventsFormat(LogFormat):
    """Reads the table DnsEvents."""

    name = "dns-events"
    help = "Microsoft Sentinel, Log Analytics: DnsEvents (JSON)"
    vantage = "dns"
    proof = ("host", "action")
    own_zone = "UTC"
    marks = ('"timegenerated"',)
    claims = objects.having("TimeGenerated", "SubType", "ClientIP", "QueryType", "Name")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        lookup = (pl.col("what") == "LookupQuery").fill_null(False)
        return read.select(
            "time",
            "client",
            kind=pl.lit("dns"),
            host=pl.col("name").str.to_lowercase().str.strip_suffix("."),
            answers=pl.col("answers").str.extract_all(r"[0-9a-fA-F]*[.:][0-9a-fA-F.:]+"),
            action=pl.when(lookup).then(lookups.verdict(pl.col("rcode"))),
            qtype=pl.col("type"),
            reason=one_of({NO_LOOKUP: ~lookup}),
        )
