"""Cloudflare logs of an organisation's own zones."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.cloudflare_zone import CloudflareZoneFormat
from sensor.sources.logs.text.reasons import OWN_REQUEST
from tests.sensor.sources.logs.formats.reading import read

REQUEST = {
    "ClientIP": "198.51.100.9", "ClientRequestHost": "llm.example.org", "ClientRequestMethod": "GET",
    "ClientRequestPath": "/v1/a", "RayID": "r",
}  # fmt: skip


def test_firewall_events_tell_the_verdict_in_every_spelling_of_time() -> None:
    stamps = ("2026-10-06T10:00:00Z", 1791280800, 1791280800000000000)
    actions = ("block", "managed_challenge", "log")
    lines = (REQUEST | {"Datetime": at, "Action": action} for at, action in zip(stamps, actions, strict=True))
    rows = read(CloudflareZoneFormat, "\n".join(json.dumps(one) for one in lines))
    assert rows["action"].to_list() == ["blocked", "blocked", "allowed"]
    assert rows["seen_at"].n_unique() == 1
    assert rows["bytes_up"].null_count() == 3


def test_a_workers_subrequest_is_the_edges_not_a_clients() -> None:
    rows = read(
        CloudflareZoneFormat,
        json.dumps(REQUEST | {"EdgeStartTimestamp": "2026-10-06T10:00:00Z", "WorkerSubrequest": True}),
    )
    assert rows["reason"].to_list() == [OWN_REQUEST]


def test_spectrum_tells_a_connection_twice() -> None:
    opened = {
        "Application": "a", "ClientIP": "198.51.100.9", "ClientPort": 50123, "ClientProto": "tcp", "OriginIP": "192.0.2.7",
        "OriginPort": 443, "ConnectTimestamp": "2026-10-06T10:00:00Z", "DisconnectTimestamp": "1970-01-01T00:00:00Z",
        "Event": "connect", "ClientBytes": 0, "OriginBytes": 0, "ClientTlsClientHelloServerName": "llm.example.org",
    }  # fmt: skip
    closed = opened | {
        "Event": "disconnect", "DisconnectTimestamp": "2026-10-06T10:00:05Z", "ClientBytes": 5120, "OriginBytes": 870,
    }  # fmt: skip
    rows = read(CloudflareZoneFormat, json.dumps(opened) + "\n" + json.dumps(closed))
    assert rows["session"].n_unique() == 1
    assert rows.select("phase", "host", "bytes_up", "duration_s").rows() == [
        ("begin", "llm.example.org", 0, None),
        ("end", "llm.example.org", 5120, 5.0),
    ]
