"""The journey as a whole: hostile bytes, any cut of the input, both ways to run, a second opinion."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import dpkt
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.capture import reader
from tests.sensor.decode.craft import (
    CLIENT,
    FRAME,
    ROOT,
    SERVER,
    T0,
    Frame,
    Talk,
    conserves,
    decode,
    ethernet,
    ip,
    pcap,
    rows_of,
    totals,
    udp,
)
from tests.sensor.decode.craft.traffic import mixed_traffic, poison


def test_batches_and_reads_of_any_size_give_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = mixed_traffic()
    content = pcap(frames)
    whole = decode(content)
    conserves(whole["coverage"], len(frames))
    expected = rows_of(whole)
    assert rows_of(decode(content, batch_bytes=77_777)) == expected
    few = pcap(mixed_traffic(6))
    assert rows_of(decode(few, batch_bytes=700)) == rows_of(decode(few))
    monkeypatch.setattr(reader, "CHUNK", 4096)
    assert rows_of(decode(content, batch_bytes=33_333)) == expected


def test_a_capture_split_over_files_gives_the_same_rows() -> None:
    frames = mixed_traffic()
    third = len(frames) // 3
    parts = [pcap(frames[:third]), pcap(frames[third : 2 * third]), pcap(frames[2 * third :])]
    random.Random(1).shuffle(parts)
    assert rows_of(decode(*parts)) == rows_of(decode(pcap(frames)))


def test_interpreted_and_compiled_kernels_agree(tmp_path: Path) -> None:
    """Signedness and overflow differ between the two: the rows must not."""
    content = pcap(mixed_traffic(12))
    path = tmp_path / "capture.pcap"
    path.write_bytes(content)
    script = (
        "import sys, json\n"
        "from pathlib import Path\n"
        "from tests.sensor.decode.craft import decode, rows_of\n"
        "print(json.dumps(rows_of(decode(Path(sys.argv[1]).read_bytes())), default=str))\n"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", script, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(rows_of(decode(content)), default=str))


def test_packets_between_poison_are_read_the_same() -> None:
    frames = mixed_traffic(10)
    cut = [Frame(f.data[: len(f.data) - n % 9], f.time, len(f.data)) for n, f in enumerate(frames)]
    plain = decode(pcap(cut))
    wrapped = decode(pcap([g for f in cut for g in (poison(f)[0], f, poison(f)[1])]))
    assert wrapped["observations"].sort(pl.all()).equals(plain["observations"].sort(pl.all()))


@settings(deadline=None, max_examples=120)
@given(st.lists(st.binary(max_size=200), max_size=12), st.sampled_from([0, 1, 101, 108, 113, 228, 229, 276]))
def test_random_frames_never_raise(frames: list[bytes], link: int) -> None:
    conserves(decode(pcap([Frame(f) for f in frames], link=link))["coverage"], len(frames))


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damaged_frames_never_raise(data: st.DataObject) -> None:
    frames = []
    for frame in data.draw(st.lists(st.sampled_from(_SAMPLES), min_size=1, max_size=10)):
        raw = bytearray(frame.data)
        for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=4)):
            raw[at] = data.draw(st.integers(0, 255))
        kept = data.draw(st.integers(0, len(raw)))
        frames.append(Frame(bytes(raw[:kept]), frame.time, len(raw)))
    conserves(decode(pcap(frames))["coverage"], len(frames))


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=400))
def test_random_files_never_raise(noise: bytes) -> None:
    for head in (pcap([]), pcap([])[:20] + noise[:4]):
        got = decode(head + noise)
        assert got["observations"].height <= len(noise) // 16


_SAMPLES = mixed_traffic(6)


def test_the_traffic_of_these_tests_reaches_every_kind_of_message() -> None:
    rows = decode(pcap(mixed_traffic()))["observations"]
    hosts = set(rows["host"].drop_nulls())
    assert {"plain.example", "quic.example", "llm.example.com", "shown.example", "api.openai.com",
            "parts.example", "segments.example"} <= hosts  # fmt: skip
    lookups = rows.filter(pl.col("kind") == "dns")
    assert set(lookups["transport"]) == {"udp", "tcp"}


class TestClock:
    """Time is a running maximum; a jump of more than an hour must be agreed on."""

    def test_one_wrong_timestamp_is_ignored(self) -> None:
        frames = Talk().shake().send(b"x" * 9).reply(b"y").close().frames
        wild = [Frame(f.data, f.time + (9e7 if n == 3 else 0)) for n, f in enumerate(frames)]
        got = decode(pcap(wild))
        assert got["observations"]["bytes_up"].to_list() == [9]
        assert got["observations"]["duration_s"][0] < 1
        assert totals(got["coverage"])["clock_jumps"] == 1

    def test_a_wrong_first_timestamp_is_ignored_too(self) -> None:
        frames = Talk().shake().send(b"x" * 9).close().frames
        got = decode(pcap([Frame(frames[0].data, T0 + 9e7), *frames[1:]]))
        assert got["observations"]["started_at"][0].timestamp() < T0 + 10

    def test_a_jump_after_a_quiet_night_is_accepted(self) -> None:
        evening = Talk().shake().send(b"x").close().frames
        morning = Talk(now=T0 + 40_000).shake().send(b"y").close().frames
        got = decode(pcap(evening + morning))
        starts = sorted(t.timestamp() for t in got["observations"]["started_at"])
        assert starts[1] - starts[0] > 39_000
        assert totals(got["coverage"])["clock_jumps"] == 0

    def test_the_last_packet_of_a_file_is_believed_within_a_week(self) -> None:
        first, day, year = Frame(FRAME), Frame(FRAME, T0 + 86_400), Frame(FRAME, T0 + 365 * 86_400)
        got = decode(pcap([first]), pcap([day]), pcap([year]))
        starts = [round(t.timestamp() - T0) for t in got["observations"]["started_at"]]
        assert (starts, totals(got["coverage"])["clock_jumps"]) == ([0, 86_400], 1)

    def test_a_clock_set_back_ends_connections(self) -> None:
        late = Talk(now=T0 + 40_000).shake().send(b"x").reply(b"z").close().frames
        early = Talk().shake().send(b"yy").frames
        got = decode(pcap(late + early))
        assert sorted(got["observations"]["bytes_up"].to_list()) == [1, 2]
        assert min(got["observations"]["seen_at"]).timestamp() < T0 + 10


def by_dpkt(content: bytes) -> tuple[Counter[tuple[bytes, bytes]], Counter[tuple[bytes, bytes]]]:
    """Packets and UDP payload bytes per ordered pair of addresses, as dpkt reads them."""
    packets: Counter[tuple[bytes, bytes]] = Counter()
    payload: Counter[tuple[bytes, bytes]] = Counter()
    for _, data in dpkt.pcap.Reader(io.BytesIO(content)):
        network = dpkt.ethernet.Ethernet(data).data
        if isinstance(network.data, (dpkt.tcp.TCP, dpkt.udp.UDP)):
            packets[network.src, network.dst] += 1
            if isinstance(network.data, dpkt.udp.UDP):
                payload[network.src, network.dst] += network.data.ulen - 8
    return packets, payload


def test_dpkt_counts_the_same() -> None:
    chance = np.random.default_rng(5)
    frames = []
    for n in range(400):
        host = f"10.0.{n % 3}.{n % 11}"
        body = chance.bytes(int(chance.integers(1, 900)))
        packet = ip(host, SERVER, 17, udp(40000 + n % 5, 9000, body))
        tags = [(0x8100, 5)] * (n % 3)
        frames.append(Frame(ethernet(packet, tags=tags), T0 + n / 100))
    content = pcap(frames)
    packets, payload = by_dpkt(content)
    rows = decode(content)["observations"].group_by("client").agg(pl.col("packets_up", "bytes_up").sum())
    ours = {client: (p, b) for client, p, b in rows.iter_rows()}
    assert ours == {".".join(map(str, a)): (packets[a, b], payload[a, b]) for a, b in packets}
    assert CLIENT not in ours
