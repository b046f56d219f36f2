"""DNS over UDP: each question once, every address it was answered with."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sensor.decode.craft import T0, Frame, conserves, decode, ethernet, ip, pcap, udp

RESOLVER, ASKER = "10.0.0.53", "10.0.2.1"
Answer = tuple[bytes, int, bytes]


def name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def message(
    host: bytes, *, ident: int = 7, kind: int = 1, answers: list[Answer] | None = None, rcode: int = 0
) -> bytes:
    flags = 0x0100 if answers is None else 0x8180 | rcode
    head = struct.pack(">HHHHHH", ident, flags, 1, len(answers or []), 0, 0)
    records = b"".join(
        owner + struct.pack(">HHIH", t, 1, 300, len(data)) + data for owner, t, data in answers or []
    )
    return head + host + struct.pack(">HH", kind, 1) + records


def question(data: bytes, at: float = 0, port: int = 5353) -> Frame:
    return Frame(ethernet(ip(ASKER, RESOLVER, 17, udp(port, 53, data))), T0 + at)


def answer(data: bytes, at: float = 0.01, port: int = 5353) -> Frame:
    return Frame(ethernet(ip(RESOLVER, ASKER, 17, udp(53, port, data))), T0 + at)


HOST = name("API.OpenAI.com")
POINTER = b"\xc0\x0c"


def test_a_lookup_is_one_row_and_its_addresses_are_answers() -> None:
    alias = name("x.cdn.example")
    reply = message(HOST, answers=[
        (POINTER, 5, alias),
        (alias, 1, bytes([104, 18, 1, 1])),
        (alias, 28, bytes.fromhex("20010db8000000000000000000000001")),
    ])  # fmt: skip
    got = decode(pcap([question(message(HOST)), answer(reply)]))
    (row,) = got["observations"].to_dicts()
    assert (row["kind"], row["host"], row["name_from"], row["action"]) == (
        "dns",
        "api.openai.com",
        "qname",
        "allowed",
    )
    assert (row["client"], row["server"], row["server_port"], row["transport"]) == (
        ASKER,
        RESOLVER,
        53,
        "udp",
    )
    assert (row["cname"], row["started_at"], row["slice"], row["bytes_up"]) == (
        "x.cdn.example",
        None,
        None,
        None,
    )
    answers = got["answers"].select("client", "address", "host", "cname", "ttl_s").rows()
    assert answers == [
        (ASKER, "104.18.1.1", "api.openai.com", "x.cdn.example", 300),
        (ASKER, "2001:db8::1", "api.openai.com", "x.cdn.example", 300),
    ]
    conserves(got["coverage"], 2)


def test_hints_of_https_records_are_answers_too() -> None:
    hints = struct.pack(">H", 1) + b"\0" + struct.pack(">HH", 1, 3) + b"\x02h3"
    hints += struct.pack(">HH4s4s", 4, 8, bytes([1, 2, 3, 4]), bytes([1, 2, 3, 5]))
    hints += struct.pack(">HH", 6, 16) + bytes(15) + b"\x07"
    got = decode(pcap([answer(message(HOST, kind=65, answers=[(POINTER, 65, hints)]))]))
    assert got["answers"]["address"].to_list() == ["1.2.3.4", "1.2.3.5", "::7"]


@pytest.mark.parametrize(
    ("answers", "rcode", "action"),
    [
        ([], 3, "blocked"),
        ([], 5, "blocked"),
        ([(POINTER, 1, bytes(4))], 0, "blocked"),
        ([(POINTER, 28, bytes(16))], 0, "blocked"),
        ([], 0, "allowed"),
        ([], 2, "allowed"),
        ([(POINTER, 1, bytes(4)), (POINTER, 1, bytes([1, 1, 1, 1]))], 0, "allowed"),
    ],
)
def test_blocked_is_told_from_the_answer(answers: list[Answer], rcode: int, action: str) -> None:
    frames = [question(message(HOST)), answer(message(HOST, answers=answers, rcode=rcode))]
    assert decode(pcap(frames))["observations"]["action"].to_list() == [action]


def test_repeated_questions() -> None:
    asked = message(HOST)
    same_lookup = [question(asked), question(asked, 1.0), question(asked, 3.0)]
    assert decode(pcap(same_lookup))["observations"].height == 1
    later = [question(asked), question(asked, 9.0)]
    assert decode(pcap(later))["observations"].height == 2
    other_id = [question(asked), question(message(HOST, ident=8), 0.001)]
    assert decode(pcap(other_id))["observations"].height == 2


def test_an_answer_alone_still_shows_the_question() -> None:
    reply = message(HOST, answers=[(POINTER, 1, bytes([9, 9, 9, 9]))])
    (row,) = decode(pcap([answer(reply)]))["observations"].to_dicts()
    assert (row["client"], row["host"]) == (ASKER, "api.openai.com")


def test_a_label_cannot_pretend_to_be_two() -> None:
    hostile = bytes([14]) + b"api.openai.com" + b"\0"
    row = decode(pcap([question(message(hostile))]))["observations"].to_dicts()[0]
    assert row["host"] == "api\\046openai\\046com"


def test_loops_and_overlong_names_give_nothing() -> None:
    for hostile in (b"\xc0\x0c", b"\x01a\xc0\x0c", (b"\x3f" + b"a" * 63) * 5 + b"\0", b"\x40abc\0", b"\0"):
        got = decode(pcap([question(message(hostile))]))
        assert got["observations"].height == 0
        conserves(got["coverage"], 1)


def test_other_traffic_on_port_53_stays_a_flow() -> None:
    row = decode(pcap([question(b"\xff" * 40)]))["observations"].to_dicts()[0]
    assert (row["kind"], row["server_port"], row["bytes_up"]) == ("flow", 53, 40)


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=120), st.integers(0, 90), st.binary(max_size=6))
def test_damaged_messages_never_raise(tail: bytes, at: int, patch: bytes) -> None:
    reply = message(
        HOST, answers=[(POINTER, 5, name("a.b")), (POINTER, 1, bytes(4)), (POINTER, 65, bytes(30))]
    )
    damaged = reply[:at] + patch + reply[at + len(patch) :]
    frames = [answer(damaged), answer(reply[:at]), answer(reply[:12] + tail)]
    conserves(decode(pcap(frames))["coverage"], 3)
