"""VeloCloud's firewall log as the Orchestrator exports it."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.velocloud import VelocloudFormat
from tests.sensor.sources.logs.formats.reading import read

EVENT = {
    "timestamp": "2026-10-06T10:00:00.000Z", "edgeName": "edge1", "actionTaken": "ALLOW", "sourceIp": "10.1.0.7",
    "sourcePort": 49152, "destinationIp": "192.0.2.7", "destinationPort": 443, "protocol": 6, "domainName": "chat.example.com",
    "sessionDurationSecs": 0, "bytesSent": 0, "bytesReceived": 0, "closeReason": "", "verdict": "",
}  # fmt: skip


def test_volumes_are_told_of_closed_sessions_only() -> None:
    closed = EVENT | {
        "sessionDurationSecs": 9,
        "bytesSent": 5120,
        "bytesReceived": 900,
        "closeReason": "TCP_FIN",
    }
    refused = EVENT | {"actionTaken": "DENY", "verdict": "blocked", "domainName": "N/A"}
    exported = [{"_index": "logs", "_source": event} for event in (EVENT, closed, refused)]
    found = read(VelocloudFormat, json.dumps(exported, indent=1))
    assert found.select("phase", "action", "host", "bytes_up", "bytes_down", "duration_s").rows() == [
        ("begin", "allowed", "chat.example.com", None, None, None),
        ("end", "allowed", "chat.example.com", 5120, 900, 9),
        ("begin", "blocked", None, None, None, None),
    ]
    assert found["session"][0] == found["session"][1]
    assert set(found.select("client", "server", "server_port").rows()) == {("10.1.0.7", "192.0.2.7", 443)}
