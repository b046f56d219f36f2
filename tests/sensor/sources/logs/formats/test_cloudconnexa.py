"""OpenVPN CloudConnexa events."""

from __future__ import annotations

import json
from typing import Any

from sensor.sources.logs.formats.cloudconnexa import CloudConnexaFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read


def event(name: str, **log: Any) -> str:
    at = "2026-10-06T10:00:00Z"
    return json.dumps(
        {"CloudConnexaLogVersion": 1, "timestamp": at, "eventName": name, "parentEntity": "ada", "log": log}
    )


def test_blocked_names_and_connections_and_tunnel_addresses() -> None:
    found = read(
        CloudConnexaFormat,
        "\n".join(
            (
                event("domain-blocked", domain="chat.example.com"),
                event(
                    "traffic-blocked",
                    sourceIp="100.96.1.2",
                    destinationIp="192.0.2.7",
                    destinationPort=443,
                    protocol="TCP",
                ),
                event("client-connected", tunnelIpV4="100.96.1.2"),
                event("client-connected", tunnelIpV4="0.0.0.0"),
                event("user-created"),
            )
        ),
    )
    assert found["reason"].to_list() == [None, None, None, NO_ADDRESS, NO_ADDRESS]
    assert found.select("kind", "action", "user_name").rows()[:3] == [
        ("dns", "blocked", "ada"),
        ("flow", "blocked", "ada"),
        ("lease", None, "ada"),
    ]
