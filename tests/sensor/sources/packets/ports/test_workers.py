"""Rounds and workers without a kernel: ports that hand out what a test gave them."""

from __future__ import annotations

import threading
import time

import numpy as np
import polars as pl
import pytest

from sensor.decode import layout
from sensor.decode.decoder import Decoder
from sensor.decode.layout import DESCRIPTOR, records
from sensor.errors import InputError
from sensor.sources.packets import live
from sensor.sources.packets.ports import netdev, port_warnings, workers
from sensor.sources.packets.ports.port import Port
from sensor.sources.packets.ports.workers import Part, Rounds, Worker
from tests.sensor.decode.craft import ethernet, ip, udp

START_US = 1_794_200_000_000_000


def test_a_round_is_over_when_all_workers_answered() -> None:
    rounds = Rounds(2)
    assert not rounds.is_due(0)
    rounds.ask()
    rounds.ask()  # the same round
    assert rounds.is_due(0) and rounds.is_due(1)
    rounds.answer(0)
    rounds.ask()
    assert not rounds.is_due(0) and rounds.is_due(1)
    rounds.answer(1)
    assert not rounds.is_due(1)
    rounds.ask()
    assert rounds.is_due(0) and rounds.is_due(1)


def test_rounds_do_not_wait_for_an_ended_worker() -> None:
    rounds = Rounds(2)
    rounds.ask()
    rounds.answer(0)
    rounds.leave(1)
    rounds.ask()
    assert rounds.is_due(0) and not rounds.is_due(1)
    rounds.leave(0)
    rounds.ask()
    assert not rounds.is_due(0)


class FakePort(Port):
    """Blocks of one datagram each, from ever new clients; hears until told not to."""

    def __init__(self, blocks: int) -> None:
        self.blocks, self.is_deaf = blocks, False
        self.name, self.count, self.given = "fake0", 0, 0
        self.reopenings = 0

    def ready_since(self) -> int | None:
        return self.given if self.given < self.blocks else None

    def take(self) -> None:
        sport = 1024 + self.given % 60_000
        client = f"10.{self.given // 60_000}.0.1"
        frame = ethernet(ip(client, "203.0.113.9", 17, udp(sport, 9999, b"x" * 20)))
        self.data, self.count = np.frombuffer(frame, np.uint8).copy(), 1
        self.frames = records(DESCRIPTOR, 1)
        row = self.frames[0]
        row["time"], row["captured"], row["length"] = START_US + self.given, len(frame), len(frame)
        row["link"] = 1

    def give_back(self) -> None:
        self.given, self.count = self.given + 1, 0

    def stop_listening(self) -> None:
        self.is_deaf = True

    def reopen(self) -> bool:
        self.reopenings += 1
        raise InputError("is down", place="fake0")


@pytest.fixture(autouse=True)
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "wait", lambda ports, timeout_ms: time.sleep(0.005))


def observations(parts: list[Part]) -> pl.DataFrame:
    return pl.concat(frames["observations"] for part in parts for frames in part.frames)


def test_packets_left_in_the_rings_at_the_end_are_read() -> None:
    port, over = FakePort(50), threading.Event()
    over.set()
    worker = Worker(0, [port], Decoder((), connections=64), Rounds(1), over.is_set)
    worker.start()
    part = worker.parts.get(timeout=20)
    worker.join()
    assert isinstance(part, Part) and part.is_final and port.is_deaf
    assert observations([part]).height == 50


def test_a_clock_set_back_is_believed_at_once() -> None:
    """Packets had the time of the last one before, until the clock had caught up."""

    class SetBack(FakePort):
        def take(self) -> None:
            super().take()
            self.frames[0]["time"] += self.given * 60_000_000 - (3_000_000_000 if self.given >= 2 else 0)

    worker = Worker(0, [SetBack(4)], Decoder((), connections=64), Rounds(1), lambda: True)
    worker.start()
    part = worker.parts.get(timeout=20)
    worker.join()
    assert isinstance(part, Part)
    times = observations([part])["seen_at"].dt.epoch("s").sort() - START_US // 1_000_000
    assert times.to_list() == [-2880, -2820, 0, 60]


