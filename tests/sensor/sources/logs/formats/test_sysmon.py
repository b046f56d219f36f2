"""Sysmon 22 and 3 as winlogbeat, flat JSON and XML."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.sysmon import SysmonFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

_ANSWER = "the truth takes the answer's address for the client, and SYSTEM for a person"
ARGUED = [
    ("sekoia-winlogbeat.jsonl", (0, 6, 7), "client", _ANSWER),
    ("sekoia-winlogbeat.jsonl", (0, 6, 7), "user", _ANSWER),
]


def test_newer_winlogbeats_move_the_data() -> None:
    event = {
        "@timestamp": "2026-11-22T10:00:01Z", "event": {"code": "22",
        "provider": "Microsoft-Windows-Sysmon"}, "ecs": {"version": "8.0"},
        "dns": {"question": {"name": "chat.example.com"}, "resolved_ip": ["203.0.113.5"]},
        "user": {"domain": "CORP", "name": "ann"},
        "winlog": {"event_id": "22", "computer_name": "ann-pc", "provider_name": "Microsoft-Windows-Sysmon"},
    }  # fmt: skip
    (row,) = read(SysmonFormat, json.dumps(event) + "\n").rows(named=True)
    assert (row["host"], row["device"], row["user_name"]) == ("chat.example.com", "ann-pc", "CORP\\ann")
    assert row["answers"] == ["203.0.113.5"]


def test_wazuh() -> None:
    system = {
        "providerName": "Microsoft-Windows-Sysmon",
        "computer": "ann-pc",
        "systemTime": "2026-11-22T10:00:01Z",
    }
    data = {"utcTime": "2026-11-22 10:00:00.123", "user": "CORP\\ann", "image": "C:\\new\\app.exe"}
    asked = {"system": system | {"eventID": "22"}, "eventdata": data | {"queryName": "chat.example.com"}}
    went = {
        "system": system | {"eventID": "3"},
        "eventdata": data | {
            "initiated": "true", "protocol": "tcp", "sourceIp": "10.1.2.3", "destinationIp": "203.0.113.5",
            "destinationPort": "443",
        },
    }  # fmt: skip
    alert = {"timestamp": "2026-11-22T10:00:02.000+0000", "agent": {"name": "ann-pc"}, "data": {"win": went}}
    found = read(SysmonFormat, "\n".join(map(json.dumps, ({"win": asked}, alert))))
    assert found.select("kind", "client", "user_name", "device", "host", "server").rows() == [
        ("dns", None, "CORP\\ann", "ann-pc", "chat.example.com", None),
        ("flow", "10.1.2.3", "CORP\\ann", "ann-pc", None, "203.0.113.5"),
    ]


def test_gelf() -> None:
    event = {
        "version": "1.1", "host": "ann-pc", "timestamp": 1795341601.0, "short_message": "Dns query:", "_EventID": 22,
        "_SourceName": "Microsoft-Windows-Sysmon", "_UtcTime": "2026-11-22 10:00:00.123",
        "_QueryName": "chat.example.com", "_QueryResults": "::ffff:203.0.113.5;", "_QueryStatus": "0",
    }  # fmt: skip
    (row,) = read(SysmonFormat, json.dumps(event) + "\n").rows(named=True)
    assert (row["kind"], row["host"], row["device"]) == ("dns", "chat.example.com", "ann-pc")


def test_winlogbeat() -> None:
    event = {
        "@timestamp": "2026-11-22T10:00:01Z", "host": {"name": "ann-pc"},
        "winlog": {
            "provider_name": "Microsoft-Windows-Sysmon", "event_id": 22,
            "computer_name": "ann-pc.example.org",
            "event_data": {
                "UtcTime": "2026-11-22 10:00:00.123", "QueryName": "chat.example.com", "QueryStatus": "0",
                "User": "CORP\\ann",
                "QueryResults": "type:  5 edge.example.net;::ffff:203.0.113.5;", "Image": "C:\\x\\chrome.exe",
            },
        },
    }  # fmt: skip
    (row,) = read(SysmonFormat, json.dumps(event) + "\n").rows(named=True)
    assert (row["kind"], row["host"], row["device"], row["user_name"]) == (
        "dns",
        "chat.example.com",
        "ann-pc.example.org",
        "CORP\\ann",
    )
    assert row["seen_at"].isoformat() == "2026-11-22T10:00:00.123000+00:00"
    assert row["answers"] == ["::ffff:203.0.113.5"]


def test_connections_in_flat_json_and_xml() -> None:
    flat = {
        "EventTime": "2026-11-22 10:00:00", "Hostname": "ann-pc", "EventID": 3,
        "SourceName": "Microsoft-Windows-Sysmon", "User": "CORP\\ann",
        "Protocol": "tcp", "Initiated": "true", "SourceIp": "10.1.0.7", "SourcePort": "49152",
        "DestinationIp": "198.51.100.4",
        "DestinationPort": "443", "DestinationHostname": "chat.example.com",
    }  # fmt: skip
    data = "".join(
        f"<Data Name='{name}'>{value}</Data>" for name, value in flat.items() if name[:1] in "SDPIU"
    )
    xml = (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider "
        "Name='Microsoft-Windows-Sysmon'/>"
        "<EventID>3</EventID><TimeCreated SystemTime='2026-11-22T10:00:00.5Z'/><"
        "Computer>ann-pc</Computer></System>"
        f"<EventData>{data}</EventData></Event>"
    )
    found = read(SysmonFormat, json.dumps(flat) + "\n" + xml + "\n")
    assert (
        found.select("client", "server", "server_port", "host", "device", "user_name", "transport").rows()
        == [("10.1.0.7", "198.51.100.4", 443, "chat.example.com", "ann-pc", "CORP\\ann", "tcp")] * 2
    )


@pytest.mark.parametrize(
    ("status", "results", "action"),
    [("0", "::ffff:192.0.2.7;", "allowed"), ("9003", "-", "blocked"), ("9501", "", "allowed"), ("0", "::;", "blocked")],
)  # fmt: skip
def test_a_query_tells_how_it_ended(status: str, results: str, action: str) -> None:
    data = {
        "QueryName": "chat.example.com",
        "QueryType": "28",
        "QueryStatus": status,
        "QueryResults": results,
    }
    event = {"@timestamp": "2026-11-22T10:00:01.000Z", "winlog": {"provider_name": "Microsoft-Windows-DNS-Client", "event_id": 3008, "computer_name": "PC7", "event_data": data}}  # fmt: skip
    (row,) = read(SysmonFormat, json.dumps(event)).rows(named=True)
    assert (row["action"], row["qtype"]) == (action, "AAAA")


def test_other_events() -> None:
    line = json.dumps(
        {
            "EventID": 1,
            "SourceName": "Microsoft-Windows-Sysmon",
            "Image": "x",
            "EventTime": "2026-11-22 10:00:00",
        }
    )
    assert read(SysmonFormat, line + "\n")["reason"].to_list() == [NO_CONNECTION]


_SPLUNK = """10/06/2026 10:00:00 AM
LogName=Microsoft-Windows-Sysmon/Operational
EventCode=3
ComputerName=pc7.corp.example
SourceName=Microsoft-Windows-Sysmon
Message=Network connection detected:
RuleName: -
UtcTime: 2026-10-06 08:00:00.000
Image: C:\\chrome.exe
User: CORP\\ada
Protocol: tcp
Initiated: true
SourceIp: 10.1.2.3
SourceHostname: -
SourcePort: 50000
DestinationIp: 192.0.2.7
DestinationHostname: -
DestinationPort: 443
10/06/2026 10:00:01 AM
LogName=Microsoft-Windows-Sysmon/Operational
EventCode=22
ComputerName=pc7.corp.example
SourceName=Microsoft-Windows-Sysmon
Message=Dns query:
RuleName: -
UtcTime: 2026-10-06 08:00:01.000
QueryName: chat.example.com
QueryStatus: 0
QueryResults: ::ffff:192.0.2.7;
Image: C:\\chrome.exe
User: CORP\\ada
"""


def test_splunks_events_of_several_lines() -> None:
    found = read(SysmonFormat, _SPLUNK)
    assert found.select("kind", "client", "user_name", "host", "server", "server_port").rows() == [
        ("flow", "10.1.2.3", "CORP\\ada", None, "192.0.2.7", 443),
        ("dns", None, "CORP\\ada", "chat.example.com", None, None),
    ]
    assert str(found["seen_at"][0]) == "2026-10-06 08:00:00+00:00"
