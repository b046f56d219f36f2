"""Google Cloud DNS query logs."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.gcp_dns import GcpDnsFormat
from sensor.sources.logs.text.reasons import NO_CLIENT
from tests.sensor.sources.logs.formats.reading import read


def line(**more: object) -> str:
    payload = {
        "authAnswer": True, "protocol": "UDP", "queryName": "chat.example.com.", "queryType": "A",
        "responseCode": "NOERROR",
        "rdata": "chat.example.com.\t300\tIN\tcname\te.example.net.\nedge.exa"
                 "mple.net.\t60\tIN\ta\t203.0.113.5",
        "serverLatency": 14, "sourceIP": "10.1.0.7", "sourceNetwork": "default",
        "vmInstanceName": "694119234537.vm-1",
    }  # fmt: skip
    entry = {
        "insertId": "x",
        "jsonPayload": payload | more,
        "logName": "projects/p/logs/dns.googleapis.com%2Fdns_queries",
        "receiveTimestamp": "2026-11-22T10:00:01Z", "resource": {"type": "dns_query"},
        "timestamp": "2026-11-22T10:00:00.341873447Z",
    }  # fmt: skip
    return json.dumps(entry) + "\n"


def test_lookups() -> None:
    (row,) = read(GcpDnsFormat, line()).rows(named=True)
    assert (row["client"], row["device"], row["host"], row["action"]) == (
        "10.1.0.7",
        "vm-1",
        "chat.example.com",
        "allowed",
    )
    assert row["answers"] == ["203.0.113.5"]
    assert row["seen_at"].isoformat() == "2026-11-22T10:00:00.341873+00:00"


def test_forwarded_lookups_have_no_client() -> None:
    text = line(sourceIP=None, vmInstanceName=None) + line(responseCode="REFUSED")
    found = read(GcpDnsFormat, text)
    assert found["reason"].to_list() == [NO_CLIENT, None]
    assert found["action"][1] == "blocked"
