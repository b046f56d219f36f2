"""Captures by way of tshark: the same names as our own decoder, and what only tshark reads."""

from __future__ import annotations

import gzip
import re
import shutil
import struct
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from sensor.cli.main import app
from sensor.errors import UsageError
from sensor.sources import detect
from sensor.sources.inputs import open as opening
from sensor.sources.interface import Batch, Input
from sensor.sources.packets.pcap import PcapSource
from sensor.sources.packets.tshark import TsharkSource
from tests.product import compiled_once
from tests.sensor.decode.craft import CLIENT, SERVER, T0, Frame, Talk, ethernet, ip, pcap, totals, udp
from tests.sensor.decode.craft.tls import small_hello

PCAPS = Path(__file__).parents[4] / "pcaps"
CASES = sorted(path for path in PCAPS.glob("*/*") if ".pcap" in path.suffixes or path.suffix == ".pcapng")
KEY = ("kind", "client", "client_port", "server", "server_port", "transport", "host")

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def read(path: Path, kind: type[TsharkSource | PcapSource] = TsharkSource) -> dict[str, pl.DataFrame]:
    """All rows of a file."""
    files = tuple(opening.find([path]).files)
    batches: list[Batch] = list(kind().read(Input(files, "test")))
    names = {name for batch in batches for name in batch.frames}
    return {n: pl.concat([b.frames[n] for b in batches if n in b.frames]) for n in names}


#: Ports on which tshark 4.0 takes readable HTTP/2 for something else, or does not look; 4.6 sees some of it.
HTTP2_UNSEEN = {"etcd-store": 2379, "ray-cluster": 6379}


def named(tables: dict[str, pl.DataFrame]) -> set[tuple[object, ...]]:
    return set(tables["observations"].filter(pl.col("host").is_not_null()).select(KEY).rows())


@pytest.mark.tshark
@needs_tshark
@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_recorded_cases_give_the_names_of_our_own_decoder(path: Path) -> None:
    theirs, ours = read(path), read(path, PcapSource)
    unseen = HTTP2_UNSEEN.get(path.parent.name)  # (kind, client, its port, server, its port, …)
    assert {row for row in named(ours) if row[4] != unseen} <= named(theirs) <= named(ours)
    assert totals(theirs["coverage"])["packets"] == totals(ours["coverage"])["packets"]
    answers = ("client", "address", "host", "cname")
    told = {row for row in ours["answers"].select(answers).rows() if row[0]}
    assert set(theirs["answers"].select(answers).rows()) == told


