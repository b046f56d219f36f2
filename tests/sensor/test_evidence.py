"""Evidence without a cable: what waits for a match, how it is sealed, what makes it go away."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from sensor import durable, evidence
from sensor.decode.capture.handshakes import Handshakes, Kept
from sensor.decode.capture.pcap import DESCRIPTORS
from sensor.decode.capture.reader import Capture
from sensor.decode.layout import Bytes, Records
from sensor.errors import LakeError, UsageError
from sensor.evidence import Evidence
from sensor.privacy.audit import AuditLog
from sensor.privacy.keys import Keys
from sensor.store.evidence import Bounds, SealedFiles, expire, files, folder
from sensor.store.lake import Lake
from tests.sensor.decode.craft import CLIENT, SERVER, T0, Frame, Talk, ethernet, file_of, ip, pcap, udp
from tests.sensor.sources.packets.plain import client_hello
from tests.sensor.sources.packets.send import frames as frames_of

NOW = datetime(2026, 11, 26, 10, 59, tzinfo=UTC)
HELLO = client_hello("chatgpt.com")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    Lake(tmp_path / "lake").create()
    return tmp_path / "lake"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "state", "UTC")


class _Block(NamedTuple):
    """A window without lookahead, as a ring's blocks are."""

    data: Bytes
    frames: Records
    count: int


def kept(frames: list[Frame]) -> Kept:
    """What opens connections among frames."""
    content = pcap(frames)
    capture, found = Capture(file_of(content).open(), content), Handshakes()
    while capture.advance():
        found.add(_Block(capture.data, capture.frames, capture.ready))
        capture.drop(capture.ready)
    return found.take()


def sealed(lake: Path, keys: Keys, **bounds: int) -> Evidence:
    return Evidence(SealedFiles(lake, keys.evidence(), "aa", Bounds(**bounds)))


