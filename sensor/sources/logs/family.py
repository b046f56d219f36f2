"""Log formats as sources: a `Family` recognises and reads inputs that hold lines of its format.

The formats in `formats/` are subclasses. Most of what they declare is described in `log_format.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

from sensor.sources.interface import HEAD_BYTES, Batch, Input
from sensor.sources.logs.families import framing_of, shares, sorter
from sensor.sources.logs.lines.blocks import ahead, begins_line, blocks
from sensor.sources.logs.lines.framing import framed
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.reader import Reader

#: Of a file that has grown, this much before the new lines is read again, so that sessions, one-way records,
#: leases and lookups that began there are continued.
REPLAY_BYTES = 64 * 1024 * 1024
#: A file is taken for this format if at least this share of its first lines is; the others may be other
#: formats'.
SHARE = 0.05


class Family(LogFormat):
    """One log format in all its versions, as a source. Subclasses declare; see formats/README.md."""

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """By the share of the first lines that are of this format; normalised schemas get less."""
        share = shares(head).get(cls.name, 0.0)
        if share < SHARE:
            return 0.0
        return (0.5 if cls.generic else 0.6) + 0.35 * share

    @classmethod
    def was_cut(cls, source_input: Input, position: int) -> bool:
        """True if the last line was only half written when it was read."""
        (file,) = source_input.files
        if framing_of(file.head) is not None:
            return False  # positions are those of framed records
        with file.open() as stream:
            return not begins_line(stream, position)

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """One batch per block, in one part for each format that has lines in it."""
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
        """A reader for a stream that begins with `head`; `resumed`: its blocks begin further on."""
        self.reference = self.reference or reference
        return Reader(self, sorter(type(self), head, resumed=resumed))
