"""Follows growing text files: yields new complete lines, through rotation, truncation and replacement.

A file is identified by device, inode and first line, not by its name: renamed by a rotation, it is read to
its end, and a new file with the old name is another one. A file that becomes shorter than what was read was
truncated; it starts again as another generation. Text that waits to be read is held in memory, so that a
truncation (`copytruncate` of logrotate) cannot take it away. Compressed files are left to `scan`.
"""

from __future__ import annotations

import glob
import hashlib
import io
import math
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from sensor.errors import reason_of
from sensor.sources.inputs.open import shown
from sensor.sources.inputs.unpack import packing, unpacked
from sensor.sources.interface import HEAD_BYTES, File, Input
from sensor.sources.logs.lines.blocks import BLOCK_BYTES, MAX_LINE_BYTES, SHAPE_CHARS, Block, cleaned

#: Text of a file that is held while it waits: what a truncation can take beyond this is lost.
HELD_BYTES = 1024 * 1024
#: A file that was renamed or deleted is read for this long after its last line.
LINGER_S = 300.0


@dataclass(eq=False)
class Tail:
    """One file; `position` is where its next line begins. The caller sets it to resume."""

    path: str
    descriptor: int
    first_line: bytes
    generation: int = 0
    position: int = 0
    #: when it grew last, by the caller's clock
    active_at: float = 0.0
    #: since when new text waits to be read as blocks, by the caller's clock; None if none does
    waiting_since: float | None = -math.inf
    #: the text from `position` on, as far as it is held
    _held: bytearray = field(default_factory=bytearray, repr=False)
    #: the rest of a line too long to keep is being skipped
    _skipping: bool = field(default=False, repr=False)

    @property
    def identity(self) -> str:
        """16 hexadecimal characters, which stay the same until the file is truncated."""
        status = os.fstat(self.descriptor)
        text = f"{status.st_dev}:{status.st_ino}:{self.generation}:".encode() + self.first_line
        return hashlib.blake2b(text, digest_size=8).hexdigest()

    @property
    def size(self) -> int:
        """Current size in bytes."""
        return os.fstat(self.descriptor).st_size

    @property
    def modified(self) -> datetime:
        """When it was last written to."""
        return datetime.fromtimestamp(os.fstat(self.descriptor).st_mtime, UTC)

    def input(self) -> Input:
        """The file as an `Input`."""
        head = os.pread(self.descriptor, HEAD_BYTES, 0)
        whole = head[: head.rfind(b"\n") + 1]
        opened = partial(io.FileIO, self.path)
        file = File(shown(self.path), self.identity, whole, None, opened, self.path, self.modified)
        return Input((file,), self.identity)

    def resume(self, committed: Callable[[Input], int]) -> None:
        """Set generation and position to where an earlier run stopped, by the position committed of an input.

        The last generation that anything was committed of is continued. If the file is shorter than that, it
        was truncated meanwhile, or has the place and the first line of one that was deleted.
        """
        last = self.position = self.generation = 0
        while known := committed(self.input()):
            last, self.position = self.generation, known
            self.generation += 1
        if self.position <= self.size:
            self.generation = last
        else:
            self.position = 0

    def hold(self, now: float) -> None:
        """Hold what was written since, up to `HELD_BYTES`; nothing of a fresh file, which is read at once."""
        if self.waiting_since == -math.inf:
            return
        if self._fill(HELD_BYTES) or len(self._held) >= HELD_BYTES:  # the latter: a line that is too long
            self.active_at = now
            if self.waiting_since is None:
                self.waiting_since = now

    @property
    def fills_a_block(self) -> bool:
        """True if no more text is worth waiting for."""
        return self.size - self.position >= BLOCK_BYTES

    def blocks(self, least: int = 1, end: int | None = None) -> Iterator[Block]:
        """Blocks of the complete lines from `position` on, which moves along, while `least` bytes follow.

        They end with what is there now: whoever read on, as lines come, would read them a few at a time; or
        at `end`, but not before what is held.
        """
        self.waiting_since = None
        end = max(self.size if end is None else end, self.position + len(self._held))
        while end - self.position >= least and (block := self._block(end)):
            self.position = block.end
            del self._held[: block.end - block.start]
            yield block

    def past(self, count: int) -> Iterator[Block]:
        """The complete lines in the `count` bytes before `position`, as blocks that are `replayed`."""
        at = max(0, self.position - count)
        if at:
            at += os.pread(self.descriptor, MAX_LINE_BYTES, at).find(b"\n") + 1  # the rest of a line
        while at < self.position:
            text = os.pread(self.descriptor, min(BLOCK_BYTES, self.position - at), at)
            end = text.rfind(b"\n") + 1 or len(text)
            if not end:
                return
            yield Block(at, at + end, cleaned(text[:end], first=at == 0), replayed=True)
            at += end

    def truncated(self) -> bool:
        """True if the file is shorter than what was read of it."""
        return self.size < self.position + len(self._held)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)

    def _block(self, end: int) -> Block | None:
        """The next lines before `end`, at most a block of them; None if no complete one is there."""
        self._fill(min(BLOCK_BYTES, end - self.position))
        start, text = self.position, bytes(self._held)
        end = text.rfind(b"\n") + 1
        if self._skipping:
            cut = text.find(b"\n") + 1 or len(text)
            self._skipping = not text[:cut].endswith(b"\n")
            return Block(start, start + cut, b"") if cut else None
        if not end and len(text) >= MAX_LINE_BYTES:
            self._skipping = True
            return Block(start, start + len(text), b"", overlong=text[:SHAPE_CHARS])
        return Block(start, start + end, cleaned(text[:end], first=start == 0)) if end else None

    def _fill(self, count: int) -> bool:
        """Hold up to `count` bytes; True if there were more than were held before."""
        held = len(self._held)
        self._held += os.pread(self.descriptor, max(0, count - held), self.position + held)
        return len(self._held) > held