@pytest.mark.tshark
@needs_tshark
def test_a_connection_has_its_volume_and_its_client(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    talk = Talk().shake().send(small_hello(b"a.example")).reply(b"y" * 700).close()
    again = Frame(talk.frames[3].data, talk.frames[3].time + 0.3)
    path.write_bytes(pcap(sorted([*talk.frames, again], key=lambda frame: frame.time)))
    (row,) = read(path)["observations"].to_dicts()
    expected = {
        "client": CLIENT, "server": SERVER, "client_port": 40000, "server_port": 443, "host": "a.example",
        "name_from": "sni", "kind": "tls", "transport": "tcp", "bytes_up": len(small_hello(b"a.example")),
        "bytes_down": 700, "total_bytes_down": 700, "slice": 0, "packets_up": 7,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert row["started_at"].timestamp() == pytest.approx(talk.frames[0].time)


@pytest.mark.tshark
@needs_tshark
def test_the_status_is_that_of_the_answer(tmp_path: Path) -> None:
    """Neither that of an interim response nor of a proxy that first wants to know who asks."""
    path = tmp_path / "a.pcap"
    connect, interim = (
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    )
    proxied = (
        Talk(server_port=8080).shake().send(connect).reply(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")
    )
    proxied.send(connect).reply(b"HTTP/1.1 200 OK\r\n\r\n")
    direct = Talk(server_port=80, port=40001, now=T0 + 1).shake()
    direct.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\n").reply(interim)
    direct.send(b"{}").reply(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    path.write_bytes(pcap([*proxied.close().frames, *direct.close().frames]))
    for kind in (TsharkSource, PcapSource):
        assert read(path, kind)["observations"]["status"].to_list() == [200, 201]


@pytest.mark.tshark
@needs_tshark
def test_a_dns_response_without_its_query_names_the_client(tmp_path: Path) -> None:
    """Only the server's direction was captured."""
    path = tmp_path / "a.pcap"
    frames = Talk().shake().send(b"x" * 10).reply(b"y" * 700).close().frames
    path.write_bytes(pcap([f for f in frames if f.data[26:30] != bytes([10, 1, 0, 5])][1:]))
    (row,) = read(path)["observations"].to_dicts()
    assert (row["client"], row["server"], row["bytes_up"], row["bytes_down"]) == (CLIENT, SERVER, 0, 700)


@pytest.mark.tshark
@needs_tshark
@pytest.mark.parametrize(
    ("link", "around"),
    [
        (9, lambda frame: b"\xff\x03\x00\x21" + frame[14:]),  # PPP
        (107, lambda frame: b"\x18\x41\x03\xcc" + frame[14:]),  # Frame Relay
        (105, lambda frame: b"\x08\x01\0\0" + bytes(20) + b"\xaa\xaa\x03\0\0\0" + frame[12:]),  # 802.11
    ],
)
def test_tshark_and_our_decoder_agree_on_common_link_types(tmp_path: Path, link: int, around: object) -> None:
    assert callable(around)
    path = tmp_path / "a.pcap"
    query = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + b"\1q\7example\0\0\1\0\1"
    frames = Talk().shake().send(small_hello(b"odd.example")).close().frames
    frames.append(Frame(ethernet(ip(CLIENT, SERVER, 17, udp(5000, 53, query))), T0 + 9))
    path.write_bytes(pcap([Frame(around(f.data), f.time) for f in frames], link=link))
    for kind in (TsharkSource, PcapSource):
        assert {row[-1] for row in named(read(path, kind))} == {"odd.example", "q.example"}


@pytest.mark.tshark
@needs_tshark
def test_the_hint_about_unknown_link_types_works_as_printed(tmp_path: Path) -> None:
    """Into the same lake, which knows the file as read. Link type 252: what Wireshark exported, here IP."""
    path = tmp_path / "a.pcap"
    exported = struct.pack(">HH4sHH", 12, 4, b"ip\0\0", 0, 0)  # its dissector's name, end of the tags
    frames = Talk().shake().send(small_hello(b"api.openai.com")).close().frames
    path.write_bytes(pcap([Frame(exported + f.data[14:], f.time) for f in frames], link=252))
    compiled_once(tmp_path / "s")
    words = ["scan", str(path), "--lake", str(tmp_path / "l"), "--state", str(tmp_path / "s")]
    first = CliRunner().invoke(app, words)
    advice = re.search(r"link type not taken apart here \(try ([^)]+)\)", first.output)
    assert advice and "0 sightings" in first.output
    second = CliRunner().invoke(app, [*words, *advice[1].split()])
    assert f"{path}: tshark, {len(frames)} packets, 1 sighting" in second.output


@pytest.mark.tshark
@needs_tshark
def test_tshark_reads_compressed_and_reports_cut_and_unreadable_files(tmp_path: Path) -> None:
    content = pcap(Talk().shake().send(small_hello(b"a.example")).close().frames)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    assert {row[-1] for row in named(read(tmp_path / "a.gz"))} == {"a.example"}
    (tmp_path / "cut.pcap").write_bytes(content[:-20])
    cut = read(tmp_path / "cut.pcap")
    assert {row[-1] for row in named(cut)} == {"a.example"}
    assert "cut short" in cut["rejects"]["reason"][0]
    (tmp_path / "text.pcap").write_bytes(b"\xd4\xc3\xb2\xa1 no capture" * 3)
    broken = read(tmp_path / "text.pcap")
    assert broken["observations"].is_empty()
    assert broken["rejects"].height == 1


def test_tshark_is_never_chosen_by_content() -> None:
    content = pcap(Talk().shake().frames)
    assert TsharkSource.recognise(content) == 0
    best, _ = detect.recognise(content)
    assert best is PcapSource


def test_tshark_reads_captures_and_named_files_of_unknown_kind(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(pcap(Talk().shake().frames))
    (tmp_path / "b.trc").write_bytes(b"TRSNIFF data    \x1a" + bytes(40))
    named_files = opening.find([tmp_path / "a.pcap", tmp_path / "b.trc"])
    plan = detect.plan(named_files.files, walked=named_files.walked, captures=TsharkSource)
    assert [kind for kind, _ in plan.inputs] == [TsharkSource, TsharkSource]
    walked = opening.find([tmp_path])
    plan = detect.plan(walked.files, walked=walked.walked, captures=TsharkSource)
    assert [one.name for _, one in plan.inputs] == [str(tmp_path / "a.pcap")]


def test_without_tshark_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(Talk().shake().frames))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(app, ["scan", str(path), "--engine", "tshark", "--lake", str(tmp_path / "l")])
    assert isinstance(done.exception, UsageError)
    assert "not installed" in str(done.exception)
    other = CliRunner().invoke(app, ["scan", str(path), "--engine", "snort", "--lake", str(tmp_path / "l")])
    assert "no engine 'snort'" in str(other.exception)
