"""What a source has to do: recognise its inputs by their first bytes, then read them as batches of frames.

A source opens nothing itself: `open.py` gives it an `Input` of one or more files, already decompressed. It
knows no signatures and asks no clock. Bad bytes never raise: what cannot be used becomes a row of `rejects`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, ClassVar, Literal

import polars as pl

#: Bytes (uncompressed) at the start of an input by which it is recognised and identified.
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class File:
    """One file or stream, decompressed on the fly.

    `name` is used in messages. `identity` is the hash of its `head`, so that a rotated or compressed copy is
    the same file. `size` is its size on disk in bytes (compressed), None for a stream.
    """

    name: str
    identity: str
    #: its head; None where there are so many files that their heads are not kept in memory
    kept_head: bytes | None = field(repr=False)
    size: int | None
    opener: Callable[[], IO[bytes]] = field(repr=False, compare=False)
    #: path of a regular file that is not compressed (it may be mapped into memory), else None
    path: str | None = None
    #: when it was last written, or a stream opened; times without a year are taken to be close to it
    modified: datetime | None = None
    #: True for a large file that was written to a moment ago: its last line may be half written
    is_growing: bool = False

    @property
    def head(self) -> bytes:
        """Its first HEAD_BYTES, uncompressed. Raises OSError if they are not kept and cannot be read."""
        if self.kept_head is not None:
            return self.kept_head
        with self.open() as stream:
            return stream.read(HEAD_BYTES)

    def open(self) -> IO[bytes]:
        """A new binary reader of the uncompressed bytes, at their start. Raises OSError."""
        return self.opener()


@dataclass(frozen=True)
class Input:
    """What is read as a whole: one file, or several that only make sense together (Zeek's conn and ssl)."""

    files: tuple[File, ...]
    identity: str
    #: files that were written before these (older ones of a rotated log), read only for what continues from
    #: there
    before: tuple[File, ...] = ()

    @property
    def name(self) -> str:
        """The name used in messages."""
        first = self.files[0].name
        return first if len(self.files) == 1 else f"{first} (+{len(self.files) - 1})"


#: What a kind of input can record of a use; printed by `shadowai sources` and after a scan.
Proof = Literal[
    "host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent", "fingerprint"
]


@dataclass(frozen=True)
class Batch:
    """What was read since the batch before, up to `position`: frames by table name.

    Tables are observations, answers, leases, coverage and rejects (see `sensor.schema`); a frame may lack
    columns of its table. The pipeline fills in sensor, vantage, site, source and input. `position` counts
    uncompressed bytes over the input's files in order, and rises from batch to batch; everything before it is
    accounted for. A source cuts batches at the same positions each time it reads the same bytes, so that
    reading again writes the same segments.

    `is_part`: more batches with the same position follow, and all are committed together.

    `is_replay`: the rows were stored by an earlier read, and are only here for what the pipeline remembers of
    them (DNS answers and questions). Such a batch is also a part.

    `last` says whether it is the last batch. A source that cannot know says None, and each batch is held
    back until the next one comes. A live source knows, so that its batches are stored at once.
    """

    position: int
    frames: dict[str, pl.DataFrame]
    last: bool | None = None
    is_part: bool = False
    is_replay: bool = False
    #: name of the source the rows belong to, if the input mixes formats; None: the one that reads it
    source: str | None = None


class Source(ABC):
    """One kind of input. Subclasses declare the class variables and implement `recognise` and `read`."""

    name: ClassVar[str]
    #: one line: what it is, and which versions or layouts it was tested with
    help: ClassVar[str]
    #: packets, proxy, firewall, flow, endpoint, dns, identity or mixed; gives the default vantage and rank
    vantage: ClassVar[str]
    #: True for a gateway, a proxy or firewall in its clients' own network: an account that it names was at
    #: the client's address. One that people also reach from home sees private addresses of many networks.
    is_on_site: ClassVar[bool] = False
    proof: ClassVar[tuple[Proof, ...]]
    #: printed when an input lacks what a log setting could add
    advice: ClassVar[str] = ""
    #: True if reading can start at an earlier position (a log that has grown)
    resumable: ClassVar[bool] = False
    #: True for packets: among them are the lookups, so that no other input names their connections
    is_capture: ClassVar[bool] = False
    #: True for recordings of single programs, made on occasion: they do not cover further days
    is_recording: ClassVar[bool] = False
    #: True if it needs the compiled packet decoders
    needs_kernels: ClassVar[bool] = False
    #: True if it reads large files with the compiled field scanner (decode/text/delimited.py)
    scans_lines: ClassVar[bool] = False
    #: True if lines of other such formats in its inputs are read by their own sources
    splits_lines: ClassVar[bool] = False

    def __init__(self, internal_networks: Sequence[str] = ()) -> None:
        """`internal_networks` (CIDR) help to tell the client from the server when nothing else does."""
        self.internal_networks = tuple(internal_networks)

    def localise(self, zones: Mapping[str, str], default: str | None) -> None:  # noqa: B027  most have none
        """Set the time zone (IANA) of times without an offset: by source name, else `default`, else UTC."""

    @classmethod
    @abstractmethod
    def recognise(cls, head: bytes) -> float:
        """How sure it is, from 0 to 1, that `head` (HEAD_BYTES, uncompressed) begins such an input."""

    @classmethod
    def group(cls, files: Sequence[File]) -> list[tuple[File, ...]]:
        """`files` grouped into those that must be read together; by default each by itself."""
        return [(file,) for file in files]

    @classmethod
    def before(cls, groups: Sequence[tuple[File, ...]]) -> list[tuple[File, ...]]:
        """For each of `groups`, as `group` returned them, the files of others that it continues."""
        return [()] * len(groups)

    @classmethod
    def doubt(cls, source_input: Input) -> str:
        """A warning about an input by its first bytes, with a remedy; '' if there is none."""
        return ""

    @classmethod
    def was_cut(cls, source_input: Input, position: int) -> bool:
        """True if `position`, to which the input was read when it was shorter, lies inside a record. Only
        called for `resumable` sources. Raises OSError."""
        return False

    @abstractmethod
    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an input from position `start` (0 unless `resumable`) to its end. Raises OSError."""
