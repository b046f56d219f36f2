"""Keys by epoch: 13 weeks by event time, starting on a Monday of the report zone.

One random key an epoch, outside the lake, mode 0600, made on first use. Who deletes a key makes
that epoch's tokens unlinkable for ever.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from sensor.errors import LakeError
from sensor.schema import TIME

EPOCH_WEEKS = 13
KEY_BYTES = 32
_EVIDENCE_KEY = "evidence.key"
#: the Monday from which weeks are counted
_FIRST_MONDAY = datetime(1970, 1, 5)


class Keys:
    """The keys of one state folder, read once and made when missing."""

    def __init__(self, state: Path, zone: str) -> None:
        self._folder = state / "keys"
        self._zone = zone
        self._keys: dict[int, bytes] = {}

    def of(self, epoch: int) -> bytes:
        """The key of an epoch. Raises LakeError if it can be neither read nor made."""
        if epoch not in self._keys:
            self._keys[epoch] = self._read_or_make(self._folder / f"epoch-{epoch}.key")
        return self._keys[epoch]

    def evidence(self) -> bytes:
        """The key that seals evidence, which knows no epochs. Raises LakeError as `of` does."""
        return self._read_or_make(self._folder / _EVIDENCE_KEY)

    def has_evidence(self) -> bool:
        """True if evidence was ever sealed with this state folder."""
        return (self._folder / _EVIDENCE_KEY).exists()

    def _read_or_make(self, path: Path) -> bytes:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return self._checked(path, path.read_bytes())
            with os.fdopen(handle, "wb") as file:
                file.write(key := secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            return key
        except OSError as error:
            raise LakeError(
                f"cannot keep a key: {error.strerror}",
                place=str(path),
                hint="set a writable folder with --state",
            ) from None

    @staticmethod
    def _checked(path: Path, key: bytes) -> bytes:
        if len(key) != KEY_BYTES:
            raise LakeError(
                f"a key of {len(key)} bytes, expected {KEY_BYTES}", place=str(path), hint="restore it"
            )
        return key

    def epoch_of(self, moment: pl.Expr) -> pl.Expr:
        """The epoch (Int64) of a UTC time column: weeks since Monday 1970-01-05 in the report zone."""
        local = moment.dt.convert_time_zone(self._zone).dt.replace_time_zone(None)
        weeks = (local - pl.lit(_FIRST_MONDAY)).dt.total_microseconds() // (7 * 86_400 * 1_000_000)
        return weeks // EPOCH_WEEKS

    def bounds(self, epoch: int) -> tuple[datetime, datetime]:
        """First moment of an epoch and of the next one, UTC."""
        zone = ZoneInfo(self._zone)
        begin, end = (
            (_FIRST_MONDAY + timedelta(weeks=EPOCH_WEEKS * n)).replace(tzinfo=zone).astimezone(UTC)
            for n in (epoch, epoch + 1)
        )
        return begin, end

    def epochs_in(self, moments: pl.Series) -> list[int]:
        """The distinct epochs of a UTC time series, rising."""
        frame = moments.drop_nulls().cast(TIME).to_frame("at")
        return sorted(frame.select(self.epoch_of(pl.col("at")).unique()).to_series().to_list())
