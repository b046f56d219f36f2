"""Traffic logs of Entra Global Secure Access."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.global_secure_access import GlobalSecureAccessFormat
from sensor.sources.logs.text.reasons import CONNECTION_LOG
from tests.sensor.sources.logs.formats.reading import read

RECORD = {
    "createdDateTime": "2026-10-06T10:00:00Z",
    "transactionId": "t1",
    "userPrincipalName": "ada@example.org",
    "deviceId": "d1",
    "sourceIp": "198.51.100.7",
    "destinationIp": "192.0.2.7",
    "destinationFQDN": "www.example.org",
    "destinationPort": 443,
    "transportProtocol": "tcp",
    "action": "allow",
    "sentBytes": 900,
    "receivedBytes": 70,
}


def test_diagnostic_settings_and_the_table_of_log_analytics() -> None:
    setting = {"time": "2026-10-06T10:00:01Z", "category": "NetworkAccessTrafficLogs", "properties": RECORD}
    spelled = {key[0].upper() + key[1:]: value for key, value in RECORD.items()}
    spelled |= {
        "TimeGenerated": "2026-10-06T10:00:00Z",
        "DestinationFqdn": "www.example.org",
        "Action": "Block",
    }
    del spelled["CreatedDateTime"], spelled["DestinationFQDN"]
    found = read(GlobalSecureAccessFormat, json.dumps(setting) + "\n" + json.dumps(spelled))
    there = ("198.51.100.7", "ada@example.org", "www.example.org", "192.0.2.7", 443, 900, 70)
    assert found.select(
        "client", "user_name", "host", "server", "server_port", "bytes_up", "bytes_down"
    ).rows() == [
        there,
        there,
    ]
    assert found["action"].to_list() == ["allowed", "blocked"]
    assert [stamp.isoformat() for stamp in found["seen_at"]] == ["2026-10-06T10:00:00+00:00"] * 2


def test_connections_stand_in_the_traffic_log_too() -> None:
    setting = {
        "time": "2026-10-06T10:00:01Z",
        "resourceId": "/tenants/t/providers/Microsoft.aadiam",
        "category": "NetworkAccessConnectionEvents",
        "properties": {"ConnectionId": "c1", "DestinationFqdn": "www.example.org", "EventType": "Open"},
    }
    row = {
        "TimeGenerated": "2026-10-06T10:00:00Z",
        "ConnectionId": "c1",
        "Type": "NetworkAccessConnectionEvents",
    }
    found = read(GlobalSecureAccessFormat, f"{json.dumps(setting)}\n{json.dumps(row)}")
    assert found["reason"].to_list() == [CONNECTION_LOG] * 2
