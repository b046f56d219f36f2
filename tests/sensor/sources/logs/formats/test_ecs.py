"""ECS: nested, dotted, hits, lists; every kind; the product's own line goes first."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sensor.sources.logs.formats.ecs import EcsFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import ANSWERED, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read, rows

BASE: dict[str, Any] = {
    "@timestamp": "2026-11-22T10:00:00.5Z", "ecs": {"version": "8.11.0"}, "event": {"dataset": "x.y",
    "kind": "event"},
}  # fmt: skip


def line(**more: Any) -> str:
    return json.dumps(BASE | more) + "\n"


def dotted(node: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones."""
    out: dict[str, Any] = {}
    for key, value in node.items():
        out |= dotted(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value}
    return out


WEB = {
    "source": {"ip": "10.1.0.7", "port": 49152, "bytes": 5120, "user": {"name": "ann"}},
    "destination": {"ip": "198.51.100.4", "port": 443, "bytes": 700},
    "url": {"full": "https://chat.example.com/api/x?key=1", "domain": "chat.example.com", "path": "/api/x"},
    "http": {"request": {"method": "POST"}},
    "user_agent": {"original": "curl/8"}, "event": {"action": "allowed", "dataset": "proxy.log",
    "duration": 2_500_000_000},
}  # fmt: skip
EXPECTED = ("http", "10.1.0.7", "ann", "chat.example.com", "/api/x", 5120, 700, 2.5, "allowed")


def test_web_requests_in_every_shape() -> None:
    text = (
        line(**WEB)
        + json.dumps(dotted(BASE | WEB))
        + "\n"
        + json.dumps({"_index": "x", "_source": BASE | WEB})
        + "\n"
    )
    found = read(EcsFormat, text)
    columns = (
        "kind",
        "client",
        "user_name",
        "host",
        "path",
        "bytes_up",
        "bytes_down",
        "duration_s",
        "action",
    )
    assert found.select(columns).rows() == [EXPECTED] * 3


def test_lookups_flows_and_hellos() -> None:
    text = (
        line(dns={"question": {"name": "Chat.example.com", "type": "A"}, "response_code": "REFUSED",
        "resolved_ip": ["203.0.113.5"]},
             client={"ip": "10.1.0.7", "bytes": 40}, destination={"ip": "9.9.9.9", "port": 53})
        + line(source={"ip": ["10.1.0.7"], "bytes": 1}, destination={"ip": "198.51.100.4", "port": 443},
        network={"transport": "tcp"})
        + line(source={"ip": "10.1.0.7"}, destination={"ip": "198.51.100.4"},
        tls={"client": {"server_name": "api.example.com"}})
        + line(source={"ip": "10.1.0.7"}, destination={"ip": "198.51.100.4"}, network={"transport": "icmp"})
    )  # fmt: skip
    found = read(EcsFormat, text)
    assert found.select("kind", "host", "server", "bytes_up", "action", "reason").rows() == [
        ("dns", "chat.example.com", "9.9.9.9", None, "blocked", None),
        ("flow", None, "198.51.100.4", 1, "unknown", None),
        ("tls", "api.example.com", "198.51.100.4", None, "unknown", None),
        ("flow", None, "198.51.100.4", None, "unknown", NO_PORTS),
    ]
    assert found["answers"][0].to_list() == ["203.0.113.5"]


def test_questions_and_answers_count_once() -> None:
    question = {"question": {"name": "chat.example.com", "type": "A"}, "type": "query"}
    text = line(dns=question, source={"ip": "10.1.0.7", "port": 5000}, destination={"ip": "9.9.9.9",
    "port": 53}) + line(
        dns=question | {"type": "answer", "response_code": "NOERROR"},
        source={"ip": "9.9.9.9", "port": 53}, destination={"ip": "10.1.0.7", "port": 5000},
    )  # fmt: skip
    found = read(EcsFormat, text)
    assert found.select("client", "action", "reason").rows() == [
        ("10.1.0.7", "allowed", None),
        ("10.1.0.7", "allowed", ANSWERED),
    ]


def test_the_products_own_line_goes_first() -> None:
    original = '"2026-11-22 10:00:00","ann","10.1.0.7","61095","198.51.100.4","445","Category"'
    found = rows(
        line(
            event={"original": original, "dataset": "cisco_umbrella.log"},
            source={"ip": "10.9.9.9"},
            destination={"ip": "1.2.3.4"},
        )
    )
    assert found.select("log_format", "client").rows() == [("umbrella", "10.1.0.7")]


def test_squid_that_writes_ecs_itself_counts_milliseconds_and_labels_its_result() -> None:
    said = {"dataset": "squid.access", "duration": "500"}
    http = {"request": {"method": "POST"}, "response": {"bytes": 499, "body": {"status_code": 200}}}
    web: dict[str, Any] = {
        "source": {"ip": "10.1.0.7"}, "url": {"original": "https://chat.example.com/a"}, "http": http, "event": said,
    }  # fmt: skip
    found = read(
        EcsFormat,
        line(**web, labels={"request_status": "TCP_MISS"})
        + line(**web, labels={"request_status": "TCP_DENIED"}),
    )
    columns = ("kind", "host", "status", "bytes_down", "duration_s", "action")
    assert found.select(columns).rows() == [
        ("proxy", "chat.example.com", 200, 499, 0.5, "allowed"),
        ("proxy", "chat.example.com", 200, 499, 0.5, "blocked"),
    ]


def test_the_sender_of_a_line_as_it_came_is_no_end_of_its_connection() -> None:
    ends = "src=10.1.0.7 spt=49152 dst=198.51.100.4 dport=443 action=deny"
    sender = {"log": {"source": {"address": "10.0.0.1:514"}}, "event": {"dataset": "udp.generic"}}
    found = rows(line(message=f"<134>Oct  6 10:00:00 fw1 {ends}", **sender))
    assert found.select("client", "server", "action").rows() == [("10.1.0.7", "198.51.100.4", "blocked")]
    assert read(EcsFormat, line(**(sender | WEB)))["client"].to_list() == ["10.1.0.7"]


@pytest.mark.parametrize(
    "known",
    [
        {
            "flow": {"id": "EQQA", "final": False},
            "event": {"dataset": "flow", "start": "2026-11-22T10:00:00Z"},
        },
        {"fortinet": {"firewall": {"sessionid": "77"}}, "observer": {"serial_number": "FGT1"}},
        {"event": {"module": "checkpoint", "id": "{0x6a,0x1}"}},
    ],
)
def test_what_is_told_while_a_connection_lasts_is_cumulative(known: dict[str, Any]) -> None:
    ends = {"ip": "10.1.0.7", "port": 49152}
    text = "".join(
        line(
            source=ends | {"bytes": sent},
            destination={"ip": "198.51.100.4", "port": 443, "bytes": sent},
            **known,
        )
        for sent in (1000, 4000, 5120)
    )
    found = Sessions().take(read(EcsFormat, text))
    assert found["bytes_up"].to_list() == [1000, 3000, 1120]
    assert found["slice"].to_list() == [0, 1, 2]


def test_parts_that_netflow_tells_of_a_flow_add_up() -> None:
    part = {
        "source": {"ip": "10.1.0.7", "port": 49152, "bytes": 1000},
        "destination": {"ip": "198.51.100.4", "port": 443},
        "flow": {"id": "EQQA"},
        "event": {"dataset": "netflow.log", "start": "2026-11-22T10:00:00Z"},
    }
    found = Sessions().take(read(EcsFormat, line(**part) * 2))
    assert found["bytes_up"].to_list() == [1000, 1000]
