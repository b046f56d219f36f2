"""Windows Security events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from sensor.sources.logs.formats.windows_security import WindowsSecurityFormat
from sensor.sources.logs.text.reasons import (
    FAILED_SIGN_IN,
    LOOPBACK,
    NO_ADDRESS,
    NO_HOLDER,
    SIGN_IN_OF_A_PROGRAM,
)
from tests.sensor.sources.logs.formats.reading import HOSTILE, read, rows

PROVIDER = "Microsoft-Windows-Security-Auditing"
LOGON = {
    "TargetUserName": "ada", "TargetDomainName": "CORP", "TargetLogonId": "0xA1B2C3", "LogonType": "3",
    "WorkstationName": "ADA-PC", "IpAddress": "10.1.2.3",
}  # fmt: skip
TICKET = {"TargetUserName": "ada@CORP.EXAMPLE", "IpAddress": "::ffff:10.1.2.3", "Status": "0x0"}


def winlogbeat(event: int, data: dict[str, Any]) -> str:
    return json.dumps(
        {
            "@timestamp": "2026-11-22T10:00:00.000Z", "event": {"code": str(event), "provider": PROVIDER},
            "winlog": {"event_id": event, "provider_name": PROVIDER, "channel": "Security", "event_data": data},
        }
    )  # fmt: skip


def nxlog(event: int, data: dict[str, Any]) -> str:
    return json.dumps(
        {"EventTime": "2026-11-22 10:00:00", "Hostname": "dc1", "EventID": event, "SourceName": PROVIDER}
        | {"Channel": "Security", "Message": "An account was logged on.\r\n\r\nSubject:"}
        | data
    )


def gelf(event: int, data: dict[str, Any]) -> str:
    return json.dumps(
        {
            "version": "1.1",
            "host": "dc1",
            "timestamp": 1795341600.0,
            "short_message": "An account was logged on.",
        }
        | {"_EventID": event, "_SourceName": PROVIDER, "_Channel": "Security"}
        | {f"_{name}": value for name, value in data.items()}
    )


def xml(event: int, data: dict[str, Any], between: str = "") -> str:
    parts = [
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>", "<System>",
        f"<Provider Name='{PROVIDER}'/>", f"<EventID>{event}</EventID>",
        "<TimeCreated SystemTime='2026-11-22T10:00:00.0000000Z'/>", "<Channel>Security</Channel>", "</System>",
        "<EventData>", *(f"<Data Name='{name}'>{value}</Data>" for name, value in data.items()),
        "</EventData>", "</Event>",
    ]  # fmt: skip
    return between.join(parts)


def test_a_logon_in_every_form() -> None:
    forms = [winlogbeat(4624, LOGON), nxlog(4624, LOGON), xml(4624, LOGON), xml(4624, LOGON, "\n  ")]
    forms.append(gelf(4624, LOGON))
    forms.append(f"<Events>{xml(4624, LOGON)}</Events>")
    for text in forms:
        (row,) = read(WindowsSecurityFormat, text + "\n").rows(named=True)
        assert row["reason"] is None
        assert (row["client"], row["user_name"], row["device"]) == ("10.1.2.3", "CORP\\ada", "ADA-PC")
        assert (row["lease_s"], row["confidence"], row["kind"]) == (36_000, 0.7, "lease")
        assert row["seen_at"].isoformat() == "2026-11-22T10:00:00+00:00"
        assert "0xA1B2C3" not in str(row)


def test_event_viewer_saves_all_events_on_one_line() -> None:
    text = "<?xml version='1.0'?><Events>" + xml(4624, LOGON) * 3 + "</Events>"
    assert read(WindowsSecurityFormat, text)["client"].to_list() == ["10.1.2.3"] * 3


def test_events_among_lines_of_other_programs() -> None:
    asked = [f"Oct  6 10:00:0{n} gw dnsmasq[7]: query[A] claude.ai from 10.1.2.{n}\n" for n in range(1, 7)]
    event = xml(4624, LOGON)
    some = rows("".join(asked[:3]) + event + "\n" + "".join(asked[3:]))
    assert some["log_format"].to_list() == ["dnsmasq"] * 3 + ["windows-security"] + ["dnsmasq"] * 3
    most = rows(asked[0] + f"<Events>\n{xml(4624, LOGON, chr(10))}\n{event}\n</Events>\n" + asked[1])
    assert most["log_format"].to_list() == ["dnsmasq", "windows-security", "windows-security", "dnsmasq"]
    assert set(some["client"]) == {f"10.1.2.{n}" for n in range(1, 7)}


def test_tickets_name_people_and_machines() -> None:
    text = winlogbeat(4769, TICKET) + "\n" + winlogbeat(4768, TICKET | {"TargetUserName": "ADA-PC$"}) + "\n"
    found = read(WindowsSecurityFormat, text)
    assert found.select("reason", "client", "user_name", "device").rows() == [
        (None, "10.1.2.3", "ada@CORP.EXAMPLE", None),
        (None, "10.1.2.3", None, "ada-pc"),
    ]


def test_a_remote_desktop_session_says_less() -> None:
    data = {
        "AccountName": "ada",
        "AccountDomain": "CORP",
        "ClientName": "ADA-PC",
        "ClientAddress": "10.1.2.3",
    }
    (row,) = read(WindowsSecurityFormat, winlogbeat(4778, data) + "\n").rows(named=True)
    assert (row["client"], row["user_name"], row["device"], row["confidence"]) == (
        "10.1.2.3",
        "CORP\\ada",
        "ADA-PC",
        0.6,
    )


@pytest.mark.parametrize(
    ("event", "data", "reason"),
    [
        (4625, LOGON, NO_HOLDER),
        (4634, LOGON, NO_HOLDER),
        (4776, {"TargetUserName": "ada", "Workstation": "ADA-PC", "Status": "0x0"}, NO_HOLDER),
        (4768, TICKET | {"Status": "0x6"}, FAILED_SIGN_IN),
        (4624, LOGON | {"LogonType": "5"}, SIGN_IN_OF_A_PROGRAM),
        (4624, LOGON | {"TargetUserName": "ANONYMOUS LOGON"}, SIGN_IN_OF_A_PROGRAM),
        (4624, LOGON | {"TargetUserName": "DWM-1"}, SIGN_IN_OF_A_PROGRAM),
        (4624, LOGON | {"TargetUserName": "SYSTEM"}, SIGN_IN_OF_A_PROGRAM),
        (4624, LOGON | {"IpAddress": "-"}, NO_ADDRESS),
        (4624, LOGON | {"IpAddress": "127.0.0.1"}, LOOPBACK),
        (4769, TICKET | {"IpAddress": "::1"}, LOOPBACK),
        (4778, {"AccountName": "ada", "ClientAddress": "LOCAL"}, LOOPBACK),
    ],
)
def test_what_says_nothing_of_a_client_is_set_aside(event: int, data: dict[str, Any], reason: str) -> None:
    for text in (winlogbeat(event, data), nxlog(event, data), xml(event, data)):
        assert read(WindowsSecurityFormat, text + "\n")["reason"].to_list() == [reason]


@settings(max_examples=5, deadline=None)
@given(HOSTILE)
def test_hostile_fields_never_raise(texts: list[str]) -> None:
    logons = [winlogbeat(4624, LOGON | {"TargetUserName": text}) for text in texts]
    tickets = [xml(4769, TICKET | {"IpAddress": text}) for text in texts]
    for lines in (logons, tickets):
        log = "".join(line.replace("Sysmon", "") + "\n" for line in lines)
        assert read(WindowsSecurityFormat, log).height >= len(texts)
