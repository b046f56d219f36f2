"""Azure DNS: the firewall's proxy in both forms, the resolver's policy."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.azure_dns import AzureDnsFormat
from tests.sensor.sources.logs.formats.reading import read

_SIZE = "sizes of the DNS messages are no traffic to the service"
ARGUED = [
    ("elastic-azure-firewall_logs-dnsproxyrules-raw.log", line, side, _SIZE)
    for line in range(3)
    for side in ("up", "down")
]


def record(category: str, properties: dict[str, object]) -> str:
    entry = {
        "category": category,
        "properties": properties,
        "time": "2026-11-22T10:00:00.0527790Z",
        "resourceId": "/X",
    }
    return json.dumps(entry) + "\n"


def test_lookups_of_every_form() -> None:
    msg = (
        "DNS Request: 10.1.0.7:61248 - 6513 A IN chat.example.com. udp 43 false 512 NOERROR qr,rd,ra 145 "
        "0.002846368s"
    )
    text = (
        record("AzureFirewallDnsProxy", {"msg": msg})
        + record("AZFWDnsQuery", {
            "SourceIp": "10.1.0.8", "SourcePort": 5353, "QueryName": "api.example.com.", "QueryType": "AAAA",
            "Protocol": "tcp", "ResponseCode": "REFUSED",
        })
        + record("DnsResponse", {
            "SourceIpAddress": "10.1.0.9", "QueryName": "claude.example.com.", "QueryType": "A",
            "ResponseCode": "NoError",
            "ResolverPolicyRuleAction": "Block",
        })
        + json.dumps({"TimeGenerated": "2026-11-22T10:00:03Z", "Type": "AZFWDnsQuery", "SourceIp": "10.1.0.8",
                      "QueryName": "x.example.com.", "QueryType": "PTR"}) + "\n"
    )  # fmt: skip
    found = read(AzureDnsFormat, text)
    assert found.select("client", "host", "action").rows()[:3] == [
        ("10.1.0.7", "chat.example.com", "allowed"),
        ("10.1.0.8", "api.example.com", "blocked"),
        ("10.1.0.9", "claude.example.com", "blocked"),
    ]
    assert found["reason"].null_count() == 3
    assert found["seen_at"][0].isoformat() == "2026-11-22T10:00:00.052779+00:00"
