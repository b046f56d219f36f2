"""BIND query logs: our own lines, in the layouts of the manual and of two appliances."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.bind import BindFormat
from sensor.sources.logs.text.reasons import ANSWERED, NO_LOOKUP
from tests.sensor.sources.logs.formats.reading import read

ARGUED = (
    ("sekoia-bind.jsonl", 5, "used", "a reverse lookup names no service"),
    ("sekoia-solidserver-ddi.jsonl", 10, "used", "the answer to the question of line 3: one lookup"),
)

LOG = r"""
06-Oct-2026 10:00:00.123 queries: info: client @0x7f1c 10.1.2.3#53211 (chat.openai.com): query: chat.openai.com IN A +E(0)K (10.0.0.53)
06-Oct-2026 10:00:00.124 client 10.1.2.3#53212 (claude.ai): view corp: query: Claude.AI IN TYPE65 +T (10.0.0.53)
2026-10-06T10:00:01.500Z queries: info: client @0x7f1c 2001:db8::7#40000 (api.mistral.ai): query: api.mistral.ai IN AAAA + (10.0.0.53)
Oct  6 10:00:02 ns1 named[812]: client @0x7f1c 10.1.2.4#5353 (4.3.2.10.in-addr.arpa): query: 4.3.2.10.in-addr.arpa IN PTR + (10.0.0.53)
Oct  6 10:00:03 ns1 named[812]: client @0x7f1c 10.1.2.4#5353 (deepseek.com): rpz QNAME NXDOMAIN rewrite deepseek.com/A/IN via deepseek.com.rpz.corp
Oct  6 10:00:04 ns1 named[812]: 06-Oct-2026 12:00:04.000 client 10.1.2.5#1024: UDP: query: gemini.google.com IN A response: NOERROR +ED gemini.google.com. 60 IN A 198.51.100.9;
Oct  6 10:00:05 ns1 named[812]: client @0x7f1c 10.1.2.6#1024 (copilot.microsoft.com): answer: copilot.microsoft.com IN A + (10.0.0.53) -> NOERROR 60 A 203.0.113.8
Oct  6 10:00:06 ns1 named[812]: zone corp.example/IN: loaded serial 7
"""


def test_every_layout_gives_client_name_and_verdict() -> None:
    rows = read(BindFormat, LOG)
    used = rows.filter(rows["reason"].is_null())
    assert used.select("client", "host", "action", "client_port").rows() == [
        ("10.1.2.3", "chat.openai.com", "unknown", 53211),
        ("10.1.2.3", "claude.ai", "unknown", 53212),
        ("2001:db8::7", "api.mistral.ai", "unknown", 40000),
        ("10.1.2.4", "deepseek.com", "blocked", 5353),
        ("10.1.2.5", "gemini.google.com", "allowed", 1024),
        ("10.1.2.6", "copilot.microsoft.com", "allowed", 1024),
    ]
    assert used["kind"].unique().to_list() == ["dns"]
    assert used["server"].drop_nulls().unique().to_list() == ["10.0.0.53"], "the resolver that was asked"


def test_a_policy_that_only_tells_refuses_nothing() -> None:
    ways = ("disabled rpz QNAME NXDOMAIN", "rpz QNAME TCP-ONLY", "rpz QNAME Local-Data", "rpz QNAME PASSTHRU")
    head = "Oct  6 10:00:03 ns1 named[812]: client @0x7f1c 10.1.2.4#5353 (a.example.com): "
    found = read(BindFormat, "".join(f"{head}{way} rewrite a.example.com/A/IN via a.rpz\n" for way in ways))
    assert found["action"].to_list() == ["allowed", "allowed", "blocked", "allowed"]


def test_the_line_s_own_time_goes_before_the_syslog_s() -> None:
    rows = read(BindFormat, LOG, zone="Europe/Berlin")
    assert rows["seen_at"][0] == datetime(2026, 10, 6, 8, 0, 0, 123000, UTC)
    assert rows["seen_at"][2] == datetime(2026, 10, 6, 10, 0, 1, 500000, UTC), "it says Z"
    assert rows["seen_at"][4] == datetime(2026, 10, 6, 8, 0, 3, tzinfo=UTC)
    assert rows["seen_at"][5] == datetime(2026, 10, 6, 10, 0, 4, tzinfo=UTC), "named's stamp, not the relay's"


def test_answers_are_kept_for_naming_and_the_rest_is_set_aside() -> None:
    rows = read(BindFormat, LOG)
    assert rows["answers"][5].to_list() == ["198.51.100.9"]
    assert rows["answers"][6].to_list() == ["203.0.113.8"]
    assert rows["reason"].drop_nulls().to_list() == [
        "set aside: reverse lookup (PTR)",
        NO_LOOKUP,
    ]
    assert rows["transport"].to_list()[:2] == ["udp", "tcp"]


def test_what_became_of_a_query_is_no_second_lookup() -> None:
    head = "06-Oct-2026 10:00:00.123 {}: info: client @0x7f 10.1.2.3#{} ({name}): ".format
    rows = read(
        BindFormat,
        f"{head('queries', 4001, name='a.example.com')}query: a.example.com IN A +E(0)K (10.0.0.53)\n"
        f"{head('rpz', 4001, name='a.example.com')}rpz QNAME NXDOMAIN rewrite a.example.com/A/IN via a.rpz\n"
        f"{head('responses', 4001, name='a.example.com')}response: A.example.com IN A NXDOMAIN + 0 1 1\n"
        f"{head('queries', 4002, name='b.example.com')}query: b.example.com IN A + (10.0.0.53)\n"
        f"{head('rpz', 4002, name='b.example.com')}rpz QNAME PASSTHRU rewrite b.example.com/A/IN via b.rpz\n"
        f"{head('query-errors', 4002, name='b.example.com')}query failed (SERVFAIL) for b.example.com/IN/A at query.c:9\n"
        f"{head('queries', 4003, name='c.example.com')}query: c.example.com IN A + (10.0.0.53)\n"
        f"{head('responses', 4003, name='c.example.com')}response: c.example.com IN A NOERROR + 1 0 0\n",
    )
    assert rows.select("host", "action", "reason").rows() == [
        ("a.example.com", "blocked", None),
        ("a.example.com", "blocked", ANSWERED),
        ("a.example.com", "blocked", ANSWERED),
        ("b.example.com", "unknown", None),
        ("b.example.com", "unknown", ANSWERED),
        ("b.example.com", "unknown", ANSWERED),
        ("c.example.com", "allowed", None),
        ("c.example.com", "allowed", ANSWERED),
    ]


def test_other_categories_are_no_lookups() -> None:
    rows = read(
        BindFormat,
        "06-Oct-2026 10:00:00.123 lame-servers: info: connection refused resolving 'a.example/A/IN': 192.0.2.1#53\n"
        "2026-10-06T10:00:00.123Z query-errors: debug 2: fetch completed at resolver.c:2927 for a.example/A\n"
        "06-Oct-2026 10:00:00.123 client: debug 3: client @0x2c (no-peer): allocate new client\n",
    )
    assert rows["reason"].to_list() == [NO_LOOKUP] * 3
