"""Captures on interfaces (mirror ports, legs of a TAP) through AF_PACKET rings, and yields decoded batches.

    ring ─ worker ─┐ parts of a round            monitor: every second, counters and links
    ring ─ worker ─┴─ collector ─ Batch          (drops, missed, freezes, silence, VLANs, clock)

Worker threads read and decode; the caller's thread collects their output, so that a slow disk or a commit
does not let the ring overflow. A batch is made every 30 s (even without packets), when the output of a worker
is full (25,000 rows), on request (`flush`), and at the end.

A sensor that is killed loses what is not in a batch yet: at most 30 s of finished rows; the open slice of
each connection (at most 60 s); lookups of the last two minutes; and the open 15-minute buckets of `names`. On
SIGTERM nothing is lost. While the disk is full, a batch waits in memory, and what follows in the rings.

With several workers the kernel distributes connections by a hash of both addresses and ports, which is the
same for both directions. The exception are tunnels whose outer headers differ by direction (VXLAN and GENEVE
choose their source port by the inner connection): then each worker sees one half, so use one worker.

It is not recorded which port saw a connection, because each leg of a TAP carries one direction; so one-sided
traffic is judged over all ports together. The exact order of packets from two legs is unknown, because the
kernel hands over a block up to 60 ms late.
"""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sensor.errors import UsageError
from sensor.settings import PRIVATE_NETWORKS
from sensor.sources.interface import Batch, File, Input, Source
from sensor.sources.packets.leases import PacketLeases
from sensor.sources.packets.ports import bpf, monitor, port_warnings
from sensor.sources.packets.ports.afpacket import Fanout, RingSettings
from sensor.sources.packets.ports.port import Port
from sensor.sources.packets.ports.readings import merged
from sensor.sources.packets.ports.workers import Part, Rounds, Worker

if TYPE_CHECKING:
    from sensor.decode.capture.handshakes import Kept

#: Time between two batches.
FLUSH_S = 30.0
#: Memory for each interface's ring; it must hold the packets that arrive while a reader stalls.
RING_BYTES = 64 << 20

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LiveSource(Source):
    """Packets from interfaces of this machine; the files of the input are named like the interfaces."""

    name = "live"
    help = (
        "interfaces of this machine (`shadowai capture eth1`): mirror ports, TAP legs; tried with Linux 6.18"
    )
    vantage = "packets"
    is_capture = True
    needs_kernels = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent", "fingerprint")

    def __init__(
        self,
        internal_networks: Sequence[str] = PRIVATE_NETWORKS,
        *,
        ring_bytes: int = RING_BYTES,
        exclude: Sequence[str] = (),
        program: bpf.Program | None = None,
        truncate: bool = False,
        outgoing: bool = False,
        workers: int = 1,
        seconds: float | None = None,
        flush_s: float = FLUSH_S,
        tell: Callable[[str], None] = lambda line: None,
        keep: Callable[[Kept], None] | None = None,
    ) -> None:
        """`exclude`: networks (CIDR) whose packets are not decoded. `program`: filter for packets.

        `truncate` replaces `program` by the filter that cuts long packets of servers. `outgoing` also reads
        what this machine sends. `ring_bytes` is the size per interface, `seconds` limits the capture. `tell`
        gets warnings for the user. `keep`, if given, gets the packets that open connections, before the batch
        with these connections is yielded.
        """
        super().__init__(internal_networks)
        self._exclude, self._program, self._truncate = tuple(exclude), program, truncate
        self._outgoing = outgoing
        self.ring_bytes, self.workers, self.flush_s, self.tell = ring_bytes, workers, flush_s, tell
        self._seconds, self.keep = seconds, keep
        self._ends = float("inf")
        self._stopped = threading.Event()
        self._flush_asked = False
        #: frames decoded, dropped by the kernel, excluded; complete once `read` is over
        self.packets = self.drops = self.excluded = 0
        self.listened_s = 0.0

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """0: an interface is no file."""
        return 0.0

    def stop(self) -> None:
        """Read what is in the rings, yield everything, and end; may be called from a signal handler."""
        self._stopped.set()

    def flush(self) -> None:
        """Make a batch within a second; may be called from a signal handler."""
        self._flush_asked = True

    def takes_flush(self) -> bool:
        """True once after each `flush`."""
        asked, self._flush_asked = self._flush_asked, False
        return asked

    def begin(self) -> None:
        """Start the time that `seconds` limits."""
        self._ends = time.monotonic() + self._seconds if self._seconds else float("inf")

    def is_over(self) -> bool:
        """True once nothing more is to be read."""
        return self._stopped.is_set() or time.monotonic() >= self._ends

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """Batches until `stop` is called or the time is over. Raises as `Ring` does if an interface cannot be
        opened."""
        names = [file.name for file in source_input.files]
        ports = _open(names, self.workers, self._ring_settings())
        try:
            yield from _Capture(ports, self, self._features_off(ports[0])).batches()
        finally:
            for port in (port for own in ports for port in own):
                port.close()

    def _features_off(self, ports: Sequence[Port]) -> str:
        """The features that `--truncate` costs; '' if it is off, or if no interface is Ethernet."""
        if not self._truncate:
            return ""
        for port in ports:
            if not port.is_ethernet:
                self.tell(f"{port.name}: not Ethernet, --truncate cuts nothing here")
        return bpf.LOST_WHEN_TRUNCATED if any(port.is_ethernet for port in ports) else ""

    def _ring_settings(self) -> RingSettings:
        from sensor.decode.capture.ring import masks

        program = bpf.TRUNCATE if self._truncate else self._program
        share = self.ring_bytes // self.workers
        return RingSettings(
            share, masks(self._exclude), program, ethernet_only=self._truncate, outgoing=self._outgoing
        )


