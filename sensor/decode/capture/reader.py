"""Reads a capture file through a moving window of frame descriptors, of which 64 are lookahead.

The stream is read into one buffer, a megabyte at a time. When it is refilled, undecoded bytes move to the
front. No other module keeps an offset into the buffer.
"""

from __future__ import annotations

from collections import Counter
from io import BufferedIOBase
from typing import IO, Protocol, cast

import numpy as np

from sensor.chunks import fault_of
from sensor.decode.capture import conversion
from sensor.decode.capture.formats import MAX_FRAME, PCAP, PCAP_HEADER, PCAPNG, recognise
from sensor.decode.capture.pcap import CORRUPT, DESCRIPTORS, MORE, describe, new_container
from sensor.decode.dissection.link import FAULTY, LINKS
from sensor.decode.layout import DESCRIPTOR, LOOKAHEAD, Bytes, Records, records

#: Bytes per read. The buffer also has room for lookahead frames of maximum size.
CHUNK = 1 << 20
#: Reasons why a capture could not be read to its end.
DAMAGED = "corrupt capture record, and what comes after it"
TRUNCATED = "truncated capture"

#: Bytes needed to recognise the format of a capture.
_HEAD = 1 << 16
_BUFFER = CHUNK + (LOOKAHEAD + 2) * (MAX_FRAME + 65536)


class Window(Protocol):
    """Frames in a buffer: those of a capture file, or of a block of a live ring."""

    @property
    def data(self) -> Bytes:
        """The buffer that frames point into."""
        ...

    @property
    def frames(self) -> Records:
        """DESCRIPTOR records."""
        ...

    @property
    def count(self) -> int:
        """Number of valid `frames`."""
        ...


class Capture:
    """Frames of one capture, in order.

    `frames[:ready]` may be decoded, with `frames[:count]` as lookahead. Then call `drop` and `advance`.
    """

    def __init__(self, stream: IO[bytes], head: bytes, name: str = "") -> None:
        """`head` are the first bytes of `stream`; `name` precedes positions in messages."""
        self.name = name
        self._packed = stream
        if found := conversion.reader(head):
            stream, head = conversion.as_pcapng(stream, found)
        self.container, first = new_container(head)
        #: first bytes of the capture, or of the concatenated capture being read
        self.head = head
        self.data: Bytes = records(np.uint8, _BUFFER)
        self.frames = records(DESCRIPTOR, DESCRIPTORS + LOOKAHEAD)
        self.count = 0
        self.ready = 0
        #: link type (-1: of an interface that is not described) -> number of frames, for those not decoded
        self.undecoded: Counter[int] = Counter()
        #: reason why the rest could not be read, and its offset
        self.reject: tuple[str, int] | None = None
        self._stream = cast(BufferedIOBase, stream)  # all our streams can fill a buffer
        self._position = 0  # of the buffer's first byte in the capture
        self._next = first  # of the next record in the buffer
        self._end = 0
        self._over = False
        while self._end < first and self._refill():
            pass

    @property
    def position(self) -> int:
        """Position in the capture of the first frame not dropped yet, in bytes."""
        first = int(self.frames[0]["record"]) if self.count else min(self._next, self._end)
        return self._position + first

    @property
    def size(self) -> int:
        """Bytes read so far; the size of the capture once `advance` returned False."""
        return self._position + self._end

    @property
    def kernel_drops(self) -> int:
        """Frames dropped while capturing, by the interface statistics of a pcapng."""
        return int(self.container[0]["drops"])

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    def before(self, position: int) -> int:
        """Number of ready frames that begin before `position`."""
        begins = self.frames["record"][: self.ready]
        return int(np.searchsorted(begins, position - self._position))

    def advance(self) -> bool:
        """Describe more frames; False once all have been dropped."""
        is_stopped = False
        while not self._over and self.count <= LOOKAHEAD:
            room = self.frames[self.count :]
            made, self._next, stop = describe(self.data, self._next, self._end, self.container, room)
            self.count += made
            if stop == CORRUPT:
                if is_stopped := self.count > 0:
                    break  # frames described so far belong to the file that ends here, and go first
                if not self._begin_another():
                    self._finish(DAMAGED)
            elif stop == MORE and made == 0 and not self._refill():
                if self._end == self.data.size and self.count:
                    break  # buffer full of other blocks: described frames go first, without lookahead
                self._finish(TRUNCATED)
        whole = is_stopped or self._over or self._end == self.data.size
        self.ready = self.count if whole else max(0, self.count - LOOKAHEAD)
        return self.ready > 0

    def drop(self, done: int) -> None:
        """Drop the first `done` frames, which are decoded."""
        links = self.frames["link"][:done]
        if done and (int(links[0]) not in LINKS or (links != links[0]).any()):  # seldom: counting takes time
            found = zip(*np.unique(links, return_counts=True), strict=True)
            self.undecoded.update({int(k): int(n) for k, n in found if k not in LINKS and k != FAULTY})
        self.count -= done
        self.frames[: self.count] = self.frames[done : done + self.count].copy()
        self.ready = max(0, self.ready - done)

    def _begin_another(self) -> bool:
        """Continue with a concatenated capture (`cat a.pcap b.pcap`), if one begins here."""
        while self._end - self._next < PCAP_HEADER and self._refill():
            pass
        head = self.data[self._next : self._end][:_HEAD].tobytes()
        kind, before = recognise(head), self.container[0]
        if kind != PCAP and not (kind == PCAPNG and before["kind"] == PCAP):
            return False
        self.container, first = new_container(head)
        self.container[0]["drops"] = before["drops"]
        self.head = head
        self._next += first
        return True

    def _finish(self, reason: str) -> None:
        """End of the readable part: record the reason if bytes remain or the compression is truncated."""
        self._over = True
        fault = fault_of(self._packed) if reason == TRUNCATED else None
        if fault or self._end > self._next or self.container[0]["skip"] > 0:
            self.reject = (fault or reason, self._position + self._next)
        while reason == DAMAGED and self._refill():
            self._next = self._end  # the total size counts, including the unreadable part

    def _refill(self) -> bool:
        """Move undecoded bytes to the front and read more; False at the end of the stream."""
        keep = int(self.frames[0]["record"]) if self.count else self._next
        keep = min(keep, self._end)
        if keep:
            self.data[: self._end - keep] = self.data[keep : self._end]  # NumPy minds where they overlap
            self._position += keep
            self._next -= keep
            self._end -= keep
            for field in ("record", "offset"):
                self.frames[field][: self.count] -= keep
        room = self.data[self._end : self._end + CHUNK].data
        size = self._stream.readinto(room) or 0
        self._end += size
        return size > 0