def test_a_part_for_each_round_and_a_final_one() -> None:
    port, over, rounds = FakePort(10), threading.Event(), Rounds(1)
    worker = Worker(0, [port], Decoder((), connections=64), rounds, over.is_set)
    rounds.ask()
    worker.start()
    first = worker.parts.get(timeout=20)
    assert isinstance(first, Part) and not first.is_final
    while port.given < 10:
        time.sleep(0.01)
    rounds.ask()
    second = worker.parts.get(timeout=20)
    assert isinstance(second, Part) and not second.is_final
    coverage = [f["coverage"]["packets"].sum() for part in (first, second) for f in part.frames]
    assert sum(coverage) == 10
    over.set()
    worker.drain()
    worker.join()
    assert port.reopenings >= 1  # and its failure stopped nothing
    assert worker.offset_us is not None and worker.offset_us > 0


def test_a_full_output_requests_a_round() -> None:
    """A table of 64 connections evicts one for each new one: after 200 slices a batch is full."""
    port = FakePort(1000)
    decoder = Decoder((), connections=64, slices=200, batch_rows=200)
    worker = Worker(0, [port], decoder, Rounds(1), lambda: port.given >= 1000)
    worker.start()
    parts: list[Part] = []
    while not parts or not parts[-1].is_final:
        part = worker.parts.get(timeout=20)
        assert isinstance(part, Part)
        parts.append(part)
    worker.join()
    assert len(parts) >= 4
    assert observations(parts).height == 1000


def test_an_error_of_a_worker_reaches_the_collector() -> None:
    class Failing(FakePort):
        def take(self) -> None:
            raise InputError("gone", place="fake0")

    worker = Worker(0, [Failing(1)], Decoder((), connections=64), Rounds(1), lambda: False)
    worker.start()
    worker.drain()
    worker.join()
    worker = Worker(0, [Failing(1)], Decoder((), connections=64), Rounds(1), lambda: False)
    worker.start()
    assert isinstance(worker.parts.get(timeout=20), InputError)
    worker.join()


def test_the_monitor_may_take_the_offset_at_any_moment() -> None:
    class Taken(Worker):
        """Its offset is set to None right after each time it is read."""

        now: int | None = None

        @property
        def offset_us(self) -> int | None:
            offset_us, self.now = self.now, None
            return offset_us

        @offset_us.setter
        def offset_us(self, offset_us: int | None) -> None:
            self.now = offset_us

    worker = Taken(0, [], Decoder((), connections=64), Rounds(1), lambda: True)
    worker.offset_us = 5
    worker._note_offset(9)
    assert worker.now == 9
    worker._note_offset(3)
    assert worker.now is None  # what was taken was larger
    worker._note_offset(4)
    assert worker.now == 4


class WatchedPort(FakePort):
    """A port that the monitor may read too."""

    def offloads(self) -> str | None:
        return ""


@pytest.mark.parametrize("failing", ["capture-0", "capture-1", "capture-monitor", "tell", "offloads"])
def test_a_capture_that_fails_to_start_ends_its_threads(
    failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def start_others(thread: threading.Thread) -> None:
        if thread.name == failing:
            raise RuntimeError("can't start new thread")
        start(thread)

    def tell(line: str) -> None:
        if failing == "tell" or (failing == "offloads" and not line.startswith("listening")):
            raise BrokenPipeError

    monkeypatch.setattr(threading.Thread, "start", start_others)
    monkeypatch.setattr(layout, "CONNECTIONS", 128)
    monkeypatch.setattr(netdev, "missed", lambda name: 0)
    monkeypatch.setattr(port_warnings, "offload_warnings", lambda name, offloads: ["GRO is on"])
    source = live.LiveSource(tell=tell)
    capture = live._Capture([[WatchedPort(1)], [WatchedPort(1)]], source, "")
    with pytest.raises((RuntimeError, BrokenPipeError)):
        list(capture.batches())
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("capture-")]
