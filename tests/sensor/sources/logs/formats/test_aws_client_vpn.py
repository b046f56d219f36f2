"""AWS Client VPN."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sensor.sources.logs.formats.aws_client_vpn import AwsClientVpnFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read

RECORD = {
    "connection-log-type": "connection-attempt", "connection-attempt-status": "successful",
    "connection-id": "cvpn-connection-1", "connection-start-time": "2026-10-06 10:00:00", "client-ip": "10.8.0.5",
    "common-name": "laptop7", "username": "ada@corp.example", "device-ip": "198.51.100.9", "port": "50000",
    "ingress-bytes": "0", "egress-bytes": "0", "connection-end-time": "NA",
}  # fmt: skip


def lines(*changes: dict[str, str]) -> str:
    return "\n".join(json.dumps(RECORD | change) for change in changes)


def test_who_held_a_tunnel_address() -> None:
    ended = {"connection-log-type": "connection-reset", "connection-end-time": "2026-10-06 12:30:00"}
    found = read(AwsClientVpnFormat, lines({}, {"username": "NA"}, ended), zone="America/New_York")
    assert found.select("kind", "client", "user_name", "closes", "reason").rows() == [
        ("lease", "10.8.0.5", "ada@corp.example", False, None),
        ("lease", "10.8.0.5", "laptop7", False, None),
        ("lease", "10.8.0.5", "ada@corp.example", True, None),
    ]
    assert found["seen_at"].to_list()[::2] == [
        datetime(2026, 10, 6, 10, tzinfo=UTC), datetime(2026, 10, 6, 12, 30, tzinfo=UTC),
    ]  # fmt: skip


def test_an_attempt_that_failed_holds_nothing() -> None:
    failed = {"connection-attempt-status": "failed", "client-ip": "NA"}
    assert read(AwsClientVpnFormat, lines(failed, {"client-ip": "NA"}))["reason"].to_list() == [
        NO_ADDRESS,
        NO_ADDRESS,
    ]
