"""Route 53 Resolver query logs; hosted-zone logs are nobody's lookups."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.route53 import Route53Format
from sensor.sources.logs.text.reasons import HOSTED_ZONE
from tests.sensor.sources.logs.formats.reading import read

_WORLD = "resolvers of the world asking for a hosted zone are no clients of ours"
ARGUED = [
    ("elastic-aws-route53_public_logs-route53.log", tuple(range(4)), "used", _WORLD),
    ("elastic-aws-route53_resolver_logs-route53.log", 1, "used", "pointer lookup"),
    ("elastic-aws-route53_resolver_logs-route53.log", 20, "used", "pointer lookup"),
]


def line(**more: object) -> str:
    entry = {
        "version": "1.100000", "account_id": "123456789012", "region": "eu-west-1", "vpc_id": "vpc-1",
        "query_timestamp": "2026-11-22T10:00:00Z", "query_name": "Chat.example.com.", "query_type": "A",
        "query_class": "IN",
        "rcode": "NOERROR", "answers": [{"Rdata": "203.0.113.5", "Type": "A", "Class": "IN"}],
        "srcaddr": "10.1.0.7",
        "srcport": "49152", "transport": "UDP", "srcids": {"instance": "i-1"},
    }  # fmt: skip
    return json.dumps(entry | more) + "\n"


def test_lookups() -> None:
    (row,) = read(Route53Format, line()).rows(named=True)
    assert (row["client"], row["client_port"], row["host"]) == ("10.1.0.7", 49152, "chat.example.com")
    assert (row["device"], row["transport"], row["action"]) == ("i-1", "udp", "allowed")
    assert row["answers"] == ["203.0.113.5"]


def test_verdicts_of_the_dns_firewall() -> None:
    text = (
        line(firewall_rule_action="BLOCK",
        rcode="NXDOMAIN") + line(firewall_rule_action="ALERT") + line(rcode="REFUSED")
        + line(rcode="SERVFAIL", answers=[], srcids={})
    )  # fmt: skip
    assert read(Route53Format, text)["action"].to_list() == ["blocked", "allowed", "blocked", "unknown"]


def test_inside_cloudwatch() -> None:
    event = json.dumps({"id": "1", "timestamp": 1_700_000_000_000, "message": line().strip()})
    (row,) = read(Route53Format, event + "\n").rows(named=True)
    assert row["host"] == "chat.example.com"


def test_hosted_zones_are_set_aside() -> None:
    text = "1.0 2026-11-22T10:00:00.130Z Z123412341234 www.example.org A NOERROR UDP FRA6 192.0.2.9 -\n"
    assert read(Route53Format, text)["reason"].to_list() == [HOSTED_ZONE]
