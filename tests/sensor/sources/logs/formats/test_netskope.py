"""Netskope transactions and events."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sensor.sources.logs.formats.netskope import NetskopeFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_SERVICE
from tests.sensor.sources.logs.formats.reading import read

_SIZES = (
    "field 4 is cs-bytes, as documented and as the object sizes further on confirm; its parser exchanges them"
)
_ZERO = "alerts and application events carry zeros for what they do not measure"
ARGUED = [
    *(("sekoia-netskope-transaction-s3.jsonl", (0, 1), field, _SIZES) for field in ("up", "down")),
    *(("sekoia-netskope-transaction.jsonl", (0, 1), field, _SIZES) for field in ("up", "down")),
    *(("sekoia-netskope_events.jsonl", (0, 1, 3, 4, 5), field, _ZERO) for field in ("up", "down")),
]
_FIELDS = (
    '2026-10-06|10:00:02|2000|5937|485|6422|203.0.113.5|192.0.2.7|"ada@corp.example"|POST|https|-|"Mozilla/5.0 (a, b)"|'
    '"text/xml"|204|-|chat.example.com|chat.example.com|/v1/a?k=s|443|"https://x/"|1|"Client"|"App"|"FR"|48.8|2.4|"Paris"|'
    '"X"|"1"|"FR"|50.6|3.1|"R"|"H"|"N/A"|"Windows"|"Edge"|"1"|"Windows Device"|"s"|1791280800|0|10.1.2.3'
)


def test_transactions_with_spaces_and_commas_say_the_same() -> None:
    for line in (_FIELDS.replace("|", " "), _FIELDS.replace("|", ",")):
        row = read(NetskopeFormat, line).row(0, named=True)
        assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
        assert (row["client"], row["user_name"], row["host"], row["path"]) == (
            "10.1.2.3", "ada@corp.example", "chat.example.com", "/v1/a",
        )  # fmt: skip
        assert (row["bytes_up"], row["bytes_down"], row["server"], row["status"]) == (
            5937,
            485,
            "192.0.2.7",
            204,
        )
        assert row["user_agent"] == "Mozilla/5.0 (a, b)"


def _event(**more: object) -> str:
    event = {"timestamp": 1791280800, "access_method": "Client", "ccl": "high", "srcip": "203.0.113.5", "userip": "10.1.2.3",
             "user": "ada@corp.example", "hostname": "PC-7", "url": "chat.example.com/v1?k=s", "dstip": "192.0.2.7",
             "dstport": 443, "client_bytes": 0, "server_bytes": 0}  # fmt: skip
    return json.dumps(event | more)


def test_events_with_volumes() -> None:
    row = read(NetskopeFormat, _event(type="page", client_bytes=9, server_bytes=7)).row(0, named=True)
    assert (row["client"], row["device"], row["host"], row["path"]) == (
        "10.1.2.3",
        "PC-7",
        "chat.example.com",
        "/v1",
    )
    assert (row["bytes_up"], row["bytes_down"], row["action"]) == (9, 7, "allowed")


def test_cloud_exchange_says_in_for_what_the_client_sent() -> None:
    head = "CEF:0|Netskope|{}|NULL|{}|NULL|Unknown|dst=192.0.2.7 src=10.1.2.3 "
    lines = [
        head.format("WebTX", "webtx")
        + "act=block app=https cn1=2000 dhost=chat.example.com dpt=443 duser=ada dvchost=chat.example.com in=9 out=7 "
        "request=/v1 requestClientApplication=curl/8 requestMethod=POST rt=2026-10-06T10:00:02Z shost=x.example suser=app",
        head.format("corp", "page") + "act=Upload in=9 out=7 requestClientApplication=ChatGPT suser=ada "
        "timestamp=1791280800 url=chat.example.com/v1",
        head.format("corp", "network")
        + "action=block act=Browse clientBytes=9 serverBytes=7 dpt=443 proto=TCP "
        "shost=chat.example.com start=1791280800 end=1791280802 suser=ada",
        head.format("corp", "policy") + "act=Upload suser=ada timestamp=1791280800 url=chat.example.com/v1",
    ]
    found = read(NetskopeFormat, "\n".join(lines))
    assert set(found["seen_at"]) == {datetime(2026, 10, 6, 10, tzinfo=UTC)}
    wanted = ("user_name", "device", "host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    assert found.select(wanted).rows() == [
        ("ada", None, "chat.example.com", "/v1", 9, 7, "blocked", "curl/8"),
        ("ada", None, "chat.example.com", "/v1", 9, 7, "allowed", None),
        ("ada", None, "chat.example.com", None, 9, 7, "blocked", None),
        ("ada", None, "chat.example.com", "/v1", None, None, "unknown", None),
    ]


def test_zeros_of_alerts_are_no_counts() -> None:
    rows = read(
        NetskopeFormat,
        "\n".join([_event(type="nspolicy", action="block"), _event(type="nspolicy", action="useralert")]),
    )
    assert rows["bytes_up"].to_list() == [None, None]
    assert rows["action"].to_list() == ["blocked", "allowed"]


def test_audit_events_name_no_service() -> None:
    assert read(NetskopeFormat, _event(type="admin_audit_logs"))["reason"].to_list() == [NO_SERVICE]


def test_what_a_service_tells_of_its_files_is_no_traffic() -> None:
    rows = read(NetskopeFormat, _event(type="nspolicy", access_method="API Connector"))
    assert rows["reason"].to_list() == [NO_CONNECTION]
