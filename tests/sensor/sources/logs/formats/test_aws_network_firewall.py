"""AWS Network Firewall logs."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.aws_network_firewall import AwsNetworkFirewallFormat
from tests.sensor.sources.logs.formats.reading import read


def _log(**event: object) -> str:
    base = {"timestamp": "2026-10-06T10:00:00.000000+0000", "flow_id": 7, "src_ip": "10.1.2.3", "src_port": 40000, "dest_ip": "192.0.2.7",
            "dest_port": 443, "proto": "TCP"}  # fmt: skip
    return json.dumps(
        {
            "firewall_name": "fw",
            "availability_zone": "a",
            "event_timestamp": "1791280800",
            "event": base | event,
        }
    )


def test_alerts_name_hosts_and_flows_carry_volumes() -> None:
    text = "\n".join(
        [
            _log(event_type="alert", alert={"action": "blocked"}, tls={"sni": "chat.example.com"}),
            _log(
                event_type="netflow",
                netflow={
                    "pkts": 1,
                    "bytes": 40,
                    "start": "2026-10-06T10:00:00.000000+0000",
                    "end": "2026-10-06T10:00:02.000000+0000",
                },
            ),
        ]
    )
    rows = read(AwsNetworkFirewallFormat, text)
    assert (rows["host"][0], rows["action"][0], rows["client"][0]) == (
        "chat.example.com",
        "blocked",
        "10.1.2.3",
    )
    assert (rows["bytes_up"][1], rows["one_way"][1], rows["duration_s"][1]) == (40, True, 2.0)
