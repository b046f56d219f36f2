"""Finds the readable files that a user names: files, folders, globs, archives, standard input.

In: paths. Out: `Found`: the readable files with their first 64 KB, and a line of text for everything that
cannot be read. Which source reads a file is decided in `detect.py`.
"""

from __future__ import annotations

import glob
import hashlib
import io
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO

from sensor.chunks import ChunkStream, chunks_of, fault_of
from sensor.errors import InputError, reason_of
from sensor.sources.inputs.tar import Archive, is_tar
from sensor.sources.inputs.unpack import ZIP_MAGIC, members, open_member, packing, unpacked
from sensor.sources.interface import HEAD_BYTES, File

#: Bytes read from the disk at a time.
BUFFER_BYTES = 256 * 1024
#: Heads of files kept in memory; those of further files are read again when they are needed.
KEPT_HEADS_BYTES = 64 << 20
STDIN = "-"
#: A file that was written to within so many seconds is taken to be growing, if it is so large. A small one
#: costs little to read again, and may be a sample that somebody has just saved.
_JUST_WRITTEN_S, _LARGE_BYTES = 10, 1 << 20

_SPECIAL = {
    stat.S_IFIFO: "a named pipe; pipe it in with `-` instead",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}


@dataclass
class Found:
    """The files found, and the problems."""

    files: list[File] = field(default_factory=list)
    #: one line each: path, what is wrong, what to try
    problems: list[str] = field(default_factory=list)
    #: names of files that were not named themselves, but found in a folder or an archive
    walked: set[str] = field(default_factory=set)
    #: bytes of the heads that are kept
    kept_bytes: int = 0
    #: folders of the product itself that were found while walking
    ours: list[str] = field(default_factory=list)


def find(paths: Sequence[str | Path], ours: Sequence[Path] = ()) -> Found:
    """The readable files behind `paths`: files, folders (recursive, sorted), globs, `-` for stdin.

    Folders in `ours` (the lake, the state folder) are not entered. Raises InputError if nothing can be read
    at all.
    """
    found = Found()
    passed_over = {os.path.realpath(folder) for folder in ours}
    seen: set[tuple[int, int]] = set()
    for given in paths:
        for path, walked in _expand(str(given), found, passed_over):
            _add(path, walked, found, seen)
    if not found.files:
        named = ", ".join(shown(str(path)) for path in paths)
        raise InputError("; ".join(found.problems) or f"{named}: no readable file there")
    return found


def shown(text: str) -> str:
    """`text` safe for a terminal, with control characters and invalid bytes escaped."""
    plain = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain)


def identity(head: bytes) -> str:
    """Identity of an input: a hash of its first 64 KB uncompressed, 16 hexadecimal characters."""
    return hashlib.blake2b(head[:HEAD_BYTES], digest_size=8).hexdigest()


def _expand(given: str, found: Found, ours: Set[str]) -> Iterator[tuple[str, bool]]:
    """The paths of `given`, each with True if it was found while walking a folder."""
    if given == STDIN:
        yield STDIN, False
    elif os.path.isdir(given):
        for path in _walk(given, found, ours):
            yield path, True
    elif not os.path.lexists(given) and glob.has_magic(given):
        matches = sorted(glob.glob(given, recursive=True))
        if not matches:
            found.problems.append(f"{shown(given)}: no file matches")
        for match in matches:
            yield from _expand(match, found, ours)
    else:
        yield given, False


def _walk(folder: str, found: Found, ours: Set[str]) -> Iterator[str]:
    """Every file below `folder`, sorted, without hidden ones, those of `ours`, and folder links."""

    def report(error: OSError) -> None:
        found.problems.append(f"{shown(str(error.filename))}: {_why(error)}")

    for base, folders, names in os.walk(folder, onerror=report):
        if os.path.realpath(base) in ours:
            found.ours.append(base)
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.join(base, name)


def _add(path: str, walked: bool, found: Found, seen: set[tuple[int, int]]) -> None:
    """Open one path and read its head; a line of text in `problems` if that fails."""
    try:
        files = _standard_input(found.problems) if path == STDIN else _regular(path, seen, found.problems)
    except _NoInputError as none:
        if str(none) and not walked:
            found.problems.append(f"{shown(path)}: {none}")
        return
    except OSError as error:
        found.problems.append(f"{shown(path)}: {_why(error)}")
        return
    for file in files:
        kept = found.kept_bytes + len(file.head)
        is_kept = kept <= KEPT_HEADS_BYTES or file.size is None  # a stream cannot be read twice
        found.files.append(file if is_kept else replace(file, kept_head=None))
        found.kept_bytes = kept if is_kept else found.kept_bytes
    found.walked.update(file.name for file in files if walked or file.name != shown(path))


class _NoInputError(Exception):
    """The path is no input (an empty file, a socket); the text for the user says why."""


