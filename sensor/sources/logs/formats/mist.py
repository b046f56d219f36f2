"""Juniper Mist: clients of its wireless networks (webhook topics client-join, client-sessions).

    {"topic": "client-sessions", "events": [{"ap": "…", "ssid": "corp", "mac": "02005e000007",
     "client_ip": "10.1.2.3", "client_username": "ada", "client_hostname": "LT-7", "connect": 1791280800,
     "disconnect": 1791284400, "duration": 3600.0, "next_ap": "000000000000", …}]}

A session ends at each access point; `next_ap` is zero where the client left the network. One that joined
holds its address for ten hours. Source: Juniper, "Mist webhook messages".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "client": "client_ip", "client_mac": "mac", "user_name": "client_username",
    "device": "client_hostname", "connect": "connect", "disconnect": "disconnect", "duration": "duration",
    "next": "next_ap",
}  # fmt: skip


class MistFormat(LogFormat):
    """Reads which client had which address."""

    name = "mist"
    help = "Juniper Mist webhooks: client-join, client-sessions (JSON)"
    vantage = "identity"
    proof = ("user", "device")
    advice = "Subscribe to client-join and client-sessions, version 2; only 802.1X networks know accounts."
    marks = ('"wlan_id"',)
    claims = objects.having("bssid", "wlan_id", "ssid", "connect")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        over = pl.col("disconnect").is_not_null()
        lasted = pl.col("duration").cast(pl.Float64, strict=False)
        return read.select(
            *("client", "client_mac", "user_name", "device"),
            time=pl.coalesce("disconnect", "connect"),
            at_end=over,
            duration_s=pl.when(over).then(lasted),
            kind=pl.lit("lease"),
            lease_s=pl.when(over).then(lasted.fill_null(0)).otherwise(WORKING_DAY_S),
            closes=over & pl.col("next").str.contains("^0+$").fill_null(False),
            origin=one_of({"radius": pl.col("user_name").is_not_null()}, otherwise="dhcp"),
            reason=one_of({NO_ADDRESS: pl.col("client").is_null()}),
        )
