"""OCSF: the three classes, times in milliseconds and ISO, one-way flows, other classes."""

from __future__ import annotations

import json
from typing import Any

from sensor.sources.logs.formats.ocsf import OcsfFormat
from sensor.sources.logs.text.reasons import ANSWERED, NO_SERVICE
from tests.sensor.sources.logs.formats.reading import read

ENDS = {
    "src_endpoint": {"ip": "10.1.0.7", "port": 49152, "hostname": "ann-pc"},
    "dst_endpoint": {"ip": "198.51.100.4", "port": 443},
}


def line(class_uid: int, **more: Any) -> str:
    return (
        json.dumps({"class_uid": class_uid, "category_uid": 4, "time": 1_795_341_600_500} | ENDS | more)
        + "\n"
    )


def test_http() -> None:
    text = line(
        4002, activity_id=6, actor={"user": {"name": "ann", "email_addr": "ann@example.org"}}, action_id=1,
        http_request={"http_method": "POST", "user_agent": "curl/8", "url": {"hostname": "Chat.example.com",
        "path": "/api/x", "port": 443}},
        http_response={"code": 200}, traffic={"bytes_out": 5120, "bytes_in": 700},
    )  # fmt: skip
    (row,) = read(OcsfFormat, text).rows(named=True)
    assert (row["kind"], row["client"], row["user_name"], row["device"]) == (
        "http",
        "10.1.0.7",
        "ann@example.org",
        "ann-pc",
    )
    assert (row["host"], row["path"], row["method"], row["status"]) == (
        "chat.example.com",
        "/api/x",
        "POST",
        200,
    )
    assert (row["bytes_up"], row["bytes_down"], row["action"]) == (5120, 700, "allowed")
    assert row["seen_at"].isoformat() == "2026-11-22T10:00:00.500000+00:00"


def test_dns_counts_once() -> None:
    query = {"hostname": "chat.example.com.", "type": "A"}
    text = (
        line(4003, activity_id=1, query=query)
        + line(4003, activity_id=2, query=query, rcode="Refused", rcode_id=5)
        + line(
            4003,
            activity_id=6,
            query=query | {"type": "AAAA"},
            rcode="NoError",
            answers=[{"type": "AAAA", "rdata": "2001:db8::5"}],
        )
    )
    found = read(OcsfFormat, text)
    assert found.select("host", "action", "reason", "server").rows() == [
        ("chat.example.com", "blocked", None, "198.51.100.4"),
        ("chat.example.com", "blocked", ANSWERED, "198.51.100.4"),
        ("chat.example.com", "allowed", None, "198.51.100.4"),
    ]
    assert found["answers"][2].to_list() == ["2001:db8::5"]


def test_network_and_one_way_flows() -> None:
    text = (
        line(4001, activity_id=6, tls={"sni": "chat.example.com"}, traffic={"bytes_out": 10, "bytes_in": 20})
        + line(
            4001,
            activity_id=5,
            traffic={"bytes": 40, "packets": 1},
            metadata={"product": {"name": "Amazon VPC"}},
            action_id=2,
        )
        + line(4001, activity_id=6, traffic={"bytes": 40}, metadata={"product": {"name": "Firewall"}})
    )
    found = read(OcsfFormat, text)
    assert found.select("kind", "host", "bytes_up", "bytes_down", "one_way", "action").rows() == [
        ("tls", "chat.example.com", 10, 20, False, "allowed"),
        ("flow", None, 40, None, True, "blocked"),
        ("flow", None, None, None, False, "allowed"),
    ]


def test_dispositions() -> None:
    """Where a control says only what became of it: blocked, reset as a threat, unauthorised; an error; logged."""
    found = read(
        OcsfFormat, "".join(line(4001, activity_id=6, disposition_id=n) for n in (2, 21, 26, 27, 17))
    )
    assert found["action"].to_list() == ["blocked", "blocked", "blocked", "reset", "allowed"]


def test_other_classes() -> None:
    assert read(OcsfFormat, line(3002, time_dt="2026-11-22T10:00:00Z"))["reason"].to_list() == [NO_SERVICE]
