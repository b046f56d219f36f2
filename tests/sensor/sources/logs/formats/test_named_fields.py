"""Records of unknown products, known by the names of their fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sensor.sources.logs.formats.named_fields import OtherProductsFormat
from sensor.sources.logs.text.reasons import ALERT, NO_PORTS, NO_TIME
from tests.sensor.sources.logs.formats.reading import read, rows

AT = "2026-10-06T10:00:00Z"


def one(record: dict[str, Any] | str) -> dict[str, Any]:
    line = record if isinstance(record, str) else json.dumps(record)
    (row,) = read(OtherProductsFormat, line).rows(named=True)
    return row


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"srcIp": "10.1.2.3", "srcPort": 50000, "dst_ip": "192.0.2.7", "DstPort": 443, "proto": "TCP",
             "action": "allow", "sent_bytes": 900, "received_bytes": 7000, "time": AT},
            {"kind": "flow", "client": "10.1.2.3", "client_port": 50000, "server": "192.0.2.7",
             "server_port": 443, "bytes_up": 900, "bytes_down": 7000, "action": "allowed"},
        ),
        (
            {"source": {"ip": "2001:db8::3", "bytes": 900, "nat": {"ip": "203.0.113.5"}}, "user": {"name": "ada"},
             "destination": {"ip": ["2001:db8::7"], "bytes": 7000, "domain": "chat.example.com"}, "ts": AT},
            {"kind": "flow", "client": "2001:db8::3", "user_name": "ada", "server": "2001:db8::7",
             "host": "chat.example.com", "bytes_up": 900, "bytes_down": 7000},
        ),
        (
            'when=x date=2026-10-06 time=10:00:00 Source-IP="10.1.2.3", dest ip=192.0.2.7, verdict=policy-drop',
            {"kind": "flow", "client": "10.1.2.3", "server": "192.0.2.7", "action": "blocked"},
        ),
        (
            "flow:src-addr:10.1.2.3;dst-addr:192.0.2.7;begin-time:2026-10-06 10:00:00;dst-port:443",
            {"kind": "flow", "client": "10.1.2.3", "server": "192.0.2.7", "server_port": 443},
        ),
        (
            {"clientAddress": "10.1.2.3:50000", "userName": "ada", "url": "https://chat.example.com/v1?q=1",
             "bytes_sent": 7, "bytes_received": 9, "responseSize": 7000, "statusCode": 200, "timestamp": AT},
            {"kind": "http", "client": "10.1.2.3", "client_port": 50000, "user_name": "ada", "path": "/v1",
             "host": "chat.example.com", "bytes_up": None, "bytes_down": 7000, "status": 200},
        ),
        (
            {"client_ip": "10.1.2.3", "host": "chat.example.com", "request": "POST /v1/chat HTTP/1.1", "ts": AT,
             "http_user_agent": "curl/8", "agent": {"name": "shipper"}},
            {"kind": "http", "method": "POST", "host": "chat.example.com", "path": "/v1/chat",
             "user_agent": "curl/8"},
        ),
        (
            {"source": {"ip": "10.1.2.3"}, "destination": {"ip": "192.0.2.7", "user": {"name": "root"}}, "ts": AT},
            {"client": "10.1.2.3", "server": "192.0.2.7", "user_name": None},
        ),
        (
            f"Time: {AT};NAT source IP: 203.0.113.5;Source IP: 10.1.2.3;Destination IP: 192.0.2.7;"
            "Destination user name: root;Action: Blocked",
            {"client": "10.1.2.3", "server": "192.0.2.7", "user_name": None, "action": "blocked"},
        ),
        (
            {"client_ip": "10.1.2.3", "host": "gw1.example.net", "requested_server_name": "chat.example.com",
             "ts": AT},
            {"kind": "tls", "host": "chat.example.com"},
        ),
        (
            "time=2026-10-06T10:00:00Z src_ip=10.1.2.3 sni=bücher.example bytes_out=500",
            {"kind": "tls", "client": "10.1.2.3", "host": "xn--bcher-kva.example"},
        ),
        (
            {"client": "10.1.2.3", "query": "chat.example.com.", "qtype": "A", "rcode": "NOERROR", "ts": AT,
             "response_size": 90},
            {"kind": "dns", "host": "chat.example.com", "action": "allowed", "bytes_down": None},
        ),
        (
            {"localIp": "10.1.2.3", "localPort": 50000, "remoteIp": "192.0.2.7", "remotePort": 443, "ts": AT},
            {"client": "10.1.2.3", "server": "192.0.2.7", "server_port": 443},
        ),
        (
            {"src_ip": "192.0.2.7", "src_port": 443, "dst_ip": "10.1.2.3", "dst_port": 50000, "src_bytes": 7000,
             "dst_bytes": 900, "ts": AT},
            {"client": "10.1.2.3", "server": "192.0.2.7", "server_port": 443, "bytes_up": 900,
             "bytes_down": 7000},
        ),
        (
            {"TimeGenerated [UTC]": "10/6/2026, 10:00:00.000 AM", "clientip_s": "10.1.2.3",
             "url_s": "https://chat.example.com/", "action_s": "Blocked", "duration_d": 3},
            {"kind": "http", "client": "10.1.2.3", "host": "chat.example.com", "action": "blocked"},
        ),
        (
            {"localAddress": "10.1.2.3", "localPort": 27017, "remoteAddress": "192.0.2.7", "remotePort": 50000,
             "remoteHost": "app1.example.com", "ts": AT},
            {"client": "192.0.2.7", "server": "10.1.2.3", "server_port": 27017, "host": None},
        ),
        (
            "2026-10-06 10:00:00 client_ip=10.1.2.3 qname=chat.example.com qtype=AAAA",
            {"kind": "dns", "client": "10.1.2.3", "host": "chat.example.com"},
        ),
        (
            f"{AT} INFO src=10.1.2.3:50000 dst=chat.example.com:443 proto=tcp",
            {"client": "10.1.2.3", "client_port": 50000, "host": "chat.example.com", "server": None},
        ),
        (
            {"client_addr": "10.1.2.3:50000", "question": {"name": "chat.example.com.", "type": "A"}, "time": AT},
            {"kind": "dns", "client": "10.1.2.3", "host": "chat.example.com"},
        ),
        (
            {"TimeGenerated": AT, "payload_sourceIP_s": "10.1.2.3", "payload_queryName_s": "chat.example.com.",
             "payload_queryType_s": "A", "payload_responseCode_s": "NOERROR"},
            {"kind": "dns", "client": "10.1.2.3", "host": "chat.example.com"},
        ),
        (
            {"clientIpAddress": "10.1.2.3", "responseType": "Blocked", "rcode": "NoError", "qtype": "A",
             "qname": "ads.example.org", "timestamp": AT},
            {"kind": "dns", "client": "10.1.2.3", "host": "ads.example.org", "action": "blocked"},
        ),
        (
            {"Timestamp": AT, "Attributes": {"client.address": "10.1.2.3", "url.full": "https://chat.example.com/v1",
             "http.request.method": "GET", "http.response.status_code": 200}},
            {"kind": "http", "client": "10.1.2.3", "host": "chat.example.com", "path": "/v1", "status": 200},
        ),
        (
            {"local_ip": "10.1.2.3", "local_port": 8080, "remote_ip": "192.0.2.7", "remote_port": 50000,
             "direction": "Inbound", "ts": AT},
            {"client": "192.0.2.7", "server": "10.1.2.3", "server_port": 8080},
        ),
    ],
    ids=(
        "json", "nested", "pairs", "colons", "web", "request-line", "account-there", "other-ends", "sni", "any-script", "dns", "own-end", "answers",
        "log-analytics", "lower-port", "stamp-first", "name-with-port", "nested-question", "levels",
        "response-type", "dots-within", "inbound",
    ),
)  # fmt: skip
def test_what_a_field_holds_follows_from_its_name(
    record: dict[str, Any] | str, expected: dict[str, Any]
) -> None:
    row = one(record)
    assert {name: row[name] for name in expected} == expected
    assert (row["reason"], row["seen_at"].isoformat()) == (None, "2026-10-06T10:00:00+00:00")


def test_a_csv_with_titles() -> None:
    found = read(
        OtherProductsFormat,
        "Time,Client IP,Username,URL,HTTP Status\n2026-10-06 10:00:00,10.1.2.3,ada,https://chat.example.com/,200\n",
    )
    assert found.select("client", "user_name", "host", "status").rows() == [
        ("10.1.2.3", "ada", "chat.example.com", 200)
    ]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"time": AT, "protocol": "ICMP"}, NO_PORTS),
        ({"time": AT, "signature": "a scan"}, ALERT),
        ({"seen": AT}, NO_TIME),
        ({"time": "2026-10-06"}, NO_TIME),
    ],
)
def test_a_record_that_is_no_connection_or_has_no_time_is_not_used(more: dict[str, Any], reason: str) -> None:
    assert one({"src_ip": "10.1.2.3", "dst_ip": "192.0.2.7"} | more)["reason"] == reason


def test_a_number_is_no_account_and_bytes_in_and_out_are_nobodys() -> None:
    row = one(
        {"src_ip": "10.1.2.3", "dst_ip": "192.0.2.7", "user": "1000", "bytes_in": 1, "bytes_out": 2, "ts": AT}
    )
    assert (row["user_name"], row["bytes_up"], row["bytes_down"]) == (None, None, None)


@pytest.mark.parametrize(
    "line",
    [
        {"hostname": "gw1", "domain": "corp.example", "user": "ada", "client_ip": "10.1.2.3", "time": AT},
        {"ip": "10.1.2.3", "url": "https://chat.example.com/", "time": AT},
        {"src": "app.log", "dst": "archive", "time": AT},
        {"source": "10.1.2.3", "url": "https://chat.example.com/", "time": AT},
    ],
)
def test_names_that_may_mean_something_else_are_no_record(line: dict[str, str]) -> None:
    assert rows(json.dumps(line) + "\n").is_empty()


@pytest.mark.parametrize(
    ("told", "action"),
    [
        ({"action": "Policy denied"}, "blocked"),
        ({"status": "site_blocked"}, "blocked"),
        ({"blocked": True}, "blocked"),
        ({"allowed": False}, "blocked"),
        ({"action": "not blocked"}, "allowed"),
        ({"action": "pass", "status": "drops=0"}, "allowed"),
        ({}, None),
    ],
)
def test_a_refusal_in_words(told: dict[str, Any], action: str | None) -> None:
    assert one({"src_ip": "10.1.2.3", "dst_ip": "192.0.2.7", "ts": AT} | told)["action"] == action


@pytest.mark.parametrize(
    ("head", "action"),
    [
        ("DROP : forward IN:ether1 ", "blocked"),
        ("Policy denied, ", "blocked"),
        ("not blocked: ", None),
        ("forward IN:ether1 ", None),
    ],
)
def test_the_words_before_the_fields_tell_of_a_refusal(head: str, action: str | None) -> None:
    line = f"Oct  6 10:00:00 gw {head}SRC:10.1.2.3 DST:192.0.2.7 PROTO:TCP SPT:50000 DPT:443"
    assert read(OtherProductsFormat, line)["action"].to_list() == [action]
    said = f"Oct  6 10:00:00 gw {head}action=accept src=10.1.2.3 dst=192.0.2.7 dport=443"
    assert read(OtherProductsFormat, said)["action"].to_list() == ["allowed"]


def test_a_field_without_a_value_does_not_take_the_next_one_for_it() -> None:
    row = one(
        f"time={AT} srcip=10.1.2.3 user= action=deny recipient= url= method=GET dst_ip= 192.0.2.7 dstport=443 host="
    )
    assert (row["user_name"], row["action"], row["method"]) == (None, "blocked", "GET")
    assert (row["server"], row["reason"]) == ("192.0.2.7", None)
