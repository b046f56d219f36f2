"""Log formats as sources: a `LogFormat` recognises and reads inputs that hold lines of its format.

The formats in `formats/` are subclasses. Most of what they declare is described in `line_format.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime

from sensor.chunks import EndedEarly
from sensor.sources.interface import HEAD_BYTES, Batch, File, Input
from sensor.sources.logs.known_formats import framing_of, shares, sorter
from sensor.sources.logs.line_format import LineFormat
from sensor.sources.logs.lines.blocks import Block, ahead, begins_line, blocks, last_blocks
from sensor.sources.logs.lines.framing import framed
from sensor.sources.logs.reader import Reader
from sensor.sources.rotated import predecessors

#: If a file has grown, this much before the new lines is read again, so that sessions, one-way records,
#: leases and lookups that began there are continued; for a rotated log, this much of the file before.
REPLAY_BYTES = 64 * 1024 * 1024
#: A file is taken for this format if at least this share of its first lines is; the others may be other
#: formats'.
SHARE = 0.05


class LogFormat(LineFormat):
    """One log format in all its versions, as a source. Subclasses declare; see formats/README.md."""

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """By the share of the first lines that are of this format; normalised schemas get less."""
        share = shares(head).get(cls.name, 0.0)
        if share < SHARE:
            return 0.0
        return (0.5 if cls.generic else 0.6) + 0.35 * share

    @classmethod
    def before(cls, groups: Sequence[tuple[File, ...]]) -> list[tuple[File, ...]]:
        """For each file of a rotated log, the one that was written before it."""
        found = predecessors([file for (file,) in groups])
        return [() if file is None else (file,) for file in found]

    @classmethod
    def was_cut(cls, source_input: Input, position: int) -> bool:
        """True if the last line was only half written when it was read."""
        (file,) = source_input.files
        if framing_of(file.head) is not None:
            return False  # positions are those of framed records
        with file.open() as stream:
            return not begins_line(stream, position)

    @classmethod
    def replayed(cls, head: bytes) -> int:
        """Bytes of earlier lines that are read again before new ones of a log that begins with `head`."""
        return 0 if cls.is_stateless and shares(head).keys() <= {cls.name} else REPLAY_BYTES

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """One batch per block, in one part for each format that has lines in it."""
        (file,) = source_input.files
        head = file.head
        framing = framing_of(head)
        growing = file.is_growing and framing is None
        reader = self.reader(head, file.modified, resumed=start > 0)
        replay = self.replayed(head)
        if start < replay:
            for block in _past(source_input.before):
                yield from reader.batches(block)
        with (
            file.open() as raw,
            framed(raw, framing) as stream,
            closing(blocks(stream, start=start, replay=replay, growing=growing)) as in_order,
            # A small file is read before another thread has begun.
            closing(in_order if len(head) < HEAD_BYTES else ahead(in_order)) as coming,
        ):
            for block in coming:
                yield from reader.batches(block)

    def reader(
        self, head: bytes = b"", reference: datetime | None = None, *, resumed: bool = False
    ) -> Reader:
        """A reader for a stream that begins with `head`; `resumed`: its blocks begin further on."""
        self.reference = self.reference or reference
        return Reader(self, sorter(type(self), head, resumed=resumed))


def _past(files: Sequence[File]) -> Iterator[Block]:
    """The last lines of files that were read before, as far as they can still be read."""
    for file in files:
        with (
            suppress(OSError, EndedEarly),
            file.open() as raw,
            framed(raw, framing_of(file.head)) as stream,
        ):
            yield from last_blocks(stream, REPLAY_BYTES)
