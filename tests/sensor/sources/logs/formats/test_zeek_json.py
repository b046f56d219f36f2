"""Zeek and Corelight JSON of several logs in one stream: sessions, lookups, holders, envelopes."""

from __future__ import annotations

import json
from typing import Any

from sensor.sources.logs.formats.zeek_json import ZeekJsonFormat
from sensor.sources.logs.text.reasons import NO_SERVICE, REVERSE
from tests.sensor.sources.logs.formats.reading import read, rows

_PAYLOAD = "payload counts, not IP bytes with headers; where Zeek says none it is unknown"
_CONN = "elastic-zeek-connection-conn.log"
ARGUED = [(_CONN, (0, 1, 2, 4, 5, 6, 7), "up", _PAYLOAD), (_CONN, (0, 1, 2, *range(4, 13)), "down", _PAYLOAD)]
ENDS = {"id.orig_h": "10.1.0.7", "id.orig_p": 49152, "id.resp_h": "198.51.100.4", "id.resp_p": 443}


def line(path: str | None, **more: Any) -> str:
    entry = {"ts": "2026-11-22T10:00:00.500000Z", "uid": "C1"} | ENDS | more
    return json.dumps(({"_path": path, "_system_name": "sensor-1"} if path else {}) | entry) + "\n"


SSL = {"server_name": "Chat.example.com", "established": True, "cipher": "x"}
CONN = {
    "proto": "tcp",
    "service": "ssl",
    "duration": 2.5,
    "orig_bytes": 5120,
    "resp_bytes": 700,
    "conn_state": "SF",
    "history": "ShADadFf",
}


def test_a_connection_is_named_by_ssl_and_ended_by_conn() -> None:
    for path in ("_path", None):
        text = line("ssl" if path else None, **SSL) + line("conn" if path else None, **CONN)
        named, ended = read(ZeekJsonFormat, text).rows(named=True)
        assert (named["kind"], named["host"], named["session"], named["phase"]) == (
            "tls",
            "chat.example.com",
            "C1",
            "name",
        )
        assert (ended["kind"], ended["bytes_up"], ended["bytes_down"], ended["duration_s"]) == (
            "flow",
            5120,
            700,
            2.5,
        )
        assert (ended["session"], ended["phase"], ended["server"], ended["server_port"]) == (
            "C1",
            "end",
            "198.51.100.4",
            443,
        )
        assert named["seen_at"].isoformat() == "2026-11-22T10:00:00.500000+00:00"


def test_requests_keep_their_bodies_and_their_connection_none() -> None:
    request = {"trans_depth": 1, "method": "POST", "host": "api.example.com", "uri": "/x?key=1",
    "status_code": 200,
               "request_body_len": 90, "response_body_len": 70}  # fmt: skip
    found = read(ZeekJsonFormat, line("http", **request) + line("conn", **CONN | {"service": "http"}))
    assert found.select("kind", "host", "path", "bytes_up", "bytes_down").rows() == [
        ("http", "api.example.com", "/x", 90, 70), ("flow", None, None, None, None),
    ]  # fmt: skip


def test_lookups_holders_and_other_logs() -> None:
    text = (
        line("dns", proto="udp", trans_id=1, query="Chat.example.com", qtype=1, qtype_name="A",
        rcode_name="NOERROR",
             answers=["e.example.net", "203.0.113.5"], TTLs=[60.0, 60.0])
        + line("dns", proto="udp", trans_id=2, query="7.0.1.10.in-addr.arpa", qtype=12, qtype_name="PTR",
        rcode_name="NOERROR")
        + line("kerberos", request_type="TGS", client="ann/EXAMPLE.ORG", service="x", success=True)
        + json.dumps({"ts": 1795341600.5, "uids": ["C1"], "mac": "02:00:00:00:00:0a",
        "assigned_addr": "10.1.0.7", "host_name": "ann-pc",
                      "lease_time": 60.0, "msg_types": ["ACK"]}) + "\n"
        + line("files", mime_type="x")
    )  # fmt: skip
    found = read(ZeekJsonFormat, text)
    assert found["reason"].to_list() == [None, REVERSE, None, None, NO_SERVICE]
    assert found.select("kind", "client", "host", "user_name", "device", "server").rows()[:4:3] == [
        ("dns", "10.1.0.7", "chat.example.com", None, None, "198.51.100.4"), ("lease", "10.1.0.7", None, None,
        "ann-pc", None),
    ]  # fmt: skip
    assert (found["user_name"][2], found["lease_s"][3]) == ("ann", 60.0)
    assert "203.0.113.5" in found["answers"][0]


def test_inside_two_envelopes() -> None:
    raw = line("ssl", **SSL).strip()
    text = (
        json.dumps({"preview": False, "offset": 0, "result": {"_raw": raw, "_time": "x", "host": "sensor-1"}})
        + "\n"
    )
    text += f"<134>1 2026-11-22T10:00:00Z sensor-1 zeek - - - {raw}\n"
    assert read(ZeekJsonFormat, text)["host"].to_list() == ["chat.example.com"] * 2


def test_records_of_sysflow_are_not_zeeks() -> None:
    """They have a time, accounts and identifiers, too, but no connection's ends as Zeek names them."""
    line = (
        '{"version":4,"type":"NF","opflags":["CONNECT"],"ts":1791280800000000000,"endts":1791280801000000000,'
        '"proc":{"uid":0,"exe":"/usr/bin/curl"},"container":{"id":"ab12"},'
        '"net":{"sip":"10.1.2.3","sport":50000,"dip":"192.0.2.7","dport":443,"proto":6},"flow":{"wbytes":900}}'
    )
    assert rows(line + "\n").is_empty()
