"""Leases from packets: who held which address (`sensor/decode/identity`), as rows like those of logs."""

from __future__ import annotations

import polars as pl

from sensor import schema
from sensor.sources.logs.rows.leases import LeaseTracker, reported
from sensor.sources.logs.text import accounts


class PacketLeases:
    """The leases of one input, across batches."""

    def __init__(self, vantage: str) -> None:
        self._vantage = vantage
        self._tracker = LeaseTracker()

    def put(self, frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """`frames` with the table `leases` in place of `holders`, the frame of the decoder."""
        leases = self._tracker.update(_leases(frames["holders"], self._vantage))
        return {name: frame for name, frame in frames.items() if name != "holders"} | {"leases": leases}


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
