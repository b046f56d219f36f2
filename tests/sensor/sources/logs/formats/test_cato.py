"""Cato events."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sensor.sources.logs.formats.cato import CatoFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

BASE = {"account_id": "1", "internalId": "x", "pop_name": "Paris", "event_type": "Security", "event_sub_type": "Internet Firewall", "time": "1791280800000",
        "src_ip": "10.1.2.3", "src_port": "40000", "dest_ip": "192.0.2.7", "dest_port": "443", "ip_protocol": "TCP", "action": "Monitor"}  # fmt: skip


def test_hosts_urls_and_people() -> None:
    text = "\n".join(
        [
            json.dumps(
                BASE
                | {
                    "domain_name": "chat.example.com",
                    "full_path_url": "",
                    "vpn_user_email": "ada@corp.example",
                    "user_name": "Ada",
                }
            ),
            json.dumps(
                BASE
                | {
                    "full_path_url": "https://chat.example.com/v1?k",
                    "user_name": "Ada",
                    "action": "Block",
                    "device_name": "pc-7",
                }
            ),
            json.dumps(BASE | {"domain_name": "a.example.com", "url": "/p?q"}),
        ]
    )
    rows = read(CatoFormat, text)
    assert rows["host"].to_list() == ["chat.example.com", "chat.example.com", "a.example.com"]
    assert rows["path"].to_list() == [None, "/v1", "/p"]
    assert rows["user_name"].to_list() == ["ada@corp.example", "Ada", None]
    assert rows["action"].to_list() == ["allowed", "blocked", "allowed"]
    assert rows["seen_at"].to_list()[0] == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_events_without_a_destination() -> None:
    event = {
        "account_id": "1",
        "internalId": "x",
        "event_type": "Connectivity",
        "event_sub_type": "Connected",
        "time": "1791280800000",
        "src_ip": "10.1.2.3",
    }
    assert read(CatoFormat, json.dumps(event))["reason"].to_list() == [NO_CONNECTION]


def test_a_clients_tunnel_gives_its_address() -> None:
    event = {
        "event_type": "Connectivity",
        "event_sub_type": "Connected",
        "account_id": "7",
        "action": "Succeeded",
        "src_ip": "10.41.6.7",
        "src_is_site_or_vpn": "VPN User",
        "vpn_user_email": "ada@example.org",
        "time": "1791280800000",
    }
    gone = event | {"event_sub_type": "Disconnected"}
    site = event | {"src_is_site_or_vpn": "Site"}
    rows = read(CatoFormat, "\n".join(map(json.dumps, (event, gone, site))))
    assert rows.select("reason", "kind", "client", "user_name", "closes").rows()[:2] == [
        (None, "lease", "10.41.6.7", "ada@example.org", False),
        (None, "lease", "10.41.6.7", "ada@example.org", True),
    ]
    assert rows["reason"][2] == NO_CONNECTION
