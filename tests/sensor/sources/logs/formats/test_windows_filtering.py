"""Windows Filtering Platform."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.windows_filtering import WindowsFilteringFormat
from sensor.sources.logs.formats.windows_security import WindowsSecurityFormat
from sensor.sources.logs.text.reasons import LOOPBACK, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

DATA = {
    "Application": r"\device\harddiskvolume3\apps\app.exe", "Direction": "%%14593", "SourceAddress": "10.1.2.3",
    "SourcePort": "50000", "DestAddress": "192.0.2.7", "DestPort": "443", "Protocol": "6", "LayerRTID": "48",
}  # fmt: skip
STAMP = "2026-10-06T10:00:00.5000000Z"
WANTED = ("client", "client_port", "server", "server_port", "device", "transport", "action", "reason")


def xml(event: int = 5156, **data: str) -> str:
    fields = "".join(f'<Data Name="{name}">{value}</Data>' for name, value in (DATA | data).items())
    return (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        f'<Provider Name="Microsoft-Windows-Security-Auditing"/><EventID>{event}</EventID>'
        f'<TimeCreated SystemTime="{STAMP}"/><Channel>Security</Channel><Computer>pc7.corp.example</Computer>'
        f"</System><EventData>{fields}</EventData></Event>\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        xml(),
        json.dumps({"winlog": {"channel": "Security", "event_id": 5156, "time_created": STAMP,
                    "computer_name": "pc7.corp.example", "event_data": DATA}}),
        json.dumps({"EventTime": STAMP, "Hostname": "pc7.corp.example", "EventID": 5156, "Channel": "Security",
                    "SourceName": "Microsoft-Windows-Security-Auditing", **DATA, "Direction": "Outbound"}),
        json.dumps({"win": {"system": {"eventID": "5156", "channel": "Security", "computer": "pc7.corp.example",
                    "providerName": "Microsoft-Windows-Security-Auditing", "systemTime": STAMP},
                    "eventdata": {name[0].lower() + name[1:]: value for name, value in DATA.items()}}}),
    ],
)  # fmt: skip
def test_what_a_computer_connected_to(line: str) -> None:
    (row,) = read(WindowsFilteringFormat, line).iter_rows(named=True)
    assert [row[name] for name in WANTED] == [
        "10.1.2.3", 50000, "192.0.2.7", 443, "pc7.corp.example", "tcp", "allowed", None,
    ]  # fmt: skip
    assert row["seen_at"].isoformat() == "2026-10-06T10:00:00.500000+00:00"


def test_the_peer_of_an_inbound_connection_is_the_client() -> None:
    found = read(WindowsFilteringFormat, xml(5157, Direction="%%14592", SourcePort="445", DestPort="50001"))
    assert found.select(WANTED).row(0) == ("192.0.2.7", 50001, "10.1.2.3", 445, None, "tcp", "blocked", None)


def test_what_is_no_connection_of_the_network() -> None:
    inside = xml(SourceAddress="127.0.0.1", DestAddress="127.0.0.1")
    found = read(WindowsFilteringFormat, xml(Protocol="1") + inside)
    assert found["reason"].to_list() == [NO_PORTS, LOOPBACK]


def test_events_spread_over_lines_and_other_events() -> None:
    found = read(WindowsFilteringFormat, xml().replace("><", ">\n  <") * 2)
    assert found["server"].to_list() == ["192.0.2.7", "192.0.2.7"]
    assert read(WindowsSecurityFormat, xml(5158))["reason"][0].startswith("set aside")
