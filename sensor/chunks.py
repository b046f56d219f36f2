"""A binary stream over an iterator of chunks, which remembers why it ended early."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class EndedEarly(Exception):
    """Raised by an iterator of chunks that ends before its data does; the text says why."""


class ChunkStream(io.RawIOBase):
    """A readable stream of `chunks`; closing it also closes `source`, from which they are made.

    If the iterator raises EndedEarly, the stream simply ends, and `fault` holds the reason.
    """

    def __init__(self, chunks: Iterator[bytes], source: IO[bytes] | None = None) -> None:
        super().__init__()
        self.fault: str | None = None
        self._chunks = chunks
        self._source = source
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """True, as `io.RawIOBase` asks for."""
        return True

    def close(self) -> None:
        """Close the stream and its source."""
        if self._source is not None:
            self._source.close()
        super().close()

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` with the next bytes; returns how many, 0 at the end."""
        target = memoryview(buffer)
        while not self._left:
            try:
                self._left = memoryview(next(self._chunks))
            except StopIteration:
                return 0
            except EndedEarly as error:
                self.fault = str(error)
        size = min(len(target), len(self._left))
        target[:size], self._left = self._left[:size], self._left[size:]
        return size


def fault_of(stream: IO[bytes]) -> str | None:
    """Why `stream`, a buffered reader of a `ChunkStream`, ended early; None if it did not, or is another
    stream."""
    return getattr(getattr(stream, "raw", None), "fault", None)


def chunks_of(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """The rest of `stream`, at most `size` bytes at a time. Raises EndedEarly if it ended early."""
    while chunk := stream.read(size):
        yield chunk
    if fault := fault_of(stream):
        raise EndedEarly(fault)
