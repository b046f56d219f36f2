"""Counts people over several epochs, if there is a count-only key (`shadowai keys init --count`).

With this key each account gets a second token that is the same in all epochs and is only stored encrypted:

    counting (lake)            token of an account → second token, sealed under the count-only key *and* that
                               of the epoch, with a fresh nonce: without both keys, rows cannot be linked
    STATE/count/<week>.sealed  second tokens of the users of each service in a week, sealed under the
                               count-only key

So the lake alone reveals nothing. Shredding the key of an epoch unlinks its tokens from the second ones;
shredding the count-only key makes all of it unreadable. Whoever has this key and the state folder can try
account names and learn who used which service in which week; docs/privacy.md says so.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from sensor import durable, schema
from sensor.privacy.keys import Keys
from sensor.privacy.sealing import Unsealable, seal, unseal

_BYTES = 10
_SET = {"app": pl.String(), "person": pl.String()}
#: Columns of the result of `count` and `count_then`.
COUNTS = {
    "period": pl.String(), "first_day": pl.Date(), "last_day": pl.Date(), "app": pl.String(),
    "people": pl.Int64(), "weeks_counted": pl.Int64(),
}  # fmt: skip
ALL = "all"
#: Months per period. A week belongs to the period that contains its Thursday (ISO 8601).
PERIODS = {"month": 1, "quarter": 3, "year": 12}


class Counting:
    """The second tokens and weekly counts of one state folder."""

    def __init__(self, state: Path, keys: Keys) -> None:
        self._folder = state / "count"
        self._keys = keys
        self._known_key: bytes | None = None
        self._emitted: set[str] = set()

    @property
    def _key(self) -> bytes | None:
        """The count-only key; None if there is none. It may be made while a capture runs."""
        if self._known_key is None:
            self._known_key = self._keys.count()
        return self._known_key

    def second(self, account: str) -> str:
        """The second token of a canonical account."""
        assert self._key is not None
        return base64.b32encode(
            hmac.digest(self._key, f"person|{account}".encode(), "sha256")[:_BYTES]
        ).decode()

    def rows(self, tokens: pl.DataFrame) -> pl.DataFrame:
        """Rows of the table `counting` for new accounts (token, value, epoch); none without a key."""
        if self._key is None:
            return schema.COUNTING.empty()
        found = []
        for token, account, epoch in tokens.select("token", "value", "epoch").unique().iter_rows():
            if token in self._emitted:
                continue
            self._emitted.add(token)
            begin, end = self._keys.bounds(epoch)
            sealed = seal(self._both(epoch), self.second(account).encode(), token)
            found.append((token, base64.b64encode(sealed).decode(), begin, end))
        names = ("user_name", "sealed", "valid_from", "valid_to")
        types = {name: schema.COUNTING.dtypes[name] for name in names}
        return schema.COUNTING.conform(pl.DataFrame(found, schema=types, orient="row").sort("user_name"))

    def known(self) -> set[date]:
        """Mondays of the weeks counted so far."""
        return {date.fromisoformat(path.stem) for path in self._folder.glob("*.sealed")}

    def count(self, used: pl.DataFrame, weeks: Sequence[date]) -> pl.DataFrame:
        """Number of accounts that used each service (`all`: any) per month, quarter and year: COUNTS.

        `used` (week, app, user_name, sealed) are the users in `weeks`, which are recounted; other weeks keep
        their earlier count. No rows without a key.
        """
        if self._key is None:
            return pl.DataFrame(schema=COUNTS)
        for week in weeks:
            rows = self._seconds(used.filter(pl.col("week") == week))
            if rows is not None and (rows.height or week in self.known()):
                self._write(week, rows)
        return _counts({week: self._read(week) for week in self.known()})

    def count_then(self, used: pl.DataFrame, weeks: Sequence[date], until: date) -> pl.DataFrame:
        """As `count` for weeks that began by the day `until`, without storing the count."""
        if self._key is None:
            return pl.DataFrame(schema=COUNTS)
        sets = {week: self._read(week) for week in self.known() if week not in weeks}
        for week in weeks:
            rows = self._seconds(used.filter(pl.col("week") == week))
            sets[week] = self._read(week) if rows is None else rows
        return _counts({week: rows for week, rows in sets.items() if week <= until})

    def expire(self, before: date) -> int:
        """Delete weeks that began before the day `before`; returns how many."""
        old = [week for week in self.known() if week < before]
        for week in old:
            self._path(week).unlink()
        return len(old)

    def forget(self, names: Sequence[str]) -> int:
        """Remove a person, by all of the `names` (canonical), from all weeks; returns from how many."""
        if self._key is None:
            return 0
        gone, theirs = 0, [self.second(name) for name in names]
        for week in self.known():
            rows = self._read(week)
            rest = rows.filter(~pl.col("person").is_in(theirs))
            if rest.height < rows.height:
                self._write(week, rest)
                gone += 1
        return gone

    def _seconds(self, used: pl.DataFrame) -> pl.DataFrame | None:
        """The uses of a week by second token; None if a key was shredded, so that the stored count
        remains."""
        seconds: dict[str, str] = {}
        for token, sealed in used.select("user_name", "sealed").drop_nulls().unique().iter_rows():
            epoch = int(token.partition("-")[0][1:])
            if self._keys.is_shredded(epoch):
                return None
            try:
                content = unseal(self._both(epoch), base64.b64decode(sealed), token)
            except Unsealable:
                continue  # sealed under a count-only key that was shredded
            seconds[token] = content.decode()
        person = pl.col("user_name").replace_strict(seconds, default=None, return_dtype=pl.String)
        return used.select("app", person=person).drop_nulls().unique().sort("app", "person")

    def _both(self, epoch: int) -> bytes:
        """The key of the rows of an epoch, derived from both keys."""
        assert self._key is not None
        return hmac.digest(self._key, self._keys.derived(epoch, "count"), hashlib.sha256)

    def _of_sets(self) -> bytes:
        assert self._key is not None
        return hmac.digest(self._key, b"weeks", hashlib.sha256)

    def _path(self, week: date) -> Path:
        return self._folder / f"{week}.sealed"

    def _read(self, week: date) -> pl.DataFrame:
        try:
            content = unseal(self._of_sets(), self._path(week).read_bytes(), str(week))
        except (Unsealable, FileNotFoundError):
            return pl.DataFrame(schema=_SET)
        return pl.read_ipc(io.BytesIO(content)).cast(pl.Schema(_SET))

    def _write(self, week: date, rows: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        rows.write_ipc(buffer)
        sealed = seal(self._of_sets(), buffer.getvalue(), str(week))
        with durable.explained(self._path(week)):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            durable.write(self._path(week), sealed)


def _counts(sets: Mapping[date, pl.DataFrame]) -> pl.DataFrame:
    """COUNTS from the uses of each week."""
    weekly = [sets[week].with_columns(week=pl.lit(week)) for week in sorted(sets)]
    every = pl.concat([pl.DataFrame(schema={**_SET, "week": pl.Date()}), *weekly])
    every = pl.concat([every, every.with_columns(app=pl.lit(ALL))])
    counts = [
        every.with_columns(_bounds(months))
        .group_by("first_day", "last_day", "app")
        .agg(people=pl.col("person").n_unique(), weeks_counted=pl.col("week").n_unique())
        .with_columns(period=pl.lit(name))
        for name, months in PERIODS.items()
    ]
    found = pl.concat(counts).select(list(COUNTS)).cast(pl.Schema(COUNTS))
    return found.sort("period", "first_day", "app")


def _bounds(months: int) -> list[pl.Expr]:
    """First and last day of the weeks whose Thursday is in the month, quarter or year of a week."""
    begin = (pl.col("week") + timedelta(days=3)).dt.truncate(f"{months}mo")
    days = []
    for name, start, shift in (("first_day", begin, -3), ("last_day", begin.dt.offset_by(f"{months}mo"), -4)):
        to_thursday = (4 - start.dt.weekday().cast(pl.Int64)) % 7  # Monday is 1
        days.append((start + pl.duration(days=to_thursday + shift)).cast(pl.Date).alias(name))
    return days
