"""Cuts text logs into blocks of complete lines, and blocks into a column of lines, whatever the bytes are.

A block ends at the first line end at or after each multiple of `BLOCK_BYTES`, counted from the
start of the stream: every read of the same bytes is cut at the same places, wherever it starts.
UTF-16 with a byte order mark is read as UTF-8 and counted as such. A line that goes on for
`MAX_LINE_BYTES` after such a multiple is counted, not kept. NUL bytes (left at the end of a file by a power
loss) are removed, and invalid UTF-8 becomes U+FFFD.
"""

from __future__ import annotations

import codecs
import io
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import IO, cast

import numpy as np
import polars as pl

from sensor.chunks import ChunkStream, chunks_of, fault_of

#: Text per block: large enough for columnar parsing to be fast, small enough to keep some in memory.
BLOCK_BYTES = 8 * 1024 * 1024
#: No known log has longer lines. Without a limit, a file without line ends would fill the memory.
MAX_LINE_BYTES = 1024 * 1024
SHAPE_CHARS = 120
#: A shorter line, with its end, may be blank (`\\r\\n`).
_SHORTEST = 4
_LINE_END, _SPACE = b"\n"[0], b" "[0]

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True)
class Block:
    """Complete lines of a stream, valid UTF-8, from byte `start` up to byte `end`."""

    start: int
    end: int
    text: bytes
    #: the line that was too long to keep: its first bytes, None if there was none
    overlong: bytes | None = None
    #: why the stream ended here although it should not (truncated archive …); on the last block only
    fault: str | None = None
    #: read again only to know what came before: its rows were stored by an earlier read
    replayed: bool = False
    #: records that were lost before they came, by reason
    lost: Mapping[str, int] = field(default_factory=dict)

    def ends(self, *, comment: bytes) -> pl.DataFrame | None:
        """Columns `offset` and `bytes` of the lines, without their text.

        None if they cannot be derived from line ends alone: if lines were left out, are blank or a `comment`
        (by their first byte), or end in a space.
        """
        if self.overlong is not None or len(self.text) != self.end - self.start:
            return None
        text = np.frombuffer(self.text, np.uint8)
        ends = np.flatnonzero(text == _LINE_END) + 1
        if not self.text.endswith(b"\n"):
            ends = np.append(ends, len(text))
        sizes = np.diff(ends, prepend=0)
        if (sizes < _SHORTEST).any():
            return None
        begins = ends - sizes
        if (text[ends - 2] == _SPACE).any() or (text[begins] == comment[0]).any():
            return None
        return pl.DataFrame({"offset": self.start + begins, "bytes": sizes})

    def lines(self) -> pl.DataFrame:
        """Columns `line`, `offset` (of its first byte in the stream) and `bytes`; without blank lines."""
        length = pl.col("line").str.len_bytes().fill_null(0).cast(pl.Int64) + 1
        return (
            one_column(self.text)
            .with_columns(offset=self.start + length.cum_sum() - length, bytes=length)
            .with_columns(pl.col("line").str.strip_chars_end(" "))
            .filter(pl.col("line") != "")
        )


def blocks(
    stream: IO[bytes], *, start: int = 0, size: int = BLOCK_BYTES, replay: int = 0, growing: bool = False
) -> Generator[Block, None, None]:
    """The lines of `stream` from byte `start` on, in blocks cut at multiples of `size` bytes.

    Before them come the lines in the `replay` bytes before `start`, as blocks that are `replayed`.

    A last line without a line end counts as a line; in a `growing` file, it is left for the next read. If
    `start` is in the middle of a line, its rest is returned as a line, which will not parse.
    """
    reader = _as_utf8(stream)
    position = _skip(reader, max(0, start - replay))
    if 0 < position < start:
        position += len(reader.readline(start - position))  # most likely the rest of a line
    while position < start and (text := reader.read(min(size, start - position))):
        if not text.endswith(b"\n"):
            text += reader.readline(min(MAX_LINE_BYTES, start - position - len(text)) or 0)
        yield Block(position, position + len(text), cleaned(text, first=position == 0), replayed=True)
        position += len(text)
    while block := _block(reader, position, size, growing=growing):
        yield block
        position = block.end
    if not position and (fault := fault_of(reader)):  # no block could carry it
        yield Block(0, 0, b"", fault=fault)


def last_blocks(stream: IO[bytes], count: int) -> Iterator[Block]:
    """The lines in about the last `count` bytes of `stream`, as blocks that are `replayed`."""
    reader = _as_utf8(stream)
    if reader.seekable():
        size = reader.seek(0, io.SEEK_END)
        reader.seek(max(0, size - count))
        pieces, is_whole = [reader.read()], size <= count
    else:
        kept: deque[bytes] = deque()
        held, is_whole = 0, True
        for piece in chunks_of(reader, BLOCK_BYTES):
            kept.append(piece)
            held += len(piece)
            while held - len(kept[0]) >= count:
                held -= len(kept.popleft())
                is_whole = False
        pieces = list(kept)
    lines = io.BytesIO(b"".join(pieces))
    if not is_whole:
        lines.readline()  # most likely the rest of a line
    while text := lines.read(BLOCK_BYTES):
        text += b"" if text.endswith(b"\n") else lines.readline()
        yield Block(0, len(text), cleaned(text, first=is_whole), replayed=True)