def _regular(path: str, seen: set[tuple[int, int]], problems: list[str]) -> list[File]:
    """A file on disk, plain or compressed, or those in an archive. Raises `_NoInputError` or `OSError`."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise _NoInputError(_SPECIAL.get(stat.S_IFMT(status.st_mode), "not a regular file"))
    place = (status.st_dev, status.st_ino)
    if place in seen:
        raise _NoInputError  # named twice, or by a link: it is read once
    seen.add(place)
    with open(path, "rb") as raw:
        magic = raw.read(8)
    kind = packing(magic)
    if magic.startswith(ZIP_MAGIC):
        return _zipped(path, datetime.fromtimestamp(status.st_mtime, UTC), problems)
    opener = partial(_open, path, kind)
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    file = _file(shown(path), opener, size=status.st_size, path=None if kind else path, modified=modified)
    if is_tar(file.head):
        return _tarred(file, problems)
    is_recent = time.time() - status.st_mtime < _JUST_WRITTEN_S
    return [replace(file, is_growing=is_recent and kind is None and status.st_size >= _LARGE_BYTES)]


def _zipped(path: str, modified: datetime, problems: list[str]) -> list[File]:
    """The files inside a ZIP archive, each an input of its own."""
    files = []
    for member in members(path):
        name = f"{shown(path)}/{shown(member.name)}"
        if member.fault:
            problems.append(f"{name}: {member.fault}")
            continue
        try:
            opener = partial(open_member, path, member.name)
            files.append(_file(name, opener, size=member.packed_size, path=None, modified=modified))
        except _NoInputError:
            continue  # empty
        except OSError as error:
            problems.append(f"{name}: {error}")
    return files


def _tarred(file: File, problems: list[str]) -> list[File]:
    """The files inside a tar archive, each an input of its own, without hidden ones."""
    with file.open() as stream:
        archive = Archive(stream, file.path)
    if archive.fault:
        problems.append(f"{file.name}: {archive.fault}; what came before is read")
    files = []
    try:
        for member in archive.members():
            name = f"{file.name}/{shown(member.name.removeprefix('./'))}"
            if member.fault:
                problems.append(f"{name}: {member.fault}")
                continue
            if name.rpartition("/")[2].startswith("."):
                continue
            try:
                opener = partial(archive.open, member)
                files.append(_file(name, opener, size=member.size, path=None, modified=member.modified))
            except _NoInputError:
                continue  # empty
            except OSError as error:
                problems.append(f"{name}: {error}")
    except OSError as error:
        problems.append(f"{file.name}: {error}")
    return files


def _file(
    name: str, opener: partial[IO[bytes]], *, size: int | None, path: str | None, modified: datetime
) -> File:
    with opener() as stream:
        head = stream.read(HEAD_BYTES)
        fault = fault_of(stream)
    if fault and not head:
        raise OSError(fault)
    if not head:
        raise _NoInputError("empty file")
    return File(name, identity(head), head, size, opener, path, modified)


def _open(path: str, kind: str | None) -> IO[bytes]:
    raw = open(path, "rb", buffering=BUFFER_BYTES)  # noqa: SIM115 - the caller closes it
    return raw if kind is None else unpacked(raw, kind, BUFFER_BYTES)


@contextmanager
def on_disk(file: File) -> Iterator[str]:
    """A path for a reader that needs one: of the file itself, or of a temporary copy if it is compressed or
    came through a pipe."""
    if file.path is not None:
        yield file.path
        return
    with tempfile.NamedTemporaryFile(prefix="shadowai-") as copy:
        with file.open() as stream:
            shutil.copyfileobj(stream, copy, BUFFER_BYTES)
        copy.flush()
        yield copy.name


def _standard_input(problems: list[str]) -> list[File]:
    """Standard input, read once: its head is kept and put before the rest when it is opened. If it is a tar
    archive, the files in it."""
    raw: IO[bytes] = sys.stdin.buffer
    packed_head = _read_up_to(raw, HEAD_BYTES)
    stream = _replayed(packed_head, raw)
    if kind := packing(packed_head):
        stream = unpacked(stream, kind, BUFFER_BYTES)
    head = stream.read(HEAD_BYTES)
    if not head:
        raise _NoInputError("nothing on standard input")
    opener = _Once(_replayed(head, stream))
    file = File(STDIN, identity(head), head, None, opener, None, datetime.now(UTC))
    return _tarred(file, problems) if is_tar(head) else [file]


def _read_up_to(stream: IO[bytes], count: int) -> bytes:
    """`count` bytes, fewer only at the end: a pipe delivers in pieces."""
    pieces = []
    while count and (piece := stream.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


class _Once:
    """Opens a stream that cannot be rewound."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream: IO[bytes] | None = stream

    def __call__(self) -> IO[bytes]:
        if self._stream is None:
            raise InputError("standard input can be read only once", place=STDIN, hint="save it to a file")
        stream, self._stream = self._stream, None
        return stream


def _replayed(head: bytes, rest: IO[bytes]) -> io.BufferedReader:
    """A stream whose first bytes were already read: those, then the rest, which stays open."""
    return io.BufferedReader(ChunkStream(chain((head,), chunks_of(rest, BUFFER_BYTES))), BUFFER_BYTES)


def _why(error: OSError) -> str:
    """The system's error message without its number."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    if isinstance(error, PermissionError):
        return "permission denied; run as a user who may read it"
    return reason_of(error)
