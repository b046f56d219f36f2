"""Records that span several lines become one line each.

In: a stream. Out: a stream with one record per line, for `blocks`; offsets count the bytes of the latter. The
framing of a file is decided by its first 64 KB (known_formats.py), so that every read frames it alike.

    MultiLine   from a line that begins a record to one that ends it, or to the next beginning
    QUOTED      separated values whose quotes hold line breaks
    json_documents.py   objects spread over lines, arrays, documents that hold a list of records
    tables.py           separated values as JSON objects, or with other separators
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from sensor.chunks import ChunkStream, EndedEarly, fault_of

#: Replaces a line break inside a record.
JOINT = "\x1f"
#: Longer records and documents are cut, to limit the memory; real ones are shorter.
MAX_RECORD_BYTES = 16 * 1024 * 1024
#: After this many lines without a closing quote, the quote counts as plain text.
MAX_QUOTED_LINES = 200
_PIECE_BYTES = 256 * 1024
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Framing(Protocol):
    """One way in which records span lines."""

    def fits(self, head: bytes) -> bool:
        """True if a stream that begins with `head` has this framing."""
        ...

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """The records in `pieces` of text, without line breaks."""
        ...


@dataclass(frozen=True)
class MultiLine:
    """Records from a line that matches `begins` to one that matches `ends` (by default a blank line).

    A new beginning also ends the record before it. A line that matches `apart` is never part of a record.
    """

    begins: str
    ends: str = ""
    apart: str = r"[^\s\S]"

    def fits(self, head: bytes) -> bool:
        """True if a line of `head` begins a record, and the next lines belong to it."""
        return re.search(self.begins, text_of(head), re.MULTILINE) is not None

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """The records; lines outside of them are returned by themselves, so that they are counted."""
        begins, apart = re.compile(self.begins), re.compile(self.apart)
        ends = re.compile(self.ends) if self.ends else None
        held: list[str] = []
        size = 0
        for line in _lines(pieces):
            starts = begins.search(line) is not None
            is_over = (
                size > MAX_RECORD_BYTES
                or (ends is None and not line.strip())
                or apart.search(line) is not None
            )
            if held and (starts or is_over):
                yield JOINT.join(held)
                held, size = [], 0
            if not line.strip():
                continue
            if not held and not starts:
                yield line
                continue
            held.append(line)
            size += len(line)
            if ends is not None and ends.search(line):
                yield JOINT.join(held)
                held, size = [], 0
        if held:
            yield JOINT.join(held)


class Quoted:
    """Separated values: a record goes on while a double quote is open, for at most MAX_QUOTED_LINES."""

    def fits(self, head: bytes) -> bool:
        """True if a line of `head` leaves its quotes open and a later one closes them."""
        lines = head.split(b"\n")[:-1]
        odd = [number for number, line in enumerate(lines) if line.count(b'"') % 2]
        return len(odd) >= 2

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """The lines, joined while quotes are open."""
        held: list[str] = []
        for line in _lines(pieces):
            odd = line.count('"') % 2 == 1
            if not held and not odd:
                yield line
                continue
            held.append(line)
            if (odd and len(held) > 1) or len(held) > MAX_QUOTED_LINES:
                yield JOINT.join(held)
                held = []
        yield from held


QUOTED = Quoted()


def framed(stream: IO[bytes], framing: Framing | None) -> IO[bytes]:
    """`stream` with one record per line; the stream itself if there is no `framing`."""
    return stream if framing is None else io.BufferedReader(ChunkStream(_encoded(stream, framing)))


def _encoded(stream: IO[bytes], framing: Framing) -> Iterator[bytes]:
    """The records of a stream, each with a line feed. Raises EndedEarly where the stream ended early."""
    for record in framing.records(_pieces(stream)):
        yield record.replace("\r", " ").encode("utf-8", "replace") + b"\n"
    if fault := fault_of(stream):
        raise EndedEarly(fault)


def _pieces(stream: IO[bytes]) -> Iterator[str]:
    """The text of a stream, UTF-8 or, with a byte order mark, UTF-16."""
    piece = stream.read(_PIECE_BYTES)
    decoder = codecs.getincrementaldecoder("utf-16" if piece.startswith(_UTF16) else "utf-8-sig")("replace")
    while piece:
        yield decoder.decode(piece).replace("\0", "")
        piece = stream.read(_PIECE_BYTES)
    yield decoder.decode(b"", final=True)


def as_utf8(head: bytes) -> bytes:
    """The beginning of a file as UTF-8, also of one in UTF-16 with a byte order mark."""
    return head.decode("utf-16", "replace").encode() if head.startswith(_UTF16) else head


def text_of(head: bytes) -> str:
    """The beginning of a file as text."""
    return head.decode("utf-8", "replace")


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """Lines without their ends. A line longer than MAX_RECORD_BYTES comes in parts."""
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        yield from whole
        if len(rest) > MAX_RECORD_BYTES:
            yield rest
            rest = ""
    if rest:
        yield rest
