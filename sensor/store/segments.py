"""Commits: the tables of one batch, `sightings` last, and where an input has been read to.

A segment is named `<input>-<from offset>` and carries `to` in its metadata, so that a replay of
the same bytes overwrites the same names and a scan that was killed knows where it stood.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from sensor import durable, schema
from sensor.durable import explained
from sensor.store.lake import Lake, stage_parquet, stored, write_text
from sensor.store.sealed import SealedRows


@dataclass(frozen=True)
class Progress:
    """How far an input has been read: committed up to `position`; `complete` if to its end."""

    position: int = 0
    complete: bool = False
    #: rows of this input compacted before are to be dropped at the next compaction
    replacing: bool = False


class Commits:
    """Writes the segments of one input."""

    def __init__(
        self,
        lake: Lake,
        source_input: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sealed: SealedRows | None = None,
    ) -> None:
        """`sealed` takes the rows that must not lie in the lake (level `aggregate`)."""
        self._lake = lake
        self._sealed = sealed
        self._input = source_input
        self._now = now

    def commit(self, begin: int, end: int, frames: Mapping[str, pl.DataFrame]) -> None:
        """Store the frames of bytes [begin, end) that have rows, and `sightings`: its rename is the commit.

        Raises LakeError (nothing of the batch is then visible as committed).
        """
        name = segment_name(self._input, begin)
        metadata = {"input": self._input, "from": str(begin), "to": str(end)}
        if self._sealed is not None:
            frames = self._sealed.put(name.removesuffix(".parquet"), frames)
        tables = [t for t in stored() if t.name in frames or t is schema.SIGHTINGS]
        written = [t for t in tables if t is schema.SIGHTINGS or frames[t.name].height]
        with explained(self._lake.path), self._lake.lock("commit", exclusive=False):
            now = self._now()
            part = f"part={self._lake.open_part(now)}"
            landed = pl.lit(now.astimezone(UTC), dtype=schema.TIME).alias("landed_at")
            staged: list[tuple[Path, Path]] = []
            try:
                for table in written:
                    frame = table.conform(frames.get(table.name, table.empty()).with_columns(landed))
                    path = self._lake.hot(table) / part / name
                    staged.append((stage_parquet(path, frame, metadata, zone=table.zone), path))
            except BaseException:
                for temporary, _ in staged:
                    temporary.unlink(missing_ok=True)
                raise
            for table in tables:
                if table not in written:  # an earlier try may have had rows
                    _remove_others(self._lake.hot(table), name)
            for temporary, path in staged:
                durable.publish(temporary, path)
            for table in written:
                _remove_others(self._lake.hot(table), name, keep=part)

    def progress(self) -> Progress:
        """What `lake/sources` and the committed segments say, whichever is further."""
        recorded = self._recorded()
        pattern = f"part=*/{self._input}-*.parquet"
        ends = [int(_metadata(path).get("to", 0)) for path in self._lake.hot(schema.SIGHTINGS).glob(pattern)]
        reached = max(ends, default=0)
        if reached > recorded.position:
            return Progress(reached, complete=False, replacing=recorded.replacing)
        return recorded

    def _recorded(self) -> Progress:
        try:
            return Progress(**json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Progress()

    def finish(self, position: int) -> None:
        """Remember that this input was read to its end, at `position`."""
        with explained(self._lake.path):
            self._record(replace(self._recorded(), position=position, complete=True))

    def _record(self, progress: Progress) -> None:
        write_text(self._path, json.dumps(asdict(progress)) + "\n")

    def forget(self) -> None:
        """Start this input anew: drop its hot segments, and its compacted rows at the next compaction."""
        with explained(self._lake.path), self._lake.lock("commit", exclusive=True):
            self._record(Progress(replacing=True))
            for table in schema.STORED:
                for path in self._lake.hot(table).glob(f"part=*/{self._input}-*.parquet"):
                    path.unlink(missing_ok=True)
            if self._sealed is not None:
                self._sealed.forget(f"{self._input}-*")

    @property
    def _path(self) -> Path:
        return self._lake.path / "sources" / f"{self._input}.json"


def segment_name(source_input: str, begin: int) -> str:
    """File name of the segment that starts at byte `begin` of an input."""
    return f"{source_input}-{begin:016d}.parquet"


def _metadata(path: Path) -> dict[str, str]:
    return pl.read_parquet_metadata(path)


def _remove_others(hot: Path, name: str, *, keep: str = "") -> None:
    """An earlier try of the same segment may have landed in another hour's part than `keep`."""
    for path in hot.glob(f"part=*/{name}"):
        if path.parent.name != keep:
            path.unlink(missing_ok=True)
