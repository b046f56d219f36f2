"""Umbrella: the four logs without and with a header line, identities of every type."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.umbrella import UmbrellaFormat
from tests.sensor.sources.logs.formats.reading import read

_NETWORK = "the identity is a network, no person"
_NAME = "the account is taken out of `Name (account)`"
ARGUED = [
    ("sekoia-umbrella-dns.jsonl", (0, 1), "user", _NETWORK),
    ("sekoia-umbrella-dns.jsonl", 4, "used", "anonymised into a name that is none"),
    ("sekoia-umbrella-proxy.jsonl", 0, "user", _NAME),
]
AT = '"2026-11-22 10:00:00"'


def test_dns_and_whose_identity_it_is() -> None:
    rows = (
        ('"ann","ann,ANN-PC"', '"10.1.0.7"', '"AD Users"', '"AD Users,Roaming Computers"'),
        ('"ANN-PC","ANN-PC,Doe Ann (ann@example.org)"', '"10.1.0.7"', '"Roaming Computers"',
        '"Roaming Computers,AD Users"'),
        ('"Doe, Ann (ann@example.org)","Doe, Ann (ann@example.org),ANN-PC"', '"10.1.0.7"', '"AD Users"',
        '"AD Users,Anyconnect Roaming Client"'),
        ('"Guests","Guests,Site,Net"', '""', '"Internal Networks"', '"Internal Networks,Sites,Networks"'),
    )  # fmt: skip
    text = "".join(
        f'{AT},{who},{inside},"203.0.113.9","Blocked","28 (AAAA)","NOERROR","Chat.example.com.","AI, '
        f'Chat",{kind},{kinds},""\n'
        for who, inside, kind, kinds in rows
    )
    found = read(UmbrellaFormat, text)
    assert found.select("user_name", "device", "client").rows() == [
        ("ann", "ANN-PC", "10.1.0.7"),
        ("ann@example.org", "ANN-PC", "10.1.0.7"),
        ("ann@example.org", "ANN-PC", "10.1.0.7"),
        (None, None, "203.0.113.9"),
    ]
    assert set(found.select("kind", "host", "action").rows()) == {("dns", "chat.example.com", "blocked")}
    assert found["seen_at"][0].isoformat() == "2026-11-22T10:00:00+00:00"


def test_dns_version_1() -> None:
    text = (
        f'{AT},"ann", "ann,Site", "10.1.0.7","203.0.113.9","Allowed","1 (A)", "NOERROR","chat.example.com.",'
        f' "Chat,AI"\n'
    )
    refused = read(UmbrellaFormat, text.replace("NOERROR", "NXDOMAIN"))
    assert refused["action"].to_list() == ["blocked"]
    (row,) = read(UmbrellaFormat, text).rows(named=True)
    assert (row["host"], row["client"], row["action"], row["user_name"]) == (
        "chat.example.com",
        "10.1.0.7",
        "allowed",
        None,
    )


def test_web() -> None:
    head = (
        f'{AT},"ANN-PC","10.1.0.7","203.0.113.9","198.51.100.4","text/html","ALLOWED",'
        f'"https://chat.example.com/up?x=1",'
    )
    middle = (
        '"https://ref.example/","Mozilla/5.0 (X11)","200","562","1489","","","AI","","","","","","Roaming '
        'Computers",""'
    )
    tail = ',"ANN-PC,ann@example.org","Roaming Computers,SAML Users","POST"'
    found = read(UmbrellaFormat, f"{head}{middle}\n{head}{middle}{tail}\n")
    assert (
        found.select("kind", "client", "host", "path", "bytes_up", "bytes_down", "status").rows()
        == [("http", "10.1.0.7", "chat.example.com", "/up", 562, 1489, 200)] * 2
    )
    assert found.select("user_name", "device", "method").rows() == [
        (None, "ANN-PC", None),
        ("ann@example.org", "ANN-PC", "POST"),
    ]


def test_web_without_sizes() -> None:
    text = (
        f'{AT},"Net","","203.0.113.9","","","BLOCKED","http://chat.example.com/","","","403","","","","",'
        f'"AI","","","","","","Networks"\n'
    )
    (row,) = read(UmbrellaFormat, text).rows(named=True)
    assert (row["client"], row["action"], row["bytes_up"], row["bytes_down"]) == (
        "203.0.113.9",
        "blocked",
        None,
        None,
    )


def test_firewall_and_ip() -> None:
    text = (
        f'{AT},"[1]","ann","CDFW Tunnel Device","OUTBOUND","6","84","10.1.0.7","49152","198.51.100.4", '
        f'"443","ams1","12","ALLOW",'
        '"chat.example.com","44"\n'
        "2026-11-22 10:00:00,[1],Tunnel,CDFW Tunnel Device,OUTBOUND,17,84,10.1.0.7,,198.51.100.4,,ams1,"
        "12,BLOCK\n"
        f'{AT},"ann","10.1.0.7","61095","198.51.100.4","445","Category"\n'
    )
    found = read(UmbrellaFormat, text)
    assert found.select(
        "kind", "client", "server", "server_port", "transport", "host", "action", "bytes_up"
    ).rows() == [
        ("flow", "10.1.0.7", "198.51.100.4", 443, "tcp", "chat.example.com", "allowed", None),
        ("flow", "10.1.0.7", "198.51.100.4", None, "udp", None, "blocked", None),
        ("flow", "10.1.0.7", "198.51.100.4", 445, None, None, "unknown", None),
    ]


def test_since_version_9_a_firewall_line_counts_a_connection() -> None:
    head = "timestamp,origin ids,identities,identity type,direction,protocol,packet size,source ip,source port,destination ip,destination port,data center,rule id,action,fqdns,destination list ids,first packet timestamp,last packet timestamp,packets sent,packets received,bytes sent,bytes received,fw event id\n"
    line = f'{AT},"[1]","ann","CDFW Tunnel Device","OUTBOUND","6","84","10.1.0.7","49152","198.51.100.4","443","ams1","12","ALLOW","chat.example.com","44","1795341590","1795341600","30","20","90000","7000","39-42"\n'
    for text in (line, head + line):
        row = read(UmbrellaFormat, text).row(-1, named=True)
        assert (row["bytes_up"], row["bytes_down"], row["packets_up"], row["packets_down"]) == (
            90000,
            7000,
            30,
            20,
        )
        assert (row["seen_at"].isoformat(), row["duration_s"]) == ("2026-11-22T09:59:50+00:00", 10)


def test_exports_with_a_header_line() -> None:
    text = (
        '"Timestamp","Policy Identity","Internal Client IP","External Client IP","Action","URL","User '
        'Agent","Request Size",'
        '"Response Size","Request Method","Identities","Policy Identity Type","Identity Types"\n'
        f'{AT},"ann@example.org","10.1.0.7","203.0.113.9","ALLOWED","https://chat.example.com/a",'
        f'"curl/8","10","20","GET",'
        '"ann@example.org","AD Users","AD Users"\n'
    )
    found = read(UmbrellaFormat, text)
    (row,) = found.filter(found["reason"].is_null()).rows(named=True)
    assert (row["kind"], row["user_name"], row["client"], row["bytes_up"], row["path"]) == (
        "http",
        "ann@example.org",
        "10.1.0.7",
        10,
        "/a",
    )


@pytest.mark.parametrize(
    "header",
    [
        "Timestamp,Policy Identity Label,Internal Client IP,Action,URL,Identities,Identity Types",
        "Timestamp,Policy Identity Label,Internal Client IP,Action,URL,Identities,Identity Type Labels",
        "Timestamp,Identities,Source IP,Action,URL,Organization,Identity Type Labels",  # nothing but the list
    ],
)
def test_titles_that_the_vendor_documents(header: str) -> None:
    both = "Ada (ada@corp.example),PC-7"
    first = both if "Label," not in header else "Ada (ada@corp.example)"
    line = f'2026-10-06 10:00:00,"{first}",10.1.2.3,ALLOWED,https://claude.ai/a,"{both}","AD Users,Roaming Computers"'
    (row,) = read(UmbrellaFormat, f"{header}\n{line}").rows(named=True)
    assert (row["client"], row["user_name"], row["device"]) == ("10.1.2.3", "ada@corp.example", "PC-7")


def test_the_first_versions_tell_no_types() -> None:
    row = '"2026-10-06 10:00:00","{0}","{0},Milan","10.1.2.3","203.0.113.1","Allowed","1 (A)","NOERROR","chat.example.com.","AI"\n'
    found = read(UmbrellaFormat, "".join(map(row.format, ("ACME\\ada", "Ada (ada@acme.example)", "Milan"))))
    assert found["user_name"].to_list() == ["ACME\\ada", "ada@acme.example", None]


def test_the_dns_export_as_objects() -> None:
    line = (
        '{"timestamp":"2026-11-22 10:00:00.000","policyIdentity":"%s","policyIdentityType":"%s","internalIp":"10.1.0.7",'
        '"externalIp":"203.0.113.9","action":"Blocked","queryType":"1 (A)","responseCode":"NOERROR",'
        '"domain":"chat.example.com."}\n'
    )
    people = (("Ann (ann@example.org)", "AD Users"), ("ann-pc", "Roaming Computers"), ("Office", "Networks"))
    found = read(UmbrellaFormat, "".join(line % one for one in people))
    assert found.select("user_name", "device").rows() == [
        ("ann@example.org", None),
        (None, "ann-pc"),
        (None, None),
    ]
    assert set(found.select("kind", "client", "host", "action").rows()) == {
        ("dns", "10.1.0.7", "chat.example.com", "blocked")
    }
    assert found["seen_at"][0].isoformat() == "2026-11-22T10:00:00+00:00"


def test_exports_as_objects_that_spell_the_columns_in_full() -> None:
    dns = (
        '{"sourceFile":"a.csv.gz","EventType":"DNSLog","Timestamp":"2026-11-22 10:00:00","MostGranularIdentity":"Office",'
        '"Identities":"Office","InternalIp":"10.1.0.7","ExternalIp":"203.0.113.9","Action":"Allowed",'
        '"QueryType":"28 (AAAA)","ResponseCode":"NOERROR","Domain":"chat.example.com.","Categories":"AI"}\n'
    )
    web = (
        '{"EventType":"proxylogs","Timestamp":"2026-11-22 10:00:00","Policy Identity":"Ann (ann@example.org)",'
        '"Policy Identity Type":"AD Users","Internal IP":"10.1.0.7","External IP":"203.0.113.9","Destination IP":"192.0.2.7",'
        '"Verdict":"BLOCKED","URL":"https://chat.example.com/a","userAgent":"curl/8","statusCode":"403","requestSize":900,'
        '"responseSize":70}\n'
    )
    names = ("kind", "client", "user_name", "host", "path", "bytes_up", "bytes_down", "action")
    assert read(UmbrellaFormat, dns + web).select(names).rows() == [
        ("dns", "10.1.0.7", None, "chat.example.com", None, None, None, "allowed"),
        ("http", "10.1.0.7", "ann@example.org", "chat.example.com", "/a", 900, 70, "blocked"),
    ]
