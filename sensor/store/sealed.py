"""Rows of the open weeks, kept encrypted outside the lake: what level `aggregate` has instead of rows.

sealed/<week>/<table>/<segment>.sealed

A row about a person lies here, encrypted with a key of its week, until the week is closed; then the key
is shredded and the files go. Compaction opens them in memory, counts, and publishes k-safe figures only.
The lake's own restricted tables stay without a row; the empty `sightings` segment still is the commit.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from sensor import durable, schema
from sensor.errors import LakeError

#: which rows of a frame (Boolean)
Rows = Callable[[pl.DataFrame], pl.Series]


class Seal(Protocol):
    """Encrypts with the key of a week, and tells the week of a time."""

    def seal(self, week: int, content: bytes, name: str) -> bytes: ...
    def unseal(self, week: int, sealed: bytes, name: str) -> bytes: ...
    def week_of(self, moment: pl.Expr) -> pl.Expr: ...
    def end_of(self, week: int) -> datetime: ...
    def is_closed(self, week: int) -> bool: ...


def is_sealed(table: schema.Table) -> bool:
    """Tables whose rows must not lie in the lake; `erasures` has nothing to hide there."""
    return table.zone == "restricted" and table is not schema.ERASURES


class SealedRows:
    """The sealed rows of one lake."""

    def __init__(self, folder: Path, seal: Seal) -> None:
        self._folder = folder
        self._seal = seal

    def put(self, segment: str, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Seal the rows that must not lie in the lake, and return the frames with those tables empty.

        The same segment replaces what it wrote before. Rows without a time are left out: they have no week.
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
        """Drop the segments whose name matches."""
        for path in self._folder.glob(f"*/*/{pattern}.sealed"):
            path.unlink()

    def weeks(self) -> list[int]:
        """Weeks that hold rows, oldest first; what a writer left in a closed one goes."""
        weeks = sorted(int(path.name) for path in self._folder.glob("[0-9]*"))
        for week in weeks:
            if self._seal.is_closed(week):
                self.delete(week)
        return [week for week in weeks if not self._seal.is_closed(week)]

    def open(self) -> dict[str, pl.DataFrame]:
        """Every sealed row, in memory. Raises LakeError for a file that cannot be opened."""
        found: dict[str, list[pl.DataFrame]] = {t.name: [] for t in schema.STORED if is_sealed(t)}
        for week in self.weeks():
            for path in sorted((self._folder / str(week)).glob("*/*.sealed")):
                found[path.parent.name].append(self._read(path))
        return {name: pl.concat([schema.TABLES[name].empty(), *rows]) for name, rows in found.items()}

    def over(self, now: datetime, quiet_s: float) -> list[int]:
        """Weeks that have ended and got no row for `quiet_s` seconds."""
        return [
            week
            for week in self.weeks()
            if self._seal.end_of(week) <= now and self._newest(week) <= now.timestamp() - quiet_s
        ]

    def without(self, gone: Mapping[str, Rows], now: datetime) -> int:
        """Seal the running week anew without some rows of some tables; returns how many went.

        Weeks that are over keep theirs until they are closed: their published figures must not change by
        one person.
        """
        count = 0
        for week in self.weeks():
            if self._seal.end_of(week) <= now:
                continue
            for name, doomed in gone.items():
                for path in sorted((self._folder / str(week) / name).glob("*.sealed")):
                    rows = self._read(path)
                    kept = rows.filter(~doomed(rows))
                    if kept.height < rows.height:
                        count += rows.height - kept.height
                        self._write(week, schema.TABLES[name], path.stem, kept)
        return count

    def delete(self, week: int) -> int:
        """Remove the week's files; returns how many."""
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

    def _read(self, path: Path) -> pl.DataFrame:
        try:
            content = self._seal.unseal(int(path.parents[1].name), path.read_bytes(), _name(path))
        except ValueError:
            raise LakeError(
                "cannot be opened: another key, or changed", place=str(path), hint="restore or delete it"
            ) from None
        return schema.TABLES[path.parent.name].conform(pl.read_parquet(io.BytesIO(content)))

    def _newest(self, week: int) -> float:
        return max((p.stat().st_mtime for p in (self._folder / str(week)).glob("*/*")), default=0.0)


def _name(path: Path) -> str:
    return "/".join(path.parts[-3:])
