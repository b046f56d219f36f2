"""OpenVPN: status files of three versions, addresses learned and given up in the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.formats.openvpn import OpenvpnFormat
from tests.sensor.sources.logs.formats.reading import leases_of, read, rows

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ONE = (
    "OpenVPN CLIENT LIST\nUpdated,Sun Nov 22 10:00:00 2026\n"
    "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since\n"
    "ann,198.51.100.4:51820,1024,4096,Sun Nov 22 09:00:00 2026\nROUTING TABLE\n"
    "Virtual Address,Common Name,Real Address,Last Ref\n"
    "10.8.0.6,ann,198.51.100.4:51820,Sun Nov 22 09:59:00 2026\n"
    "GLOBAL STATS\nMax bcast/mcast queue length,0\nEND\n"
)
TWO = (
    "TITLE,OpenVPN 2.6.8 x86_64-pc-linux-gnu\nTIME,2026-11-22 10:00:00,1795341600\n"
    "HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Virtual IPv6 Address,Bytes Received,Bytes Sent,"
    "Connected Since,Connected Since (time_t),Username,Client ID,Peer ID,Data Channel Cipher\n"
    "CLIENT_LIST,laptop-1,198.51.100.4:51820,10.8.0.6,2001:db8::6,1024,4096,2026-11-22 09:00:00,1795338000,ann,0,0,x\n"
    "CLIENT_LIST,bob,198.51.100.5:51820,10.8.0.7,,1024,4096,2026-11-22 09:30:00,1795339800,UNDEF,1,1,x\n"
    "HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)\n"
    "ROUTING_TABLE,10.8.0.6,laptop-1,198.51.100.4:51820,2026-11-22 09:59:00,1795341540\n"
    "GLOBAL_STATS,Max bcast/mcast queue length,0\nEND\n"
)
PEER = "ann/198.51.100.4:51820"


def leases(text: str) -> pl.DataFrame:
    return leases_of(OpenvpnFormat, "".join(line + "\n" for line in text.splitlines() if line != "END"))


def log(minute: int, text: str) -> str:
    return f"<29>Nov 22 10:{minute:02}:00 openvpn[831]: {text}\n"


def test_status_of_version_1() -> None:
    text = "\n".join(
        line for line in ONE.splitlines() if not line.startswith(("Common", "Virtual", "ROUTING", "GLOBAL"))
    )
    assert leases(text).select("address", "user_name", "valid_from", "valid_to", "origin").rows() == [
        ("10.8.0.6", "ann", TEN - HOUR, TEN, "vpn")
    ]


@pytest.mark.parametrize("separator", [",", "\t"])
def test_status_of_versions_2_and_3(separator: str) -> None:
    found = leases(TWO.replace(",", separator))
    assert found.select("address", "user_name", "valid_from", "valid_to").rows() == [
        ("10.8.0.6", "ann", TEN - HOUR, TEN),
        ("2001:db8::6", "ann", TEN - HOUR, TEN),
        ("10.8.0.7", "bob", TEN - HOUR / 2, TEN),
    ]


def test_learned_addresses_are_held_until_the_instance_exits() -> None:
    text = (
        log(0, "198.51.100.4:51820 [ann] Peer Connection Initiated with [AF_INET]198.51.100.4:51820")
        + log(1, f"{PEER} MULTI: Learn: 10.8.0.6 -> {PEER}")
        + log(1, f"{PEER} MULTI: Learn: 2001:db8::6 -> {PEER}")
        + log(2, "bob/198.51.100.5:51820 MULTI: Learn: 10.8.0.7 -> bob/198.51.100.5:51820")
        + log(2, "bob/198.51.100.5:51820 MULTI: Learn: 10.9.0.0/24 -> bob/198.51.100.5:51820")
        + log(30, f"{PEER} SIGTERM[soft,remote-exit] received, client-instance exiting")
        + log(31, "carol/198.51.100.6:51820 SIGTERM[soft,remote-exit] received, client-instance exiting")
    )
    assert leases(text).select("address", "user_name", "valid_from", "valid_to").rows() == [
        ("10.8.0.6", "ann", TEN + MINUTE, TEN + 30 * MINUTE),
        ("2001:db8::6", "ann", TEN + MINUTE, TEN + 30 * MINUTE),
        ("10.8.0.7", "bob", TEN + 2 * MINUTE, TEN + 2 * MINUTE + 10 * HOUR),
    ]


def test_log_files_of_their_own() -> None:
    text = f"Sun Nov 22 10:00:00 2026 us=285967 {PEER} MULTI: Learn: 10.8.0.6 -> {PEER}\n"
    text += f"2026-11-22 10:00:00 {PEER} MULTI: Learn: 10.8.0.8 -> {PEER}\n"
    assert leases(text).select("address", "valid_from").rows() == [("10.8.0.6", TEN), ("10.8.0.8", TEN)]


@given(st.sampled_from((ONE, TWO)), st.integers(0, 700), st.integers(0, 60), st.text(max_size=20))
@settings(max_examples=6, deadline=None)
def test_hostile_text_never_raises(text: str, place: int, gone: int, stuffing: str) -> None:
    whole = (
        text
        + log(1, f"{PEER} MULTI: Learn: 10.8.0.6 -> {PEER}")
        + log(2, f"{PEER} SIGTERM[x] received, client-instance exiting")
    )
    rows(whole[:place] + stuffing + whole[place + gone :])


def test_the_pools_line_tells_the_same_as_the_learned_address() -> None:
    pool = log(1, f"{PEER} MULTI_sva: pool returned IPv4=10.8.0.6, IPv6=(Not enabled)")
    learned = log(1, f"{PEER} MULTI: Learn: 10.8.0.6 -> {PEER}")
    gone = log(30, f"{PEER} SIGTERM[soft,remote-exit] received, client-instance exiting")
    held = [("10.8.0.6", "ann", TEN + MINUTE, TEN + 30 * MINUTE)]
    for text in (pool + gone, pool + learned + gone):
        assert leases(text).select("address", "user_name", "valid_from", "valid_to").unique().rows() == held


def test_what_the_server_says_of_itself_is_its_own() -> None:
    said = (
        "Diffie-Hellman initialized with 2048 bit key",
        "net_route_v4_best_gw query: dst 0.0.0.0",
        "TUN/TAP device tun0 opened",
    )
    found = read(OpenvpnFormat, "\n".join(f"2026-10-06 10:00:00 {one}" for one in said))
    assert found["reason"].str.starts_with("set aside").all()


def test_release_2_7_says_by_which_protocol_and_who_gave_a_password() -> None:
    peer = "udp4:198.51.100.4:51820"
    text = (
        log(1, f"{peer} TLS: Username/Password authentication succeeded for username 'carol' ")
        + log(1, "tcp6-server:[2001:db8::9]:51821 [ann] Peer Connection Initiated with [AF_INET6]2001:db8::9:51821")
        + log(1, f"Jane Fox/{peer} MULTI: Learn: 10.8.0.6 -> Jane Fox/{peer}")
        + log(1, "ann/tcp6-server:[2001:db8::9]:51821 MULTI: Learn: 10.8.0.7 -> ann/tcp6-server:[2001:db8::9]:51821")
        + log(2, f"Jane Fox/{peer} CC-EEN exit message received by peer")
        + log(3, f"Jane Fox/{peer} SIGTERM[soft,delayed-exit] received, client-instance exiting")
    )  # fmt: skip
    found = read(OpenvpnFormat, text)
    assert found.filter(pl.col("reason").is_null()).select("client", "user_name", "closes").rows() == [
        ("10.8.0.6", "carol", None),
        ("10.8.0.7", "ann", None),
        ("10.8.0.6", "carol", True),
    ]
