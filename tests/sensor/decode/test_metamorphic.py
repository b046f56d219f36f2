"""The same traffic told differently gives the same rows: order, copies, files, batches, neighbours."""

from __future__ import annotations

import functools
import random
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sensor.decode.kernels import jit
from sensor.decode.quic.protection import V1
from tests.sensor.decode.adversarial import DELIVERIES, QUIC_DELIVERIES, quic_streams, tcp_streams
from tests.sensor.decode.craft import Frame, conserves, decode, pcap, rows_of, totals
from tests.sensor.decode.craft.traffic import poison, shuffled


@functools.cache
def traffic(seed: int = 0) -> list[Frame]:
    """Some of every kind of adversarial stream, each delivery in a second of its own."""
    frames: list[Frame] = []
    made = [tcp_streams(delivery, every=23)[0] for delivery in DELIVERIES]
    made += [quic_streams(delivery, (V1,))[0] for delivery in QUIC_DELIVERIES]
    random.Random(seed).shuffle(made)
    for number, part in enumerate(made):
        # flows of two deliveries share addresses and ports: long enough apart to be two connections
        frames += [Frame(frame.data, frame.time + 400 * number) for frame in part]
    return frames


@functools.cache
def plain(seed: int = 0) -> dict[str, pl.DataFrame]:
    """All rows of the traffic as it is."""
    return decode(pcap(traffic(seed)))


def slower(frames: list[Frame], times: int) -> list[Frame]:
    """The same frames, so many times as far apart."""
    return [Frame(frame.data, frames[0].time + (frame.time - frames[0].time) * times) for frame in frames]


def names_and_totals(tables: dict[str, pl.DataFrame]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Names, payload and packets per pair of endpoints."""
    whole = tables["observations"].group_by("client", "client_port", "server", "server_port").agg(
        pl.col("host").drop_nulls().unique().sort().str.join(","),
        pl.col("bytes_up", "bytes_down", "packets_up", "packets_down").sum(),
    )  # fmt: skip
    return {row[:4]: row[4:] for row in whole.iter_rows()}


@pytest.mark.parametrize("seed", range(2))
def test_order_within_fifty_milliseconds_hides_no_name(seed: int) -> None:
    """Here whole connections are shorter than that: even their SYN may come last."""
    frames = traffic(seed)
    mixed = shuffled(frames, seed)
    assert [f.data for f in mixed] != [f.data for f in frames]
    tables, expected = decode(pcap(mixed)), plain(seed)
    conserves(tables["coverage"], len(frames))
    names = {ends: row[0] for ends, row in names_and_totals(tables).items()}
    assert names == {ends: row[0] for ends, row in names_and_totals(expected).items()}


@pytest.mark.parametrize("seed", range(2))
def test_order_within_fifty_milliseconds_changes_no_total(seed: int) -> None:
    """A mirror port's order, for connections of usual round-trip times."""
    frames = slower(traffic(seed), 20)
    mixed = shuffled(frames, seed)
    assert [f.data for f in mixed] != [f.data for f in frames]
    assert names_and_totals(decode(pcap(mixed))) == names_and_totals(decode(pcap(frames)))


@pytest.mark.parametrize("delay", [0.0, 0.0004, 0.03])
def test_every_frame_twice_changes_no_row(delay: float) -> None:
    """A SPAN that mirrors both directions of a port delivers each frame again within milliseconds."""
    frames, once = traffic(), plain()
    copies = [Frame(frame.data, frame.time + delay) for frame in frames]
    twice = decode(pcap(sorted([*frames, *copies], key=lambda frame: frame.time)))
    conserves(twice["coverage"], 2 * len(frames))
    before = totals(once["coverage"])["duplicates"]
    assert totals(twice["coverage"])["duplicates"] == 2 * before + len(frames) - before
    assert names_and_totals(twice) == names_and_totals(once)
    assert twice["observations"]["host"].null_count() == once["observations"]["host"].null_count()


@pytest.mark.parametrize("seed", range(3))
def test_a_split_at_any_packet_changes_no_row(seed: int) -> None:
    frames = traffic()
    chance = random.Random(seed)
    first, second = sorted(chance.sample(range(1, len(frames)), 2))
    parts = [pcap(frames[:first]), pcap(frames[first:second]), pcap(frames[second:])]
    chance.shuffle(parts)
    assert rows_of(decode(*parts)) == rows_of(plain())


@pytest.mark.parametrize("batch_bytes", [77_777, 333_333, 1 << 20])
def test_the_size_of_batches_changes_no_row(batch_bytes: int) -> None:
    conserves(plain()["coverage"], len(traffic()))
    assert rows_of(decode(pcap(traffic()), batch_bytes=batch_bytes)) == rows_of(plain())


def test_neighbours_are_never_read() -> None:
    frames = traffic()
    wrapped = decode(pcap([g for f in frames for g in (poison(f)[0], f)]))
    conserves(wrapped["coverage"], 2 * len(frames))
    assert rows_of(wrapped)["observations"] == rows_of(plain())["observations"]


def test_any_edit_of_a_decoder_changes_where_its_machine_code_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "decode"
    shutil.copytree(jit.SOURCES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    seen = {jit.fingerprint(folder)}
    sources = sorted(folder.rglob("*.py"))
    assert folder / "tls" / "client_hello.py" in sources
    for number, source in enumerate(sources, 2):
        source.write_text(source.read_text() + "\n")
        seen.add(jit.fingerprint(folder))
        assert len(seen) == number, source.name
    sources[0].rename(folder / "renamed.py")
    assert jit.fingerprint(folder) not in seen
