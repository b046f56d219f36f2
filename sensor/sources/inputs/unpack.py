"""Decompresses gzip, zstd, bzip2 and xz, known by their first bytes; opens ZIP archives and Parquet files.

Archives may be hostile. Memory use is constant, however far a stream expands. A stream that expands absurdly
is cut (`MAX_RATIO`). If one ends early or is damaged, its readable part is used; `chunks.fault_of` says why
it ended.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Protocol

import zstandard

from sensor.chunks import ChunkStream, EndedEarly
from sensor.errors import reason_of
from sensor.sources.inputs import parquet

#: Compressed bytes handed to a decompressor at a time. zstd knows no limit on what comes out per
#: call and may turn 4 bytes into 128 KB: pieces this small bring back 64 MB at worst.
PIECE_BYTES = 2 * 1024
#: Decompressed bytes requested at a time, from decompressors that support a limit.
OUTPUT_BYTES = 1024 * 1024
#: A stream is cut when more than `FREE_BYTES` came out at more than `MAX_RATIO` times its size.
#: Repetitive logs reach 50 to 200; gzip cannot exceed 1,032, the others reach many thousands.
MAX_RATIO = 400
FREE_BYTES = 1024**3
#: Dictionaries larger than this are refused (xz -9 needs 65 MB, zstd --long=27 128 MB).
MAX_WINDOW_BYTES = 256 * 1024**2

PARQUET = "Parquet"
_MAGIC = {
    b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz",
    parquet.MAGIC: PARQUET,
}  # fmt: skip
_MAGIC_BYTES = max(len(magic) for magic in _MAGIC)
_ERRORS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError, MemoryError)


def packing(head: bytes) -> str | None:
    """The compression of a stream that begins with `head`; None if it is not compressed."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


class _Decompressor(Protocol):
    """The interface of the standard library's bzip2 and xz decompressors, for all four formats."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


class _Gzip:
    """zlib's decompressor in the manner of bzip2's."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        plain = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = len(plain) < max_length  # if the answer has the full length, there may be more
        return plain

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data


class _Zstd:
    """zstandard's decompressor in the manner of bzip2's; it knows no output limit."""

    needs_input = True

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).decompressobj()

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zstd.decompress(data)

    @property
    def eof(self) -> bool:
        return self._zstd.eof

    @property
    def unused_data(self) -> bytes:
        return self._zstd.unused_data


_NEW: dict[str, Callable[[], _Decompressor]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=MAX_WINDOW_BYTES),
    "zstd": _Zstd,
}


def unpacked(packed: IO[bytes], kind: str, buffer_bytes: int) -> io.BufferedReader:
    """A reader of the decompressed bytes of `packed`, which may have several members.

    Those of a Parquet file are its rows as lines of JSON.
    """
    pieces = _rows(packed) if kind == PARQUET else _expand(packed, kind)
    return io.BufferedReader(ChunkStream(pieces, packed), buffer_bytes)


def _rows(packed: IO[bytes]) -> Iterator[bytes]:
    """The rows of a Parquet file. Raises EndedEarly where it is damaged or expands too far."""
    bytes_out = 0
    for bytes_in, lines in parquet.json_lines(packed):
        bytes_out += len(lines)
        yield lines
        _check_expansion(PARQUET, bytes_in, bytes_out)


def _expand(packed: IO[bytes], kind: str) -> Iterator[bytes]:
    """Plain pieces of every member. Raises EndedEarly where the stream ends too early."""
    bytes_out = 0
    compressed = _Packed(packed)
    while compressed.at_member(first=bytes_out == 0):
        for plain in _member(compressed, kind):
            bytes_out += len(plain)
            yield plain
            _check_expansion(kind, compressed.bytes_in, bytes_out)


def _check_expansion(kind: str, bytes_in: int, bytes_out: int) -> None:
    if bytes_out > FREE_BYTES and bytes_out > MAX_RATIO * bytes_in:
        raise EndedEarly(f"{kind} stream expands more than {MAX_RATIO} times; the rest was not read")


