"""Reads the counters of kernel, network card and links every second, for `coverage` and warnings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import polars as pl

from sensor.schema import REJECTS
from sensor.sources.packets.ports import netdev, port_warnings
from sensor.sources.packets.ports.port import Port
from sensor.sources.packets.ports.readings import Counters, Readings
from sensor.sources.packets.ports.workers import Worker

#: Time between two readings of counters and links.
TICK_S = 1.0


class _Interface:
    """All ports on one interface (one in each worker), with their last readings."""

    def __init__(self, name: str, ports: list[Port], now: float) -> None:
        self.name, self.ports = name, ports
        self.down_s = 0.0
        self._reopened = 0
        self._totals_before = (0, 0, 0)
        self._warnings = port_warnings.PortWarnings(name, now)
        self._missed_before = netdev.missed(name)
        self._last = now
        self.missed = 0

    def read(self, now: float) -> list[str]:
        """Read all counters anew; returns warnings for the user."""
        for port in self.ports:
            port.statistics()
        before, self._totals_before = self._totals_before, self._totals()
        packets, drops, freezes = (a - b for a, b in zip(self._totals_before, before, strict=True))
        link = netdev.link_state(self.name)
        self.down_s += 0.0 if link == netdev.UP else now - self._last
        missed = netdev.missed(self.name)
        self.missed += max(missed - self._missed_before, 0)  # a driver loaded again begins at 0
        self._last, self._missed_before = now, missed
        return [*self._warnings.notice(now, packets, drops, freezes, link), *self._returned()]

    def _returned(self) -> list[str]:
        """A line once all workers listen to an interface that was removed and came back."""
        reopened = min(port.reopened for port in self.ports)
        if reopened == self._reopened:
            return []
        self._reopened = reopened
        return [f"{self.name}: came back, listening to it again"]

    def _totals(self) -> tuple[int, int, int]:
        ports = self.ports
        return sum(p.received for p in ports), sum(p.dropped for p in ports), sum(p.frozen for p in ports)


class Monitor:
    """Reads on a thread of its own, so that a slow disk or a busy decoder does not delay the readings."""

    def __init__(
        self,
        workers: Sequence[Worker],
        tell: Callable[[str], None],
        tick_s: float,
        on_tick: Callable[[], None],
        on_failure: Callable[[], None],
    ) -> None:
        """`on_tick` is called after each reading, every `tick_s` seconds. `on_failure` is called when an
        error ends the thread. `tell` gets warnings for the user."""
        from sensor.decode.capture import ring

        self._ring = ring
        self._workers, self._tell, self._tick_s = workers, tell, tick_s
        self._on_tick, self._on_failure = on_tick, on_failure
        self._failure: BaseException | None = None
        self._ports = [port for worker in workers for port in worker.ports]
        names = dict.fromkeys(port.name for port in self._ports)
        now = time.monotonic()
        self._interfaces = [_Interface(n, [p for p in self._ports if p.name == n], now) for n in names]
        self._readings = Readings()
        self._softnet_before = netdev.softnet_drops()
        self._damaged: dict[str, int] = {}
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="capture-monitor", daemon=True)

    def start(self) -> None:
        """Start the thread; first warn of interfaces that join frames."""
        for interface in self._interfaces:
            self._say(port_warnings.offload_warnings(interface.name, interface.ports[0].offloads()))
        self._thread.start()

    def end(self) -> None:
        """Stop reading; may be called before `start`."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def finish(self) -> None:
        """Read a last time, once all workers have ended."""
        self.end()
        self._read()

    def take(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of `coverage` and `rejects` since the last call."""
        with self._lock:
            return self._readings.take(), self._rejects()

    @property
    def drops(self) -> int:
        """Frames the kernel dropped, on all ports together."""
        return sum(port.dropped for port in self._ports)

    def _run(self) -> None:
        try:
            while not self._ended.wait(self._tick_s):
                self._read()
                self._on_tick()
        except BaseException as error:
            self._failure = error
            self._on_failure()

    def check(self) -> None:
        """Raises the error that ended the thread, if any."""
        if self._failure is not None:
            raise self._failure

    def _read(self) -> None:
        now, wall = time.monotonic(), time.time_ns() // 1000
        for interface in self._interfaces:
            self._say(interface.read(now))
        with self._lock:
            self._readings.add(wall, self._counters(), offset_ms=self._offset_ms(), vlans=self._vlans())

    def _counters(self) -> Counters:
        return Counters(
            kernel_drops=self.drops,
            ring_freezes=sum(port.frozen for port in self._ports),
            nic_missed=sum(interface.missed for interface in self._interfaces),
            softnet_drops=netdev.softnet_drops() - self._softnet_before,
            link_down_s=sum(int(interface.down_s) for interface in self._interfaces),
            excluded=self.count(self._ring.EXCLUDED),
            shortened=self.count(self._ring.SHORTENED),
        )

    def count(self, place: int) -> int:
        """One of the counts of decode/capture/ring.py (`place`), summed over all ports."""
        return sum(int(port.counts[place]) for port in self._ports)

    def _offset_ms(self) -> int | None:
        offsets = []
        for worker in self._workers:
            offset_us, worker.offset_us = worker.offset_us, None
            if offset_us is not None:
                offsets.append(offset_us)
        return round(max(offsets) / 1000) if offsets else None

    def _vlans(self) -> list[int]:
        """VLAN tags seen on all ports together, at most `MAX_VLANS`."""
        seen = (tag for port in self._ports for tag in self._ring.vlans(port.tags))
        return list(dict.fromkeys(seen))[: self._ring.MAX_VLANS]

    def _rejects(self) -> pl.DataFrame:
        rows = []
        for interface in self._interfaces:
            damaged = sum(int(port.counts[self._ring.DAMAGED]) for port in interface.ports)
            fresh = damaged - self._damaged.get(interface.name, 0)
            self._damaged[interface.name] = damaged
            if fresh:
                place, reason = interface.name, "corrupt ring block"
                rows.append(
                    {"rejected_at": datetime.now(UTC), "place": place, "reason": reason, "count": fresh}
                )
        return REJECTS.conform(pl.DataFrame(rows)) if rows else REJECTS.empty()

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._tell(line)
