"""Captures of other tools: the same packets, whatever holds them, and what is cut or damaged is told."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.capture import conversion
from sensor.decode.capture.formats import CONVERTED, first_time, recognise
from sensor.sources.packets.pcap import PcapSource
from tests.sensor.decode.craft import T0, Frame, Talk, decode, ethernet, pcap, rows_of
from tests.sensor.decode.craft.tls import small_hello

FRAMES = Talk().shake().send(small_hello(b"claude.ai")).reply(bytes(700)).close().frames
#: what a clock of milliseconds can tell
ROUND = [Frame(f.data, T0 + n) for n, f in enumerate(FRAMES)]


def snoop(frames: list[Frame]) -> bytes:
    out = [struct.pack(">8sII", b"snoop\0\0\0", 2, 4)]
    for frame in frames:
        size = (len(frame.data) + 3) & ~3
        times = int(frame.time), round(frame.time % 1 * 1e6)
        out.append(struct.pack(">6I", len(frame.data), len(frame.data), 24 + size, 0, *times))
        out.append(frame.data.ljust(size, b"\0"))
    return b"".join(out)


def iptrace(frames: list[Frame], version: int = 2) -> bytes:
    out = [b"iptrace %d.0" % version]
    for frame in frames:
        counted = 32 if version == 2 else 22
        head = struct.pack(">II", len(frame.data) + counted, int(frame.time)) + bytes(20) + b"\6\0"
        head += bytes(2) + struct.pack(">II", int(frame.time), 0) if version == 2 else b""
        out.append(head + frame.data)
    return b"".join(out)


def erf(frames: list[Frame], kind: int = 2, extensions: bytes = b"") -> bytes:
    out = []
    for frame in frames:
        body = extensions + bytes(2) + frame.data
        seconds = int(frame.time)
        head = struct.pack("<II", round(frame.time % 1 * 2**32), seconds)
        out.append(head + struct.pack(">BBHHH", kind, 4, 16 + len(body), 0, len(frame.data)) + body)
    return b"".join(out)


def by_editcap(kind: str, folder: Path) -> bytes:
    """The frames as another program writes them."""
    (folder / "in.pcap").write_bytes(pcap(ROUND))
    words = ["editcap", "-F", kind, str(folder / "in.pcap"), str(folder / "out")]
    subprocess.run(words, check=True, capture_output=True)
    return (folder / "out").read_bytes()


EXPECTED = rows_of(decode(pcap(ROUND)))


@pytest.mark.parametrize(
    "content",
    [
        snoop(ROUND),
        iptrace(ROUND),
        iptrace(ROUND, 1),
        erf(ROUND),
        erf(ROUND, 0x82, b"\x83" + bytes(7) + bytes(8)),
    ],
    ids=["snoop", "iptrace 2", "iptrace 1", "erf", "erf with extensions"],
)
def test_the_same_rows_from_every_kind(content: bytes) -> None:
    assert PcapSource.recognise(content) == 1.0 and recognise(content) == CONVERTED
    assert first_time(content) == int(T0 * 1e6)
    got = rows_of(decode(content))
    assert len(got["observations"]) == 1
    if not content.startswith((b"snoop", b"iptrace")):  # an ERF record is longer than the frame in it
        got, expected = got["observations"][0][:9], EXPECTED["observations"][0][:9]
        assert got == expected
    else:
        assert got == EXPECTED


@pytest.mark.skipif(shutil.which("editcap") is None, reason="needs editcap")
@pytest.mark.parametrize(
    "kind",
    [
        *("snoop", "netmon1", "netmon2", "ngwsniffer_1_1", "ngwsniffer_2_0"),
        *("modpcap", "nokiapcap", "rh6_1pcap", "suse6_3pcap"),
    ],
)
def test_the_same_rows_as_another_program_writes_them(kind: str, tmp_path: Path) -> None:
    assert rows_of(decode(by_editcap(kind, tmp_path))) == EXPECTED


@pytest.mark.parametrize("content", [snoop(ROUND), iptrace(ROUND), erf(ROUND)])
def test_a_cut_capture_gives_what_is_whole_and_says_so(content: bytes) -> None:
    got = decode(content[:-10])
    assert got["coverage"]["packets"].sum() == len(ROUND) - 1
    assert got["rejects"]["reason"].to_list() == ["truncated capture"]


def test_what_is_none_of_these() -> None:
    for other in (b"", b"snoop", bytes(64), b"\xff" * 64, erf(ROUND)[:60], ethernet(bytes(80))):
        assert conversion.reader(other) is None


HEADS = (
    snoop(ROUND[:2]),
    iptrace(ROUND[:2]),
    iptrace(ROUND[:2], 1),
    erf(ROUND[:3]),
    b"GMBU\0\2\1\0" + bytes(120),
    b"RTSS\1\1\1\0" + bytes(120),
    b"XCP\x00002.000\0" + bytes(116),
)


@given(st.sampled_from(HEADS), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=8))
@settings(max_examples=300, deadline=None)
def test_any_byte_may_be_wrong(content: bytes, wrong: list[tuple[int, int]]) -> None:
    damaged = bytearray(content)
    for at, value in wrong:
        damaged[at % len(damaged)] = value
    head = bytes(damaged)
    if found := conversion.reader(head):
        conversion.first_time(head)
        stream, _ = conversion.as_pcapng(io.BytesIO(head), found)
        assert len(stream.read()) < 100_000
