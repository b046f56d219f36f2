"""Merges the captures of an input: files of a rotated set one after another, legs of a TAP by time.

A capture is opened when the time of its first packet is reached. Frames of all open captures are merged into
one window by time. Within a capture the order of the file is preserved: a frame is sorted by the earliest
time at or after it in the window, so that a single wrong time does not delay the others.

Memory: a window for each open capture, at most `MOST_OPEN`, and one for merged frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from sensor.decode.capture.reader import Capture
from sensor.decode.layout import DESCRIPTOR, LOOKAHEAD, Bytes, Records, records

#: Maximum captures open at a time. Further ones wait until one ends.
MOST_OPEN = 32

#: Bytes that a merged frame counts in positions in addition to its own: a record header.
_RECORD = 16
_FOREVER = np.iinfo(np.int64).max


class Merged:
    """The frames of several captures in order of time; same interface as `Capture`."""

    def __init__(
        self,
        captures: Iterable[tuple[int, Callable[[], Capture]]],
        on_end: Callable[[Capture], None] = lambda capture: None,
    ) -> None:
        """`captures`: time of the first packet (microseconds, 0 if unknown) and a function to open it,
        sorted.

        `on_end` is called with each capture once its last frame has been dropped.
        """
        self._waiting = deque(captures)
        self._on_end = on_end
        self._open: list[Capture] = []
        self._window = _Copied()
        self._single: Capture | None = None  # the only open capture, whose window is exposed without copying
        self._before = 0  # position, less the single capture's own
        self._limit = 0
        #: bytes of all captures that have ended
        self.size = 0

    @property
    def data(self) -> Bytes:
        """The bytes that frames point into."""
        return self._window.data if self._single is None else self._single.data

    @property
    def frames(self) -> Records:
        """Descriptors, of which `ready` may be decoded with `count` as lookahead."""
        return self._window.frames if self._single is None else self._single.frames

    @property
    def count(self) -> int:
        """Frames described."""
        return self._window.count if self._single is None else self._single.count

    @property
    def ready(self) -> int:
        """Frames that may be decoded."""
        return self._window.ready if self._single is None else min(self._single.ready, self._limit)

    @property
    def position(self) -> int:
        """Position of the first frame not dropped yet, in bytes; headers of merged captures do not count."""
        return self._window.position if self._single is None else self._before + self._single.position

    def before(self, position: int) -> int:
        """Number of ready frames that begin before `position`."""
        if self._single is None:
            return self._window.before(position)
        return min(self._limit, self._single.before(position - self._before))

    def drop(self, done: int) -> None:
        """Drop the first `done` frames, which are decoded."""
        if self._single is None:
            self._window.drop(done)
        else:
            self._single.drop(done)
            self._limit -= done

    def advance(self) -> bool:
        """Describe more frames; False once all have been dropped."""
        while self.ready == 0:
            self._settle_single()
            self._open = [capture for capture in self._open if self._goes_on(capture)]
            keys = [_keys(capture) for capture in self._open]
            if self._is_next_due(keys):
                self._open_next()
            elif not self._open:
                return self._window.finish()
            elif len(self._open) > 1:
                self._merge(keys)
            elif not self._window.finish():  # what was merged goes first, without lookahead
                self._hand_on(self._open[0], keys[0])
        return True

    def close(self) -> None:
        """Close the captures that are still open."""
        for capture in self._open:
            capture.close()

    def _settle_single(self) -> None:
        """Continue positions from the current one of the single capture."""
        if self._single is not None:
            self._window.position, self._single = self.position, None

    def _goes_on(self, capture: Capture) -> bool:
        """False if a capture has ended."""
        if capture.advance():
            return True
        if self._window.count == 0 and len(self._open) == 1:
            self._window.skip(capture.size - capture.position)
        self.size += capture.size
        self._on_end(capture)
        capture.close()
        return False

    def _is_next_due(self, keys: list[npt.NDArray[np.int64]]) -> bool:
        """True if the next capture begins before the next frame of any open one."""
        if not self._waiting or len(self._open) >= MOST_OPEN:
            return False
        return all(self._waiting[0][0] <= own[0] for own in keys)

    def _open_next(self) -> None:
        capture = self._waiting.popleft()[1]()
        self._window.skip(capture.position)  # its header
        self._open.append(capture)

    def _horizon(self) -> int:
        """The time before which frames may be merged."""
        return self._waiting[0][0] if self._waiting and len(self._open) < MOST_OPEN else _FOREVER

    def _hand_on(self, capture: Capture, keys: npt.NDArray[np.int64]) -> None:
        """Expose the window of the only open capture, up to the start of the next one."""
        self._single, self._before = capture, self._window.position - capture.position
        self._limit = int(np.searchsorted(keys, self._horizon()))

    def _merge(self, keys: list[npt.NDArray[np.int64]]) -> None:
        """Merge the ready frames of all open captures, up to the time that all of them have reached."""
        until = min(self._horizon() - 1, *(int(own[-1]) for own in keys))
        pieces = []
        for capture, own in zip(self._open, keys, strict=True):
            count = int(np.searchsorted(own, until, side="right"))
            if count:
                pieces.append((own[:count], capture.frames[:count].copy(), capture.data))
        self._window.add(pieces)
        for capture, own in zip(self._open, keys, strict=True):
            capture.drop(int(np.searchsorted(own, until, side="right")))


class _Copied:
    """Merged frames with their bytes; the last 64 are lookahead."""

    def __init__(self) -> None:
        self.data: Bytes = np.zeros(0, np.uint8)
        self.frames = records(DESCRIPTOR, 0)
        self.count = self.ready = 0
        self.position = 0

    def add(self, pieces: list[tuple[npt.NDArray[np.int64], Records, Bytes]]) -> None:
        """Add (times, frames, their buffer) of several captures, sorted by time."""
        kept = self.frames[: self.count]
        sources = [(kept, self.data), *((frames, data) for _, frames, data in pieces)]
        moved, data, at = [], [], 0
        for frames, content in sources:
            if not frames.size:
                continue
            first, last = _extent(frames)
            copied = frames.copy()
            copied["offset"] += at - first
            moved.append(copied)
            data.append(content[first:last].copy())
            at += last - first
        fresh = np.concatenate(moved[1:] if kept.size else moved)
        order = np.argsort(np.concatenate([times for times, _, _ in pieces]), kind="stable")
        everything = [*moved[:1], fresh[order]] if kept.size else [fresh[order]]
        self.frames = _placed(np.concatenate(everything), self.position)
        self.data = np.concatenate(data)
        self.count = self.frames.size
        self.ready = max(0, self.count - LOOKAHEAD)

    def skip(self, size: int) -> None:
        """Advance the position over bytes without frames, so that positions are monotonic."""
        self.position += size
        self.frames["record"] += size

    def before(self, position: int) -> int:
        return int(np.searchsorted(self.frames["record"][: self.ready], position))

    def drop(self, done: int) -> None:
        if done:
            last = self.frames[done - 1]
            self.position = int(last["record"]) + _RECORD + int(last["captured"])
        self.frames = self.frames[done:].copy()
        self.count -= done
        self.ready -= done

    def finish(self) -> bool:
        """End of input: make the lookahead ready. False if there is none."""
        self.ready = self.count
        return self.ready > 0


def _keys(capture: Capture) -> npt.NDArray[np.int64]:
    """Sort times of the ready frames of a capture, ascending."""
    times = capture.frames["time"][: capture.count]
    return np.minimum.accumulate(times[::-1])[::-1][: capture.ready]


def _extent(frames: Records) -> tuple[int, int]:
    """First and last offset of the bytes of frames."""
    return int(frames["offset"].min()), int((frames["offset"] + frames["captured"]).max())


def _placed(frames: Records, position: int) -> Records:
    """`frames` with their positions, the first at `position`."""
    placed = records(DESCRIPTOR, frames.size)
    placed[:] = frames
    sizes = _RECORD + frames["captured"].astype(np.int64)
    placed["record"] = position + np.cumsum(sizes) - sizes
    return placed
