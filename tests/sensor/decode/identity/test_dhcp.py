"""DHCP and DHCPv6: who got which address, and gave it back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dhcp6 import (
    DUID_LL,
    DUID_UUID,
    DHCP6_RelayReply,
    DHCP6_Release,
    DHCP6_Reply,
    DHCP6_Request,
    DHCP6OptClientFQDN,
    DHCP6OptClientId,
    DHCP6OptIA_NA,
    DHCP6OptIAAddress,
    DHCP6OptRelayMsg,
)

from sensor.decode.identity import dhcp
from sensor.decode.identity.statement import Statement
from tests.sensor.decode.identity.speakers import CLIENT, MAC
from tests.sensor.decode.identity.speakers import dhcp as message

ADDRESS6 = "2001:db8::7"


def lease(device: str | None, held: float | None = 3600.0, **other: object) -> Statement:
    return Statement(CLIENT, "dhcp", 0.9, MAC, None, device, held)._replace(**other)  # type: ignore[arg-type]


def test_the_ack_gives_the_address_and_the_request_the_name() -> None:
    names = dhcp.Names()
    assert dhcp.read(message("request", hostname="PC-Ann.corp.example"), names) == []
    assert dhcp.read(message("ack", lease_time=3600), names) == [lease("pc-ann")]
    assert dhcp.read(message("ack", lease_time=3600, ident=8), names) == [lease(None)]
    assert dhcp.read(message("ack", lease_time=0xFFFFFFFF), names) == [lease("pc-ann", None)]
    assert dhcp.read(message("ack", lease_time=60, hostname="other"), names) == [lease("other", 60.0)]


def test_the_name_may_be_the_full_one_in_either_notation() -> None:
    for full in (b"\0\0\0pc-ann.corp.example", b"\x04\0\0\x06pc-ann\x04corp\0"):
        names = dhcp.Names()
        dhcp.read(message("request", client_FQDN=full), names)
        assert dhcp.read(message("ack", lease_time=3600), names) == [lease("pc-ann")]


def test_what_gives_no_address_is_no_lease() -> None:
    names = dhcp.Names()
    for data in (
        message("offer", lease_time=3600),
        message("nak", address="0.0.0.0"),
        message("ack"),  # the answer to an INFORM
        message("ack", address="0.0.0.0", lease_time=3600),
        message("discover"),
        b"",
    ):
        assert dhcp.read(data, names) == []


def test_a_release_closes() -> None:
    assert dhcp.read(message("release"), dhcp.Names()) == [lease(None, 0.0, closes=True)]


def test_who_declines_an_address_does_not_hold_it() -> None:
    declined = message("decline", requested_addr=CLIENT)
    assert dhcp.read(declined, dhcp.Names()) == [lease(None, 0.0, closes=True)]
    assert dhcp.read(message("decline"), dhcp.Names()) == []


def test_names_that_wait_are_bounded() -> None:
    names = dhcp.Names()
    for ident in range(5000):
        dhcp.read(message("request", hostname="pc", ident=ident), names)
    assert dhcp.read(message("ack", lease_time=60, ident=1), names) == [lease(None, 60.0)]
    assert dhcp.read(message("ack", lease_time=60, ident=4999), names) == [lease("pc", 60.0)]


def six(kind: type, duid: object, valid: int = 3600, fqdn: bytes = b"") -> bytes:
    inner = DHCP6OptIAAddress(addr=ADDRESS6, validlft=valid, preflft=valid)
    packet = kind(trid=9) / DHCP6OptClientId(duid=duid) / DHCP6OptIA_NA(iaid=1, ianaopts=[inner])
    return bytes(packet / DHCP6OptClientFQDN(fqdn=fqdn) if fqdn else packet)


def test_dhcpv6_replies_also_through_a_relay() -> None:
    names, duid = dhcp.Names(), DUID_LL(lladdr=MAC)
    assert dhcp.read6(six(DHCP6_Request, duid, fqdn=b"pc-ann.corp.example"), names) == []
    reply = six(DHCP6_Reply, duid)
    expected = [Statement(ADDRESS6, "dhcp", 0.9, MAC, None, "pc-ann", 3600.0)]
    assert dhcp.read6(reply, names) == expected
    relayed = bytes(DHCP6_RelayReply() / DHCP6OptRelayMsg(message=DHCP6_Reply(reply)))
    assert dhcp.read6(relayed, names) == expected
    unknown = dhcp.read6(six(DHCP6_Reply, DUID_UUID(uuid="0" * 32)), dhcp.Names())
    assert [(said.mac, said.confidence) for said in unknown] == [(None, 0.7)]
    assert dhcp.read6(six(DHCP6_Reply, duid, valid=0), names) == []
    (released,) = dhcp.read6(six(DHCP6_Release, duid), names)
    assert (released.address, released.closes, released.lease_s) == (ADDRESS6, True, 0.0)


@given(st.binary(max_size=400), st.integers(0, 300), st.binary(max_size=30))
@settings(deadline=None, max_examples=200)
def test_anything_is_read(noise: bytes, at: int, patch: bytes) -> None:
    names = dhcp.Names()
    for data in (message("ack", lease_time=60, hostname="pc"), six(DHCP6_Reply, DUID_LL(lladdr=MAC)), noise):
        damaged = data[:at] + patch + data[at + len(patch) :]
        for said in (*dhcp.read(damaged, names), *dhcp.read6(damaged, names)):
            assert said.device is None or (said.device.isprintable() and len(said.device) <= 63)
            assert said.lease_s is None or said.lease_s < 10 * 365 * 86_400
