"""What a source promises: say whether an input is yours, then yield frames of what it saw.

A source opens nothing itself: `open.py` hands it an `Input` of one or more files, already
decompressed. It knows no signatures, asks no clock, and never raises for bad bytes: what it
cannot use becomes a row of `rejects`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, ClassVar, Literal

import polars as pl

#: How much of an input is looked at to recognise and to identify it.
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class File:
    """One file or stream, decompressed on the fly.

    `name` is for messages; `identity` is the hash of the first 64 KB uncompressed, so that a
    rotated or gzipped copy is the same file; `head` are those bytes; `size` is the number of
    bytes on disk (compressed, for the progress bar; None for a stream).
    """

    name: str
    identity: str
    head: bytes = field(repr=False)
    size: int | None
    opener: Callable[[], IO[bytes]] = field(repr=False, compare=False)
    #: file system path of an *uncompressed* regular file (may be mapped), else None
    path: str | None = None
    #: when it was last written, or opened for a stream: stamps without a year are near it
    modified: datetime | None = None

    def open(self) -> IO[bytes]:
        """A new binary reader over the uncompressed bytes, from the start."""
        return self.opener()


@dataclass(frozen=True)
class Input:
    """What is read as one: a single file, or files that only make sense together (Zeek's conn and ssl)."""

    files: tuple[File, ...]
    identity: str

    @property
    def name(self) -> str:
        """The name for messages."""
        first = self.files[0].name
        return first if len(self.files) == 1 else f"{first} (+{len(self.files) - 1})"


#: What a kind of input can prove; printed by `shadowai sources` and after a scan.
Proof = Literal[
    "host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent", "fingerprint"
]


@dataclass(frozen=True)
class Batch:
    """What was read up to `position`: frames by table name, each a subset of that table's columns.

    Tables: observations, answers, leases, coverage, rejects (see `sensor.schema`). The columns
    sensor, vantage, site, source and input are filled in by the pipeline. `position` counts
    uncompressed bytes over the input's files in order, rises strictly from batch to batch, and
    says that everything before it is accounted for. A source cuts batches at the same positions
    every time it reads the same bytes, so that a replay writes the same segments.

    `is_part` says that more was read up to the same position and follows: it is committed together.

    `is_replay` says that the rows were stored by an earlier read, and are here again only for what the
    pipeline remembers of them (names told by DNS, questions asked). Also a part.

    `last` says whether it is the last one. A source that cannot know (None) has each batch held back
    until the next one comes; a live source knows, so that a batch is stored as soon as it is cut.
    """

    position: int
    frames: dict[str, pl.DataFrame]
    last: bool | None = None
    is_part: bool = False
    is_replay: bool = False
    #: whose rows these are, where one input holds lines of several kinds; None: the source's own
    source: str | None = None


class Source(ABC):
    """One kind of input."""

    name: ClassVar[str]
    #: one line: what it is, and which versions or layouts were tried
    help: ClassVar[str]
    #: packets, proxy, firewall, flow, endpoint, dns, identity or mixed: the default vantage and its rank
    vantage: ClassVar[str]
    proof: ClassVar[tuple[Proof, ...]]
    #: advice printed when this input cannot prove something a log setting could add
    advice: ClassVar[str] = ""
    #: True if reading can start at a position recorded earlier (a log that has grown)
    resumable: ClassVar[bool] = False
    #: True if it reads with the decode kernels
    needs_kernels: ClassVar[bool] = False
    #: True if it reads plain lines with the compiled scanner (decode/delimited.py), where there are many
    scans_lines: ClassVar[bool] = False
    #: True if it leaves lines of other such kinds to them
    splits_lines: ClassVar[bool] = False

    def __init__(self, internal_networks: Sequence[str] = ()) -> None:
        """`internal_networks` (CIDR) help to tell client from server where nothing else does."""
        self.internal_networks = tuple(internal_networks)

    def localise(self, zones: Mapping[str, str], default: str | None) -> None:  # noqa: B027  most have none
        """Where stamps without an offset are local: by kind of line, else `default`, else UTC."""

    @classmethod
    @abstractmethod
    def recognise(cls, head: bytes) -> float:
        """Confidence 0..1 that `head` (the first 64 KB, uncompressed) begins such an input."""

    @classmethod
    def group(cls, files: Sequence[File]) -> list[tuple[File, ...]]:
        """Which of `files` must be read together; by default none, each for itself."""
        return [(file,) for file in files]

    @classmethod
    def doubt(cls, source_input: Input) -> str:
        """What the beginning of an input says against it, and what to do; '' if nothing."""
        return ""

    @abstractmethod
    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """Frames of what was seen, from `start` (0 unless `resumable`) to the end."""
