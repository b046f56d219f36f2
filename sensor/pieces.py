"""Bytes that come in pieces, as the stream that readers want; and why a stream ended before its end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class CutError(Exception):
    """The pieces end here although they should not; its text says why."""


class Pieces(io.RawIOBase):
    """A stream of `pieces`, one after the other; `source`, what they are made of, is closed with it.

    A `CutError` of theirs ends it like any other stream, and is told by `fault`.
    """

    def __init__(self, pieces: Iterator[bytes], source: IO[bytes] | None = None) -> None:
        super().__init__()
        self.fault: str | None = None
        self._pieces = pieces
        self._source = source
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
        super().close()

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer)
        while not self._left:
            try:
                self._left = memoryview(next(self._pieces))
            except StopIteration:
                return 0
            except CutError as cut:
                self.fault = str(cut)
        size = min(len(target), len(self._left))
        target[:size], self._left = self._left[:size], self._left[size:]
        return size


def fault_of(stream: IO[bytes]) -> str | None:
    """Why `stream`, a buffered one of `Pieces`, ended before its end; None where it did not."""
    return getattr(getattr(stream, "raw", None), "fault", None)


def until_fault(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """The rest of `stream`, at most `size` bytes at a time. Raises CutError where it ended before its end."""
    while piece := stream.read(size):
        yield piece
    if fault := fault_of(stream):
        raise CutError(fault)
