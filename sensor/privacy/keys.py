"""Keys by epoch. An epoch is 13 weeks of event time, beginning on a Monday of the report zone.

Each epoch has a random key, outside the lake, with mode 0600, created on first use. An epoch is identified by
the number of its first week, counted from Monday 1970-01-05. It ends after 13 weeks, or earlier by a rotation
(`keys/rotations.json`). At level `aggregate` every week is an epoch.

Shredding a key makes the tokens of its epoch unlinkable for ever. A shredded key is never recreated: later
rows of that epoch are set aside (admission.py), because with new tokens people and events would count twice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from sensor import durable
from sensor.errors import LakeError, UsageError, reason_of
from sensor.schema import TIME, Level

EPOCH_WEEKS = 13
KEY_BYTES = 32
_EVIDENCE_KEY, _COUNT_KEY = "evidence.key", "count.key"
#: Monday of week 0
_FIRST_MONDAY = datetime(1970, 1, 5)
_KIND = {"aggregate": "week"}
#: permission bits of group and others
_OTHERS = 0o077


@dataclass(frozen=True)
class Epoch:
    """An epoch with a key, or whose key was shredded."""

    number: int
    begin: datetime
    end: datetime
    shredded_at: datetime | None = None


class Keys:
    """The keys of one state folder, each read once and created on first use."""

    def __init__(self, state: Path, zone: str, level: Level = "pseudonymous") -> None:
        self._folder = state / "keys"
        self._zone = zone
        self._level = level
        self._kind = _KIND.get(level, "epoch")
        self._weeks = 1 if level == "aggregate" else EPOCH_WEEKS
        self._keys: dict[int, bytes] = {}
        #: files of keys that made tokens of the lake and are not here, as in an older copy of the folder
        self.missing: set[str] = set()
        #: the cuts, and which version of their file they are from
        self._rotations: tuple[tuple[int, int] | None, list[int]] = (None, [])
        self._cuts()

    def of(self, epoch: int) -> bytes:
        """The key of an epoch. Raises LakeError if it was shredded or is missing, or cannot be read or
        created."""
        if epoch not in self._keys:
            if self.is_shredded(epoch):
                raise LakeError(
                    f"the key of epoch {epoch} was shredded",
                    place=str(self._folder),
                    hint="nothing can be done",
                )
            self._keys[epoch] = self._read_or_make(self._path(epoch))
        return self._keys[epoch]

    def evidence(self) -> bytes:
        """The evidence key, the same in all epochs. Raises LakeError if it cannot be read or created."""
        return self._read_or_make(self._folder / _EVIDENCE_KEY)

    def has_evidence(self) -> bool:
        """True if this state folder has an evidence key."""
        return (self._folder / _EVIDENCE_KEY).exists()

    def count(self) -> bytes | None:
        """The count-only key (counting.py), the same in all epochs; None if there is none.

        Raises LakeError if it cannot be read.
        """
        path = self._folder / _COUNT_KEY
        return self._read_or_make(path) if path.exists() else None

    def make_count(self) -> None:
        """Create the count-only key if there is none. Raises UsageError unless the level is pseudonymous."""
        if self._level != "pseudonymous":
            raise UsageError(
                f"at level {self._level} there are no epochs to count over", hint="nothing to make"
            )
        self._read_or_make(self._folder / _COUNT_KEY)

    def shred_count(self) -> None:
        """Destroy the count-only key. Raises UsageError if there is none."""
        path = self._folder / _COUNT_KEY
        if not path.exists():
            raise UsageError("no count-only key", place=str(self._folder), hint="shadowai keys list")
        self._destroy(path)

    def derived(self, epoch: int, use: str) -> bytes:
        """A key for another `use`, derived from the epoch key: HMAC-SHA-256 of the name of the use."""
        return hmac.digest(self.of(epoch), f"derived|{use}".encode(), hashlib.sha256)

    def is_shredded(self, epoch: int) -> bool:
        """True if the key of the epoch was shredded."""
        return self._tombstone(epoch).exists()

    def prints(self) -> dict[str, str]:
        """Fingerprints of the keys: file name → keyed hash, which reveals nothing about the key."""
        return {
            self._path(epoch.number).name: hmac.digest(self.of(epoch.number), b"print", "sha256")[:8].hex()
            for epoch in self.epochs()
            if epoch.shredded_at is None
        }

    def check(self, prints: Mapping[str, str], lake: Path) -> None:
        """Raises LakeError if the tokens of `lake` were made with other keys, or if keys are missing.

        `prints` are the fingerprints in its manifest. With two keys, one person would count as two.
        """
        if not self.go_with(prints, lake):
            raise self._others(lake)

    def go_with(self, prints: Mapping[str, str], lake: Path) -> bool:
        """True if the tokens of `lake` were made with these keys; False if there are no keys here.

        The latter is normal on a machine that only compacts. Raises LakeError if they are other keys.
        """
        known = {name: one for name, one in prints.items() if name.startswith(f"{self._kind}-")}
        mine = self.prints()
        gone = {self._path(epoch.number).name for epoch in self.epochs() if epoch.shredded_at}
        if any(mine.get(name, one) != one for name, one in known.items()):
            raise self._others(lake)
        if known and not known.keys() & (mine.keys() | gone):
            if mine or gone:
                raise self._others(lake)
            return False
        self.missing = known.keys() - mine.keys() - gone
        return True

    def _others(self, lake: Path) -> LakeError:
        return LakeError(
            f"its tokens were made with other keys than {self._folder} holds",
            place=str(lake),
            hint="name the folder that goes with it, with --state; if that is lost, begin a new lake",
        )

    def epochs(self) -> list[Epoch]:
        """All epochs that have or had a key, oldest first."""
        names = (
            re.fullmatch(rf"{self._kind}-(\d+)\.(?:key|shredded)", p.name) for p in self._folder.glob("*")
        )
        found = {int(name[1]) for name in names if name}  # not a key, but a copy made by somebody
        return [Epoch(number, *self.bounds(number), self._shredded_at(number)) for number in sorted(found)]

    def shred(self, epoch: int, now: datetime) -> None:
        """Overwrite and delete the key of an epoch, and record that. Raises UsageError if there is none.

        Old blocks may survive on copy-on-write file systems and flash disks: encrypt the disk, and exclude
        keys from backups.
        """
        path = self._path(epoch)
        if not path.exists():
            raise UsageError(f"no key of epoch {epoch}", place=str(self._folder), hint="shadowai keys list")
        durable.write(
            self._tombstone(epoch), json.dumps({"shredded_at": now.astimezone(UTC).isoformat()}).encode()
        )
        self._destroy(path)
        self._keys.pop(epoch, None)

    def _destroy(self, path: Path) -> None:
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        durable.sync_folder(self._folder)

    def rotate(self, now: datetime) -> Epoch:
        """Begin a new epoch on the next Monday of the report zone, and create its key.

        Not earlier, because rows of this week may be stored already, and a week must have one key. Raises
        UsageError at level `aggregate`, where every week has its own key anyway.
        """
        if self._weeks == 1:
            raise UsageError("at level aggregate every week has a new key", hint="nothing to rotate")
        week = pl.select(self._week(pl.lit(now.astimezone(UTC), dtype=TIME))).item() + 1
        cuts = self._cuts()
        if week % EPOCH_WEEKS and week not in cuts:
            self._make_folder()
            durable.write(
                self._folder / "rotations.json", json.dumps({"weeks": sorted([*cuts, week])}).encode()
            )
        self.of(week)
        return Epoch(week, *self.bounds(week))

    def holds(self, epoch: int) -> bool:
        """True if the key of an epoch lies here; also one that was shredded and came back, as by a backup."""
        return self._path(epoch).exists()

    def problems(self) -> list[str]:
        """A text for each wrong mode or owner in the folder, for each key there that was shredded, and for
        each that `go_with` missed."""
        if not self._folder.exists():
            return []
        found = [
            f"{self._path(epoch.number)} is there, although it was shredded; shred it again"
            for epoch in self.epochs()
            if epoch.shredded_at and self.holds(epoch.number)
        ]
        found += [
            f"{self._folder / name} is missing: restore it, or the rows of its weeks are refused"
            for name in sorted(self.missing)
        ]
        for path in (self._folder, *sorted(self._folder.iterdir())):
            about = path.stat()
            if about.st_mode & _OTHERS:
                found.append(f"{path} is open to others (mode {about.st_mode & 0o777:04o}); chmod go= it")
            if about.st_uid != os.geteuid():
                found.append(f"{path} belongs to another account (uid {about.st_uid})")
        return found

    def epoch_of(self, moment: pl.Expr) -> pl.Expr:
        """The epoch (Int64) of a UTC time."""
        week = self._week(moment)
        epoch = week // self._weeks * self._weeks
        for cut in self._cuts():
            epoch = pl.when((week >= cut) & (epoch < cut)).then(cut).otherwise(epoch)
        return epoch

    def bounds(self, epoch: int) -> tuple[datetime, datetime]:
        """First moment of an epoch and of the next one, UTC; epoch 0 includes the week before 1970-01-05."""
        regular = (epoch // self._weeks + 1) * self._weeks
        following = min([regular, *(cut for cut in self._cuts() if cut > epoch)])
        zone = ZoneInfo(self._zone)
        begin, end = (
            (_FIRST_MONDAY + timedelta(weeks=week)).replace(tzinfo=zone).astimezone(UTC)
            for week in (epoch or -1, following)
        )
        return begin, end

    def epochs_in(self, moments: pl.Series) -> list[int]:
        """The distinct epochs of UTC times, ascending."""
        frame = moments.drop_nulls().cast(TIME).to_frame("at")
        return sorted(frame.select(self.epoch_of(pl.col("at")).unique()).to_series().to_list())

    def _week(self, moment: pl.Expr) -> pl.Expr:
        """Weeks since Monday 1970-01-05 in the report zone. The days before, where captures without a
        clock begin, are of the first: a sign would be read as a dash in tokens and names of files."""
        local = moment.dt.convert_time_zone(self._zone).dt.replace_time_zone(None)
        weeks = (local - pl.lit(_FIRST_MONDAY)).dt.total_microseconds() // (7 * 86_400 * 1_000_000)
        return weeks.clip(lower_bound=0)

    def _path(self, epoch: int) -> Path:
        return self._folder / f"{self._kind}-{epoch}.key"

    def _tombstone(self, epoch: int) -> Path:
        return self._folder / f"{self._kind}-{epoch}.shredded"

    def _shredded_at(self, epoch: int) -> datetime | None:
        try:
            text = self._tombstone(epoch).read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        return datetime.fromisoformat(json.loads(text)["shredded_at"])

    def _cuts(self) -> list[int]:
        """Weeks in which an epoch begins early, by rotation. Raises LakeError for a file that is damaged or
        closed to this account.

        Another process may rotate the keys while a capture runs, so a changed file is read again.
        """
        path = self._folder / "rotations.json"
        if self._weeks == 1:
            return []
        try:
            about = path.stat()
            version = about.st_ino, about.st_mtime_ns
            if version != self._rotations[0]:
                weeks = json.loads(path.read_text(encoding="ascii"))["weeks"]
                self._rotations = version, sorted(int(week) for week in weeks)
            return self._rotations[1]
        except FileNotFoundError:
            return []
        except OSError as error:
            hint = "run as the account that it belongs to, or name another folder with --state"
            raise LakeError(reason_of(error), place=str(path), hint=hint) from None
        except (ValueError, KeyError, TypeError) as error:
            raise LakeError(f"unreadable: {error}", place=str(path), hint="restore it") from None

    def _make_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _read_or_make(self, path: Path) -> bytes:
        try:
            self._make_folder()
            if not path.exists():
                if path.name in self.missing:
                    what = "missing, and the lake has tokens made with it"
                    raise LakeError(what, place=str(path), hint="restore it, or begin a new lake")
                durable.write(path, secrets.token_bytes(KEY_BYTES), replace=False)
            return self._checked(path, path.read_bytes())
        except OSError as error:
            raise LakeError(
                f"cannot keep a key: {reason_of(error)}",
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
