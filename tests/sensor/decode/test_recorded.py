"""Recorded captures: names and payload bytes against what the servers' side counted, and against tshark."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pyshark
import pytest
import zstandard
from pyshark.capture.capture import TSharkCrashException

from tests.sensor.decode.craft import ROOT, conserves, decode, totals

CASES = sorted(p.parent for p in (ROOT / "pcaps").glob("*/case.yml") if list(p.parent.glob("*.pcap*")))
ENDPOINTS = ("client", "client_port", "server", "server_port", "transport")


def contents(case: Path) -> list[bytes]:
    """The captures of a case, uncompressed."""
    out = []
    for path in sorted(case.glob("*.pcap*")):
        raw = path.read_bytes()
        if path.suffix == ".zst":
            raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
        out.append(raw)
    return out


def expected_connections(case: Path) -> list[dict[str, Any]]:
    path = case / "expected.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [row for row in rows if "client_port" in row]


def connections(observations: pl.DataFrame) -> pl.DataFrame:
    """Slices added up to connections."""
    return (
        observations.filter(pl.col("started_at").is_not_null())
        .group_by(*ENDPOINTS, "started_at")
        .agg(
            pl.col("bytes_up", "bytes_down", "packets_down").sum(),
            pl.col("host", "ja4").drop_nulls().last(),
        )
    )


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_names_and_bytes_of_the_servers_own_count(case: Path) -> None:
    wanted = expected_connections(case)
    if not wanted:
        pytest.skip(f"{case.name} has no connections to compare")
    result = decode(*contents(case))
    conserves(result["coverage"], totals(result["coverage"])["packets"])
    expected = pl.DataFrame(wanted).with_columns(
        pl.col("started_at").str.to_datetime(time_zone="UTC").cast(pl.Datetime("us", "UTC"))
    )
    both = expected.join(connections(result["observations"]), on=ENDPOINTS, how="left", suffix="_seen")
    near = both.with_columns(apart=(pl.col("started_at") - pl.col("started_at_seen")).abs())
    found = near.filter(pl.col("apart") < pl.duration(seconds=2))
    assert found.height == expected.height
    for side in ("bytes_up", "bytes_down"):
        off = found.filter((pl.col(side) - pl.col(f"{side}_seen")).abs() > 0.01 * pl.col(side))
        assert off.height == 0, off
    # What has no name carried none: a QUIC connection whose first packets were not in the capture, or a
    # protocol without names.
    found = found.filter(pl.col("host").is_not_null() | pl.col("host_seen").is_not_null())
    unnamed = found.filter(pl.col("host_seen").is_null())
    assert (unnamed["transport"] == "udp").all() and unnamed["packets_down"].sum() == 0
    named = found.filter(pl.col("host_seen").is_not_null())
    assert (named["host"] == named["host_seen"]).all()
    assert named.height >= 0.97 * found.height


#: where pyshark finds a name: in which layer, under which field
NAME_FIELDS = (
    ("tls", "handshake_extensions_server_name"),
    ("quic", "tls_handshake_extensions_server_name"),
    ("http", "host"),
)


@pytest.mark.tshark
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", ["split-hello", "upload-3mb", "http-plain", "quic-two-datagram"])
def test_pyshark_reads_the_same_name_in_the_same_connection(name: str, tmp_path: Path) -> None:
    case = ROOT / "pcaps" / name
    if case not in CASES:
        pytest.skip(f"{name} is not recorded")
    raw = contents(case)[0]
    (tmp_path / "capture").write_bytes(raw)
    rows = connections(decode(raw)["observations"]).drop_nulls("host")
    ours = set(rows.select("client", "client_port", "server", "server_port", "host").iter_rows())
    assert ours == set(pyshark_names(tmp_path / "capture"))


def pyshark_names(path: Path) -> Iterator[tuple[str, int, str, int, str]]:
    """Client, its port, server, its port and name of each packet that says one, as Wireshark dissects it."""
    said = "tls.handshake.extensions_server_name or http.host"
    # Python 3.14 makes no loop by itself any more, and pyshark 0.6 does not know that.
    loop = asyncio.new_event_loop() if sys.version_info >= (3, 14) else None
    packets = pyshark.FileCapture(str(path), display_filter=said, keep_packets=False, eventloop=loop)
    for packet in packets:
        network = packet.ipv6 if "ipv6" in packet else packet.ip
        transport = packet[packet.transport_layer]
        names = [packet[layer].get_field(field) for layer, field in NAME_FIELDS if layer in packet]
        (host,) = (str(found).split(":")[0] for found in names if found)
        yield network.src, int(transport.srcport), network.dst, int(transport.dstport), host
    # Killed while it ends by itself, tshark is reaped behind asyncio's back, and pyshark calls that a crash.
    # After a real one, names are missing.
    with suppress(TSharkCrashException):
        packets.close()
