"""Leases from packets, as rows like those of logs.

They come from protocols that name the holder of an address (`sensor/decode/identity`), and from the hardware
addresses of packets (origin `link`), which show the addresses of one machine
(analytics/counting/stations.py).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from sensor import schema
from sensor.sources.logs.rows.leases import LeaseTracker, reported
from sensor.sources.logs.text import accounts

#: How long a hardware address is watched before its IP addresses are taken for those of one machine.
SETTLED = timedelta(minutes=15)
#: Pairs of a hardware and an IP address that are remembered, the newest; about 100 bytes each.
MAX_PAIRS = 1 << 17

#: Addresses that are unique on one link only, and those of machines that have none yet (a DHCP request).
_NOBODYS = r"^(?:fe[89ab]|169\.254\.|0\.|::$)"
_PAIR = ("day", "mac", "address")


class PacketLeases:
    """The leases of one input, across batches."""

    def __init__(self, vantage: str) -> None:
        self._vantage = vantage
        self._tracker = LeaseTracker()
        self._links = _Links()

    def put(self, frames: dict[str, pl.DataFrame], *, last: bool) -> dict[str, pl.DataFrame]:
        """`frames` with the table `leases` in place of `holders`, the frame of the decoder. `last`: the input
        ends."""
        told = self._tracker.update(_leases(frames["holders"], self._vantage))
        leases = pl.concat([told, self._links.update(frames["observations"], last=last)])
        return {name: frame for name, frame in frames.items() if name != "holders"} | {"leases": leases}


class _Links:
    """Which hardware address held which IP address on which day (UTC), each said once.

    With two IPv4 addresses in a day it is not one machine's, but passes on packets of others: nothing (more)
    is said of it on that day.
    """

    def __init__(self) -> None:
        strings = {name: pl.String() for name in ("mac", "address")}
        self._pairs = pl.DataFrame(
            schema={"day": pl.Date()} | strings | {"first": schema.TIME, "said": pl.Boolean()}
        )
        self._newest = datetime.min.replace(tzinfo=UTC)

    def update(self, observations: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """Rows of `leases` for pairs whose hardware address has settled, and all others where `last`."""
        seen = (
            observations.filter(pl.col("client_mac").is_not_null())
            .group_by(
                day=pl.col("seen_at").dt.date(), mac="client_mac", address="client", maintain_order=True
            )
            .agg(first=pl.col("seen_at").min(), said=pl.lit(False))
            .filter(~pl.col("address").str.contains(_NOBODYS))
        )
        newest = observations["seen_at"].max()
        if isinstance(newest, datetime):
            self._newest = max(self._newest, newest)
        pairs = pl.concat([self._pairs, seen.join(self._pairs, on=_PAIR, how="anti", maintain_order="left")])
        one_machine = (~pl.col("address").str.contains(":", literal=True)).sum().over("day", "mac") <= 1
        settled = pl.col("first").min().over("day", "mac") + SETTLED <= pl.lit(self._newest, schema.TIME)
        due = ~pl.col("said") & one_machine & (settled | last)
        self._pairs = pairs.with_columns(said=pl.col("said") | due).tail(MAX_PAIRS)
        return schema.LEASES.conform(
            pairs.filter(due).select(
                "address",
                "mac",
                valid_from="first",
                valid_to=(pl.col("day") + pl.duration(days=1)).cast(schema.TIME),
                origin=pl.lit("link"),
                confidence=pl.lit(0.9),
            )
        )


def _leases(statements: pl.DataFrame, vantage: str) -> pl.DataFrame:
    """Rows of `leases`; accounts are cleaned as those in logs, and machine accounts become devices."""
    if statements.is_empty():
        return schema.LEASES.empty()
    account = accounts.split(statements["user_name"])
    told = statements.with_columns(
        account["user_name"],
        device=pl.coalesce("device", account["device"]),
        client="address",
        client_mac="mac",
        at=pl.col("said_at").cast(schema.TIME),
        seen_at=pl.col("said_at").cast(schema.TIME),
        lease_from=pl.col("began_at").cast(schema.TIME),
        lease_to=pl.lit(None, dtype=schema.TIME),
        shared=pl.lit(None, dtype=pl.Boolean),
    )
    somebody = pl.any_horizontal(pl.col("user_name", "device", "client_mac").is_not_null(), "closes")
    return reported(told.filter(somebody), vantage)
