"""SentinelOne Deep Visibility."""

from __future__ import annotations

import json
from typing import Any

from sensor.sources.logs.formats.sentinelone import SentinelOneFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read


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
        SentinelOneFormat,
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
        (NO_CONNECTION, "flow", "PC7", "CORP\\ada", None),
    ]


def test_a_services_account_is_no_person() -> None:
    one = event(
        "DNS Resolved", event__dns__request="a.example.org", src__process__user="NT AUTHORITY\\SYSTEM"
    )
    assert read(SentinelOneFormat, one)["user_name"].to_list() == [None]


def test_exports_of_chosen_columns_are_known_by_the_category() -> None:
    one = {
        "event.category": "ip", "src.ip.address": "10.1.2.3", "dst.ip.address": "192.0.2.7", "dst.port.number": 443,
        "event.network.connectionStatus": "BLOCKED", "event.time": 1791280800000, "endpoint.name": "PC7", "agent.uuid": "0",
    }  # fmt: skip
    (row,) = read(SentinelOneFormat, json.dumps(one)).rows(named=True)
    assert (row["kind"], row["client"], row["server"], row["server_port"]) == (
        "flow",
        "10.1.2.3",
        "192.0.2.7",
        443,
    )
    assert (row["action"], row["reason"]) == ("blocked", None)
