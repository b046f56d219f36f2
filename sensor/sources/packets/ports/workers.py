"""Threads that read rings and decode packets, each with ports and a decoder of its own.

They deliver in rounds. When a round is requested, every worker delivers its part. The parts of a round make
one batch, so that a DNS answer decoded by one worker can name a connection decoded by another. Rounds are
requested regularly, and by a worker whose outputs are full.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from sensor.errors import InputError, UsageError
from sensor.sources.packets.ports.afpacket import RETIRE_MS
from sensor.sources.packets.ports.port import Port, wait

if TYPE_CHECKING:
    from sensor.decode.capture.handshakes import Handshakes, Kept
    from sensor.decode.decoder import Decoder

#: Longest wait for packets; signals and rounds are answered within this time.
_WAIT_MS = 200
#: How often removed interfaces are tried again, and the clock of an idle decoder is advanced.
_TICK_S = 1.0
#: The clock of an idle decoder stays this far behind the machine's, because packets may still be in the ring.
_BEHIND_US = 1_000_000
#: Parts of one worker that may wait to be stored. Beyond that the worker stops reading, and its rings fill.
_QUEUE = 2

Frames = dict[str, pl.DataFrame]


@dataclass(frozen=True)
class Part:
    """What a worker delivers in a round; `is_final` if it has ended."""

    frames: list[Frames]
    is_final: bool = False
    #: packets that opened connections since the last part, if they are kept
    handshakes: Kept | None = None


class Rounds:
    """Keeps track of which rounds each worker has answered."""

    def __init__(self, workers: int) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._answered = [0] * workers

    def ask(self) -> None:
        """Request a round, unless one is still unanswered by a worker."""
        with self._lock:
            if min(self._answered) == self._wanted:
                self._wanted += 1

    def is_due(self, worker: int) -> bool:
        """True if `worker` has a round to answer."""
        return self._answered[worker] < self._wanted

    def answer(self, worker: int) -> None:
        """Record that `worker` delivers its part."""
        with self._lock:
            self._answered[worker] += 1

    def leave(self, worker: int) -> None:
        """Record that `worker` has ended: rounds no longer wait for it."""
        with self._lock:
            self._answered[worker] = sys.maxsize


class Worker:
    """A thread that reads the blocks of its ports and delivers parts of rounds, until `is_over()`."""

    def __init__(
        self,
        number: int,
        ports: list[Port],
        decoder: Decoder,
        rounds: Rounds,
        is_over: Callable[[], bool],
        handshakes: Handshakes | None = None,
    ) -> None:
        """`handshakes`, if given, keeps the packets that open connections."""
        self.ports, self._handshakes = ports, handshakes
        self.parts: queue.Queue[Part | BaseException] = queue.Queue(_QUEUE)
        #: largest distance between a block's last frame time and this machine's clock; the monitor reads it
        #: and sets it to None
        self.offset_us: int | None = None
        self._number, self._decoder, self._rounds, self._is_over = number, decoder, rounds, is_over
        self._held: list[Frames] = []
        self._next_tick = 0.0
        self._thread = threading.Thread(target=self._run, name=f"capture-{number}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def drain(self) -> None:
        """Discard its parts until it has ended."""
        while isinstance(part := self.parts.get(), Part) and not part.is_final:
            pass

    def join(self) -> None:
        """Wait for the thread, after its final part."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._read()
            self._decoder.end_connections()
            self._held.append(self._decoder.batch(last=True))
            end: Part | BaseException = self._part(self._held, is_final=True)
        except BaseException as error:
            end = error
        self._rounds.leave(self._number)
        self.parts.put(end)

    def _read(self) -> None:
        while not self._is_over():
            self._turn(_WAIT_MS)
        for port in self.ports:
            port.stop_listening()
        # Read what is left in the rings: the kernel hands over a partly filled block after RETIRE_MS.
        until = time.monotonic() + 3 * RETIRE_MS / 1000
        while self._oldest() or time.monotonic() < until:
            self._turn(RETIRE_MS)

    def _turn(self, wait_ms: int) -> None:
        """Decode one block, or wait for one; then do what is due by time, and answer a requested round."""
        port = self._oldest()
        if port is not None:
            self._take(port)
        else:
            wait(self.ports, wait_ms)
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + _TICK_S
            self._tick(is_idle=port is None)
        if self._held:
            self._rounds.ask()
        if self._rounds.is_due(self._number):
            self._rounds.answer(self._number)
            held, self._held = self._held, []
            self.parts.put(self._part([*held, self._decoder.batch()]))

    def _part(self, frames: list[Frames], *, is_final: bool = False) -> Part:
        return Part(frames, is_final, self._handshakes.take() if self._handshakes else None)

    def _oldest(self) -> Port | None:
        """The port whose next block begins first, so that the legs of a TAP stay in order."""
        oldest, since = None, sys.maxsize
        for port in self.ports:
            ready = port.ready_since()
            if ready is not None and ready < since:
                oldest, since = port, ready
        return oldest

    def _take(self, port: Port) -> None:
        port.take()
        if port.count:
            self._note_offset(abs(_microseconds() - int(port.frames[port.count - 1]["time"])))
            self._decoder.heed(int(port.frames[0]["time"]))
        if self._handshakes is not None:
            self._handshakes.add(port)
        first = 0
        while first < port.count:
            first, full = self._decoder.decode(port, first, port.count)
            if full:
                self._held.append(self._decoder.batch())
        port.give_back()

    def _note_offset(self, offset_us: int) -> None:
        before = self.offset_us  # read once: the monitor may set it to None at any moment
        if before is None or offset_us > before:
            self.offset_us = offset_us

    def _tick(self, *, is_idle: bool) -> None:
        if is_idle and self._decoder.pass_time(_microseconds() - _BEHIND_US):
            self._held.append(self._decoder.batch())
        for port in self.ports:
            try:
                port.reopen()
            except (InputError, UsageError):
                continue  # not ready yet: tried again with the next tick; the monitor reports the link


def _microseconds() -> int:
    return time.time_ns() // 1000
