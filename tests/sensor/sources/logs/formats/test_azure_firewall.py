"""Azure Firewall rule logs."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.azure_firewall import AzureFirewallFormat
from sensor.sources.logs.text.reasons import NO_PORTS
from tests.sensor.sources.logs.formats.reading import read


def _classic(category: str, msg: str) -> str:
    return json.dumps(
        {
            "category": category,
            "operationName": category + "Log",
            "time": "2026-10-06T10:00:00.2140990Z",
            "properties": {"msg": msg},
        }
    )


def test_classic_text() -> None:
    text = "\n".join(
        [
            _classic(
                "AzureFirewallApplicationRule",
                "HTTPS request from 10.1.2.3:40000 to chat.example.com:443. Action: Deny. No rule matched.",
            ),
            _classic(
                "AzureFirewallApplicationRule",
                "HTTP  request from 10.1.2.3:40000 to a.example.com:80. Url: a.example.com/p?q. Action: Allow. Policy: x.",
            ),
            _classic(
                "AzureFirewallNetworkRule",
                "UDP request from 10.1.2.3:40000 to 192.0.2.7:443. Action: Allow. ",
            ),
            _classic(
                "AzureFirewallNetworkRule", "ICMP Type=8 request from 10.1.2.3 to 192.0.2.7. Action: Deny. "
            ),
        ]
    )
    rows = read(AzureFirewallFormat, text)
    assert rows["kind"].to_list() == ["tls", "http", "flow", "flow"]
    assert rows["host"].to_list() == ["chat.example.com", "a.example.com", None, None]
    assert rows["path"].to_list() == [None, "/p", None, None]
    assert rows["server"].to_list() == [None, None, "192.0.2.7", "192.0.2.7"]
    assert rows["action"].to_list() == ["blocked", "allowed", "allowed", "blocked"]
    assert rows["server_port"].to_list() == [443, 80, 443, None]
    assert rows["reason"].to_list() == [None, None, None, NO_PORTS]


def test_structured_tables_and_log_analytics_rows() -> None:
    fields = {"Protocol": "HTTPS", "SourceIp": "10.1.2.3", "SourcePort": 40000, "DestinationPort": 443, "Fqdn": "chat.example.com",
              "TargetUrl": "https://chat.example.com/v1?k", "Action": "Allow"}  # fmt: skip
    network = {
        "Protocol": "TCP",
        "SourceIp": "10.1.2.3",
        "SourcePort": 40000,
        "DestinationIp": "192.0.2.7",
        "DestinationPort": 443,
        "Action": "Deny",
    }
    text = "\n".join(
        [
            json.dumps(
                {"category": "AZFWApplicationRule", "time": "2026-10-06T10:00:00Z", "properties": fields}
            ),
            json.dumps({"Type": "AZFWNetworkRule", "TimeGenerated": "2026-10-06T10:00:00Z"} | network),
            json.dumps(
                {"Type": "AZFWThreatIntel", "TimeGenerated": "2026-10-06T10:00:00Z", "Fqdn": ""} | network
            ),
            json.dumps(
                {"Type": "AZFWApplicationRule", "TimeGenerated": "2026-10-06T10:00:00Z"}
                | fields
                | {"Protocol": "HTTP", "TargetUrl": ""}
            ),
        ]
    )
    rows = read(AzureFirewallFormat, text)
    assert rows["kind"].to_list() == ["http", "flow", "flow", "http"]
    assert rows["path"].to_list() == ["/v1", None, None, None]
    assert rows["server"].to_list() == [None, "192.0.2.7", "192.0.2.7", None]
    assert rows["action"].to_list() == ["allowed", "blocked", "blocked", "allowed"]
