"""Cisco ISE."""

from __future__ import annotations

from hypothesis import given, settings

from sensor.sources.logs.formats.cisco_ise import CiscoIseFormat
from sensor.sources.logs.text.reasons import LEASE_OF_NOBODY, NO_ADDRESS, NO_SIGN_IN
from tests.sensor.sources.logs.formats.reading import HOSTILE, read

ARGUED = [("sekoia-cisco-ise.jsonl", 0, "user", "a hardware address (MAB), which is no account")]


def record(code: int, category: str, fields: str, kind: str = "CISE_RADIUS_Accounting") -> str:
    return (
        f"<182>Nov 22 11:00:00 ise1 {kind} 0000070618 1 0 2026-11-22 11:00:00.500 +01:00 0091827141 {code} "
        f"NOTICE {category}: What happened, ConfigVersionId=3, Device IP Address=192.0.2.1, {fields}\n"
    )


WHO = "User-Name=ada, NAS-IP-Address=192.0.2.1, Framed-IP-Address=10.1.2.3, Calling-Station-ID=02-00-5E-00-00-07"


def test_a_session_is_a_lease_and_its_end_says_how_long() -> None:
    text = record(3000, "Radius-Accounting", f"{WHO}, Acct-Status-Type=Start") + record(
        3001, "Radius-Accounting", f"{WHO}, Acct-Status-Type=Stop, Acct-Session-Time=600"
    )
    start, stop = read(CiscoIseFormat, text).rows(named=True)
    assert (start["client"], start["user_name"], start["client_mac"]) == (
        "10.1.2.3",
        "ada",
        "02:00:5e:00:00:07",
    )
    assert start["seen_at"].isoformat() == "2026-11-22T10:00:00.500000+00:00"
    assert (start["lease_s"], stop["lease_s"]) == (43_200, 600)
    assert stop["seen_at"].isoformat() == "2026-11-22T09:50:00.500000+00:00"


def test_acs_writes_the_same_records() -> None:
    commands = "Device-Administration"
    text = record(3000, "Radius-Accounting", WHO, "CSCOacs_RADIUS_Accounting") + record(
        5202, commands, "UserName=ada, Protocol=Tacacs", "CSCOacs_Passed_Authentications"
    )
    found = read(CiscoIseFormat, text)
    assert found["user_name"].to_list() == ["ada", "ada"]
    assert found["reason"].to_list() == [None, NO_SIGN_IN]


def test_who_is_behind_the_names() -> None:
    passed = "CISE_Passed_Authentications"
    text = (
        record(5200, "Passed-Authentication", WHO.replace("ada", "host/ada-pc.example.org"), passed)
        + record(5200, "Passed-Authentication", WHO.replace("ada", "anonymous@example.org"), passed)
        + record(5200, "Passed-Authentication", WHO.replace("ada", "02-00-5E-00-00-07"), passed)
    )
    found = read(CiscoIseFormat, text)
    assert found["reason"].to_list() == [None] * 3
    assert found.select("user_name", "device").rows() == [
        (None, "ada-pc.example.org"),
        (None, None),
        (None, None),
    ]


def test_records_that_are_no_lease() -> None:
    text = (
        record(5400, "Failed-Attempt", WHO, "CISE_Failed_Attempts")
        + record(5200, "Passed-Authentication", "UserName=ada, Calling-Station-ID=02-00-5E-00-00-07")
        + record(3000, "Radius-Accounting", "Framed-IP-Address=10.1.2.3")
        + "0000005921 7 5  Device Type=Device Type#All\\, User-Fetch-Department=\\,\n"
    )
    assert read(CiscoIseFormat, text)["reason"].to_list() == [
        NO_SIGN_IN,
        NO_ADDRESS,
        LEASE_OF_NOBODY,
        NO_SIGN_IN,
    ]


@settings(max_examples=5, deadline=None)
@given(HOSTILE)
def test_hostile_fields_never_raise(texts: list[str]) -> None:
    log = "".join(record(3000, "Radius-Accounting", "User-Name=" + text) for text in texts)
    assert read(CiscoIseFormat, log).height >= 1
