"""FreeRADIUS: accounting as intervals, linelog, logins, and that no secret is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.formats.freeradius import FreeradiusFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS, NO_TIME
from tests.sensor.sources.logs.formats.reading import leases_of, read, rows

AT = 1795341600  # 2026-11-22 10:00:00 UTC
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
MAC = "02:00:00:00:00:0a"
MINUTE = timedelta(minutes=1)


def block(status: str, after_s: int = 0, **attributes: str) -> str:
    said = {
        "Acct-Status-Type": status,
        "User-Name": '"EXAMPLE\\\\ann"',
        "Framed-IP-Address": "10.1.0.7",
        "Calling-Station-Id": '"02-00-00-00-00-0A"',
        "Acct-Session-Time": str(after_s),
        "User-Password": '"hunter2"',
        "Timestamp": str(AT + after_s),
    } | {name.replace("_", "-"): value for name, value in attributes.items()}
    return "Sun Nov 22 10:00:00 2026\n" + "".join(f"\t{k} = {v}\n" for k, v in said.items() if v) + "\n"


leases = partial(leases_of, FreeradiusFormat)


def test_a_session_is_one_interval_from_start_to_stop() -> None:
    found = leases(block("Start") + block("Interim-Update", 600) + block("Stop", 1800))
    assert found.select(
        "address", "user_name", "mac", "valid_from", "valid_to", "origin"
    ).unique().rows() == [("10.1.0.7", "EXAMPLE\\ann", MAC, TEN, TEN + 30 * MINUTE, "radius")]


def test_an_open_session_holds_until_updates_are_overdue() -> None:
    found = leases(block("Interim-Update", 600, Acct_Interim_Interval="300", Acct_Delay_Time="60"))
    assert found.select("valid_from", "valid_to").rows() == [(TEN - MINUTE, TEN + 24 * MINUTE)]


def test_anonymous_outer_identities_and_machines_addresses_are_no_users() -> None:
    text = block("Start", User_Name='"anonymous@example.com"', Stripped_User_Name='"ann"')
    text += block("Start", User_Name='"anonymous"', Chargeable_User_Identity='"bob"')
    text += block("Start", User_Name='"02000000000a"')
    assert leases(text)["user_name"].to_list() == ["ann", "bob", None]


def test_messages_without_an_address() -> None:
    text = (
        block("Start", Framed_IP_Address="")
        + block("Accounting-On")
        + block("", Packet_Type="Access-Request")
    )
    assert read(FreeradiusFormat, text)["reason"].to_list() == [NO_ADDRESS] * 3


def test_no_secret_is_read() -> None:
    found = read(FreeradiusFormat, block("Start") + block("", Packet_Type="Access-Request"))
    assert "hunter2" not in str(found.rows())


def test_linelog() -> None:
    who = "[ann] (did 02-00-00-00-00-01:wifi cli 02-00-00-00-00-0A port 13 ip 10.1.0.7)"
    text = (
        f"Nov 22 10:00:00 radiusd[831]: Connect: {who}\n"
        f"Nov 22 10:30:00 radiusd[831]: Disconnect: {who} 1800 seconds\n"
        "Nov 22 10:30:00 radiusd[831]: Accepted user: bob\n"
    )
    assert leases(text).select("user_name", "mac", "valid_from", "valid_to").rows() == [
        ("ann", MAC, TEN, TEN + 30 * MINUTE)
    ]


def test_logins_name_no_address() -> None:
    text = (
        "Sun Nov 22 10:00:00 2026 : Auth: (7) Login OK: [ann] (from client nas1 port 13 cli 02-00-00-00-00-0A)\n"
        "(8) Login incorrect (mschap: FAILED): [bob/hunter2] (from client nas1 port 13 cli 02-00-00-00-00-0B)\n"
        "Nov 22 10:00:00 nas radiusd[831]: (9) Login OK: [bob] (from client nas1 port 1)\n"
    )
    found = read(FreeradiusFormat, text)
    assert found["reason"].to_list() == [NO_ADDRESS] * 3
    assert "hunter2" not in str(found.rows())


@given(st.integers(0, 600), st.integers(0, 60), st.text(max_size=20))
@settings(max_examples=8, deadline=None)
def test_hostile_text_never_raises(place: int, gone: int, stuffing: str) -> None:
    text = block("Start") + block("Stop", 1800, Acct_Interim_Interval="9" * 30)
    rows(text[:place] + stuffing + text[place + gone :])


def test_an_address_of_either_family() -> None:
    found = leases(block("Interim-Update", 600, Framed_IPv6_Address="2001:db8::7"))
    assert sorted(found["address"].to_list()) == ["10.1.0.7", "2001:db8::7"]
    assert found["valid_from"].to_list() == [TEN, TEN]


def test_linelog_in_a_file_needs_a_time_of_its_own() -> None:
    said = "Connect: [ann] (did 02-00-00-00-FF-01:Guest WiFi cli 02-00-00-00-00-0A port 13 ip 10.1.0.7)"
    found = read(FreeradiusFormat, f"{said}\n2026-11-22 10:00:00 {said}\nSun Nov 22 10:00:00 2026 {said}\n")
    assert found["reason"].to_list() == [NO_TIME, None, None]
    assert (
        found.select("seen_at", "client", "user_name", "client_mac").rows()[1:]
        == [(TEN, "10.1.0.7", "ann", MAC)] * 2
    )
