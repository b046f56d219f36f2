"""From packets to leases: the kernels' choice of packets, their budget, and what is told once."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.identity import packets as identity_packets
from sensor.decode.identity.holders import SCHEMA, IdentityReader
from sensor.decode.layout import EVENT, records
from sensor.decode.tcp.messages import IDENTITY
from tests.sensor.decode import craft
from tests.sensor.decode.craft import Frame, Talk, pcap, totals
from tests.sensor.decode.identity import speakers
from tests.sensor.decode.identity.speakers import (
    CLIENT,
    MAC,
    SERVER,
    accounting,
    asked,
    dhcp,
    llmnr,
    mdns,
    netbios,
    ntlm,
    over_tcp,
    over_udp,
    sized,
    smb2,
)


def leases(frames: Sequence[Frame], **options: Any) -> list[dict[str, Any]]:
    return said(craft.decode(pcap(frames), **options)).to_dicts()


def said(got: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The leases without those of hardware addresses, which every packet tells."""
    return got["leases"].filter(pl.col("origin") != "link")


def ticket(user: str, at: float, client: str = CLIENT) -> Frame:
    """The domain controller's answer."""
    return over_udp(speakers.given(user), 88, 50000, at, sender=SERVER, receiver=client)


def held(row: dict[str, Any]) -> timedelta:
    begin, end = row["valid_from"], row["valid_to"]
    assert isinstance(begin, datetime)
    assert isinstance(end, datetime)
    return end - begin


WHO = {"a1": b"ann", "a8": bytes([10, 1, 0, 7]), "a31": b"02-00-00-00-00-0A"}
SAID = {
    "dhcp": (over_udp(dhcp("ack", lease_time=3600, hostname="pc-ann"), 67, 68, sender=SERVER),
             {"mac": MAC, "device": "pc-ann", "confidence": 0.9}),
    "kerberos request": (over_udp(asked("ann"), 50000, 88),
                         {"user_name": "ann@CORP.EXAMPLE", "confidence": 0.4}),
    "kerberos": (ticket("ann", 0), {"user_name": "ann@CORP.EXAMPLE", "confidence": 0.8}),
    "kerberos over tcp": (over_tcp(sized(speakers.given("PC-ANN$")), 88, 50000, sender=SERVER,
                                   receiver=CLIENT),
                          {"device": "pc-ann", "confidence": 0.8}),
    "smb": (over_tcp(smb2(ntlm("ann")), 50000, 445),
            {"user_name": "CORP\\ann", "device": "pc-ann", "confidence": 0.45}),
    "mdns": (over_udp(mdns("pc-ann.local."), 5353, 5353, receiver="224.0.0.251"), {"device": "pc-ann"}),
    "llmnr": (over_udp(llmnr("pc-ann"), 5355, 50000), {"device": "pc-ann"}),
    "netbios": (over_udp(netbios("PC-ANN"), 137, 137, receiver="10.1.0.255"), {"device": "pc-ann"}),
    "radius": (over_udp(accounting(1, **WHO), 50000, 1813, sender="10.1.0.2"),
               {"user_name": "ann", "mac": MAC, "confidence": 0.9}),
}  # fmt: skip


@pytest.mark.parametrize("how", SAID)
def test_each_of_them_becomes_a_lease(how: str) -> None:
    frame, expected = SAID[how]
    (row,) = leases([frame])
    assert row["address"] == CLIENT
    assert {name: row[name] for name in expected} == expected
    assert {row[name] for name in {"user_name", "device", "mac"} - set(expected)} == {None}


def test_ntlm_in_an_http_request() -> None:
    field = "Authorization: NTLM " + base64.b64encode(ntlm("ann")).decode()
    talk = Talk(client=CLIENT, server=SERVER, server_port=80).shake()
    plain = Talk(client="10.1.0.9", server=SERVER, server_port=80).shake()
    frames = plain.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").frames
    frames += talk.send(f"GET / HTTP/1.1\r\nHost: intra.example\r\n{field}\r\n\r\n".encode()).frames
    (row,) = leases(sorted(frames, key=lambda frame: frame.time))
    assert (row["address"], row["user_name"], row["device"]) == (CLIENT, "CORP\\ann", "pc-ann")


def test_a_release_ends_the_lease() -> None:
    ack = over_udp(dhcp("ack", lease_time=3600), 67, 68, sender=SERVER)
    (row,) = leases([ack, over_udp(dhcp("release"), 68, 67, 60)])
    assert held(row) == timedelta(seconds=60)


