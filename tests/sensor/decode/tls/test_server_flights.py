"""Certificates from packets: the server's first flight names connections whose hello named nobody."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from tests.sensor.decode.craft import ACK, PSH, T0, Frame, Talk, observe, one
from tests.sensor.decode.craft.tls import (
    AUTHORITY,
    CHAIN,
    DONE,
    FLIGHT,
    HELLO,
    NAMED,
    NAMELESS,
    SHOWN,
    TLS_1_3,
    chain,
    record,
    server_hello,
)
from tests.sensor.decode.craft.tunnels import vxlan

SIX = {"client": "fd00::5", "server": "2001:db8::9"}


def talk_with(flight: bytes, cuts: Sequence[int] = (), order: Sequence[int] | None = None, *,
              hello: bytes = NAMELESS, **ends: Any) -> list[Frame]:  # fmt: skip
    """A hello, and the server's flight cut at `cuts`, its segments in this order."""
    talk = Talk(**ends).shake().send(record(hello))
    pieces = list(itertools.pairwise([0, *cuts, len(flight)]))
    for begin, end in [pieces[n] for n in order or range(len(pieces))]:
        talk.put("down", talk.down + begin, talk.up, PSH | ACK, flight[begin:end])
    return talk.frames


def named(frames: list[Frame]) -> tuple[str | None, str | None]:
    row = one(frames)
    assert row["kind"] == "tls"
    return row["host"], row["name_from"]


@pytest.mark.parametrize("ends", [{}, SIX], ids=["4", "6"])
@pytest.mark.parametrize("segments", [1, 2, 3, 4])
def test_a_flight_in_segments_of_any_order(segments: int, ends: dict[str, str]) -> None:
    cuts = [len(FLIGHT) * n // segments for n in range(1, segments)]
    for order in itertools.permutations(range(segments)):
        assert named(talk_with(FLIGHT, cuts, order, **ends)) == ("shown.example", "certificate"), order


@pytest.mark.parametrize("swapped", [False, True])
def test_cut_at_every_byte(swapped: bool) -> None:
    """One connection per cut, all in one capture."""
    cuts = range(1, len(FLIGHT))
    order = (1, 0) if swapped else (0, 1)
    talks = [talk_with(FLIGHT, [cut], order, port=1024 + cut, now=T0 + cut / 100) for cut in cuts]
    rows = observe(itertools.chain.from_iterable(talks))
    names = {row["client_port"] - 1024: (row["host"], row["name_from"]) for row in rows}
    assert names == dict.fromkeys(cuts, ("shown.example", "certificate"))


@pytest.mark.parametrize("size", [40, 100, 500, 5000])
def test_messages_in_records_of_any_size(size: int) -> None:
    """All messages in one record, or one message in many."""
    whole = HELLO + CHAIN + DONE
    records = b"".join(record(whole[at : at + size]) for at in range(0, len(whole), size))
    assert named(talk_with(records, [len(records) // 2])) == ("shown.example", "certificate")


def test_a_chain_of_more_than_16_kb_begins_with_the_leaf() -> None:
    long = HELLO + chain(SHOWN, *[AUTHORITY] * 80)
    assert len(long) > 20_000
    records = b"".join(record(long[at : at + 16_000]) for at in range(0, len(long), 16_000))
    cuts = range(1400, len(records), 1400)
    assert named(talk_with(records, cuts)) == ("shown.example", "certificate")


def test_in_a_tunnel() -> None:
    frames = [Frame(vxlan(f.data), f.time) for f in talk_with(FLIGHT, [600], (1, 0))]
    assert named(frames) == ("shown.example", "certificate")


def test_a_name_in_the_hello_is_never_replaced() -> None:
    assert named(talk_with(FLIGHT, hello=NAMED)) == ("api.openai.com", "sni")


def test_tls_1_3_shows_none() -> None:
    """What looks like a certificate behind it is no plaintext handshake."""
    assert named(talk_with(record(server_hello(extensions=TLS_1_3)) + record(CHAIN))) == (None, None)


def test_a_flight_whose_end_is_lost_still_has_the_leaf() -> None:
    cut = len(record(HELLO)) + 5 + 4 + 3 + 3 + len(SHOWN) + 10
    assert named(talk_with(FLIGHT[:cut])) == ("shown.example", "certificate")


def test_a_resumed_session_shows_none() -> None:
    assert named(talk_with(record(HELLO) + b"\x14\x03\x03\0\1\1" + record(bytes(40)))) == (None, None)


def test_only_the_servers_direction_was_seen() -> None:
    """One leg of a TAP: there is no hello, the certificate is all there is."""
    talk = Talk().shake().reply(FLIGHT)
    assert named([f for f in talk.frames if f.data[26:30] != bytes([10, 1, 0, 5])]) == (
        "shown.example",
        "certificate",
    )
