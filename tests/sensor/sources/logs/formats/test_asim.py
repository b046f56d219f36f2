"""ASIM: the three schemas as JSON and CSV."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.asim import AsimFormat
from sensor.sources.logs.rows.sessions import Sessions
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


def test_a_lookup_that_the_device_blocked_is_blocked_however_it_ended() -> None:
    text = line(DnsQuery="claude.example.com", DnsResponseCodeName="NOERROR", DvcAction="Blocked")
    assert read(AsimFormat, text)["action"].to_list() == ["blocked"]


@pytest.mark.parametrize(("ended_by", "action"), [("aged-out", "allowed"), ("threat", "blocked")])
def test_of_pan_os_both_counts_are_exchanged(ended_by: str, action: str) -> None:
    told = {"EventVendor": "Palo Alto", "EventProduct": "PanOS", "EventOriginalResultDetails": ended_by}
    (row,) = read(
        AsimFormat, line(DstIpAddr="198.51.100.4", DvcAction="Allow", SrcBytes=9000, DstBytes=700, **told)
    ).rows(named=True)
    assert (row["bytes_up"], row["bytes_down"], row["action"]) == (700, 9000, action)


@pytest.mark.parametrize(
    "told",
    [
        {"EventVendor": "Fortinet", "EventProduct": "Fortigate", "DvcId": "FG1", "NetworkSessionId": ""},
        {"EventVendor": "Check Point", "EventProduct": "Firewall", "EventOriginalUid": "{0x6a,0x1}"},
    ],
)
def test_what_is_told_while_a_session_lasts_is_cumulative(told: dict[str, str]) -> None:
    ends = {"SrcPortNumber": 50000, "DstIpAddr": "198.51.100.4", "DstPortNumber": 443}
    text = "".join(line(SrcBytes=sent, DstBytes=2 * sent, **ends, **told) for sent in (1000, 4000, 5120))
    found = Sessions().take(read(AsimFormat, text))
    assert found["bytes_up"].to_list() == [1000, 3000, 1120]


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
