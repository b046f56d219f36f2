"""Commits: how the tables of a stretch of an input get into the lake, and how far an input has been read.

A commit writes one segment (a Parquet file) per table with rows. Segments are named `<input>-<from>` and
carry the position `to` in their metadata. So reading the same bytes again overwrites the same files, and a
scan that was killed finds out where it stood. The segment of `sightings` is renamed last: that is the commit.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

import polars as pl

from sensor import durable, schema
from sensor.durable import explained
from sensor.store.lake import Lake, stage_parquet, stored, write_text
from sensor.store.sealed import SealedRows

#: Bytes that an `opening` may be of. Few files have the same first bytes.
OPENINGS = (256, 4096)


@dataclass(frozen=True)
class Progress:
    """How far an input has been read: committed up to `position`; `complete` means up to its end."""

    position: int = 0
    complete: bool = False
    #: the next compaction drops the rows of this input that were compacted earlier
    replacing: bool = False
    #: identities of its files, if it was read from several
    files: tuple[str, ...] = ()
    #: for a small file, a hash of its first bytes (`opening`)
    opening: str = ""


class Landed:
    """The commits that lie in the lake as segments, listed once: there may be those of 100,000 inputs."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def of(self, source_input: str) -> list[Path]:
        """The segments of `sightings` of an input, as they were when this was asked first."""
        return self._by_input.get(source_input, [])

    @cached_property
    def _by_input(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self._lake.hot(schema.SIGHTINGS).glob("part=*/*.parquet"):
            found[_input_of(path)].append(path)
        return found


class Commits:
    """Writes the segments of one input and remembers its progress."""

    def __init__(
        self,
        lake: Lake,
        source_input: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sealed: SealedRows | None = None,
        files: Sequence[str] = (),
        landed: Landed | None = None,
        head: bytes | None = None,
    ) -> None:
        """`source_input` is the identity of the input, `files` are those of its files, if it has several;
        `head` is that of its only file.

        `sealed` takes the rows that must not lie in the lake; it is only given at privacy level `aggregate`.
        `landed` may be shared by inputs of which none was committed since it was made.
        """
        self._landed = landed or Landed(lake)
        self._head = head
        self._files = tuple(files)
        self._lake = lake
        self._sealed = sealed
        self._input = source_input
        self._now = now

    def commit(self, begin: int, end: int, frames: Mapping[str, pl.DataFrame]) -> None:
        """Store the tables of positions [begin, end) of the input; tables without rows get no file.

        `sightings` always gets one, because it marks the commit. Raises LakeError; nothing counts as
        committed then.
        """
        durable.with_room(partial(self._commit, begin, end, frames))

    def _commit(self, begin: int, end: int, frames: Mapping[str, pl.DataFrame]) -> None:
        name = segment_name(self._input, begin)
        metadata = {"input": self._input, "from": str(begin), "to": str(end)}
        if self._sealed is not None:
            landing = {table: frame.with_columns(_landed(self._now())) for table, frame in frames.items()}
            frames = self._sealed.put(name.removesuffix(".parquet"), landing)
        tables = [t for t in stored() if t.name in frames or t is schema.SIGHTINGS]
        written = [t for t in tables if t is schema.SIGHTINGS or frames[t.name].height]
        with explained(self._lake.path), self._lake.lock("commit", exclusive=False):
            now = self._now()
            part = f"part={self._lake.open_part(now)}"
            landed = _landed(now)
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
                if table not in written:  # an earlier attempt at the same stretch may have had rows
                    _remove_others(self._lake.hot(table), name)
            for temporary, path in staged:
                durable.publish(temporary, path)
            for table in written:
                _remove_others(self._lake.hot(table), name, keep=part)

    def shared(self, inputs: Sequence[str]) -> Commits:
        """Commits of rows that belong to all `inputs`: they stay when one of these is read again."""
        together = hashlib.blake2b(" ".join(inputs).encode(), digest_size=16).hexdigest()
        return Commits(self._lake, together, self._now, self._sealed)

    def progress(self) -> Progress:
        """How far the input was read, by its file in `sources` or by its segments, whichever is further."""
        recorded = self._recorded()
        last = max(self._landed.of(self._input), key=_name_of, default=None)
        _, reached = _span(last) if last else (0, 0)
        if reached > recorded.position:
            return Progress(reached, complete=False, replacing=recorded.replacing)
        return recorded

    def parts(self) -> list[Commits]:
        """Inputs that were read before from some of our files: what the set of files was before it grew."""
        if not self._files:
            return []
        found = []
        for name, progress in recorded(self._lake):
            files = progress.files or (name,)
            if name != self._input and progress.position and set(self._files).issuperset(files):
                found.append(Commits(self._lake, name, self._now, self._sealed, files))
        return found

    def _recorded(self) -> Progress:
        return _recorded(self._path)

    def finish(self, position: int) -> None:
        """Record that the input was read to its end, at `position`. Raises LakeError."""
        with explained(self._lake.path), self._lake.lock("commit", exclusive=False):
            begins = opening(self._head, position) if self._head else ""
            progress = replace(self._recorded(), position=position, complete=True)
            _record(self._path, replace(progress, files=self._files, opening=begins))

    def forget(self) -> None:
        """Start the input anew: delete its segments now, its compacted rows at the next compaction.

        Tables without a column `input` are kept: their segments may hold rows of other inputs, too. Raises
        LakeError.
        """
        with explained(self._lake.path), self._lake.lock("commit", exclusive=True):
            _record(self._path, Progress(replacing=True))
            for table in (table for table in schema.STORED if "input" in table.dtypes):
                for path in self._lake.hot(table).glob(f"part=*/{self._input}-*.parquet"):
                    path.unlink(missing_ok=True)
            if self._sealed is not None:
                self._sealed.forget(f"{self._input}-*")

    @property
    def _path(self) -> Path:
        return _path(self._lake, self._input)


def remember(lake: Lake, doomed: Iterable[Path]) -> None:
    """Record how far inputs were read, before the last trace of it is deleted: `doomed` segments of
    `sightings`.

    An input that was not read to its end would otherwise begin anew, and be counted twice.
    """
    last = {_input_of(segment): segment for segment in sorted(doomed, key=_name_of)}
    with lake.lock("commit", exclusive=True):
        for name, segment in last.items():
            path, (begin, end) = _path(lake, name), _span(segment)
            progress = _recorded(path)
            if end > max(progress.position, begin):  # else it is of no file or stream
                _record(path, replace(progress, position=end, complete=False, opening=""))


def forget_replaced(lake: Lake, inputs: Iterable[str]) -> None:
    """Record that the rows of `inputs` that were being replaced are gone.

    Inputs that are read under another identity now, because they grew, keep no record: a log of an hour would
    leave one behind with each scan.
    """
    with lake.lock("commit", exclusive=True):
        for path in (_path(lake, name) for name in inputs):
            progress = replace(_recorded(path), replacing=False)
            if progress == Progress():
                path.unlink(missing_ok=True)
            else:
                _record(path, progress)


def _landed(now: datetime) -> pl.Expr:
    return pl.lit(now.astimezone(UTC), dtype=schema.TIME).alias("landed_at")


def segment_name(source_input: str, begin: int) -> str:
    """File name of the segment that starts at position `begin` of an input."""
    return f"{source_input}-{begin:016d}.parquet"


def recorded(lake: Lake) -> Iterator[tuple[str, Progress]]:
    """The identity of every input that was read, and how far."""
    for path in sorted((lake.path / "sources").glob("*.json")):
        yield path.stem, _recorded(path)  # a compaction may take it away meanwhile


def opening(head: bytes, position: int) -> str:
    """A hash of the first bytes of a file that was read to `position`; '' if these are few."""
    count = max((size for size in OPENINGS if size <= position), default=0)
    return hashlib.blake2b(head[:count], digest_size=8).hexdigest() if count else ""


def _path(lake: Lake, source_input: str) -> Path:
    return lake.path / "sources" / f"{source_input}.json"


def _record(path: Path, progress: Progress) -> None:
    write_text(path, json.dumps(asdict(progress)) + "\n")


def _recorded(path: Path) -> Progress:
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Progress()
    return Progress(**recorded | {"files": tuple(recorded.get("files", ()))})


def _input_of(segment: Path) -> str:
    return segment.name.rpartition("-")[0]


def _name_of(segment: Path) -> str:
    """Segments of an input in the order of their names are in that of their positions."""
    return segment.name


def _span(segment: Path) -> tuple[int, int]:
    """Where a segment begins and ends in the input; (0, 0) if it was compacted and deleted meanwhile: then
    that is recorded (`remember`)."""
    try:
        metadata = pl.read_parquet_metadata(segment)
    except FileNotFoundError:
        return 0, 0
    return int(metadata.get("from", 0)), int(metadata.get("to", 0))


def _remove_others(hot: Path, name: str, *, keep: str = "") -> None:
    """Delete copies of a segment in other parts than `keep`: an earlier attempt may have landed in another
    hour."""
    for path in hot.glob(f"part=*/{name}"):
        if path.parent.name != keep:
            path.unlink(missing_ok=True)
