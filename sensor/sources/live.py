"""Live interfaces: mirror ports and TAP legs, read through rings into one decoder.

One thread reads and decodes, so that a slow disk or a commit does not fill the ring; finished batches
wait in a short queue for whoever stores them. Batches are cut every 30 s also when nothing comes, when an
output of the decoder is full (100,000 rows), and at the end.

A batch is stored when the next one is cut (`pipeline.run` must know which is the last), so a power failure
takes at most a minute with it; a signal takes nothing.

Not done yet: several reading threads (PACKET_FANOUT); a packet filter given by the user (--filter); a new
catalog without a restart (SIGHUP ends a capture, as SIGTERM does); drops inside the network card (only the
kernel's are counted); the exact order of packets of two TAP legs (a leg's block comes up to 60 ms late).
"""

from __future__ import annotations

import hashlib
import io
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import polars as pl

from sensor.errors import UsageError
from sensor.schema import REJECTS
from sensor.settings import PRIVATE_NETWORKS
from sensor.sources import afpacket, watch
from sensor.sources.interface import Batch, File, Input, Proof, Source

if TYPE_CHECKING:
    from sensor.decode.decoder import Decoder

#: Batches are cut this often.
FLUSH_S = 30.0
#: Memory for each interface's ring: what comes during the longest stall of the reader.
RING_BYTES = 64 << 20