class _Packed:
    """The compressed bytes, piece by piece, with what a finished member did not use put back."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self.pending = b""
        self.bytes_in = 0

    def take(self) -> bytes:
        """The next piece; b'' at the end."""
        piece, self.pending = self.pending or self._read(), b""
        return piece

    def at_member(self, *, first: bool) -> bool:
        """Does another member follow? Zero padding may stand between members, nothing else."""
        padding = b"" if first else b"\0"
        self.pending = self.pending.lstrip(padding)
        while len(self.pending) < _MAGIC_BYTES and (more := self._read()):
            self.pending = (self.pending + more).lstrip(padding)
        if self.pending and not packing(self.pending):
            raise EndedEarly("rubbish after the compressed stream")
        return bool(self.pending)

    def _read(self) -> bytes:
        try:
            piece = self._packed.read(PIECE_BYTES)
        except OSError as error:
            raise EndedEarly(f"read error: {reason_of(error)}") from error
        self.bytes_in += len(piece)
        return piece


def _member(packed: _Packed, kind: str) -> Iterator[bytes]:
    """Plain pieces of one member."""
    try:
        member = _NEW[kind]()
        while not member.eof:
            piece = packed.take() if member.needs_input else b""
            if member.needs_input and not piece:
                raise EndedEarly(f"truncated {kind} stream")
            plain = member.decompress(piece, OUTPUT_BYTES)
            if plain:
                yield plain
        packed.pending = member.unused_data
    except _ERRORS as error:
        raise EndedEarly(f"damaged {kind} stream") from error


ZIP_MAGIC = b"PK\x03\x04"
#: Most files of one archive that are read.
MAX_MEMBERS = 10_000
#: A file in every office document, by which these are recognised and skipped.
_OFFICE = "[Content_Types].xml"


@dataclass(frozen=True)
class Member:
    """A file in a ZIP archive; `fault` says why it cannot be read, '' if it can."""

    name: str
    packed_size: int
    fault: str = ""


def members(path: str) -> list[Member]:
    """The files in a ZIP archive. Raises OSError if it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise OSError(f"damaged ZIP archive ({error})") from None
    if any(one.filename == _OFFICE for one in found):
        raise OSError("an office document; save it as text")
    listed = [Member(one.filename, one.compress_size, _member_fault(one)) for one in found[:MAX_MEMBERS]]
    if len(found) > MAX_MEMBERS:
        one, left = found[MAX_MEMBERS], len(found) - MAX_MEMBERS
        fault = f"not read, with all after it ({left:,} of {len(found):,} files in here); unpack it first"
        listed.append(Member(one.filename, one.compress_size, fault))
    return listed


def _member_fault(one: zipfile.ZipInfo) -> str:
    if one.flag_bits & 0x1:
        return "encrypted; unpack it first"
    if one.file_size > FREE_BYTES and one.file_size > MAX_RATIO * max(one.compress_size, 1):
        return f"expands more than {MAX_RATIO} times; not read"
    return ""


def open_member(path: str, name: str) -> IO[bytes]:
    """A reader of a file in an archive, decompressed again if it is compressed itself. Raises OSError."""
    member = _archive(path, os.stat(path).st_mtime_ns).open(name)
    stream = io.BufferedReader(ChunkStream(_stored(member), member), OUTPUT_BYTES)
    kind = packing(stream.peek(_MAGIC_BYTES)[:_MAGIC_BYTES])
    return stream if kind is None else unpacked(stream, kind, OUTPUT_BYTES)


def _stored(member: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a file in an archive. Raises EndedEarly where it is damaged."""
    try:
        while piece := member.read(OUTPUT_BYTES):
            yield piece
    except (*_ERRORS, zipfile.BadZipFile):
        raise EndedEarly("damaged ZIP archive") from None


@lru_cache(maxsize=4)
def _archive(path: str, modified_ns: int) -> zipfile.ZipFile:
    """An archive, kept open, so that its list of members is read once and not for each member.

    `modified_ns` is only part of the key of the cache: an archive that was replaced is opened again.
    """
    return zipfile.ZipFile(path)
