"""What the monitor makes of counters: differences, a reject for a damaged interface, loud lines."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sensor.decode.capture import ring
from sensor.sources.packets.ports import monitor, netdev
from sensor.sources.packets.ports.monitor import Monitor
from sensor.sources.packets.ports.port import Port
from sensor.sources.packets.ports.workers import Worker


class QuietPort(Port):
    """Counts what a test says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts, self.tags = np.zeros(ring.COUNTS, np.int64), ring.new_tags()
        self.received = self.dropped = self.frozen = self.reopened = 0

    def statistics(self) -> None:
        """Nothing new: the test has set the totals."""

    def offloads(self) -> str | None:
        return ""


class IdleWorker(Worker):
    """Has ports and does nothing."""

    def __init__(self, *ports: Port) -> None:
        self.ports, self.offset_us = list(ports), None


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The system's own counters, for the test to set."""
    counters = {"missed": 100, "softnet": 50}
    monkeypatch.setattr(netdev, "missed", lambda name: counters["missed"])
    monkeypatch.setattr(netdev, "softnet_drops", lambda: counters["softnet"])
    monkeypatch.setattr(netdev, "link_state", lambda name: "up")
    return counters


def monitor_of(*workers: Worker, lines: list[str] | None = None) -> Monitor:
    said = [] if lines is None else lines
    return Monitor(workers, said.append, monitor.TICK_S, lambda: None, lambda: None)


def test_counters_begin_at_zero_with_the_capture(system: dict[str, int]) -> None:
    one, two = QuietPort("eth1"), QuietPort("eth1")
    workers = IdleWorker(one), IdleWorker(two)
    lines: list[str] = []
    monitor = monitor_of(*workers, lines=lines)
    system |= {"missed": 103, "softnet": 57}
    one.dropped, two.dropped, two.frozen = 2, 3, 1
    one.counts[ring.EXCLUDED], two.counts[ring.SHORTENED] = 11, 13
    workers[1].offset_us = 2_499
    monitor._read()
    coverage, rejects = monitor.take()
    sums = coverage.sum().to_dicts()[0]
    assert (sums["kernel_drops"], sums["ring_freezes"], sums["nic_missed"]) == (5, 1, 3)
    assert (sums["softnet_drops"], sums["excluded"], sums["shortened"]) == (7, 11, 13)
    assert coverage["clock_offset_ms"].to_list() == [2]
    assert rejects.is_empty()
    assert monitor.drops == 5
    (line,) = lines
    assert line.startswith("eth1: DROPS, the kernel dropped 5 packets")
    assert workers[1].offset_us is None
    assert monitor.take()[0].is_empty()


def test_vlans_and_damaged_blocks_of_all_ports_are_collected() -> None:
    left, right = QuietPort("eth1"), QuietPort("eth2")
    monitor = monitor_of(IdleWorker(left, right))
    for port, vlans in ((left, (7, 300)), (right, (300, 4))):
        port.tags[ring.IDS], port.tags[ring.IDS + 1 : ring.IDS + 3] = 2, vlans
    left.counts[ring.DAMAGED] = 4
    monitor._read()
    coverage, rejects = monitor.take()
    assert coverage["vlans"].to_list() == ["7,300,4"]
    assert rejects.select("place", "reason", "count").rows() == [("eth1", "corrupt ring block", 4)]
    assert monitor.take()[1].is_empty()


def test_time_without_link_is_summed_over_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = monitor_of(IdleWorker(QuietPort("eth1"), QuietPort("eth2")))
    monkeypatch.setattr(netdev, "link_state", lambda name: "down")
    for interface in monitor._interfaces:
        interface.read(interface._last + 1.6)
        interface.read(interface._last + 1.6)
    assert monitor._counters().link_down_s == 6


def test_a_monitor_that_fails_ends_the_capture_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()
    monitor = Monitor([IdleWorker(QuietPort("eth1"))], print, 0.01, lambda: None, stopped.set)
    monitor.start()
    monitor.check()

    def failing(name: str) -> int:
        raise OSError("no more")

    monkeypatch.setattr(netdev, "missed", failing)
    assert stopped.wait(20)
    with pytest.raises(OSError, match="no more"):
        monitor.check()
    monitor.end()
