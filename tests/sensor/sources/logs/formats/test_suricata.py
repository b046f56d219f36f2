"""Suricata EVE: one connection in several events is one connection."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from sensor.sources.logs.formats.suricata import SuricataFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import ANSWERED, SAID_AGAIN
from tests.sensor.sources.logs.formats.reading import read

_BODY = "`http.length` is one body; the flow's count so far covers the connection"
ARGUED = (
    ("elastic-suricata-eve-eve-small.log", 2, "down", _BODY),
    (
        "elastic-suricata-eve-eve-small.log",
        3,
        "used",
        "a fileinfo event repeats the request of its http event",
    ),
    ("elastic-suricata-eve-eve-small.log", 8, "path", "the truth kept a whole URL for a path"),
    ("elastic-suricata-eve-eve-small.log", 8, "down", _BODY),
    ("sekoia-suricata.jsonl", (0, 2), "down", _BODY),
)

ENDS = {"src_ip": "10.1.2.3", "src_port": 50000, "dest_ip": "203.0.113.9", "dest_port": 443, "proto": "TCP"}


def event(kind: str, second: int, flow_id: int = 7, **more: Any) -> str:
    stamp = f"2026-10-06T10:00:{second:02}.000000+0200"
    return json.dumps({"timestamp": stamp, "flow_id": flow_id, "event_type": kind, **ENDS, **more})


def flow(up: int, down: int) -> dict[str, Any]:
    return {"bytes_toserver": up, "bytes_toclient": down, "start": "2026-10-06T10:00:00.000000+0200", "end": "2026-10-06T10:00:30.000000+0200", "state": "closed"}  # fmt: skip


CONNECTION = "\n".join(
    [
        event("tls", 1, tls={"sni": "Chat.OpenAI.com", "ja4": "t13d1516h2_8daaf6152771_b0da82dd1658"}),
        event(
            "alert",
            2,
            tls={"sni": "chat.openai.com"},
            alert={"action": "allowed"},
            flow={"bytes_toserver": 900, "bytes_toclient": 300},
        ),
        event("flow", 40, flow=flow(5000, 700)),
    ]
)


def test_a_connection_in_three_events_counts_once() -> None:
    rows = Sessions().take(read(SuricataFormat, CONNECTION)).filter(pl.col("reason").is_null())
    assert rows["host"].to_list() == ["chat.openai.com"] * 3
    assert rows["slice"].to_list() == [0, 1, 2]
    assert (rows["bytes_up"].sum(), rows["bytes_down"].sum()) == (5000, 700)
    assert rows["kind"].to_list() == ["tls"] * 3
    assert rows["started_at"].unique().to_list() == [datetime(2026, 10, 6, 8, 0, 1, tzinfo=UTC)]
    assert rows["duration_s"].to_list() == [None, None, 30.0]


def test_packets_of_an_alert_s_count_so_far_are_read_for_their_headers() -> None:
    so_far = {"bytes_toserver": 900, "bytes_toclient": 300, "pkts_toserver": 9, "pkts_toclient": 3}
    (row,) = read(SuricataFormat, event("alert", 2, tls={"sni": "claude.ai"}, flow=so_far)).iter_rows(
        named=True
    )
    assert (row["packets_up"], row["packets_down"]) == (9, 3)


def test_a_flow_alone_is_a_flow_with_its_own_start() -> None:
    (row,) = read(SuricataFormat, event("flow", 40, flow=flow(5000, 700))).iter_rows(named=True)
    assert (row["kind"], row["host"], row["server"], row["server_port"]) == ("flow", None, "203.0.113.9", 443)
    assert row["seen_at"] == datetime(2026, 10, 6, 8, 0, 0, tzinfo=UTC)


def test_dns_of_all_versions_asks_once() -> None:
    lookups = "\n".join(
        [
            event("dns", 1, 1, dns={"type": "query", "id": 5, "rrname": "claude.ai", "rrtype": "A"}),
            event("dns", 1, 1, dns={"type": "answer", "id": 5, "rrname": "claude.ai", "rrtype": "A", "rdata": "198.51.100.1", "ttl": 60}),
            event("dns", 2, 2, dns={"version": 2, "type": "query", "id": 6, "rrname": "x.ai", "rrtype": "A"}),
            event("dns", 2, 2, dns={"version": 2, "type": "answer", "id": 6, "rrname": "x.ai", "answers": [{"rrname": "x.ai", "rrtype": "A", "rdata": "198.51.100.2"}], "grouped": {"A": ["198.51.100.2"]}}),
            event("dns", 3, 3, dns={"version": 3, "type": "request", "id": 7, "queries": [{"rrname": "poe.com", "rrtype": "A"}]}),
            event("dns", 3, 3, dns={"version": 3, "type": "response", "id": 7, "queries": [{"rrname": "poe.com", "rrtype": "A"}], "answers": [{"rrname": "poe.com", "rrtype": "A", "rdata": "198.51.100.3"}]}),
        ]
    )  # fmt: skip
    done = Sessions().take(read(SuricataFormat, lookups))
    used = done.filter(pl.col("reason").is_null())
    assert used["host"].to_list() == ["claude.ai", "x.ai", "poe.com"]
    assert done["reason"].drop_nulls().to_list() == [SAID_AGAIN] * 3
    assert [told.to_list() for told in done["answers"] if len(told)] == [
        [f"198.51.100.{n}"] for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("answer", [{"version": 2, "rrtype": "A"}, {}], ids=["version 2", "version 1"])
def test_a_name_that_its_answer_says_does_not_exist_is_one_blocked_lookup(answer: dict[str, Any]) -> None:
    asked = {"id": 5, "rrname": "claude.ai"}
    lookup = "\n".join(
        event("dns", 1, 1, dns=asked | more)
        for more in ({"type": "query", "rrtype": "A"}, {"type": "answer", "rcode": "NXDOMAIN", **answer})
    )
    rows = read(SuricataFormat, lookup)
    assert rows["action"].to_list() == ["blocked"] * 2
    assert rows["reason"].to_list() == [None, ANSWERED]


def test_an_answer_s_client_is_the_side_that_asked() -> None:
    turned = json.loads(
        event(
            "dns",
            1,
            dns={"type": "answer", "id": 1, "rrname": "claude.ai", "rrtype": "A", "rdata": "198.51.100.1"},
        )
    )
    turned |= {"src_ip": "10.0.0.53", "src_port": 53, "dest_ip": "10.1.2.3", "dest_port": 40000}
    (row,) = read(SuricataFormat, json.dumps(turned)).iter_rows(named=True)
    assert (row["client"], row["client_port"], row["server_port"]) == ("10.1.2.3", 40000, 53)


def test_what_a_server_says_it_runs() -> None:
    http = {"hostname": "10.9.8.7", "url": "/v1/chat/completions", "server": "llama.cpp"}
    (row,) = read(SuricataFormat, event("http", 1, 1, http=http)).iter_rows(named=True)
    assert row["software"] == "server: llama.cpp"


def test_requests_through_a_proxy_and_to_a_server() -> None:
    http = {"http_method": "POST", "http_user_agent": "curl/8", "status": 200, "length": 12}
    text = "\n".join(
        [
            event("http", 1, 1, http={"hostname": "api.openai.com", "url": "/v1/chat?key=secret", **http}),
            event(
                "http",
                2,
                2,
                http={
                    "hostname": "proxy.corp",
                    "url": "http://ollama.example.com:11434/api/generate",
                    **http,
                },
            ),
        ]
    )
    rows = read(SuricataFormat, text)
    assert rows.select("host", "path", "name_from", "server_port").rows() == [
        ("api.openai.com", "/v1/chat", "http_host", 443),
        ("ollama.example.com", "/api/generate", "url", 443),
    ]


def test_one_way_records_face_the_client() -> None:
    back = {"src_ip": ENDS["dest_ip"], "src_port": 443, "dest_ip": ENDS["src_ip"], "dest_port": 50000}
    out = event("netflow", 9, 1, netflow={"bytes": 800, "pkts": 4})
    home = json.dumps(json.loads(event("netflow", 9, 1, netflow={"bytes": 90, "pkts": 3})) | back)
    rows = read(SuricataFormat, f"{out}\n{home}")
    assert rows.select("client", "server_port", "bytes_up", "bytes_down", "slice").rows() == [
        ("10.1.2.3", 443, 800, None, 0),
        ("10.1.2.3", 443, None, 90, 1),
    ]


def test_leases_of_dhcp_and_kerberos() -> None:
    text = "\n".join(
        [
            event("dhcp", 1, dhcp={"type": "reply", "dhcp_type": "ack", "assigned_ip": "10.1.2.9", "client_mac": "00:11:22:33:44:55", "hostname": "laptop7", "lease_time": 3600}),
            event("dhcp", 1, dhcp={"type": "request", "dhcp_type": "request", "client_mac": "00:11:22:33:44:55"}),
            event("krb5", 2, krb5={"msg_type": "KRB_AS_REP", "cname": "jane", "realm": "CORP"}),
            event("dhcp", 3, dhcp={"dhcp_type": "ack", "assigned_ip": "10.1.2.8"}),
            event("dhcp", 3, dhcp={"dhcp_type": "ack", "assigned_ip": "10.1.2.7", "lease_time": 4294967295}),
        ]
    )  # fmt: skip
    rows = read(SuricataFormat, text)
    assert rows.filter(pl.col("reason").is_null()).select("kind", "client", "client_mac", "device", "user_name", "lease_s").rows() == [
        ("lease", "10.1.2.9", "00:11:22:33:44:55", "laptop7", None, 3600.0),
        ("lease", "10.1.2.3", None, None, "jane", 36000.0),
        ("lease", "10.1.2.8", None, None, None, 43200.0),  # nobody said how long
        ("lease", "10.1.2.7", None, None, None, None),  # for ever
    ]  # fmt: skip


def test_a_session_that_ntlm_opened_names_the_account_and_every_one_does() -> None:
    def setup(user: str, status: str = "STATUS_SUCCESS") -> str:
        ntlm = {"user": user, "domain": "CORP", "host": "PC7"}
        return event(
            "smb", 7, smb={"command": "SMB2_COMMAND_SESSION_SETUP", "status": status, "ntlmssp": ntlm}
        )

    flow = event("flow", 7, flow={"bytes_toserver": 900, "bytes_toclient": 800, "state": "closed"})
    text = (setup("jane", "STATUS_LOGON_FAILURE"), setup("jane"), setup("ann"), setup(""), flow)
    rows = read(SuricataFormat, "\n".join(text))
    done = Sessions().take(rows)
    assert done.filter(pl.col("reason").is_null()).select("kind", "client", "user_name", "device").rows() == [
        ("lease", "10.1.2.3", "CORP\\jane", "PC7"),
        ("lease", "10.1.2.3", "CORP\\ann", "PC7"),
        ("flow", "10.1.2.3", None, None),
    ]
    assert done["slice"][-1] == 0
