"""Google Cloud network logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sensor.sources.logs.formats.gcp_flow import GcpFlowFormat
from sensor.sources.logs.rows.flows import Pairs
from sensor.sources.logs.text.reasons import TWICE
from tests.sensor.sources.logs.formats.reading import read


def _entry(log: str, payload: dict[str, object], **more: object) -> str:
    return json.dumps(
        {
            "jsonPayload": payload,
            "logName": f"projects/p/logs/{log}",
            "timestamp": "2026-10-06T10:00:09.123456789Z",
        }
        | more
    )


def _flow(reporter: str, source: str, target: str, ports: tuple[int, int], **more: object) -> str:
    connection = {
        "src_ip": source,
        "dest_ip": target,
        "src_port": ports[0],
        "dest_port": ports[1],
        "protocol": 6,
    }
    times = {"start_time": "2026-10-06T10:00:00.186193305Z", "end_time": "2026-10-06T10:00:02.186193305Z"}
    return _entry(
        "compute.googleapis.com%2Fvpc_flows",
        {"connection": connection, "bytes_sent": "1776", "packets_sent": "7", "reporter": reporter}
        | times
        | more,
    )


def test_each_direction_is_a_record_and_reported_once() -> None:
    text = "\n".join(
        [
            _flow("SRC", "10.1.2.3", "192.0.2.7", (40000, 443), src_instance={"vm_name": "a"}),
            _flow("DEST", "192.0.2.7", "10.1.2.3", (443, 40000), dest_instance={"vm_name": "a"}),
            _flow("SRC", "10.1.2.4", "10.1.2.3", (40000, 443), src_instance={"vm_name": "b"}),
            _flow(
                "DEST",
                "10.1.2.4",
                "10.1.2.3",
                (40000, 443),
                src_instance={"vm_name": "b"},
                dest_instance={"vm_name": "a"},
            ),
        ]
    )
    rows = Pairs().take(read(GcpFlowFormat, text))
    assert rows["client"].to_list()[:2] == ["10.1.2.3"] * 2
    assert (rows["bytes_up"].to_list()[:2], rows["bytes_down"].to_list()[:2]) == ([1776, None], [None, 1776])
    assert rows["seen_at"].to_list()[0] == datetime(2026, 10, 6, 10, 0, 0, 186_193, UTC)
    assert rows["duration_s"][0] == 2.0
    assert rows["reason"].to_list() == [None, None, None, TWICE]


def test_firewall_verdicts() -> None:
    connection = {
        "src_ip": "10.1.2.3",
        "dest_ip": "192.0.2.7",
        "src_port": 40000,
        "dest_port": 443,
        "protocol": 6,
    }
    payload = {
        "connection": connection,
        "disposition": "DENIED",
        "instance": {"vm_name": "a"},
        "rule_details": {"direction": "EGRESS"},
    }
    row = read(GcpFlowFormat, _entry("compute.googleapis.com%2Ffirewall", payload)).row(0, named=True)
    assert (row["action"], row["device"], row["bytes_up"]) == ("blocked", "a", None)


def test_secure_web_proxy() -> None:
    request = {
        "requestMethod": "GET",
        "requestUrl": "https://chat.example.com/v1?k",
        "remoteIp": "10.1.2.3",
        "requestSize": "9",
        "responseSize": "7",
        "status": 200,
    }
    row = read(
        GcpFlowFormat, _entry("networkservices.googleapis.com%2Fgateway_requests", {}, httpRequest=request)
    ).row(0, named=True)
    assert (row["kind"], row["host"], row["path"], row["bytes_up"], row["bytes_down"]) == (
        "proxy",
        "chat.example.com",
        "/v1",
        9,
        7,
    )


def _gateway(rules: list[dict[str, str]], **request: object) -> str:
    policy = {"hostname": "chat.example.com:443", "matchedRules": rules}
    return _entry(
        "networkservices.googleapis.com%2Fgateway_requests",
        {"enforcedGatewaySecurityPolicy": policy},
        httpRequest={"requestMethod": "CONNECT", "requestUrl": "chat.example.com:443", "latency": "0.25s"}
        | request,
    )


def test_what_a_secure_web_proxy_refused_is_told_by_its_rules() -> None:
    refused = _gateway([{"action": "DENIED", "name": "mine"}], remoteIp="10.1.2.3:50000", status=403)
    # The rule at the end is called so whatever it does.
    passed = _gateway([{"action": "ALLOWED", "name": "default_denied"}], remoteIp="10.1.2.3", status=200)
    unauthorised = json.loads(passed)
    unauthorised["jsonPayload"]["authzPolicyInfo"] = {"result": "DENIED"}
    rows = read(GcpFlowFormat, "\n".join([refused, passed, json.dumps(unauthorised)]))
    assert rows["action"].to_list() == ["blocked", "allowed", "blocked"]


def test_an_agent_gateway_tells_mcp_methods_and_tools() -> None:
    lines = []
    for told in ({"method": "initialize"}, {"method": "tools/call", "parameter": "list_files"}, None):
        entry = json.loads(_gateway([{"action": "ALLOWED", "name": "mine"}], remoteIp="10.1.2.3", status=200))
        entry["jsonPayload"] |= {"agentGatewayInfo": {"mcpInfo": told}} if told else {}
        lines.append(json.dumps(entry))
    rows = read(GcpFlowFormat, "\n".join(lines))
    assert rows.select("mcp_methods", "mcp_tools").rows() == [
        ("initialize", None),
        ("tools/call", "list_files=1"),
        (None, None),
    ]


def test_addresses_of_a_secure_web_proxy_may_have_ports() -> None:
    rules = [{"action": "ALLOWED", "name": "mine"}]
    four = _gateway(rules, remoteIp="10.1.2.3:50000", serverIp="192.0.2.7:8443", status=200)
    six = _gateway(rules, remoteIp="[2001:db8::5]:50000", serverIp="2001:db8::7", status=200)
    rows = read(GcpFlowFormat, f"{four}\n{six}")
    assert rows.select("client", "client_port", "server", "server_port", "duration_s").rows() == [
        ("10.1.2.3", 50000, "192.0.2.7", 8443, 0.25),
        ("2001:db8::5", 50000, "2001:db8::7", 443, 0.25),
    ]


def test_what_is_intercepted_is_judged_by_the_url_filter() -> None:
    ends = {"src_ip": "10.1.2.3", "src_port": 50000, "dest_ip": "192.0.2.7", "dest_port": 443, "protocol": 6}
    rule = _entry("compute.googleapis.com%2Ffirewall", {"connection": ends, "disposition": "INTERCEPTED"})
    seen = {
        "connection": {"clientIp": "10.1.2.3", "clientPort": 50000, "serverIp": "192.0.2.7", "serverPort": 443, "protocol": 6},
        "detectionTime": "2026-10-06T10:00:01Z",
        "direction": "CLIENT_TO_SERVER",
    }  # fmt: skip
    denied = seen | {"uriMatched": "chat.example.com", "denyType": "SNI"}
    allowed = seen | {
        "action": "ALLOW",
        "denyType": "unspecified",
        "sessionLayerDetails": {"sni": "chat.example.com"},
        "uriMatched": "",
    }
    filtered = [
        _entry("networksecurity.googleapis.com%2Ffirewall_url_filter", one) for one in (denied, allowed)
    ]
    rows = read(GcpFlowFormat, "\n".join([rule, *filtered]))
    assert rows["action"].to_list() == ["unknown", "blocked", "allowed"]
    assert rows["client"].to_list() == ["10.1.2.3"] * 3
    assert rows["server_port"].to_list() == [443] * 3
    assert rows["host"].to_list() == [None, "chat.example.com", "chat.example.com"]
    assert rows["seen_at"][1] == datetime(2026, 10, 6, 10, 0, 1, tzinfo=UTC)
