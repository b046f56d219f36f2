"""dnstap: frame streams made by hand, every kind of message, broken frames, and the recorded sample."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import schema
from sensor.sources import dnstap
from sensor.sources.dnstap import DnstapSource
from sensor.sources.interface import File, Input
from sensor.sources.logs.text.reasons import RESOLVERS_OWN
from tests.beside import LOG_SAMPLES

SAMPLE = LOG_SAMPLES / "dnstap" / "dnscollector-dnstap.fstrm"
START = b"\0\0\0\0" + struct.pack(">III", 34, 2, 1) + struct.pack(">I", 22) + b"protobuf:dnstap.Dnstap"
STOP = b"\0\0\0\0" + struct.pack(">II", 4, 3)
AT_S = 1_700_000_000
CLIENT, RESOLVER = bytes([10, 1, 0, 7]), bytes([10, 1, 0, 53])


def varint(number: int) -> bytes:
    """Base 128, least significant group first (protobuf encoding)."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes, *, fixed: bool = False) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return (
        varint(number << 3 | 5) + struct.pack("<I", value) if fixed else varint(number << 3) + varint(value)
    )


def question(host: str = "chat.example.com", kind: int = 1, ident: int = 7) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in host.split("."))
    return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def answer(address: bytes, rcode: int = 0) -> bytes:
    body = bytearray(question())
    body[2:4] = struct.pack(">H", 0x8180 | rcode)
    if not address:
        return bytes(body)
    body[6:8] = struct.pack(">H", 1)
    return bytes(body) + b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 300, len(address)) + address


def message(kind: int, wire: bytes, *, protocol: int = 1, client: bytes = CLIENT, at_s: int = AT_S) -> bytes:
    is_answer = kind % 2 == 0
    parts = field(1, kind) + field(2, 1 if len(client) == 4 else 2) + field(3, protocol)
    parts += field(4, client) + field(5, RESOLVER) + field(6, 40_000) + field(7, 53)
    parts += field(8, at_s) + field(9, 250_000_000, fixed=True)
    if is_answer:
        parts += field(12, at_s) + field(13, 500_000_000, fixed=True) + field(14, wire)
    else:
        parts += field(10, wire)
    frame = field(1, b"ns1") + field(2, b"test 1") + field(14, parts) + field(15, 1)
    return struct.pack(">I", len(frame)) + frame


def read(data: bytes) -> dict[str, pl.DataFrame]:
    """All tables of a stream, conformed."""
    file = File("x.fstrm", "id", data[: 64 * 1024], len(data), lambda: io.BytesIO(data))
    tables: dict[str, list[pl.DataFrame]] = {}
    position = 0
    for batch in DnstapSource().read(Input((file,), "id")):
        assert batch.position > position
        position = batch.position
        for name, frame in batch.frames.items():
            tables.setdefault(name, []).append(getattr(schema, name.upper()).conform(frame))
    return {name: pl.concat(frames) for name, frames in tables.items()}


def test_question_and_answer_are_one_row() -> None:
    tables = read(START + message(5, question()) + message(6, answer(bytes([203, 0, 113, 5]))) + STOP)
    (row,) = tables["observations"].rows(named=True)
    assert row["seen_at"] == datetime.fromtimestamp(AT_S + 0.25, UTC)
    assert (row["kind"], row["host"], row["action"]) == ("dns", "chat.example.com", "allowed")
    assert (row["client"], row["client_port"]) == ("10.1.0.7", 40_000)
    assert (row["server"], row["server_port"], row["transport"]) == ("10.1.0.53", 53, "udp")
    assert tables["answers"].select("client", "address", "host", "ttl_s").rows() == [
        ("10.1.0.7", "203.0.113.5", "chat.example.com", 300)
    ]
    assert tables["coverage"].select("records", "rejected").rows() == [(2, 0)]


@pytest.mark.parametrize(("wire", "action"), [
    (answer(b"", rcode=5), "blocked"),
    (answer(bytes(4)), "blocked"),
    (answer(bytes([203, 0, 113, 5])), "allowed"),
])  # fmt: skip
def test_responses_alone_tell_what_was_blocked(wire: bytes, action: str) -> None:
    assert read(START + message(6, wire) + STOP)["observations"]["action"].to_list() == [action]


def test_what_the_resolver_asks_upstream_is_set_aside() -> None:
    kinds = (1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13, 14)
    tables = read(START + b"".join(message(kind, question()) for kind in kinds) + STOP)
    assert tables["observations"].is_empty()
    assert tables["rejects"].select("reason", "count").rows() == [(RESOLVERS_OWN, len(kinds))]
    assert tables["coverage"]["rejected"].sum() == 0


def test_ipv6_clients_and_encrypted_transports() -> None:
    client = bytes.fromhex("20010db8000000000000000000000007")
    tables = read(START + message(5, question(), protocol=4, client=client) + STOP)
    assert tables["observations"].select("client", "transport").rows() == [("2001:db8::7", "tcp")]


def test_broken_frames_are_counted() -> None:
    torn = message(5, question())[:-30]
    frame = field(14, b"\x08")
    data = START + struct.pack(">I", len(frame)) + frame + message(5, b"\0" * 20) + torn
    tables = read(data)
    reasons = dict(tables["rejects"].select("reason", "count").rows())
    assert reasons == {dnstap.UNREADABLE: 1, dnstap.NO_QUESTION: 1, "ends in the middle of a frame": 1}
    assert read(START + struct.pack(">I", 1 << 30))["rejects"]["reason"].to_list() == [dnstap.TOO_LONG]


def test_frames_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    data = START + b"".join(message(5, question(f"h{n}.example.com", ident=n)) for n in range(60)) + STOP
    whole = read(data)["observations"].sort("host")
    monkeypatch.setattr(dnstap, "CHUNK_BYTES", 1000)
    assert read(data)["observations"].sort("host").equals(whole)
    assert whole.height == 60


def test_recognised_by_its_content_type() -> None:
    assert DnstapSource.recognise(START) == 1.0
    assert DnstapSource.recognise(b"\0" * 64) == 0.0
    assert DnstapSource.recognise(START.replace(b"dnstap.Dnstap", b"other.Message")) == 0.0


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_after_the_start_are_read_or_counted(tail: bytes) -> None:
    read(START + tail)
    tables = read(START + struct.pack(">I", len(tail)) + tail)
    if tail:
        assert tables["observations"].height + tables["rejects"]["count"].sum() >= 1


@given(st.binary(max_size=80))
def test_any_protobuf_gives_fields_inside_it(content: bytes) -> None:
    data = np.frombuffer(content + bytes(16), np.uint8)
    found = dnstap.fields(data, np.array([0]), np.array([len(content)]), (1, 14))
    for one in found.values():
        assert one.size[0] <= 0 or one.value[0] + one.size[0] <= len(content)


@pytest.mark.skipif(not SAMPLE.exists(), reason="no samples here")
def test_recorded_sample() -> None:
    tables = read(SAMPLE.read_bytes())
    assert tables["observations"].select("client", "host", "action").rows() == [
        ("172.19.0.1", "www.google.com", "allowed")
    ]
    assert tables["answers"]["address"].to_list() == ["216.58.213.68"]
