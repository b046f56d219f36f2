"""Cloudflare Zero Trust: the four datasets, every time format, fields left out."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.cloudflare import CloudflareFormat
from sensor.sources.logs.text.reasons import HOSTED_ZONE
from tests.sensor.sources.logs.formats.reading import read

_INSIDE = "the address inside the network goes before the public one"
_ZONE = "a zone's own DNS log names resolvers of the world, no client of ours"
_FILE = "elastic-cloudflare_logpush-{}.log"
ARGUED = [
    (_FILE.format("dns-pipeline-dns"), 0, "used", _ZONE),
    (_FILE.format("gateway_http-pipeline-gateway-http"), 0, "client", _INSIDE),
    (_FILE.format("gateway_network-pipeline-gateway-network"), 0, "client", _INSIDE),
    (_FILE.format("network_session-pipeline-network-session"), 0, "client", _INSIDE),
]
T0 = "2026-11-22T10:00:00Z"
WHO = {"DeviceID": "d-1", "DeviceName": "ann-pc", "Email": "ann@example.org", "UserID": "u-1"}


def line(**fields: object) -> str:
    return json.dumps(fields) + "\n"


def test_gateway_dns() -> None:
    text = line(
        Datetime="2026-11-22T10:00:00Z", QueryName="Chat.example.com", QueryType=65, QueryTypeName="HTTPS",
        RCode=0, SrcIP="203.0.113.9",
        SrcPort=0, DstIP="162.159.36.1", DstPort=443, Protocol="https", ResolverDecision="blockedRule", **WHO,
    ) + line(Datetime="2026-11-22T10:00:01Z", QueryName="api.example.com", QueryTypeName="A",
    ResolverDecision="allowedOnNoPolicyMatch",
             SrcIP="203.0.113.9")  # fmt: skip
    found = read(CloudflareFormat, text)
    assert found.select("kind", "client", "user_name", "device", "host", "action", "server").rows() == [
        ("dns", "203.0.113.9", "ann@example.org", "ann-pc", "chat.example.com", "blocked", None),
        ("dns", "203.0.113.9", None, None, "api.example.com", "allowed", None),
    ]


def test_a_device_enrolled_by_a_token_has_no_account() -> None:
    enrolled = WHO | {"Email": "non_identity@acme.cloudflareaccess.com"}
    (row,) = read(
        CloudflareFormat,
        line(
            Datetime="2026-11-22T10:00:00Z",
            HTTPHost="chat.example.com",
            SourceIP="203.0.113.9",
            Action="allow",
            **enrolled,
        ),
    ).rows(named=True)
    assert (row["user_name"], row["device"]) == (None, "ann-pc")


def test_gateway_http() -> None:
    text = line(
        Datetime="2026-11-22T10:00:00Z", HTTPHost="chat.example.com", URL="https://chat.example.com/api/x?key=secret", HTTPMethod="POST",
        HTTPStatusCode=200, UserAgent="curl/8", SourceIP="203.0.113.9", SourceInternalIP="10.1.0.7",
        SourcePort=4711, DestinationIP="",
        DestinationPort=0, Action="allow", RequestID="r", PolicyID="", **WHO,
    )  # fmt: skip
    (row,) = read(CloudflareFormat, text).rows(named=True)
    assert (row["kind"], row["client"], row["client_port"], row["host"], row["path"]) == (
        "http",
        "10.1.0.7",
        4711,
        "chat.example.com",
        "/api/x",
    )
    assert (row["method"], row["status"], row["user_agent"], row["action"], row["bytes_up"]) == (
        "POST",
        200,
        "curl/8",
        "allowed",
        None,
    )


@pytest.mark.parametrize("at", [1_795_341_600_000_000_000, 1_795_341_600, "2026-11-22T10:00:00Z"])
def test_a_network_session_gets_its_name_from_the_network_log(at: object) -> None:
    text = line(
        Datetime=at, SNI="chat.example.com", SessionID="s-1", SourceIP="203.0.113.9", SourceInternalIP="",
        SourcePort=4711,
        DestinationIP="198.51.100.4", DestinationPort=443, Transport="tcp", Action="allowedOnNoRuleMatch",
        **WHO,
    ) + line(
        SessionStartTime="2026-11-22T10:00:00Z", SessionEndTime="2026-11-22T10:01:30Z", SessionID="s-1",
        BytesSent=5120,
        BytesReceived=700, OriginIP="198.51.100.4", OriginPort=443, SourceIP="203.0.113.9", SourcePort=4711,
        Protocol="TCP", **WHO,
    )  # fmt: skip
    named, ended = read(CloudflareFormat, text).rows(named=True)
    assert (named["kind"], named["host"], named["phase"], named["session"]) == (
        "tls",
        "chat.example.com",
        "name",
        "s-1",
    )
    assert named["seen_at"].isoformat() == "2026-11-22T10:00:00+00:00"
    assert (ended["kind"], ended["bytes_up"], ended["bytes_down"], ended["duration_s"]) == (
        "flow",
        5120,
        700,
        90.0,
    )
    assert (ended["phase"], ended["session"], ended["server"]) == ("end", "s-1", "198.51.100.4")


def test_zone_logs_are_set_aside() -> None:
    text = line(
        QueryName="www.example.org.", QueryType=28, ResponseCode=0, Timestamp=1_795_341_600_000_000_000
    )
    assert read(CloudflareFormat, text)["reason"].to_list() == [HOSTED_ZONE]


def test_a_session_whose_name_the_log_knows() -> None:
    line = {
        "SessionID": "s1", "SessionStartTime": "2026-10-06T10:00:00Z", "SessionEndTime": "2026-10-06T10:00:05Z",
        "SourceIP": "10.1.2.3", "OriginIP": "192.0.2.7", "OriginPort": 443, "Protocol": "UDP", "BytesSent": 900,
        "BytesReceived": 70, "ResolvedFQDN": "www.example.org", "ConnectionCloseReason": "CLIENT_CLOSED",
    }  # fmt: skip
    found = read(CloudflareFormat, json.dumps(line))
    assert found.select("host", "name_from", "bytes_up", "bytes_down").rows() == [
        ("www.example.org", "dns_answer", 900, 70)
    ]


@pytest.mark.parametrize(
    ("reason", "action"), [("ORIGIN_UNREACHABLE", "reset"), ("CLIENT_CLOSED", None), (None, None)]
)
def test_a_session_tells_only_that_it_failed(reason: str | None, action: str | None) -> None:
    text = line(SessionID="s", SessionStartTime=T0, SourceIP="10.1.2.3", OriginIP="192.0.2.7",
                OriginPort=443, BytesSent=9, ConnectionCloseReason=reason)  # fmt: skip
    assert read(CloudflareFormat, text)["action"].to_list() == [action]


def test_a_policy_that_redirects_refuses() -> None:
    text = line(Datetime=T0, URL="https://chat.example.com/", HTTPHost="chat.example.com", SourceIP="10.1.2.3",
                Action="redirect", RedirectTargetURI="https://intranet.example.org/")  # fmt: skip
    assert read(CloudflareFormat, text)["action"].to_list() == ["blocked"]
