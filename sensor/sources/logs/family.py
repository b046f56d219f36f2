"""What a log format declares: which lines are its own (`claims`), and how they become `FIELDS` (`parse`, pure
and columnar). Everything else is done for it by `reader.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import polars as pl

from sensor.sources.interface import HEAD_BYTES, Batch, Input, Source
from sensor.sources.logs.families import framing_of, shares, sorter
from sensor.sources.logs.lines.blocks import ahead, blocks
from sensor.sources.logs.lines.framing import Framing, framed
from sensor.sources.logs.reader import Reader
from sensor.sources.logs.rows import headers

#: Of a file that has grown, so much before the new lines is read again, so that sessions, one-way records,
#: leases and lookups go on that began there.
REPLAY_BYTES = 64 * 1024 * 1024
#: A file is a family's if at least this share of its first lines is; the rest may be other families'.
SHARE = 0.05


@dataclass(frozen=True)
class Cut:
    """Lines of a block that were read by the compiled scanner, and the others."""

    #: `FIELDS`, one row a plain line; text may be Categorical
    parsed: pl.DataFrame
    #: offset (in the block's text) and bytes of these
    places: pl.DataFrame
    #: line, offset, bytes of what is left for `parse`
    odd: pl.DataFrame


class Family(Source):
    """One log format in all its versions. Subclasses declare; see formats/README.md."""

    #: which lines are mine: a cheap expression over `line` (peeled) and `tag` (the syslog program)
    claims: ClassVar[pl.Expr]
    #: texts in lower case, one of which is in every line it claims (or its tag) and in its headers, in any
    #: case. They are looked for first, which costs a hundredth of `claims`. Without any it is always asked.
    marks: ClassVar[tuple[str, ...]] = ()
    #: True for normalised schemas (ECS, OCSF, plain CEF …), which the lines of many products have
    generic: ClassVar[bool] = False
    #: True for what is asked after all others: it knows fields by their names, whatever the product
    fallback: ClassVar[bool] = False
    #: regular expression of the lines that say what the next ones hold (CSV header, `#Fields:`)
    header: ClassVar[str] = ""
    #: time zone of its stamps without an offset, whatever the settings say
    own_zone: ClassVar[str | None] = None
    #: its bytes include headers, where it counts packets, too
    counts_headers: ClassVar[headers.Layer | None] = None
    #: how its records are found, where one is more than a line (framing.py); JSON documents are found anyway
    framing: ClassVar[Framing | None] = None
    resumable: ClassVar[bool] = True
    splits_lines: ClassVar[bool] = True

    def __init__(
        self, internal_networks: Sequence[str] = (), *, zone: str = "UTC", reference: datetime | None = None
    ) -> None:
        """`zone`: where stamps without an offset are local; `reference`: for stamps without a year."""
        super().__init__(internal_networks)
        self.zone = self.own_zone or zone
        self.reference = reference
        self._zones: Mapping[str, str] = {}

    def localise(self, zones: Mapping[str, str], default: str | None) -> None:
        """As `Source`; a family's own setting goes before the sensor's."""
        self._zones = dict(zones)
        self.zone = self.own_zone or self._zones.get(self.name, default or self.zone)

    def other(self, kind: type[Family]) -> Family:
        """A family for other lines of the same input."""
        return kind(
            self.internal_networks, zone=self._zones.get(kind.name, self.zone), reference=self.reference
        )

    @abstractmethod
    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """`FIELDS` of `lines`, one row per line unless `row` says otherwise; pure, never raises.

        `lines` has columns `line` (without envelopes), `tag` (syslog program), `sender` (host that
        logged it), `header` (the latest line matching `header` above it); all String.
        """

    def cut(self, text: bytes) -> Cut | None:
        """What the compiled scanner reads: plain lines that are claimed, in no envelope and under no header.

        The result is the same as that of `parse`. None if it has no layout for these lines.
        """
        return None

    @classmethod
    def may_own(cls, text: str) -> bool:
        """True if this text, in lower case, may hold a line it claims or its header."""
        return not cls.marks or any(mark in text for mark in cls.marks)

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """By the share of the first lines that are this family's; generic families stand back."""
        share = shares(head).get(cls.name, 0.0)
        if share < SHARE:
            return 0.0
        return (0.5 if cls.generic else 0.6) + 0.35 * share

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """One batch per block, in one part for each family that owns lines of it."""
        (file,) = source_input.files
        head = file.head
        reader = self.reader(head, file.modified, resumed=start > 0)
        with (
            file.open() as raw,
            framed(raw, framing_of(head)) as stream,
            closing(blocks(stream, start=start, replay=REPLAY_BYTES)) as in_order,
            # A small file is read before another thread has begun.
            closing(in_order if len(head) < HEAD_BYTES else ahead(in_order)) as coming,
        ):
            for block in coming:
                yield from reader.batches(block)

    def reader(
        self, head: bytes = b"", reference: datetime | None = None, *, resumed: bool = False
    ) -> Reader:
        """For a stream whose blocks come one by one; `resumed`: they do not begin with `head`."""
        self.reference = self.reference or reference
        return Reader(self, sorter(type(self), head, resumed=resumed))
