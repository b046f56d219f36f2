"""ASIM: the three schemas as JSON and CSV."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.asim import AsimFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

BASE = {
    "TimeGenerated": "2026-11-22T10:00:00Z",
    "SrcIpAddr": "10.1.0.7",
    "SrcUsername": "ann@example.org",
    "SrcHostname": "ann-pc",
}


def line(**more: object) -> str:
    return json.dumps(BASE | more) + "\n"


def test_web_network_and_dns() -> None:
    text = (
        line(Url="https://chat.example.com/api/x?k=1", HttpRequestMethod="POST", SrcBytes=5120, DstBytes=700,
        EventResultDetails="200",
             DvcAction="Allow")
        + line(DstIpAddr="198.51.100.4", DstPortNumber=443, DstFQDN="api.example.com", NetworkProtocol="TCP",
        DvcAction="Deny", SrcBytes=1)
        + line(DnsQuery="claude.example.com", DnsQueryTypeName="A", DnsResponseCodeName="REFUSED",
        DstIpAddr="9.9.9.9")
        + line(EventType="Logon")
    )  # fmt: skip
    found = read(AsimFormat, text)
    assert found.select(
        "kind", "host", "path", "server", "bytes_up", "bytes_down", "action", "reason"
    ).rows() == [
        ("http", "chat.example.com", "/api/x", None, 5120, 700, "allowed", None),
        ("flow", "api.example.com", None, "198.51.100.4", 1, None, "blocked", None),
        ("dns", "claude.example.com", None, "9.9.9.9", None, None, "blocked", None),
        ("flow", None, None, None, None, None, "unknown", NO_CONNECTION),
    ]
    assert found["user_name"][0] == "ann@example.org"


def test_csv() -> None:
    text = (
        "TimeGenerated [UTC],SrcIpAddr,DnsQuery,DvcAction\n2026-11-22T10:00:00Z,10.1.0.7,chat.example.com,"
        "Blocked\n"
    )
    found = read(AsimFormat, text)
    (row,) = found.filter(found["host"].is_not_null()).rows(named=True)
    assert (row["kind"], row["client"], row["host"], row["action"]) == (
        "dns",
        "10.1.0.7",
        "chat.example.com",
        "blocked",
    )
