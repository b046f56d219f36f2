"""Encrypted rows of the open weeks, outside the lake: used at privacy level `aggregate`.

    <state>/sealed/<week>/<table>/<segment>.sealed

At that level no row about a person is stored in the lake. Instead it lies here, encrypted with a key of its
week, until the week is closed; then the key is shredded and the files are deleted. Compaction decrypts them
in memory, counts, and publishes only figures of at least k people. The restricted tables of the lake stay
empty; the (empty) segment of `sightings` still marks the commit.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from sensor import durable, schema
from sensor.errors import LakeError

#: Selects rows: takes a frame, returns a Boolean for each row.
Rows = Callable[[pl.DataFrame], pl.Series]


class Seal(Protocol):
    """Encrypts with the key of a week. Weeks are numbered; implemented by `privacy.weekly.WeekSeal`."""

    def seal(self, week: int, content: bytes, name: str) -> bytes:
        """`content`, encrypted; `name` is authenticated with it."""
        ...

    def unseal(self, week: int, sealed: bytes, name: str) -> bytes:
        """The content that was sealed under `name`. Raises ValueError if it cannot be decrypted."""
        ...

    def week_of(self, moment: pl.Expr) -> pl.Expr:
        """Number of the week that a time lies in."""
        ...

    def end_of(self, week: int) -> datetime:
        """The first moment after the week."""
        ...

    def is_closed(self, week: int) -> bool:
        """True once the key of the week is shredded."""
        ...


def is_sealed(table: schema.Table) -> bool:
    """True for tables whose rows must not lie in the lake: the restricted ones but `erasures`."""
    return table.zone == "restricted" and table is not schema.ERASURES


class SealedRows:
    """The sealed rows of one lake."""

    def __init__(self, folder: Path, seal: Seal) -> None:
        self._folder = folder
        self._seal = seal

    def put(self, segment: str, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Seal the rows that must not lie in the lake; return `frames` with those tables empty.

        What the same segment sealed before is replaced. Rows without a time are dropped, because they belong
        to no week. Raises LakeError.
        """
        rest = dict(frames)
        with durable.explained(self._folder):
            self.forget(segment)
            for table in schema.STORED:
                frame = frames.get(table.name)
                if frame is None or not is_sealed(table):
                    continue
                rest[table.name] = table.empty()
                for week, rows in self._by_week(table, frame):
                    self._write(week, table, segment, rows)
        return rest

    def forget(self, pattern: str) -> None:
        """Delete the segments whose name matches the glob `pattern`."""
        for path in self._folder.glob(f"*/*/{pattern}.sealed"):
            path.unlink()

    def weeks(self) -> list[int]:
        """Numbers of the open weeks that hold rows, oldest first; files left in closed weeks are deleted."""
        weeks = sorted(int(path.name) for path in self._folder.glob("[0-9]*"))
        for week in weeks:
            if self._seal.is_closed(week):
                self.delete(week)
        return [week for week in weeks if not self._seal.is_closed(week)]

    def rows(self, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The sealed rows of one table, decrypted; with `columns`, only these.

        Raises LakeError if a file cannot be read.
        """
        wanted = list(columns or schema.TABLES[table].dtypes)
        files = (
            path
            for week in self.weeks()
            for path in sorted((self._folder / str(week) / table).glob("*.sealed"))
        )
        return pl.concat(
            [schema.TABLES[table].empty().select(wanted), *(self._read(path, wanted) for path in files)]
        )

    def over(self, now: datetime, quiet_s: float) -> list[int]:
        """Numbers of the weeks that have ended and have got no row for `quiet_s` seconds."""
        return [
            week
            for week in self.weeks()
            if self._seal.end_of(week) <= now and self._newest(week) <= now.timestamp() - quiet_s
        ]

    def without(self, gone: Mapping[str, Rows], now: datetime) -> int:
        """Delete the rows that `gone` selects, by table name, from the running week; return how many.

        Weeks that have ended keep their rows until they are closed, because their published figures must not
        change by one person. Raises LakeError.
        """
        count = 0
        for week in self.weeks():
            if self._seal.end_of(week) <= now:
                continue
            for name, doomed in gone.items():
                for path in sorted((self._folder / str(week) / name).glob("*.sealed")):
                    rows = self._read(path, list(schema.TABLES[name].dtypes))
                    kept = rows.filter(~doomed(rows))
                    if kept.height < rows.height:
                        count += rows.height - kept.height
                        self._write(week, schema.TABLES[name], path.stem, kept)
        return count

    def delete(self, week: int) -> int:
        """Delete the files of a week; return how many there were."""
        files = [*(self._folder / str(week)).glob("*/*")]
        shutil.rmtree(self._folder / str(week), ignore_errors=True)
        return len(files)

    def _by_week(self, table: schema.Table, frame: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
        week = self._seal.week_of(pl.col(table.time)).alias("_week")
        rows = table.conform(frame).filter(pl.col(table.time).is_not_null()).with_columns(week)
        for (name,), part in rows.partition_by("_week", as_dict=True, include_key=False).items():
            yield int(str(name)), part

    def _write(self, week: int, table: schema.Table, segment: str, rows: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        rows.write_parquet(buffer, compression="zstd", compression_level=3)
        path = self._folder / str(week) / table.name / f"{segment}.sealed"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable.write(path, self._seal.seal(week, buffer.getvalue(), _name(path)))

    def _read(self, path: Path, columns: list[str]) -> pl.DataFrame:
        try:
            content = self._seal.unseal(int(path.parents[1].name), path.read_bytes(), _name(path))
        except ValueError:
            raise LakeError(
                "cannot be opened: another key, or changed", place=str(path), hint="restore or delete it"
            ) from None
        file = io.BytesIO(content)
        known = pl.read_parquet_schema(file)  # a file of an earlier version may lack a column
        rows = pl.read_parquet(file, columns=[name for name in columns if name in known])
        return schema.TABLES[path.parent.name].conform(rows).select(columns)

    def _newest(self, week: int) -> float:
        return max((p.stat().st_mtime for p in (self._folder / str(week)).glob("*/*")), default=0.0)


def _name(path: Path) -> str:
    return "/".join(path.parts[-3:])
