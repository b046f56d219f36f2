"""Opens tar archives, compressed or not: the files in them are inputs like those of a folder.

A compressed archive, or one from a pipe, is first copied to a temporary file without compression, because its
files are read several times. The copy has no name, so nothing is left behind, and is deleted with the last
reader.

Archives may be hostile: headers are bounded, as are the files listed; a compressed archive that expands
absurdly is cut where any stream is (`unpack`).
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from sensor.chunks import ChunkStream, EndedEarly, fault_of
from sensor.sources.inputs.unpack import MAX_MEMBERS, OUTPUT_BYTES, packing, unpacked

#: Where a header has its magic number (POSIX.1-2017, pax, ustar interchange format); GNU's begins likewise.
_MAGIC_AT, _MAGIC = 257, b"ustar"
#: A header with a longer name or more attributes (pax, GNU) than these bytes is refused.
_MAX_HEADER_BYTES = 1 << 20
#: The latest time of a file that is believed (in the year 2242).
_LATEST_S = 1 << 33


@dataclass(frozen=True)
class Member:
    """A file in an archive; `fault` says why it cannot be read, '' if it can."""

    name: str
    begin: int
    size: int
    modified: datetime
    fault: str = ""


class _Headers(io.BufferedReader):
    """A file whose reads are bounded: `tarfile` reads as many bytes as a header announces."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError("a header is too long")
        return super().read(size)


class Archive:
    """An archive without compression."""

    def __init__(self, stream: IO[bytes], path: str | None) -> None:
        """Opens the file at `path`, or a copy of `stream` if that is None. Raises OSError."""
        #: why the stream ended early; '' if it did not
        self.fault = ""
        if path is not None:
            self._file: IO[bytes] = open(path, "rb")  # noqa: SIM115 - open as long as a member may be read
            return
        self._file = tempfile.TemporaryFile(prefix="shadowai-")  # noqa: SIM115
        shutil.copyfileobj(stream, self._file, OUTPUT_BYTES)
        self._file.flush()
        self.fault = fault_of(stream) or ""

    def members(self) -> Iterator[Member]:
        """The files in it. Raises OSError where it is damaged."""
        with _Headers(io.FileIO(os.dup(self._file.fileno()))) as raw:
            raw.seek(0)
            try:
                with tarfile.open(fileobj=raw, mode="r:") as archive:
                    for number, one in enumerate(archive):
                        modified = datetime.fromtimestamp(min(max(one.mtime, 0), _LATEST_S), UTC)
                        if number == MAX_MEMBERS:
                            fault = "not read, with all after it; unpack it first"
                            yield Member(one.name, 0, 0, modified, fault)
                            return
                        if one.isfile():
                            fault = "sparse; unpack it first" if one.issparse() else ""
                            yield Member(one.name, one.offset_data, one.size, modified, fault)
            except (tarfile.TarError, ValueError, EOFError) as error:
                raise OSError(f"damaged tar archive ({error})") from None

    def open(self, member: Member) -> IO[bytes]:
        """A reader of a file in it, decompressed again if it is compressed itself."""
        stream = io.BufferedReader(ChunkStream(self._stored(member)), OUTPUT_BYTES)
        kind = packing(stream.peek(OUTPUT_BYTES)[:8])
        return stream if kind is None else unpacked(stream, kind, OUTPUT_BYTES)

    def _stored(self, member: Member) -> Iterator[bytes]:
        """The bytes of a file in it. Raises EndedEarly where the archive does."""
        at, end = member.begin, member.begin + member.size
        while at < end:
            piece = os.pread(self._file.fileno(), min(OUTPUT_BYTES, end - at), at)
            if not piece:
                raise EndedEarly("truncated tar archive")
            at += len(piece)
            yield piece


def is_tar(head: bytes) -> bool:
    """True if `head`, the first bytes without compression, begins a tar archive."""
    return head[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC
