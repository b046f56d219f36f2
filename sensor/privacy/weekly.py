"""Encrypts rows with a key derived from that of their week; used at privacy level `aggregate`."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from sensor.privacy.keys import Keys
from sensor.privacy.sealing import seal, unseal


class WeekSeal:
    """Implements `store.sealed.Seal`: sealed rows become unreadable when the key of their week is
    shredded."""

    def __init__(self, keys: Keys) -> None:
        """`keys` must be those of level `aggregate`, where an epoch is a week."""
        self._keys = keys

    def seal(self, week: int, content: bytes, name: str) -> bytes:
        """`content`, encrypted; `name` is authenticated with it. Raises LakeError if the key was shredded."""
        return seal(self._keys.derived(week, "rows"), content, name)

    def unseal(self, week: int, sealed: bytes, name: str) -> bytes:
        """The content sealed under `name`. Raises Unsealable, or LakeError if the key was shredded."""
        return unseal(self._keys.derived(week, "rows"), sealed, name)

    def week_of(self, moment: pl.Expr) -> pl.Expr:
        """Number of the week (Int64) of a UTC time."""
        return self._keys.epoch_of(moment)

    def end_of(self, week: int) -> datetime:
        """The first moment after the week, UTC."""
        return self._keys.bounds(week)[1]

    def is_closed(self, week: int) -> bool:
        """True once the week's key was shredded."""
        return self._keys.is_shredded(week)
