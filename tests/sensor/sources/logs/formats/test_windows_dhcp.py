"""Windows DHCP audit logs: by number and position, both families of addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.formats.windows_dhcp import WindowsDhcpFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import leases_of, read, rows

HEAD = (
    "\t\tMicrosoft DHCP Service Activity Log\n\n\nEvent ID  Meaning\n00\tThe log was started.\n"
    "50+\tCodes above 50 are used for Rogue Server Detection information.\n\n"
    "ID,Date,Time,Description,IP Address,Host Name,MAC Address,User Name, TransactionID, QResult,Probationtime\n"
)
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
MAC = "02:00:00:00:00:0a"


leases = partial(leases_of, WindowsDhcpFormat)


def event(number: str, minute: int, address: str, name: str = "ann-pc.example.com") -> str:
    return f"{number},11/22/26,10:0{minute}:00,Anything,{address},{name},02000000000A,,1,0,,,,,,,,,0\n"


def test_the_month_is_first_even_of_a_file_that_would_be_fresher_otherwise() -> None:
    line = "10,03/04/26,10:00:00,Assign,10.1.0.7,ann-pc,02000000000A,,1,0,,,,,,,,,0\n"
    (row,) = read(WindowsDhcpFormat, line, reference=datetime(2026, 4, 4, tzinfo=UTC)).rows(named=True)
    assert row["seen_at"] == datetime(2026, 3, 4, 10, tzinfo=UTC)


def test_leases_of_version_4() -> None:
    text = HEAD + event("10", 0, "10.1.0.7") + event("30", 0, "10.1.0.7") + event("11", 1, "10.1.0.7")
    text += event("12", 2, "10.1.0.7") + event("10", 3, "10.1.0.7", "bob-pc") + event("13", 4, "10.1.0.9")
    found = read(WindowsDhcpFormat, text)
    assert found["reason"].to_list()[-6:] == [None, NO_ADDRESS, None, None, None, NO_ADDRESS]
    minute = timedelta(minutes=1)
    assert leases(text).select("address", "mac", "device", "valid_from", "valid_to", "confidence").rows() == [
        ("10.1.0.7", MAC, "ann-pc.example.com", AT, AT + 2 * minute, 0.8),
        ("10.1.0.7", MAC, "ann-pc.example.com", AT + minute, AT + 2 * minute, 0.8),
        ("10.1.0.7", MAC, "bob-pc", AT + 3 * minute, AT + 3 * minute + timedelta(days=8), 0.8),
    ]


def test_the_events_as_wincollect_sends_them() -> None:
    line = (
        "SourceIp=10.1.0.2\tAgentLogFile=DhcpSrvLog-Mon\tAgentProtocol=WindowsDHCP\tID={}\tDate=11/22/26\tTime=10:00:00\t"
        "Description=Any\tIP Address=10.1.0.7\tHost Name=ann-pc.example.com\tMAC Address=02000000000A\tUser Name=\t"
        "TransactionID=1\n"
    )
    other = line.replace("AgentProtocol", "AgentDevice").replace("\tID", "\tPluginVersion=7\tID")
    other = other.replace("10:00:00", "10: 00:00")
    found = read(WindowsDhcpFormat, line.format(10) + line.format(30) + other.format(11))
    assert found["reason"].to_list() == [None, NO_ADDRESS, None]
    assert found["seen_at"][2] == AT
    names = ("client", "device", "client_mac", "user_name", "seen_at")
    assert found.select(names).row(0) == ("10.1.0.7", "ann-pc.example.com", MAC, None, AT)


def test_a_numbered_table_with_tabs_is_no_list_of_events() -> None:
    assert rows("10\tFriday\tada\n11\tFriday\tbob\n").is_empty()


def test_leases_of_version_6() -> None:
    duid = "000100012C00000002000000000A"
    text = (
        f"11000,11/22/26,10:00:00,DHCPV6 Solicit,2001:db8::7,ann-pc,,14,{duid},,,,,\n"
        f"11002,11/22/26,10:00:00,DHCPV6 Request,2001:db8::7,ann-pc,,14,{duid},,,,,\n"
        f"11007,11/22/26,11:00:00,DHCPV6 Release,2001:db8::7,ann-pc,,14,{duid},,,,,\n"
        "11010,11/22/26,11:00:00,DHCPV6 Started,,,,,,,,,,\n"
    )
    assert leases(text).select("address", "mac", "device", "valid_from", "valid_to").rows() == [
        ("2001:db8::7", MAC, "ann-pc", AT, AT + timedelta(hours=1))
    ]


@given(st.integers(0, 500), st.integers(0, 60), st.text(max_size=20))
@settings(max_examples=8, deadline=None)
def test_hostile_text_never_raises(place: int, gone: int, stuffing: str) -> None:
    text = HEAD + event("10", 0, "10.1.0.7") + event("11004", 1, "2001:db8::7")
    rows(text[:place] + stuffing + text[place + gone :])
