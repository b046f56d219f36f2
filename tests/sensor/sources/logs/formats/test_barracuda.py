"""Barracuda: Allow and Remove are one session; addresses are no users."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.barracuda import BarracudaFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import NO_REQUEST
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Oct  6 10:01:00 gw box_Firewall_Activity: 2026 10 06 10:0{}:00 +00:00 Info     gw {}: "
ENDS = (
    "type=FWD|proto=TCP|srcIF=eth1|srcIP=10.1.2.3|srcPort=50000|srcMAC=|dstIP=192.0.2.7|dstPort=443|"
    "dstService=https|dstIF=eth0|rule=WEB|info=|duration={}|count=1|receivedBytes={}|sentBytes={}|user={}|"
)


def test_a_session_is_counted_once() -> None:
    text = (
        HEAD.format(0, "Allow")
        + ENDS.format(0, 0, 0, "")
        + "\n"
        + HEAD.format(1, "Remove")
        + ENDS.format(60000, 500, 9000, "ada")
        + "\n"
    )
    done = Sessions().take(read(BarracudaFormat, text))
    used = done.filter(done["reason"].is_null())
    assert used["bytes_up"].drop_nulls().to_list() == [9000]
    assert used["bytes_down"].drop_nulls().to_list() == [500]
    assert used["seen_at"].n_unique() == 1  # the end less the duration is the beginning


def test_blocked_connections_and_nameless_users() -> None:
    blocked = (HEAD + ENDS).format(0, "Block", 0, 0, 0, "")
    visit = {"timestamp": 1791280800000, "traffic_type": 0, "action": 0, "source_ip": "10.1.2.3",
             "destination_ip": "192.0.2.7", "name": "https://chat.example.com/a", "user": "10.1.2.3",
             "domain": "chat.example.com", "size": 500, "app_rule": "x"}  # fmt: skip
    rows = read(BarracudaFormat, blocked + "\n" + json.dumps(visit) + "\n")
    assert rows["action"].to_list() == ["blocked", "allowed"]
    assert rows["session"].to_list() == [None, None]
    assert rows["user_name"].to_list() == [None, None]
    assert rows["path"].to_list() == [None, "/a"]


def test_what_a_scanner_stopped_in_a_connection() -> None:
    found = {"timestamp": 1791280800, "component": "ATD", "operation": "Block", "trans_proto": "TCP", "src_ip": "10.1.2.3",
             "dst_ip": "192.0.2.7", "port": 443, "user": "ada", "info": "x"}  # fmt: skip
    (row,) = read(BarracudaFormat, json.dumps(found)).rows(named=True)
    assert (row["kind"], row["client"], row["user_name"], row["server"], row["server_port"]) == (
        "flow", "10.1.2.3", "ada", "192.0.2.7", 443,
    )  # fmt: skip
    assert (row["transport"], row["action"], row["seen_at"].hour) == ("tcp", "blocked", 10)


def test_the_activity_log_as_values_alone() -> None:
    block = (
        "2026 10 06 10:00:00 +00:00 Security Block: FWD|UDP|p1|10.1.2.3|137|00:00:5e:00:53:01|10.1.2.255|137|"
        "netbios-ns||BLOCKALL|4002|||0|1|40|30|2|1||||||"
    )
    remove = (
        "2026 10 06 10:00:20 +00:00 Info     Remove: FWD|TCP|p1|10.1.2.3|50000|00:00:5e:00:53:01|192.0.2.7|443|"
        "https|p2|LAN-2-INTERNET|0|198.51.100.1|192.0.2.7|20000|1|5000|900|9|8|ada|HTTPS|Web|www.example.org||"
    )
    refused, ended = read(BarracudaFormat, f"{block}\n{remove}\n").iter_rows(named=True)
    assert (refused["client"], refused["server"], refused["server_port"], refused["action"]) == (
        "10.1.2.3", "10.1.2.255", 137, "blocked",
    )  # fmt: skip
    assert refused["user_name"] is None
    assert (ended["user_name"], ended["host"], ended["bytes_up"], ended["bytes_down"]) == (
        "ada", "www.example.org", 900, 5000,
    )  # fmt: skip
    assert ended["action"] == "allowed" and ended["reason"] is None


def test_over_syslog_the_word_looks_like_a_program() -> None:
    rest = "type=FWD|proto=TCP|srcIF=p1|srcIP=10.1.2.3|srcPort=50000|dstIP=192.0.2.7|dstPort=443|dstIF=p2|rule=WEB|info=x"
    found = read(
        BarracudaFormat, "".join(f"<134>Oct  6 10:00:00 fw1 {word}: {rest}\n" for word in ("Allow", "Block"))
    )
    assert found.select("client", "server_port", "action").rows() == [
        ("10.1.2.3", 443, "allowed"), ("10.1.2.3", 443, "blocked"),
    ]  # fmt: skip


def test_the_access_log_of_a_web_application_firewall() -> None:
    head = "2026-10-06 12:00:00.500 +0200  waf TR 203.0.113.5 443 198.51.100.9 50123"
    tail = '10.20.0.9 443 477 "-" SERVER DEFAULT PROTECTED VALID /v1/a b=c "-" "-" "curl/8 (x)" 198.51.100.9 50123 "-" "-"'
    bad = '10.20.0.9 443 0 "-" INTERNAL DEFAULT PROTECTED INVALID "-" "-" "-" "-" "Unknown" 198.51.100.9 50123 "-" "-"'
    found = read(
        BarracudaFormat,
        f'<134>{head} "-" Ada Lovelace POST TLSv1.3 llm.example.org HTTP/2.0 200 870 5120 0 500 {tail}\n'
        f'<134>{head} ada "-" GET HTTP llm.example.org HTTP/1.1 403 870 310 0 500 {tail}\n'
        f'<134>{head} "-" "-" HELP HTTP "-" "-" 408 0 6 0 500 {bad}\n',
    )
    columns = (
        "client",
        "user_name",
        "host",
        "path",
        "server",
        "bytes_up",
        "bytes_down",
        "action",
        "user_agent",
    )
    assert found.select(columns).rows()[:2] == [
        (
            "198.51.100.9",
            "Ada Lovelace",
            "llm.example.org",
            "/v1/a",
            "10.20.0.9",
            5120,
            870,
            "allowed",
            "curl/8 (x)",
        ),
        ("198.51.100.9", "ada", "llm.example.org", "/v1/a", "10.20.0.9", 310, 870, "blocked", "curl/8 (x)"),
    ]
    assert found["seen_at"].dt.strftime("%H:%M:%S").to_list() == ["10:00:00"] * 3
    assert found["reason"].to_list() == [None, None, NO_REQUEST]
