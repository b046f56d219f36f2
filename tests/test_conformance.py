"""The comparison with tshark: on the recorded cases nothing differs, and no file can stop it."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import struct
from pathlib import Path

import pytest

from tests import conformance
from tests.sensor.decode.craft import Frame, Talk, ethernet, ip, pcap, udp
from tests.sensor.decode.craft.tls import small_hello

PCAPS = Path(__file__).parents[1] / "pcaps"
SECONDS = 120.0

#: Cases whose names are lookups alone: no connection has one.
WITH_LOOKUPS = ("nfs-beside-training", "torch-distributed")
#: Readable HTTP/2 on ports where tshark takes it for something else, or does not look.
HTTP2_UNSEEN = {"etcd-store": ":2379/tcp ", "ray-cluster": ":6379/tcp "}

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


@pytest.mark.tshark
@needs_tshark
@pytest.mark.parametrize("path", list(conformance.captures(PCAPS)), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_recorded_names_and_bytes_are_those_of_tshark(path: Path) -> None:
    result = conformance.compare(path, SECONDS, apart=False)
    rows = (path.parent / "expected.jsonl").read_text().splitlines()
    asked = path.parent.name in WITH_LOOKUPS
    assert (result.ours > 0) == (asked or any(json.loads(row)["host"] for row in rows))
    extra = [name for name in result.extra if HTTP2_UNSEEN.get(path.parent.name, "-") not in name]
    assert not extra, conformance.line(result, PCAPS)
    assert not (result.missing or result.volumes or result.failure), conformance.line(result, PCAPS)


@pytest.mark.tshark
@needs_tshark
def test_no_file_stops_the_comparison(tmp_path: Path) -> None:
    named = pcap(Talk().shake().send(small_hello(b"a.example")).close().frames)
    files = {
        "named.pcap": named,
        "packed.bin.gz": gzip.compress(named),
        "cut.pcap": named[:-30],
        "empty.pcap": b"",
        "text.pcap": b"no capture at all\n" * 9,
        "headless.pcapng": bytes.fromhex("0a0d0d0a"),
        "noise.pcap": named[:24] + random.Random(1).randbytes(3000),
        "link.pcap": named[:20] + struct.pack("<I", 250) + named[24:],
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "notes.txt").write_text("not looked at")
    captures = list(conformance.captures(tmp_path))
    results = {path.name: conformance.compare(path, SECONDS, apart=False) for path in captures}
    assert set(results) == set(files)
    assert not any(result.failure for result in results.values())
    assert {name for name, result in results.items() if result.both} == {
        "named.pcap", "packed.bin.gz", "cut.pcap",
    }  # fmt: skip


@pytest.mark.tshark
@needs_tshark
def test_a_difference_is_told(tmp_path: Path) -> None:
    query = struct.pack(">HHHHHH", 1, 0x100, 1, 0, 0, 0) + b"\x01a\x07example\x00\x00\x01\x00\x01"
    path = tmp_path / "multicast.pcap"
    path.write_bytes(pcap([Frame(ethernet(ip("10.0.0.1", "10.0.0.2", 17, udp(4000, 53, query))))]))
    theirs = conformance.tshark(path, SECONDS)
    assert dict(theirs.names) == {("10.0.0.1", 4000, "10.0.0.2", 53, "udp"): {"a.example"}}
    mine = conformance.ours(path, SECONDS)
    assert dict(mine.names) == dict(theirs.names)
    blind = conformance.Result("x", missing=["a"])
    assert blind.differs


def test_an_endless_reading_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([Frame(ethernet(b""))]))
    assert "more than" in conformance.ours(path, 0.01).trouble


def test_the_union_of_sequence_ranges_survives_overlap_disorder_and_wrap() -> None:
    top = (1 << 32) - 10
    assert conformance._union([(top, 20), (10, 5), (top, 20), (5, 10)]) == 25
    assert conformance._union([(100, 10), (50, 10), (105, 10)]) == 25


def test_names_are_compared_without_what_is_only_spelling() -> None:
    assert conformance.canonical("API.Example.com.") == "api.example.com"
    assert conformance.canonical("h.example:8443", port=True) == "h.example"
    assert conformance.canonical("b\\xc3\\xbcro") == conformance.canonical("büro") == "b?ro"
