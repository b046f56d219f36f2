"""Carries leases across epochs: tokens change with the key, so a lease needs a row in every epoch it
overlaps.

In: leases in clear. Out: the same leases, split at epoch boundaries, so that each piece gets the tokens of
its epoch. An open lease is split at the end of its epoch and continued once rows of the next epoch arrive.
For that, open leases are stored on disk, encrypted with a key derived from that of the epoch.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from sensor import durable, schema
from sensor.privacy.keys import Keys
from sensor.privacy.sealing import Unsealable, seal, unseal

#: Maximum epochs for which a lease that is never closed is continued.
MOST_EPOCHS = 8
#: maximum open leases (the newest), so that a flood of forged ones cannot exhaust memory
MOST_OPEN = 500_000
_HOLDER = ("site", "address", "user_name", "device", "origin")


class LeaseRotation:
    """The open leases of one sensor, to be continued in the next epoch; `logs/rows/leases` ends leases."""

    def __init__(self, keys: Keys, file: Path | None = None) -> None:
        """`file` stores the open leases between runs; None keeps them in memory only."""
        self._keys = keys
        self._file = file
        self._open = schema.LEASES.empty()
        self._emitted: set[int] = set()
        self._loaded = file is None

    def carry(self, leases: pl.DataFrame, epochs: Iterable[int]) -> pl.DataFrame:
        """`leases`, plus the open leases for each of `epochs` that is new, split at epochs; in clear."""
        self._load()
        new_leases = schema.LEASES.conform(leases).filter(pl.col("valid_from").is_not_null())
        new = sorted(set(epochs) - self._emitted)
        self._emitted |= set(new)
        still_open = self._open
        self._keep(new_leases)
        pieces = [self._within(still_open, epoch) for epoch in new] if not still_open.is_empty() else []
        if not new_leases.is_empty():
            pieces += [self._within(new_leases, epoch) for epoch in self._touched(new_leases)]
        if pieces or not new_leases.is_empty():
            self._save()
        return pl.concat([schema.LEASES.empty(), *pieces])

    def _touched(self, leases: pl.DataFrame) -> list[int]:
        """The epochs that the leases overlap; an open one extends to the newest epoch seen so far."""
        ends = self._keys.epochs_in(leases["valid_to"].dt.offset_by("-1us"))
        first, *rest = self._keys.epochs_in(leases["valid_from"])
        last, chain = max([first, *rest, *ends, *self._emitted]), [first]
        while chain[-1] < last:
            following = pl.Series([self._keys.bounds(chain[-1])[1]], dtype=schema.TIME)
            chain += self._keys.epochs_in(following)
        return [epoch for epoch in chain[-MOST_EPOCHS:] if not self._keys.is_shredded(epoch)]

    def _within(self, leases: pl.DataFrame, epoch: int) -> pl.DataFrame:
        begin, end = (pl.lit(moment, dtype=schema.TIME) for moment in self._keys.bounds(epoch))
        cut = leases.with_columns(
            pl.max_horizontal(begin, "valid_from").alias("valid_from"),
            pl.min_horizontal(end, "valid_to").alias("valid_to"),
        )
        return cut.filter(pl.col("valid_from") < pl.col("valid_to"))

    def _keep(self, new_leases: pl.DataFrame) -> None:
        """Stores the newest lease of each holder, and drops leases that it closes."""
        known = pl.concat([self._open, new_leases]).unique(_HOLDER, keep="last", maintain_order=True)
        self._open = known.filter(pl.col("valid_to").is_null()).tail(MOST_OPEN)

    def _load(self) -> None:
        if self._loaded or self._file is None:
            return
        self._loaded = True
        try:
            epoch, _, sealed = self._file.read_bytes().partition(b"\n")
            if self._keys.is_shredded(int(epoch)):
                return
            content = unseal(self._keys.derived(int(epoch), "leases"), sealed, self._file.name)
        except (FileNotFoundError, Unsealable, ValueError):
            return
        self._open = schema.LEASES.conform(pl.read_ipc(io.BytesIO(content)))

    def _save(self) -> None:
        if self._file is None:
            return
        newest = max(self._emitted, default=None)
        if newest is None:
            return
        buffer = io.BytesIO()
        self._open.write_ipc(buffer)
        sealed = seal(self._keys.derived(newest, "leases"), buffer.getvalue(), self._file.name)
        with durable.explained(self._file):
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            durable.write(self._file, str(newest).encode() + b"\n" + sealed)
