"""dnsmasq and Pi-hole: queries, what became of them, log-queries=extra."""

from __future__ import annotations

from sensor.sources.logs.formats.dnsmasq import DnsmasqFormat
from sensor.sources.logs.text.reasons import ANSWERED, REVERSE
from tests.sensor.sources.logs.formats.reading import read

AT = "Nov 22 10:00:0{} dnsmasq[831]: "


def log(*lines: str) -> str:
    return "".join(AT.format(n) + line + "\n" for n, line in enumerate(lines))


def test_only_queries_are_lookups() -> None:
    found = read(
        DnsmasqFormat,
        log(
            "query[A] Chat.example.com from 10.1.0.7",
            "forwarded chat.example.com to 9.9.9.9",
            "reply chat.example.com is 203.0.113.5",
            "reply chat.example.com is 203.0.113.6",
            "query[type=65] api.example.com from 2001:db8::7",
            "cached api.example.com is NODATA",
        ),
    )
    assert found["reason"].to_list() == [None, ANSWERED, ANSWERED, ANSWERED, None, ANSWERED]
    used = found.filter(found["reason"].is_null())
    assert used.select("client", "host", "action").rows() == [
        ("10.1.0.7", "chat.example.com", "allowed"),
        ("2001:db8::7", "api.example.com", "allowed"),
    ]
    assert used["answers"].to_list() == [["203.0.113.5", "203.0.113.6"], []]
    assert used["seen_at"][0].isoformat() == "2026-11-22T10:00:00+00:00"


def test_blocked_by_every_list() -> None:
    ways = (
        "gravity blocked {} is 0.0.0.0", "regex denied {} is ::", "exactly denied {} is NXDOMAIN",
        "config {} is NXDOMAIN",
        "exactly blacklisted {} is 0.0.0.0", "/etc/hosts {} is 0.0.0.0", "special domain {} is NXDOMAIN",
        "reply {} is NXDOMAIN", "cached {} is NXDOMAIN", "reply {} is 0.0.0.0",
        "Rate-limiting {} is REFUSED (EDE: blocked)", "reply {} is REFUSED (EDE: prohibited)",
    )  # fmt: skip
    lines = []
    for n, way in enumerate(ways):
        host = f"h{n}.example.com"
        lines += [f"query[A] {host} from 10.1.0.7", way.format(host)]
    text = "".join(f"Nov 22 10:00:00 dnsmasq[831]: {line}\n" for line in lines)
    found = read(DnsmasqFormat, text)
    used = found.filter(found["reason"].is_null())
    assert used["action"].to_list() == ["blocked"] * len(ways)


def test_a_query_is_blocked_only_by_the_lines_below_it() -> None:
    found = read(
        DnsmasqFormat,
        log(
            "query[A] a.example.com from 10.1.0.7",
            "reply a.example.com is 203.0.113.5",
            "query[A] a.example.com from 10.1.0.8",
            "gravity blocked a.example.com is 0.0.0.0",
        ),
    )
    used = found.filter(found["reason"].is_null())
    assert used.select("client", "action").rows() == [("10.1.0.7", "allowed"), ("10.1.0.8", "blocked")]


def test_extra_ties_lines_to_their_client() -> None:
    found = read(
        DnsmasqFormat,
        log(
            "17 10.1.0.7/49152 query[A] chat.example.com from 10.1.0.7",
            "18 10.1.0.8/49153 query[A] chat.example.com from 10.1.0.8",
            "17 10.1.0.7/49152 reply chat.example.com is <CNAME>",
            "17 10.1.0.7/49152 reply edge.example.net is 203.0.113.5",
            "18 10.1.0.8/49153 config chat.example.com is 0.0.0.0",
        ),
    )
    used = found.filter(found["reason"].is_null())
    assert used.select("client", "client_port", "action").rows() == [
        ("10.1.0.7", 49152, "allowed"), ("10.1.0.8", 49153, "blocked"),
    ]  # fmt: skip
    assert used["answers"].to_list() == [["203.0.113.5"], []]


def test_pointers_and_server_messages() -> None:
    found = read(
        DnsmasqFormat,
        log("query[PTR] 7.0.1.10.in-addr.arpa from 10.1.0.7", "started, version 2.90 cachesize 10000"),
    )
    assert found["reason"].to_list() == [REVERSE, ANSWERED]


def test_openwrt() -> None:
    text = (
        "Sun Nov 22 10:00:00 2026 daemon.info dnsmasq[1]: 12 10.1.0.7/33333 query[A] chat.example.com from "
        "10.1.0.7\n"
    )
    (row,) = read(DnsmasqFormat, text).rows(named=True)
    assert (row["client"], row["host"]) == ("10.1.0.7", "chat.example.com")
    assert row["seen_at"].isoformat() == "2026-11-22T10:00:00+00:00"


def test_addresses_of_an_alias_are_of_the_name_that_was_asked() -> None:
    found = read(
        DnsmasqFormat,
        log(
            "query[A] chat.example.com from 10.1.0.7",
            "query[A] other.example.com from 10.1.0.8",
            "reply chat.example.com is <CNAME>",
            "reply edge.example.net is <CNAME>",
            "reply node.example.org is 203.0.113.5",
            "reply node.example.org is 203.0.113.6",
            "reply other.example.com is 203.0.113.9",
            "query[A] tracked.example.com from 10.1.0.7",
            "reply tracked.example.com is <CNAME>",
            "reply ads.example.net is blocked during CNAME inspection",
        ),
    )
    used = found.filter(found["reason"].is_null())
    assert used.select("host", "action").rows() == [
        ("chat.example.com", "allowed"),
        ("other.example.com", "allowed"),
        ("tracked.example.com", "blocked"),
    ]
    assert used["answers"].to_list()[:2] == [["203.0.113.5", "203.0.113.6"], ["203.0.113.9"]]
