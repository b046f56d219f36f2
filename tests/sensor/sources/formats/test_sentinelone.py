"""SentinelOne Deep Visibility."""

from __future__ import annotations

import json
from typing import Any

from sensor.sources.formats.sentinelone import OTHER, SentinelOneFamily
from tests.sensor.sources.formats.reading import read


def event(kind: str, **more: Any) -> str:
    return json.dumps(
        {
            "event.type": kind,
            "event.category": "x",
            "event.time": 1791280800000,
            "endpoint.name": "PC7",
            "src.process.user": "CORP\\ada",
        }
        | {name.replace("__", "."): value for name, value in more.items()}
    )


def test_connections_lookups_and_urls_of_a_device() -> None:
    flow = {"src__ip__address": "10.1.2.3", "dst__ip__address": "192.0.2.7", "dst__port__number": 443}
    found = read(
        SentinelOneFamily,
        "\n".join(
            (
                event("IP Connect", **flow, event__network__direction="OUTGOING", meta__event__name="TCPV4"),
                event(
                    "DNS Resolved", event__dns__request="chat.example.com", event__dns__response="192.0.2.7;"
                ),
                event("GET", url__address="http://chat.example.com/a", event__url__action="GET"),
                event("File Modification"),
            )
        ),
    )
    assert found.select("reason", "kind", "device", "user_name", "host").rows() == [
        (None, "flow", "PC7", "CORP\\ada", None),
        (None, "dns", "PC7", "CORP\\ada", "chat.example.com"),
        (None, "http", "PC7", "CORP\\ada", "chat.example.com"),
        (OTHER, "flow", "PC7", "CORP\\ada", None),
    ]


def test_a_services_account_is_no_person() -> None:
    one = event(
        "DNS Resolved", event__dns__request="a.example.org", src__process__user="NT AUTHORITY\\SYSTEM"
    )
    assert read(SentinelOneFamily, one)["user_name"].to_list() == [None]