def _open(names: Sequence[str], workers: int, how: RingSettings) -> list[list[Port]]:
    """The ports of each worker, one on each interface; all or none. Raises what `Ring` does."""
    ports: list[list[Port]] = [[] for _ in range(workers)]
    try:
        for number, name in enumerate(names):
            fanout = Fanout() if workers > 1 else None
            for place, own in enumerate(ports):
                own.append(Port(name, number, how, place, fanout))
        for port in (port for own in ports for port in own):
            port.listen()
    except BaseException:
        for port in (port for own in ports for port in own):
            port.close()
        raise
    return ports


class _Capture:
    """One capture: starts the threads, makes a batch of each round, and ends the threads."""

    def __init__(self, ports: list[list[Port]], source: LiveSource, features_off: str) -> None:
        from sensor.decode.capture.handshakes import Handshakes
        from sensor.decode.decoder import Decoder
        from sensor.decode.layout import CONNECTIONS

        self._source = source
        self._names = [port.name for port in ports[0]]
        self._rounds = Rounds(len(ports))
        connections = CONNECTIONS // len(ports)
        self._workers = [
            Worker(
                n,
                own,
                Decoder(source.internal_networks, connections=connections),
                self._rounds,
                source.is_over,
                Handshakes() if source.keep else None,
            )
            for n, own in enumerate(ports)
        ]
        tick_s = min(monitor.TICK_S, source.flush_s)
        self._features_off = features_off
        self._monitor = monitor.Monitor(self._workers, source.tell, tick_s, self._on_tick, source.stop)
        self._directions = port_warnings.DirectionWarnings()
        self._began = time.monotonic()
        self._next_flush = self._began + source.flush_s
        self._batches_made = 0
        self._leases = PacketLeases(source.vantage)

    def _on_tick(self) -> None:
        """Request a round when one is due, or after `flush`."""
        if self._source.takes_flush() or time.monotonic() >= self._next_flush:
            self._next_flush = time.monotonic() + self._source.flush_s
            self._rounds.ask()

    def batches(self) -> Iterator[Batch]:
        """Everything from now until the end."""
        self._source.begin()
        started: list[Worker] = []
        running: list[Worker] = []
        try:
            for worker in self._workers:
                worker.start()
                started.append(worker)
                running.append(worker)
            self._source.tell(f"listening to {', '.join(self._names)}")
            self._monitor.start()
            while running:
                parts = self._round(running)
                if not running:
                    self._source.listened_s = time.monotonic() - self._began
                    self._monitor.finish()
                yield self._batch(parts, last=not running)
            self._monitor.check()
        finally:
            self._source.stop()
            for worker in running:
                worker.drain()
            for worker in started:
                worker.join()
            self._monitor.end()

    def _round(self, running: list[Worker]) -> list[Part]:
        """A part from each of `running`; workers that have ended are removed from it. Raises the error that
        ended a worker."""
        parts = []
        for worker in list(running):
            part = worker.parts.get()
            if isinstance(part, BaseException):
                running.remove(worker)
                raise part
            if part.is_final:
                running.remove(worker)
            parts.append(part)
        return parts

    def _batch(self, parts: list[Part], *, last: bool) -> Batch:
        """Everything since the last batch. The position is the wire bytes plus the number of batches, so that
        it rises even without packets."""
        from sensor.decode.capture import ring

        self._batches_made += 1
        coverage, rejects = self._monitor.take()
        made = [frames for part in parts for frames in part.frames]
        whole = {name: pl.concat([f[name] for f in made]) for name in ("observations", "answers", "holders")}
        frames = self._leases.put(whole, last=last)
        frames["coverage"] = merged(
            [*(f["coverage"] for f in made), coverage], features_off=self._features_off
        )
        frames["rejects"] = rejects
        for part in parts:
            if self._source.keep is not None and part.handshakes is not None:
                self._source.keep(part.handshakes)
        for line in self._directions.notice(frames["observations"]):
            self._source.tell(line)
        self._source.packets = self._monitor.count(ring.FRAMES)
        self._source.excluded = self._monitor.count(ring.EXCLUDED)
        self._source.drops = self._monitor.drops
        return Batch(self._monitor.count(ring.WIRE_BYTES) + self._batches_made, frames, last=last)


def describe_input(names: Sequence[str], sensor: str) -> Input:
    """The input of a capture that begins now, identified by boot of the machine, sensor, interfaces and
    time."""
    for name in {name for name in names if list(names).count(name) > 1}:
        raise UsageError("named twice", place=name)
    boot = _BOOT_ID.read_text(encoding="ascii") if _BOOT_ID.exists() else ""
    text = "|".join([boot.strip(), sensor, *names, str(time.time_ns())])
    identity = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return Input(tuple(File(name, identity, b"", None, io.BytesIO) for name in names), identity)
