"""Flows of ntopng and nProbe as JSON."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.ntopng import NtopngFormat
from tests.sensor.sources.logs.formats.reading import read

FLOW = {
    "IPV4_SRC_ADDR": "10.1.2.3", "L4_SRC_PORT": 40000, "IPV4_DST_ADDR": "192.0.2.7", "L4_DST_PORT": 443,
    "PROTOCOL": 6, "L7_PROTO": 91, "L7_PROTO_NAME": "TLS", "IN_PKTS": 7, "IN_BYTES": 900, "OUT_PKTS": 5,
    "OUT_BYTES": 7000, "FIRST_SWITCHED": 1791280800, "LAST_SWITCHED": 1791280860,
}  # fmt: skip


def flows(*changes: dict[str, object]) -> str:
    return "\n".join(json.dumps(FLOW | change) for change in changes)


def test_names_of_hellos_requests_and_lookups() -> None:
    found = read(
        NtopngFormat,
        flows(
            {"TLS_SERVER_NAME": "chat.example.org", "L7_PROTO_NAME": "TLS.ChatGPT"},
            {"TLS_SERVER_NAME": "chat.example.org", "L7_PROTO_NAME": "QUIC", "PROTOCOL": 17},
            {
                "HTTP_HOST": "gpu.example.org",
                "HTTP_URL": "/api/chat?q=1",
                "HTTP_METHOD": "POST",
                "HTTP_RET_CODE": 200,
            },
            {
                "DNS_QUERY": "chat.example.org",
                "DNS_QUERY_TYPE": 28,
                "DNS_RET_CODE": 3,
                "L7_PROTO_NAME": "DNS.Google",
                "L4_DST_PORT": 53,
                "PROTOCOL": 17,
            },
            {},
        ),
    )
    assert found.select("kind", "host", "path", "status", "server_port", "bytes_up", "bytes_down").rows() == [
        ("tls", "chat.example.org", None, None, 443, 900, 7000),
        ("quic", "chat.example.org", None, None, 443, 900, 7000),
        ("http", "gpu.example.org", "/api/chat", 200, 443, 900, 7000),
        ("dns", "chat.example.org", None, None, None, None, None),
        ("flow", None, None, None, 443, 900, 7000),
    ]
    assert found["duration_s"].to_list() == [60.0, 60.0, 60.0, None, 60.0]
    assert found.select("qtype", "action").row(3) == ("AAAA", "blocked")


def test_ntopng_counts_frames_and_nprobe_packets() -> None:
    found = read(NtopngFormat, flows({}, {"NTOPNG_INSTANCE_NAME": "hq"}))
    assert found.select("bytes_up", "bytes_down").rows() == [(900, 7000), (900 - 7 * 14, 7000 - 5 * 14)]


def test_verdicts_of_nedge_and_what_has_no_ports() -> None:
    found = read(NtopngFormat, flows({"verdict.pass": False}, {"PASS_VERDICT": True}, {}, {"PROTOCOL": 1}))
    assert found["action"].to_list() == ["blocked", "allowed", None, None]
    assert found["reason"].to_list() == [None, None, None, "set aside: neither TCP nor UDP"]


def test_a_dump_of_text_is_read_by_its_titles() -> None:
    text = (
        "IPV4_SRC_ADDR|IPV4_DST_ADDR|IN_BYTES|OUT_BYTES|FIRST_SWITCHED|LAST_SWITCHED|L4_SRC_PORT|L4_DST_PORT|PROTOCOL|"
        "L7_PROTO_NAME|TLS_SERVER_NAME|DNS_QUERY\n"
        "10.1.2.3|192.0.2.7|900|7000|1791280800|1791280860|40000|443|6|TLS.ChatGPT|chat.example.org|\n"
        "10.1.2.3|10.0.0.53|60|120|1791280800|1791280800|40001|53|17|DNS||chat.example.org\n"
    )
    found = read(NtopngFormat, text)
    assert found.select("kind", "host", "server", "bytes_up", "bytes_down").rows() == [
        ("tls", "chat.example.org", "192.0.2.7", 900, 7000),
        ("dns", "chat.example.org", "10.0.0.53", None, None),
    ]
