"""Capture files as a source: recognised by content, rotated sets in order, batches at rising positions."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import polars as pl
import pytest

from sensor.decode.capture.formats import first_time
from sensor.schema import TABLES
from sensor.sources.inputs.open import find
from sensor.sources.interface import Input
from sensor.sources.packets.pcap import PcapSource
from tests.sensor.decode.craft import T0, Frame, Talk, block, decode, file_of, pcap, section
from tests.sensor.decode.craft.traffic import mixed_traffic


def test_recognised_by_content_only() -> None:
    for order in ("<", ">"):
        assert PcapSource.recognise(pcap([], order=order)) == 1.0
        assert PcapSource.recognise(section(order)) == 1.0
    for other in (b"", b"\xff\xd8\xff\xe0JFIF", b"#fields\tts", b"\x0a\x0d\x0d\x0a", pcap([])[:10]):
        assert PcapSource.recognise(other) == 0.0


def test_rotated_files_are_one_input_in_time_order() -> None:
    frames = Talk().shake().send(b"x" * 100).reply(b"y").close().frames
    parts = [pcap(frames[k : k + 2]) for k in range(0, len(frames), 2)]
    names = [f"d/trace.pcap{n or ''}{'.bz2' if n < 2 else ''}" for n in range(len(parts))]  # as tcpdump -z
    files = [file_of(part, name) for part, name in zip(parts, names, strict=True)]
    other = file_of(pcap(Talk(port=9).shake().frames), "d/else.pcap")
    elsewhere = file_of(pcap(Talk(port=10).shake().frames), "e/trace.pcap")
    groups = PcapSource.group([*reversed(files), other, elsewhere])
    assert sorted(len(g) for g in groups) == [1, 1, len(parts)]
    assert tuple(files) in groups
    (row,) = decode(*parts)["observations"].to_dicts()
    assert row["bytes_up"] == 100


def test_a_copy_is_not_chained_to_its_original() -> None:
    content = pcap(Talk().shake().frames)
    groups = PcapSource.group([file_of(content, "d/a1.pcap"), file_of(content, "d/a2.pcap")])
    assert [len(g) for g in groups] == [1, 1]


def test_bytes_after_a_compressed_capture_are_reported(tmp_path: Path) -> None:
    """`cat a.pcap.gz b.pcap`: the packed one ends where a record ends."""
    content = pcap(Talk().shake().frames)
    for name, packed in (
        ("a1", gzip.compress(content)),
        ("a2", gzip.compress(content[:-1] + b"x") + content),
    ):
        (tmp_path / name).write_bytes(packed)
    files = find([tmp_path / "a1", tmp_path / "a2"]).files
    frames = [batch.frames for batch in PcapSource().read(Input(tuple(files), "input"))]
    rejects = pl.concat([made["rejects"] for made in frames if "rejects" in made])
    place = f"file 2 of 2, byte {len(content)}"
    assert rejects.select("reason", "place").rows() == [("rubbish after the compressed stream", place)]


def test_a_packed_capture_that_is_cut_has_one_reason(tmp_path: Path) -> None:
    frames = [frame for port in range(1000, 1400) for frame in Talk(port=port).shake().frames]
    packed = gzip.compress(pcap(frames))
    (tmp_path / "cut.pcap.gz").write_bytes(packed[: len(packed) // 2])
    files = find([tmp_path / "cut.pcap.gz"]).files
    made = [batch.frames for batch in PcapSource().read(Input(tuple(files), "input"))]
    rejects = pl.concat([frames["rejects"] for frames in made if "rejects" in frames])
    assert rejects["reason"].to_list() == ["truncated gzip stream"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("snap", "is_told"), [(96, True), (1514, False), (262_144, False), (0, False)])
def test_a_capture_with_a_short_snap_length_is_warned_of(order: str, snap: int, is_told: bool) -> None:
    """A third of its connections had no name, and nobody was told why."""
    length = struct.pack(f"{order}I", snap)
    plain = pcap([], order=order)[:16] + length + pcap([], order=order)[20:]
    blocks = section(order) + block(1, struct.pack(f"{order}HH", 1, 0) + length, order)
    for content in (plain, blocks):
        said = PcapSource.doubt(Input((file_of(content, "a"), file_of(pcap([]), "b")), "input"))
        assert (f"a (+1): recorded with {snap} bytes of each packet" in said) is is_told
    assert PcapSource.doubt(Input((file_of(section(order)),), "input")) == ""


def test_captures_of_the_same_time_are_merged() -> None:
    long = Talk(port=1).shake()
    long.now += 30
    here = pcap(long.send(b"x").frames)
    there = pcap(Talk(port=2).shake().send(b"yy").frames)
    rows = decode(here, there)["observations"]
    assert sorted(rows["bytes_up"].to_list()) == [1, 2]
    assert rows["started_at"].n_unique() == 1


def test_positions_of_batches_rise_and_columns_are_known() -> None:
    content = pcap(mixed_traffic(20))
    batches = list(PcapSource(batch_bytes=5000).read(Input((file_of(content),), "input")))
    positions = [batch.position for batch in batches]
    assert positions == sorted(set(positions))
    assert positions[-1] == len(content)
    assert len(positions) > 5
    again = [b.position for b in PcapSource(batch_bytes=5000).read(Input((file_of(content),), "input"))]
    assert again == positions
    for batch in batches:
        for name, frame in batch.frames.items():
            assert dict(frame.schema) == TABLES[name].dtypes


@pytest.mark.parametrize(
    ("content", "expected"), [(pcap([]), None), (b"junk", None), (pcap(Talk().shake().frames), T0)]
)
def test_first_time(content: bytes, expected: float | None) -> None:
    found = first_time(content)
    assert (found is None) if expected is None else abs((found or 0) / 1e6 - expected) < 0.01


def test_frames_of_other_links_are_counted_by_link() -> None:
    frames = [Frame(bytes(40), T0 + n) for n in range(3)]
    got = decode(pcap(frames, link=147))
    rows = got["rejects"].select("place", "count").rows()
    assert rows == [("link type 147", 3)]
    assert "--engine tshark" in got["rejects"]["reason"][0]
    assert got["coverage"]["undecoded_link"].sum() == 3


def test_frames_of_other_links_are_counted_in_every_section() -> None:
    """`cat a.pcapng b.pcapng`, and a packet of an interface that no block describes."""
    other, known = (block(1, struct.pack("<HHI", link, 0, 0)) for link in (147, 1))
    packet, stray = (block(6, struct.pack("<5I", n, 0, 0, 20, 20) + bytes(20)) for n in (0, 7))
    content = b"".join([section(), other, packet, packet, section(), known, packet, stray])
    rows = decode(content)["rejects"].select("place", "count").rows()
    assert rows == [("interface not described", 1), ("link type 147", 2)]