@pytest.mark.parametrize("batch_bytes", [1 << 26, 700])
def test_what_was_said_is_told_again_after_half_of_its_time_or_when_somebody_else_was_named(
    batch_bytes: int,
) -> None:
    times = (0, 60, 17_000, 18_001, 18_100)
    again = leases([ticket("ann", at) for at in times], batch_bytes=batch_bytes)
    begins = [row["valid_from"] for row in again]
    assert [(b - begins[0]).total_seconds() for b in begins] == [0, 18_001]
    turns = leases([ticket(user, at) for at, user in enumerate(("ann", "bob", "ann", "ann"))],
                   batch_bytes=batch_bytes)  # fmt: skip
    assert [row["user_name"].partition("@")[0] for row in turns] == ["ann", "bob", "ann"]
    # A machine and its user do not displace each other, nor does a request its answer.
    mixed = [ticket("pc$", 0), ticket("ann", 1), ticket("pc$", 2), over_udp(asked("ann"), 50000, 88, 3)]
    assert len(leases(mixed, batch_bytes=batch_bytes)) == 2


#: Errors of RFC 4120 §7.5.9.
UNKNOWN, WRONG_PASSWORD, PREAUTHENTICATE = 6, 24, 25


@pytest.mark.parametrize("batch_bytes", [1 << 26, 700])
def test_a_ticket_that_was_refused_makes_nobody_a_holder(batch_bytes: int) -> None:
    def ask(user: str, port: int, at: float) -> Frame:
        return over_udp(asked(user), port, 88, at)

    def refuse(code: int, port: int, at: float) -> Frame:
        return over_udp(speakers.refused(code), 88, port, at, sender=SERVER, receiver=CLIENT)

    def told(*frames: Frame) -> list[tuple[str, float]]:
        return [(row["user_name"][:3], row["confidence"]) for row in leases(frames, batch_bytes=batch_bytes)]

    assert told(ask("eve", 50000, 0), refuse(UNKNOWN, 50000, 0.01)) == []
    first = (ask("ann", 50000, 1), refuse(PREAUTHENTICATE, 50000, 1.01))
    assert told(*first, ask("ann", 50001, 1.02), refuse(WRONG_PASSWORD, 50001, 1.03)) == []
    # With the right password there is a ticket, and the attempt says nothing besides.
    given = over_udp(speakers.given("ann"), 88, 50001, 1.03, sender=SERVER, receiver=CLIENT)
    assert told(*first, ask("ann", 50001, 1.02), given) == [("ann", 0.8)]
    # The answer of another request, and one that comes much too late, take nothing back.
    assert told(ask("ann", 50000, 0), refuse(UNKNOWN, 50002, 0.01)) == [("ann", 0.4)]
    assert told(ask("ann", 50000, 0), refuse(UNKNOWN, 50000, 9)) == [("ann", 0.4)]
    tcp = over_tcp(sized(asked("eve")), 50000, 88)
    no = over_tcp(sized(speakers.refused(UNKNOWN)), 88, 50000, 0.01, sender=SERVER, receiver=CLIENT)
    assert told(tcp, no) == []


def test_addresses_of_one_link_are_nobodys() -> None:
    for address in ("169.254.7.7", "127.0.0.1"):
        assert leases([over_udp(mdns("pc-ann.local.", address), 5353, 5353, sender=address)]) == []


def test_there_is_a_budget_a_second_and_what_is_over_it_is_counted() -> None:
    over = 50
    frames = [
        over_udp(asked(f"u{n}"), 50000 + n, 88, n / 1e6, sender=f"10.2.{n >> 8}.{n & 255}")
        for n in range(identity_packets.BUDGET_PER_S + over)
    ]
    got = craft.decode(pcap(frames))
    counted = totals(got["coverage"])
    assert (counted["identity_messages"], counted["identity_skipped"]) == (len(frames), over)
    assert said(got).height == identity_packets.BUDGET_PER_S


def test_other_traffic_on_these_ports_says_nothing() -> None:
    ports = (67, 88, 137, 445, 546, 1813, 5353, 5355)
    noise = (b"", b"\0" * 10, b"\xff" * 300, b"\x16\x03\x01" + bytes(200))
    frames = [
        make(data, 50000, port, at)  # type: ignore[operator]
        for at, (make, port, data) in enumerate(itertools.product((over_udp, over_tcp), ports, noise))
    ]
    got = craft.decode(pcap(frames))
    assert said(got).is_empty()
    counted = totals(got["coverage"])
    assert counted["decoded"] == len(frames)
    assert counted["decoder_faults"] == 0


@given(st.lists(st.tuples(st.sampled_from([67, 88, 137, 445, 546, 1813, 5353, 5355, 9]),
                          st.sampled_from(list(SAID)), st.binary(max_size=60), st.integers(0, 200)),
                max_size=8))  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_any_message_on_any_port_is_read(sent: list[tuple[int, str, bytes, int]]) -> None:
    events, arena = records(EVENT, len(sent)), bytearray()
    for n, (port, how, patch, at) in enumerate(sent):
        data = SAID[how][0].data[42:]
        data = data[:at] + patch + data[at + len(patch) :]
        event = events[n]
        event["kind"], event["offset"], event["length"], event["time"] = IDENTITY, len(arena), len(data), n
        event["port"][0], event["port"][1] = 50000, port
        arena += data
    told = IdentityReader().read(np.frombuffer(bytes(arena) or b"\0", np.uint8), events)
    assert told.schema == pl.Schema(SCHEMA)
    assert told["origin"].null_count() == 0
