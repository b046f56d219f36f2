"""Sealing by week, for level `aggregate`: the key of a week, for tokens and for sealed rows alike."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from sensor.privacy.keys import Keys
from sensor.privacy.sealing import seal, unseal


class WeekSeal:
    """Seals with a key that goes when the week's key is shredded."""

    def __init__(self, keys: Keys) -> None:
        """`keys` at level `aggregate`, where an epoch is a week."""
        self._keys = keys

    def seal(self, week: int, content: bytes, name: str) -> bytes:
        """Encrypt under the week's key. Raises LakeError if it was shredded."""
        return seal(self._keys.derived(week, "rows"), content, name)

    def unseal(self, week: int, sealed: bytes, name: str) -> bytes:
        """Decrypt. Raises Unsealable, and LakeError if the key was shredded."""
        return unseal(self._keys.derived(week, "rows"), sealed, name)

    def week_of(self, moment: pl.Expr) -> pl.Expr:
        """The week (Int64) of a UTC time column."""
        return self._keys.epoch_of(moment)

    def end_of(self, week: int) -> datetime:
        """First moment of the next week, UTC."""
        return self._keys.bounds(week)[1]

    def is_closed(self, week: int) -> bool:
        """True once the week's key was shredded."""
        return self._keys.is_shredded(week)
