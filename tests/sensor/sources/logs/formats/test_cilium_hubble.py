"""Cilium Hubble's flows."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.cilium_hubble import CiliumHubbleFormat
from sensor.sources.logs.text.reasons import ANSWERED
from tests.sensor.sources.logs.formats.reading import read


def flow(**more: object) -> str:
    one = {
        "time": "2026-10-06T10:00:00Z",
        "verdict": "FORWARDED",
        "IP": {"source": "10.0.0.5", "destination": "192.0.2.7"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": 443}},
        "source": {"namespace": "lab", "pod_name": "agent-1"},
        "destination_names": ["api.example.org"],
        "is_reply": False,
        "traffic_direction": "EGRESS",
    }
    return json.dumps({"flow": one | more, "node_name": "n1"})


BACK = {
    "IP": {"source": "192.0.2.7", "destination": "10.0.0.5"},
    "l4": {"TCP": {"source_port": 443, "destination_port": 40000}},
    "source": {},
    "destination": {"namespace": "lab", "pod_name": "agent-1"},
    "source_names": ["api.example.org"],
    "destination_names": [],
    "is_reply": True,
}
DNS = {
    "IP": {"source": "10.0.0.5", "destination": "10.0.0.10"},
    "l4": {"UDP": {"source_port": 40000, "destination_port": 53}},
    "l7": {"type": "REQUEST", "dns": {"query": "api.example.org.", "qtypes": ["A"]}},
}


def test_replies_are_turned_and_pods_are_devices() -> None:
    found = read(CiliumHubbleFormat, "\n".join([flow(), flow(**BACK), flow(verdict="DROPPED"), flow(**DNS)]))
    there = ("10.0.0.5", "lab/agent-1", "api.example.org", "192.0.2.7", 443)
    assert found.select("client", "device", "host", "server", "server_port").rows() == [
        there,
        there,
        there,
        ("10.0.0.5", "lab/agent-1", "api.example.org", None, None),
    ]
    assert found["action"].to_list() == ["allowed", "allowed", "blocked", "allowed"]
    assert found["session"][0] == found["session"][1]
    assert found["kind"].to_list() == ["flow", "flow", "flow", "dns"]


def test_answers_say_what_was_refused() -> None:
    asked = {"source": "10.0.0.10", "destination": "10.0.0.5"}
    told = {"type": "RESPONSE", "dns": {"query": "api.example.org.", "rcode": 3, "qtypes": ["A"]}}
    later = {"type": "RESPONSE", "dns": {"query": "chat.example.org.", "ips": ["192.0.2.7"]}}
    ends = {"IP": asked, "source": {}, "destination": BACK["destination"], "is_reply": True}
    lines = [flow(**DNS), flow(**DNS | ends | {"l7": told}), flow(**DNS | ends | {"l7": later})]
    found = read(CiliumHubbleFormat, "\n".join(lines))
    assert found.select("device", "host", "action", "reason").rows() == [
        ("lab/agent-1", "api.example.org", "blocked", None),
        ("lab/agent-1", "api.example.org", "blocked", ANSWERED),
        ("lab/agent-1", "chat.example.org", "allowed", None),
    ]
    assert found["answers"].to_list()[2] == ["192.0.2.7"]