class Tails:
    """All files that match some patterns."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = tuple(patterns)
        self._open: dict[tuple[int, int], Tail] = {}
        self._refused: dict[str, str] = {}
        #: patterns that have had a file
        self._met: set[str] = set()
        #: first lines of the files opened so far; None until all were looked at once
        self._begun: set[bytes] | None = None

    def look(self, now: float) -> list[Tail]:
        """Files that appeared since the last call, opened at their start, those unchanged for longest
        first."""
        fresh = []
        for path in self._paths():
            tail = self._opened(path)
            if tail is not None:
                tail.active_at = now
                fresh.append(tail)
        self._begun = (self._begun or set()) | {tail.first_line for tail in fresh}
        return sorted(fresh, key=lambda tail: os.fstat(tail.descriptor).st_mtime)

    def problems(self) -> list[str]:
        """A line of text for each reason why paths cannot be followed, each path reported once."""
        paths: dict[str, list[str]] = {}
        for path, why in self._refused.items():
            paths.setdefault(why, []).append(shown(path))
        paths.pop("", None)
        self._refused = dict.fromkeys(self._refused, "")
        return [
            f"{first}{f' and {len(more)} more' if more else ''}: {why}"
            for why, (first, *more) in paths.items()
        ]

    def forget(self, tail: Tail) -> None:
        """Close a file; `look` opens it again if its name still exists."""
        status = os.fstat(tail.descriptor)
        self._open.pop((status.st_dev, status.st_ino), None)
        tail.close()

    def lost(self, now: float) -> list[Tail]:
        """Files whose name is gone, and that have not grown for `LINGER_S`."""
        named = {_place(path) for path in self._paths()}
        return [t for place, t in self._open.items() if place not in named and now - t.active_at > LINGER_S]

    def _paths(self) -> list[str]:
        found: list[str] = []
        for pattern in self._patterns:
            named = [pattern] if os.path.lexists(pattern) else sorted(glob.glob(pattern, recursive=True))
            if named:
                self._met.add(pattern)
            elif pattern not in self._met:
                self._refuse(pattern, "no file there yet, or none that this user may see; waiting for it")
            found += named
        return list(dict.fromkeys(found))

    def _opened(self, path: str) -> Tail | None:
        """A new `Tail`, or None: known, not yet a line, or nothing that can be followed."""
        try:
            status = os.stat(path)
            place = (status.st_dev, status.st_ino)
            if place in self._open:
                return None
            if not stat.S_ISREG(status.st_mode):
                is_folder = stat.S_ISDIR(status.st_mode)
                why = "a folder; name its files, like 'FOLDER/*.log'" if is_folder else "not a regular file"
                self._refuse(path, why)
                return None
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW if self._is_glob(path) else os.O_RDONLY)
        except OSError as error:
            self._refuse(path, reason_of(error))
            return None
        head = os.pread(descriptor, HEAD_BYTES, 0)
        why = ""
        if (kind := packing(head)) and path not in self._refused:
            is_read = self._begun and _first_line(head, kind) in self._begun
            why = "" if is_read else "compressed; if not followed before, `shadowai scan` reads it"
        elif head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            why = "UTF-16; `shadowai scan` reads it"
        if kind or why or b"\n" not in head:
            os.close(descriptor)
            if kind or why:
                self._refuse(path, why)
            return None
        tail = Tail(path, descriptor, head[: head.find(b"\n")])
        self._open[place] = tail
        self._refused.pop(path, None)
        return tail

    def _is_glob(self, path: str) -> bool:
        """True for a pattern. Links found by a pattern are not followed; a link that is named itself is."""
        return path not in self._patterns

    def _refuse(self, path: str, why: str) -> None:
        self._refused.setdefault(path, why)


def _first_line(packed: bytes, kind: str) -> bytes:
    """The first line of a compressed file that begins with `packed`; b'' if there is none."""
    return unpacked(io.BytesIO(packed), kind, HEAD_BYTES).readline(HEAD_BYTES).rstrip(b"\n")


def _place(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (-1, -1)
    return status.st_dev, status.st_ino
