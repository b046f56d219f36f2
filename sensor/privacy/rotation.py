"""Carries leases across epochs: tokens change with the key, so a lease needs a row in every epoch it
overlaps.

In: leases in clear. Out: the same leases, split at epoch boundaries, so that each piece gets the tokens of
its epoch. Leases that outlast their epoch are kept, on disk encrypted with a key derived from that of the
epoch. They are continued in the epochs of rows that arrive, and at the end of an input in all others up to
now, because other inputs may have rows of these.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from sensor import durable, schema
from sensor.privacy.keys import EPOCH_WEEKS, Keys
from sensor.privacy.pseudonyms import token
from sensor.privacy.sealing import Unsealable, seal, unseal

#: Epochs up to now that leases are continued in, although there may be no keys of them yet.
RECENT_EPOCHS = 8
#: maximum lasting leases (the newest), so that a flood of forged ones cannot exhaust memory
MOST_LASTING = 500_000
#: Folder of their files in the state folder, and the file in it with a line per token of erased people.
FOLDER, _ERASED = "leases", "erased"
_ADDRESS = ("site", "address", "origin")
_LEASE = (*_ADDRESS, "user_name", "device", "valid_from")
#: Continued leases begin within a second after the boundary, in the order in which they really began. So of
#: two holders of an address the later one counts, as it does within an epoch.
_BEGIN_WITHIN_US = 1_000_000
_OLDEST_US = RECENT_EPOCHS * EPOCH_WEEKS * 7 * 86_400_000_000


def _clock() -> datetime:
    return datetime.now(UTC)


class LeaseRotation:
    """The leases of one sensor that may go on in a later epoch; `logs/rows/leases` ends leases."""

    def __init__(self, keys: Keys, file: Path | None = None, now: Callable[[], datetime] = _clock) -> None:
        """`file` stores the lasting leases between runs; None keeps them in memory only."""
        self._keys = keys
        self._file = file
        self._now = now
        self._lasting = schema.LEASES.empty()
        #: lines read of the list of erased people
        self._erased = 0
        #: lasting leases that were given up, until the end of the input
        self._ended = schema.LEASES.empty()
        #: epochs that the lasting leases have been continued in
        self._reached: set[int] = set()
        self._loaded = file is None

    def carry(self, leases: pl.DataFrame, epochs: Iterable[int], *, last: bool) -> pl.DataFrame:
        """`leases`, and what lasting leases add, split at epochs; in clear.

        Lasting leases are continued in those of `epochs` that are new. If these are the `last` leases of an
        input, they are also continued in all other epochs up to now.
        """
        self._load()
        arrived = schema.LEASES.conform(leases).filter(pl.col("valid_from").is_not_null())
        new = {*epochs, *(self._up_to_now() if last else ())} - self._reached
        pieces = [self._begun(arrived, epoch) for epoch in self._keys.epochs_in(arrived["valid_from"])]
        pieces += [self._continued(arrived, epoch) for epoch in sorted(self._reached)]
        if new:  # rarely: half a million leases may be known
            known = _followed(pl.concat([self._lasting, arrived]))
            pieces += [self._continued(self._not_followed(known, epoch), epoch) for epoch in sorted(new)]
        self._keep(arrived)
        self._reached |= new
        pieces += [self._cancelled(epoch) for epoch in sorted(self._reached)]
        if last:
            self._ended = self._ended.clear()
        if new or not arrived.is_empty():
            self._save()
        return pl.concat([schema.LEASES.empty(), *pieces])

    def _up_to_now(self) -> set[int]:
        """The epochs that have a key, and the last ones up to now."""
        now, back = self._now(), timedelta(weeks=EPOCH_WEEKS)
        recent = self._keys.epochs_in(pl.Series([now - nth * back for nth in range(RECENT_EPOCHS)]))
        return {*recent, *(epoch.number for epoch in self._keys.epochs())}

    def _begun(self, leases: pl.DataFrame, epoch: int) -> pl.DataFrame:
        """The first pieces of the leases that begin in the epoch."""
        begin, end = self._bounds(epoch)
        begun = leases.filter(pl.col("valid_from") >= begin, pl.col("valid_from") < end)
        return begun.with_columns(pl.min_horizontal(end, "valid_to").alias("valid_to"))

    def _continued(self, leases: pl.DataFrame, epoch: int) -> pl.DataFrame:
        """The pieces in the epoch of leases that began before it."""
        if leases.is_empty() or self._keys.is_shredded(epoch):
            return leases.clear()
        begin, end = self._bounds(epoch)
        older = leases.filter(pl.col("valid_from") < begin)
        pieces = older.with_columns(_after(begin), pl.min_horizontal(end, "valid_to").alias("valid_to"))
        return pieces.filter(pl.col("valid_from") < pl.col("valid_to"))

    def _not_followed(self, known: pl.DataFrame, epoch: int) -> pl.DataFrame:
        """Those of the `known` leases (`_followed`) whose address has no later one before the epoch."""
        begin, _ = self._bounds(epoch)
        return known.filter(pl.col("next_from").is_null() | (pl.col("next_from") > begin)).drop("next_from")

    def _cancelled(self, epoch: int) -> pl.DataFrame:
        """Empty pieces in place of those that an earlier `carry` continued in the epoch: these leases turned
        out to end before it."""
        if self._ended.is_empty() or self._keys.is_shredded(epoch):
            return self._ended.clear()
        begin, _ = self._bounds(epoch)
        over = self._ended.filter(pl.col("valid_to") <= begin).with_columns(_after(begin))
        return over.with_columns(valid_to="valid_from")

    def _bounds(self, epoch: int) -> tuple[pl.Expr, pl.Expr]:
        begin, end = self._keys.bounds(epoch)
        return pl.lit(begin, dtype=schema.TIME), pl.lit(end, dtype=schema.TIME)

    def _keep(self, arrived: pl.DataFrame) -> None:
        """Keep the newest lease of each address if it outlasts its epoch."""
        if arrived.is_empty():
            return
        closed = arrived.filter(pl.col("closed").fill_null(False))
        ended = closed.join(self._lasting, on=_LEASE, how="semi", nulls_equal=True)
        self._ended = pl.concat([self._ended, ended])
        newest = (
            pl.concat([self._lasting, arrived])
            .sort("valid_from", maintain_order=True)
            .unique(_ADDRESS, keep="last", maintain_order=True)
        )
        ends = {epoch: self._keys.bounds(epoch)[1] for epoch in self._keys.epochs_in(newest["valid_from"])}
        epoch = self._keys.epoch_of(pl.col("valid_from"))
        lasts = pl.col("valid_to") > epoch.replace_strict(ends, return_dtype=schema.TIME)
        self._lasting = newest.filter(pl.col("valid_to").is_null() | lasts).tail(MOST_LASTING)

    def _load(self) -> None:
        """Read the file; later, forget the people who were erased meanwhile."""
        if self._file is None:
            return
        erased = _erased(self._file.parent)
        if not self._loaded:
            self._lasting = _read(self._file, self._keys)
        elif gone := erased[self._erased :]:
            self._lasting = self._lasting.filter(~_is_theirs(self._lasting, self._keys, frozenset(gone)))
        self._loaded, self._erased = True, len(erased)

    def _save(self) -> None:
        self._load()
        if self._file is None or (self._lasting.is_empty() and not self._file.exists()):
            return
        durable.with_room(partial(_write, self._file, self._keys, self._lasting, self._now()))


def forget(folder: Path, keys: Keys, names: Sequence[str], things: Iterable[str], now: datetime) -> int:
    """Take the leases of a person out of all files in `folder`; returns how many. Raises LakeError.

    Those with one of the `names` (canonical), or no account and one of the person's devices (`things`, as
    stored in the lake). A process that is running takes them out of its memory, too, before it uses them
    again.
    """
    files = sorted(folder.glob("*.sealed"))
    if not files:
        return 0
    left = list(_keys_left(keys))
    theirs = [*(token(key, n, "org", "user", name) for n, key in left for name in names), *things]
    with durable.explained(folder):  # before the files: what is running may write these again
        durable.write(folder / _ERASED, "\n".join([*_erased(folder), *theirs]).encode())
    count = 0
    for file in files:
        kept = _read(file, keys)
        rest = kept.filter(~_is_theirs(kept, keys, frozenset(theirs)))
        if rest.height < kept.height:
            _write(file, keys, rest, now)
            count += kept.height - rest.height
    return count


def _erased(folder: Path) -> list[str]:
    """The tokens of all people erased so far, in that order, and of their devices."""
    try:
        return (folder / _ERASED).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []


def _keys_left(keys: Keys) -> list[tuple[int, bytes]]:
    """The epochs that have a key, each with it."""
    return [(epoch.number, keys.of(epoch.number)) for epoch in keys.epochs() if epoch.shredded_at is None]


def _is_theirs(leases: pl.DataFrame, keys: Keys, theirs: frozenset[str]) -> pl.Series:
    """True for the `leases` (in clear) of the people with the tokens `theirs`; see `forget`."""
    left, found = _keys_left(keys), []
    for column, kind in (("user_name", "user"), ("device", "device"), ("mac", "mac")):
        about = pl.col("user_name").is_not_null() if kind == "user" else pl.col("user_name").is_null()
        known = [
            value
            for value in leases.filter(about)[column].drop_nulls().unique()
            if not theirs.isdisjoint((value, *(token(key, n, "org", kind, value) for n, key in left)))
        ]
        found.append(about & pl.col(column).is_in(known).fill_null(False))
    return leases.select(pl.any_horizontal(found)).to_series()


def _read(file: Path, keys: Keys) -> pl.DataFrame:
    """The leases in a file; none if there is no such file, or its key was shredded."""
    try:
        epoch, _, sealed = file.read_bytes().partition(b"\n")
        if keys.is_shredded(int(epoch)):
            return schema.LEASES.empty()
        content = unseal(keys.derived(int(epoch), "leases"), sealed, file.name)
    except (FileNotFoundError, Unsealable, ValueError):
        return schema.LEASES.empty()
    return schema.LEASES.conform(pl.read_ipc(io.BytesIO(content)))


def _write(file: Path, keys: Keys, leases: pl.DataFrame, now: datetime) -> None:
    """Seal `leases` with the key of the epoch of `now`, unless that was shredded. Raises LakeError."""
    (epoch,) = keys.epochs_in(pl.Series([now]))
    if keys.is_shredded(epoch):
        return
    buffer = io.BytesIO()
    leases.write_ipc(buffer)
    sealed = seal(keys.derived(epoch, "leases"), buffer.getvalue(), file.name)
    with durable.explained(file):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable.write(file, str(epoch).encode() + b"\n" + sealed)


def _followed(leases: pl.DataFrame) -> pl.DataFrame:
    """The last version of each lease, with `next_from`: when the next lease of the address begins."""
    ordered = leases.sort("valid_from", maintain_order=True)
    latest = ordered.unique(_LEASE, keep="last", maintain_order=True)
    return latest.with_columns(next_from=pl.col("valid_from").shift(-1).over(_ADDRESS))


def _after(begin: pl.Expr) -> pl.Expr:
    """Where a lease continues after `begin`, the beginning of an epoch: the older, the sooner."""
    age_us = (begin - pl.col("valid_from")).dt.total_microseconds().clip(0, _OLDEST_US)
    later_us = (1 - age_us / _OLDEST_US) * _BEGIN_WITHIN_US
    return (begin + pl.duration(microseconds=later_us.cast(pl.Int64))).cast(schema.TIME).alias("valid_from")
