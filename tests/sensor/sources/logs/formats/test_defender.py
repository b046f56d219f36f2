"""Defender: streaming, hunting CSV, Log Analytics; inspected connections, inbound ones, repeats, clicks."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.defender import DefenderFormat
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_CONNECTION, REPEATED
from tests.sensor.sources.logs.formats.reading import read

EVENT = {
    "Timestamp": "2026-11-22T10:00:00.1234567Z", "DeviceName": "ann-pc.example.org", "ReportId": 7,
    "ActionType": "ConnectionSuccess",
    "LocalIP": "10.1.0.7", "LocalPort": 49152, "RemoteIP": "198.51.100.4", "RemotePort": 443,
    "Protocol": "TcpV4",
    "RemoteUrl": "https://chat.example.com/", "InitiatingProcessAccountUpn": "ann@example.org",
    "AdditionalFields": "{}",
    "InitiatingProcessAccountName": "ann", "InitiatingProcessAccountDomain": "CORP",
    "InitiatingProcessFileName": "chrome.exe",
}  # fmt: skip


def streamed(table: str = "DeviceNetworkEvents", **more: object) -> str:
    entry = {
        "time": "2026-11-22T10:05:00Z",
        "category": f"AdvancedHunting-{table}",
        "properties": EVENT | more,
    }
    return json.dumps(entry) + "\n"


def test_connections() -> None:
    text = streamed() + streamed(
        ReportId=8,
        RemoteUrl="api.example.com",
        InitiatingProcessAccountUpn=None,
        ActionType="ConnectionFailed",
    )
    found = read(DefenderFormat, text)
    assert found.select(
        "client", "user_name", "device", "host", "server", "server_port", "action"
    ).rows() == [
        (
            "10.1.0.7",
            "ann@example.org",
            "ann-pc.example.org",
            "chat.example.com",
            "198.51.100.4",
            443,
            "allowed",
        ),
        ("10.1.0.7", "CORP\\ann", "ann-pc.example.org", "api.example.com", "198.51.100.4", 443, "reset"),
    ]
    assert found["seen_at"][0].isoformat() == "2026-11-22T10:00:00.123456+00:00"
    assert found["bytes_up"].null_count() == 2


@pytest.mark.parametrize("event", ["ExploitGuardNetworkProtectionBlocked", "SmartScreenUrlWarning"])
def test_what_the_device_refuses_is_an_attempt(event: str) -> None:
    (row,) = read(DefenderFormat, streamed("DeviceEvents", ActionType=event, RemoteIP=None)).rows(named=True)
    assert (row["host"], row["action"], row["reason"]) == ("chat.example.com", "blocked", None)


def test_connections_told_together_failed_like_single_ones() -> None:
    rows = read(DefenderFormat, streamed(ActionType="ConnectionFailedAggregatedReport"))
    assert rows["action"].to_list() == ["reset"]


def test_inspected_connections() -> None:
    tls = json.dumps({"direction": "Out", "server_name": "chat.example.com", "ja3": "x"})
    http = json.dumps(
        {
            "direction": "Out",
            "host": "api.example.com",
            "uri": "/v1/x?key=1",
            "user_agent": "curl/8",
            "method": "POST",
        }
    )
    dns = {"direction": "Out", "query": "claude.example.com", "qtype_name": "A"}
    text = (
        streamed(ReportId=1, ActionType="SslConnectionInspected", RemoteUrl="", AdditionalFields=tls)
        + streamed(ReportId=2, ActionType="HttpConnectionInspected", RemoteUrl=None, AdditionalFields=http)
        + streamed(
            ReportId=3,
            ActionType="DnsConnectionInspected",
            RemoteUrl=None,
            AdditionalFields=dns,
            RemotePort=53,
        )
    )
    found = read(DefenderFormat, text)
    assert found.select("kind", "host", "path", "user_agent", "name_from").rows() == [
        ("tls", "chat.example.com", None, None, "sni"),
        ("http", "api.example.com", "/v1/x", "curl/8", "http_host"),
        ("dns", "claude.example.com", None, None, "qname"),
    ]
    assert found["server"][2] is None


def test_who_connected_to_the_device_is_the_client() -> None:
    inbound = json.dumps({"direction": "In"})
    text = streamed(
        ActionType="ConnectionAttempt",
        LocalPort=11434,
        RemotePort=50094,
        RemoteUrl=None,
        AdditionalFields=inbound,
    )
    (row,) = read(DefenderFormat, text).rows(named=True)
    assert (row["client"], row["server"], row["server_port"]) == ("198.51.100.4", "10.1.0.7", 11434)
    assert (row["user_name"], row["device"]) == (None, None)


def test_repeats_and_other_tables() -> None:
    text = (
        streamed()
        + streamed()
        + streamed("DeviceFileEvents", ActionType="FileCreated")
        + streamed(ReportId=9, ActionType="ListeningX")
    )
    assert read(DefenderFormat, text)["reason"].to_list() == [None, REPEATED, NO_CONNECTION, NO_CONNECTION]


def test_hunting_csv() -> None:
    text = (
        "Timestamp,DeviceId,DeviceName,ActionType,RemoteIP,RemotePort,RemoteUrl,LocalIP,LocalPort,Protocol,"
        "InitiatingProcessAccountUpn,ReportId\n"
        "2026-11-22T10:00:00.1Z,x,ann-pc,ConnectionSuccess,198.51.100.4,443,chat.example.com,10.1.0.7,"
        "49152,Tcp,ann@example.org,7\n"
    )
    found = read(DefenderFormat, text)
    (row,) = found.filter(found["reason"].is_null()).rows(named=True)
    assert (row["client"], row["user_name"], row["host"]) == (
        "10.1.0.7",
        "ann@example.org",
        "chat.example.com",
    )


def test_log_analytics() -> None:
    flat = {name: value for name, value in EVENT.items() if name != "Timestamp"} | {
        "TimeGenerated": "2026-11-22T10:00:00Z"
    }
    (row,) = read(DefenderFormat, json.dumps(flat | {"Type": "DeviceNetworkEvents"}) + "\n").rows(named=True)
    assert row["host"] == "chat.example.com"


def test_clicks() -> None:
    click = {"Timestamp": "2026-11-22T10:00:00Z", "Url": "https://chat.example.com/s?q=1",
    "AccountUpn": "ann@example.org",
             "IPAddress": "203.0.113.9", "ActionType": "ClickBlocked", "ReportId": "r"}  # fmt: skip
    entry = {
        "time": "2026-11-22T10:05:00Z",
        "category": "AdvancedHunting-UrlClickEvents",
        "properties": click,
    }
    (row,) = read(DefenderFormat, json.dumps(entry) + "\n").rows(named=True)
    assert (row["kind"], row["client"], row["user_name"], row["host"], row["path"], row["action"]) == (
        "http", "203.0.113.9", "ann@example.org", "chat.example.com", "/s", "blocked",
    )  # fmt: skip


def test_a_sign_in_that_a_domain_controller_saw_names_the_address() -> None:
    told = {"IPAddress": "10.1.0.8", "AccountName": "ann", "AccountDomain": "example.org", "AccountUpn": ""}
    text = streamed("IdentityLogonEvents", **told, ActionType="LogonSuccess") + streamed(
        "IdentityLogonEvents", **told, ActionType="LogonFailed"
    )
    found = read(DefenderFormat, text)
    assert found["reason"].to_list() == [None, FAILED_SIGN_IN]
    (row,) = found.head(1).rows(named=True)
    assert (row["kind"], row["client"], row["user_name"], row["device"], row["origin"]) == (
        "lease",
        "10.1.0.8",
        "example.org\\ann",
        "ann-pc.example.org",
        "directory",
    )