#: Readings of counters and links.
_TICK_S = 1.0
#: The longest wait for packets; a signal is answered within it.
_WAIT_MS = 200
#: Without packets the clock follows this machine's, a little behind what may still be in the ring.
_BEHIND_US = 1_000_000
#: Batches that may wait to be stored.
_QUEUE = 2

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LiveSource(Source):
    """Packets from interfaces of this machine; the names of the input's files are theirs."""

    name: ClassVar[str] = "live"
    help: ClassVar[str] = (
        "interfaces of this machine (`shadowai capture eth1`): mirror ports, TAP legs; tried with Linux 6.18"
    )
    vantage: ClassVar[str] = "packets"
    proof: ClassVar[Proof] = Proof(
        host=True, path=True, bytes_up=True, bytes_down=True, action=True, user_agent=True, fingerprint=True
    )

    def __init__(
        self,
        internal_networks: Sequence[str] = PRIVATE_NETWORKS,
        *,
        ring_bytes: int = RING_BYTES,
        exclude: Sequence[str] = (),
        seconds: float | None = None,
        flush_s: float = FLUSH_S,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`exclude` (CIDR) is not looked at; `seconds` bounds the capture; `tell` takes the loud lines."""
        super().__init__(internal_networks)
        self._ring_bytes = ring_bytes
        self._exclude = tuple(exclude)
        self._seconds = seconds
        self._flush_s = flush_s
        self._tell = tell
        self._stopped = threading.Event()
        #: frames decoded, dropped by the kernel, excluded; complete once `read` is over
        self.packets = self.drops = self.excluded = 0
        self.listened_s = 0.0

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """No file is an interface."""
        return 0.0

    def stop(self) -> None:
        """Take what is in the rings, hand on everything, and end; may be called from a signal handler."""
        self._stopped.set()

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """Batches until `stop` or the time is over. Raises UsageError where a port cannot be listened to."""
        return _ahead(self._read([file.name for file in source_input.files]), self.stop)

    def _read(self, names: list[str]) -> Iterator[Batch]:
        from sensor.decode.decoder import Decoder
        from sensor.decode.ring import masks

        decoder, networks = Decoder(self.internal_networks), masks(self._exclude)
        ports: list[afpacket.Port] = []
        try:
            for number, name in enumerate(names):
                ports.append(afpacket.Port(name, number, self._ring_bytes, networks))
            yield from _Capture(ports, decoder, self).batches()
        finally:
            for port in ports:
                port.close()


class _Capture:
    """The loop of one capture: blocks in, batches out, readings every second."""

    def __init__(self, ports: list[afpacket.Port], decoder: Decoder, source: LiveSource) -> None:
        self._ports, self._decoder, self._source = ports, decoder, source
        self._began = began = time.monotonic()
        self._watches = [watch.PortWatch(port.name, began) for port in ports]
        self._sides = watch.SidesWatch()
        self._ends = began + source._seconds if source._seconds else float("inf")
        self._next_flush = began + source._flush_s
        self._next_tick = began + _TICK_S
        self._bytes = 0
        self._cuts = 0
        self._waiting = False  # a batch that whoever stores it holds back until the next one

    def batches(self) -> Iterator[Batch]:
        """Everything from now until the end."""
        self._say([f"listening to {', '.join(port.name for port in self._ports)}"])
        for port in self._ports:
            self._say(watch.about_offloads(port.name, port.offloads()))
        while not self._source._stopped.is_set() and time.monotonic() < self._ends:
            yield from self._turn(_WAIT_MS)
        for port in self._ports:
            port.deafen()
        self._source.listened_s = time.monotonic() - self._began
        # What is left in the rings: a block that is not full is handed over after RETIRE_MS.
        until = time.monotonic() + 3 * afpacket.RETIRE_MS / 1000
        while self._oldest() or time.monotonic() < until:
            yield from self._turn(afpacket.RETIRE_MS)
        self._read_counters()
        self._decoder.end_connections()
        yield self._cut(last=True)

    def _turn(self, wait_ms: int) -> Iterator[Batch]:
        """One block, or a short wait for one; then what the time asks for."""
        port = self._oldest()
        if port is not None:
            yield from self._take(port)
        else:
            afpacket.wait(self._ports, wait_ms)
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + _TICK_S
            self._read_counters()
            if port is None and self._decoder.pass_time(_microseconds() - _BEHIND_US):
                yield self._cut()
        if now >= self._next_flush:
            self._next_flush = now + self._source._flush_s
            # After the last batch with content one empty one follows, so that the former is stored.
            if self._decoder.pending or self._waiting:
                yield self._cut()

    def _oldest(self) -> afpacket.Port | None:
        """The port whose next block begins first, so that the legs of a TAP stay in order."""
        ready = [(since, port) for port in self._ports if (since := port.ready_since()) is not None]
        return min(ready, key=lambda pair: pair[0])[1] if ready else None

    def _take(self, port: afpacket.Port) -> Iterator[Batch]:
        port.take()
        first = 0
        while first < port.count:
            first, full = self._decoder.decode(port, first, port.count)
            if full:
                yield self._cut()
        self._source.packets += port.count
        self._bytes += int(port.frames["length"][: port.count].sum())
        port.give_back()

    def _read_counters(self) -> None:
        now, wall = time.monotonic(), _microseconds()
        for port, watching in zip(self._ports, self._watches, strict=True):
            reading = port.read()
            self._source.drops += reading.drops
            self._decoder.add_drops(reading.drops, wall)
            self._say(watching.notice(now, reading.packets, reading.drops, reading.freezes, reading.link))
        self._source.excluded = sum(port.excluded for port in self._ports)

    def _cut(self, *, last: bool = False) -> Batch:
        """Everything since the last cut. The position counts wire bytes, and cuts so that it always rises."""
        self._cuts += 1
        self._waiting = self._decoder.pending
        frames = self._decoder.batch(last=last)
        frames["rejects"] = self._rejects()
        self._say(self._sides.notice(frames["observations"]))
        return Batch(self._bytes + self._cuts, frames)

    def _rejects(self) -> pl.DataFrame:
        damaged = {port.name: port.damaged for port in self._ports if port.damaged}
        for port in self._ports:
            port.damaged = 0
        rows = [
            {"rejected_at": datetime.now(UTC), "place": name, "reason": "corrupt ring block", "count": count}
            for name, count in damaged.items()
        ]
        return REJECTS.conform(pl.DataFrame(rows)) if rows else REJECTS.empty()

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self._source._tell(line)


def describe_input(names: Sequence[str], sensor: str) -> Input:
    """The input of a capture that begins now: known by machine start, sensor, interfaces and moment."""
    for name in {name for name in names if list(names).count(name) > 1}:
        raise UsageError("named twice", place=name)
    boot = _BOOT_ID.read_text(encoding="ascii") if _BOOT_ID.exists() else ""
    text = "|".join([boot.strip(), sensor, *names, str(time.time_ns())])
    identity = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return Input(tuple(File(name, identity, b"", None, io.BytesIO) for name in names), identity)


def _microseconds() -> int:
    return time.time_ns() // 1000


_Item = Batch | BaseException | None


def _ahead(batches: Iterator[Batch], stop: Callable[[], None]) -> Iterator[Batch]:
    """`batches`, made in a thread of their own, a few ahead; `stop` ends them if nobody wants more."""
    made: queue.Queue[_Item] = queue.Queue(_QUEUE)

    def work() -> None:
        end: BaseException | None = None
        try:
            for batch in batches:
                made.put(batch)
        except BaseException as error:
            end = error
        made.put(end)

    thread = threading.Thread(target=work, name="capture", daemon=True)
    thread.start()
    item: _Item = None
    try:
        while isinstance(item := made.get(), Batch):
            yield item
    finally:
        stop()
        while isinstance(item, Batch):
            item = made.get()
        thread.join()
    if item is not None:
        raise item
