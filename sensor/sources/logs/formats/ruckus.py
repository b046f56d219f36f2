r"""Ruckus SmartZone: clients of its wireless networks (events over syslog).

    @@202,clientJoin,"apMac"="…","clientMac"="02:00:5e:00:00:07","ssid"="corp",…,"userName"="ada",…
    @@204,clientDisconnect,"apMac"="…","clientMac"="…","clientIP"="10.1.2.3","hostname"="LT-7",…,
     "ipAssignTime"="1791280800","disconnectTime"="1791284400","sessionDuration"="3600",…

A client's address is mostly known when it leaves: then the whole session is told, by seconds since 1970.
Before, it is held for ten hours. Source: Ruckus, "SmartZone Alarm and Event Reference Guide".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_KEYS = {
    "client": "clientIP", "client_mac": "clientMac", "user_name": "userName", "device": "hostname",
    "left": "disconnectTime", "lasted": "sessionDuration",
}  # fmt: skip
_EVENT = r'^@@\d+,(\w+),(?:"[^"]*"="[^"]*",)*"'
_GONE = r"(?i)disconnect|timeout|logout|expiration|delete"


class RuckusFormat(LogFormat):
    """Reads which client had which address."""

    name = "ruckus"
    help = "Ruckus SmartZone 3 to 7: clients of wireless networks (syslog)"
    vantage = "identity"
    proof = ("user", "device")
    advice = "Send events of severity informational and above: clients join and leave at that severity."
    marks = ("@@",)
    claims = pl.col("line").str.contains(_EVENT)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = lines.select(
            pl.col("line").str.extract(_EVENT).alias("event"),
            *(pl.col("line").str.extract(rf',"{key}"="([^"]+)"').alias(name) for name, key in _KEYS.items()),
        )
        is_client = pl.col("event").str.starts_with("client")
        gone = pl.col("event").str.contains(_GONE)
        lasted = pl.col("lasted").cast(pl.Float64, strict=False)
        return read.select(
            *("client", "client_mac", "user_name", "device"),
            time=pl.when(gone).then("left"),
            at_end=gone,
            duration_s=pl.when(gone).then(lasted),
            kind=pl.lit("lease"),
            lease_s=pl.when(gone).then(lasted.fill_null(0)).otherwise(WORKING_DAY_S),
            closes=gone,
            origin=one_of({"radius": pl.col("user_name").is_not_null()}, otherwise="dhcp"),
            reason=one_of({NO_ADDRESS: ~is_client | pl.col("client").is_null()}),
        )