def begins_line(stream: IO[bytes], position: int) -> bool:
    """True if a line begins at byte `position` of `stream`, counted as `blocks` does."""
    reader = _as_utf8(stream)
    return position == 0 or _skip(reader, position - 1) < position - 1 or reader.read(1) in (b"\n", b"")


def ahead(read: Iterator[Block]) -> Generator[Block, None, None]:
    """The blocks of `read`; the next one is read and decompressed on another thread meanwhile."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, read, None)
        while (block := coming.result()) is not None:
            coming = reader.submit(next, read, None)
            yield block


def first_lines(head: bytes, count: int = 50) -> pl.Series:
    """The first complete lines of a stream that begins with `head`, at most `count`."""
    whole = head[: head.rfind(b"\n") + 1] or head
    text = cleaned(_as_utf8(io.BytesIO(whole)).read(), first=True).decode()
    lines = (line.rstrip(" ") for line in text.split("\n"))
    return pl.Series("line", islice(filter(None, lines), count), dtype=pl.String)


def one_column(text: bytes) -> pl.DataFrame:
    """A frame with the column `line`: the lines of `text`, NULL for empty ones."""
    if not text:
        return pl.DataFrame(schema={"line": pl.String})
    return pl.read_csv(
        io.BytesIO(b"#\n" + text),  # else a first line that begins with `x^` would pass for a zlib stream
        skip_rows=1,
        separator="\x01",  # never in `text`, see `cleaned`: so there is one column
        has_header=False,
        quote_char=None,
        schema={"line": pl.String},
    )


def shape(line: str) -> str:
    """The shape of a line, without its content: letters become a, digits 9; at most 120 characters.

    >>> shape("GET http://user:pw1@host/")
    'aaa aaaa://aaaa:aa9@aaaa/'
    """
    return "".join(_shape_of(c) for c in line[:SHAPE_CHARS])


def _shape_of(char: str) -> str:
    if char.isalpha():
        return "a"
    if char.isdigit():
        return "9"
    return char if char.isascii() and char.isprintable() else "."


def _block(reader: io.BufferedReader, position: int, size: int, *, growing: bool) -> Block | None:
    """The next block, or None at the end."""
    text = reader.read(size - position % size)
    if not text:
        return None
    rest = b"" if text.endswith(b"\n") else reader.readline(MAX_LINE_BYTES)
    end = position + len(text) + len(rest)
    text += rest
    if growing and not text.endswith(b"\n") and len(rest) < MAX_LINE_BYTES:
        text = text[: text.rfind(b"\n") + 1]
        end = position + len(text)
        if not text:
            return None
    overlong = None
    if len(rest) == MAX_LINE_BYTES and not rest.endswith(b"\n"):
        line = text.rfind(b"\n") + 1
        text, overlong = text[:line], text[line : line + SHAPE_CHARS]
        end += _drop_line(reader)
    fault = None if reader.peek(1) else fault_of(reader)
    return Block(position, end, cleaned(text, first=position == 0), overlong, fault)


def _drop_line(reader: io.BufferedReader) -> int:
    """Read past the end of a line without keeping it; how many bytes that was."""
    count = 0
    while piece := reader.readline(MAX_LINE_BYTES):
        count += len(piece)
        if piece.endswith(b"\n"):
            break
    return count


def cleaned(text: bytes, *, first: bool) -> bytes:
    """`text` as valid UTF-8 without NUL bytes; `first` tells whether it begins the stream.

    A carriage return before a line end or the end becomes a space, so that no offset moves; so does
    \\x01, because `one_column` cuts there.
    """
    if first:
        text = text.removeprefix(codecs.BOM_UTF8)
    if b"\0" in text:
        text = text.replace(b"\0", b"")
    if b"\x01" in text:
        text = text.replace(b"\x01", b" ")
    if b"\r" in text:
        text = text.replace(b"\r\n", b" \n")
        if text.endswith(b"\r"):
            text = text[:-1] + b" "
    if text.isascii():
        return text
    return text.decode("utf-8", "replace").encode()


def _skip(reader: io.BufferedReader, start: int) -> int:
    """Move to byte `start`, by reading where the stream cannot seek; where that ended."""
    if start and reader.seekable():
        return reader.seek(min(start, reader.seek(0, io.SEEK_END)))
    position = 0
    while position < start and (piece := reader.read(min(BLOCK_BYTES, start - position))):
        position += len(piece)
    return position


def _as_utf8(stream: IO[bytes]) -> io.BufferedReader:
    """`stream`, decoded to UTF-8 if it begins with a UTF-16 byte order mark."""
    reader = cast(io.BufferedReader, stream if isinstance(stream, io.BufferedReader) else _buffered(stream))
    encoding = _UTF16.get(reader.peek(2)[:2])
    return reader if encoding is None else io.BufferedReader(ChunkStream(_decoded(reader, encoding)))


def _buffered(stream: IO[bytes]) -> io.BufferedReader:
    return cast(io.BufferedReader, io.BufferedReader(cast(io.RawIOBase, stream)))


def _decoded(stream: io.BufferedReader, encoding: str) -> Iterator[bytes]:
    """UTF-16 as UTF-8, without the byte order mark; broken pairs become U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    stream.read(2)
    for piece in chain(chunks_of(stream, 64 * 1024), (b"",)):
        yield decoder.decode(piece, final=not piece).encode("utf-8", "replace")
