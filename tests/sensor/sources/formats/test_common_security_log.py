"""Microsoft Sentinel's CommonSecurityLog."""

from __future__ import annotations

import json

from sensor.sources.formats.common_security_log import CommonSecurityLogFamily
from tests.sensor.sources.formats.reading import read

PROXY = {
    "TimeGenerated": "2026-10-06T10:00:00Z",
    "DeviceVendor": "Zscaler",
    "DeviceProduct": "NSSWeblog",
    "DeviceAction": "Blocked",
    "SourceIP": "10.1.2.3",
    "SourceUserName": "ada@example.org",
    "DestinationIP": "192.0.2.7",
    "DestinationPort": 443,
    "RequestURL": "https://chat.example.com/v1/a",
    "SentBytes": 5120,
    "ReceivedBytes": 870,
    "Type": "CommonSecurityLog",
}


def test_a_proxys_row_keeps_its_verdict_and_both_counts() -> None:
    (row,) = read(CommonSecurityLogFamily, json.dumps(PROXY)).rows(named=True)
    assert (row["client"], row["user_name"], row["host"], row["action"]) == (
        "10.1.2.3",
        "ada@example.org",
        "chat.example.com",
        "blocked",
    )
    assert (row["bytes_up"], row["bytes_down"]) == (5120, 870)


def test_of_an_unknown_vendor_nobody_knows_who_sent() -> None:
    (row,) = read(CommonSecurityLogFamily, json.dumps(PROXY | {"DeviceVendor": "Example"})).rows(named=True)
    assert (row["bytes_up"], row["bytes_down"]) == (None, None)


def test_a_lookup_that_a_response_policy_turned_away_is_blocked() -> None:
    event = {
        "TimeGenerated": "2026-10-06T10:00:00Z", "DeviceVendor": "Infoblox", "Activity": "RPZ EVENT QNAME REDIRECT",
        "DeviceAction": "REDIRECT", "SourceIP": "10.1.2.3", "ApplicationProtocol": "DNS",
        "DestinationDnsDomain": "chat.example.com.", "Type": "CommonSecurityLog",
    }  # fmt: skip
    (row,) = read(CommonSecurityLogFamily, json.dumps(event)).rows(named=True)
    assert (row["kind"], row["host"], row["action"]) == ("dns", "chat.example.com", "blocked")