def hits(*ports: int, kind: str = "tls", transport: str = "tcp") -> pl.DataFrame:
    rows = [(CLIENT, port, SERVER, 443, transport, kind) for port in ports]
    columns = ["client", "client_port", "server", "server_port", "transport", "kind"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def talk(port: int, *pieces: bytes) -> list[Frame]:
    one = Talk(port=port).shake()
    for piece in pieces:
        one.send(piece)
    return one.frames


def read(lake: Path, keys: Keys, now: datetime = NOW) -> list[bytes]:
    to = lake.parent / "out.pcap"
    to.unlink(missing_ok=True)
    evidence.read(lake, keys, AuditLog(to.parent), to, now=now)
    return list(frames_of(to.read_bytes())) if to.exists() else []


@pytest.mark.parametrize("cut", [1, 5, 6, 60, len(HELLO) - 1])
def test_a_hello_in_two_segments_is_kept_to_its_end_and_no_further(cut: int) -> None:
    found = kept(talk(1, HELLO[:cut], HELLO[cut:] + b"SECRET", b"SECRET"))
    sizes = found.packets["captured"].tolist()
    # a first segment too short to tell how long the hello is leaves only itself
    expected = [54, 54, 54 + cut, 54 + len(HELLO) - cut] if cut >= 5 else [54, 54]
    assert sizes == expected
    assert b"SECRET" not in found.data.tobytes()


def test_a_connection_matched_in_a_later_batch_is_found(lake: Path, keys: Keys) -> None:
    keeper = sealed(lake, keys)
    keeper.hold(kept(talk(1, HELLO) + talk(2, HELLO)))
    keeper.matched(hits(), NOW)
    keeper.hold(kept(talk(3, HELLO)))
    keeper.matched(hits(1), NOW)
    keeper.matched(hits(1), NOW)  # its next slice brings nothing twice
    assert len(read(lake, keys)) == keeper.packets == 3
    keeper.matched(hits(2, kind="dns"), NOW)
    keeper.matched(hits(2, transport="udp"), NOW)
    assert keeper.packets == 3


def test_half_a_capture_is_never_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk, the file that was there before was gone, and half of the new one lay in its place."""
    to = tmp_path / "out.pcap"
    to.write_bytes(b"of last week")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sensor.durable.os.fsync", full)
    with pytest.raises(LakeError, match="no space left"):
        evidence._write(to, [evidence.Packet(0, 1, 4, b"data")])
    assert to.read_bytes() == b"of last week"
    assert not [path for path in to.parent.iterdir() if path.name.startswith(".out")]


def test_packets_wait_within_bounds(lake: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = sealed(lake, keys)
    keeper.hold(kept(talk(1, HELLO)))
    late = [Frame(f.data, f.time + evidence.WAIT_S + 1) for f in talk(2, HELLO)]
    keeper.hold(kept(late))
    keeper.matched(hits(1, 2), NOW)
    assert (keeper.packets, keeper.missed) == (3, 0)  # what waited too long belongs to no match
    monkeypatch.setattr(evidence, "MEMORY_BYTES", 300)
    for port in (3, 4):
        keeper.hold(kept(talk(port)))  # two packets of 54 bytes
        assert keeper._waiting_bytes <= 300
    keeper.hold(kept(talk(5, HELLO)))
    keeper.matched(hits(3), NOW)
    assert (keeper.packets, keeper.missed) == (3, 7)  # what found no room is counted


def test_one_connection_cannot_fill_the_disk(lake: Path, keys: Keys) -> None:
    syn = Talk(port=1).shake().frames[:1]
    keeper = sealed(lake, keys)
    for n in range(40):
        keeper.hold(kept([Frame(syn[0].data, T0 + n)]))
        keeper.matched(hits(1), NOW)
    assert keeper.packets == evidence.CONNECTION_PACKETS


def test_a_flood_is_counted_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from sensor.decode.capture import handshakes

    monkeypatch.setattr(handshakes, "COUNT", 3)
    found = kept([frame for port in range(1, 5) for frame in Talk(port=port).shake().frames[:1]])
    assert found.packets.size == 3 and found.missed == 1


def test_datagrams_that_begin_with_an_initial() -> None:
    initial = bytes.fromhex("c000000001088394c8f03e5157080000449e") + bytes(1182)
    frames = [Frame(ethernet(ip(CLIENT, SERVER, 17, udp(1, 443, data)))) for data in (initial, bytes(50))]
    assert kept(frames).packets["protocol"].tolist() == [17]


def test_evidence_expires(lake: Path, keys: Keys) -> None:
    keeper = sealed(lake, keys, days=2)
    keeper.hold(kept(talk(1, HELLO)))
    keeper.matched(hits(1), NOW)
    expire(lake, NOW + timedelta(days=2))
    assert len(files(lake)) == 1
    assert read(lake, keys, NOW + timedelta(days=2, hours=1, minutes=1)) == []
    assert files(lake) == []


def test_the_oldest_hour_goes_first(lake: Path, keys: Keys) -> None:
    keeper = sealed(lake, keys, megabytes=1)
    rng = np.random.default_rng(1)
    for hour in range(4):
        SealedFiles(lake, keys.evidence(), "aa", Bounds()).append(
            rng.bytes(400_000), NOW + timedelta(hours=hour)
        )
        keeper.matched(hits(), NOW)
    assert [file.name[:11] for file in files(lake)] == ["20261126T12", "20261126T13"]


def test_a_block_that_found_no_room_is_written_anew(
    lake: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a part of it, no block could be read."""

    def full(handle: int) -> None:
        os.ftruncate(handle, os.fstat(handle).st_size - 1)
        monkeypatch.undo()
        monkeypatch.setattr(durable, "RETRY_S", 0.0)
        raise OSError(errno.ENOSPC, "No space left on device")

    keeper = sealed(lake, keys)
    for port in (1, 2):
        keeper.hold(kept(talk(port, HELLO)))
        monkeypatch.setattr(os, "fsync", full)
        with durable.waiting_for_room(print, lambda: False):
            keeper.matched(hits(port), NOW)
    assert len(read(lake, keys)) == 6


def test_what_was_tampered_with_is_told(lake: Path, keys: Keys, tmp_path: Path) -> None:
    keeper = sealed(lake, keys)
    for port in (1, 2, 3):
        keeper.hold(kept(talk(port, HELLO)))
        keeper.matched(hits(port), NOW)
    (file,) = files(lake)
    whole = file.read_bytes()
    size = 4 + int.from_bytes(whole[:4], "little")
    for damaged, left in (
        (whole[:-1], 6),
        (whole[size:], 0),  # the first block taken away
        (whole[: size + 20] + bytes([whole[size + 20] ^ 1]) + whole[size + 21 :], 3),
        (b"\xff\xff\xff\xff" + whole, 0),
        (whole[:2], 0),
    ):
        file.write_bytes(damaged)
        done = evidence.read(lake, keys, AuditLog(tmp_path), tmp_path / "out.pcap", now=NOW)
        assert done.packets == left and "is damaged, or sealed with another key" in done.problems[0]
    file.write_bytes(whole)
    other = Keys(tmp_path / "other", "UTC")
    with pytest.raises(UsageError, match="no key for evidence"):
        evidence.read(lake, other, AuditLog(tmp_path), tmp_path / "out.pcap", now=NOW)
    other.evidence()
    assert evidence.read(lake, other, AuditLog(tmp_path), tmp_path / "out.pcap", now=NOW).packets == 0
    longer = folder(lake) / file.name.replace("20261203T11", "20991203T11")
    file.rename(longer)  # a file cannot be made to live longer
    assert (
        longer != file
        and evidence.read(lake, keys, AuditLog(tmp_path), tmp_path / "out.pcap", now=NOW).packets == 0
    )


def test_a_block_holds_more_descriptors_than_one_capture_window() -> None:
    many = [frame for port in range(DESCRIPTORS) for frame in Talk(port=1 + port).shake().frames[:2]]
    assert kept(many).packets.size == len(many)
