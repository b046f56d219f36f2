"""Meraki syslog."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.meraki import MerakiFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

ARGUED = [
    (
        "elastic-cisco_meraki-log-events.log",
        10,
        "client",
        "a lease is of the tunnel's address, not of the road's",
    ),
    ("sekoia-cisco-meraki.jsonl", 8, "path", "`/...` stands for a path that was not seen"),
]


def test_visits_name_host_and_path_where_it_was_seen() -> None:
    text = (
        "<134>1 1791280800.348215340 MX84 urls src=10.1.2.3:40000 dst=192.0.2.7:443 mac=78:7B:8A:CC:05:18 request: UNKNOWN https://chat.example.com/...\n"
        "<134>1 1791280800.676404537 MX84 urls src=10.1.2.3:40001 dst=192.0.2.7:80 mac=78:7B:8A:CC:05:18 agent='Mozilla/5.0 (a b)' request: GET http://a.example.com/p?q\n"
        "1791280800.676404537 MX84 urls src=fe80:110:8897:efab:9202:b3ff:fe1e:8329:64194 dst=2001:db8:0:0:0:0:0:7:80 mac=78:7B:8A:CC:05:18 request: GET http://a.example.com/\n"
    )
    rows = read(MerakiFormat, text)
    assert rows["kind"].to_list() == ["tls", "http", "http"]
    assert rows["host"].to_list() == ["chat.example.com", "a.example.com", "a.example.com"]
    assert rows["path"].to_list() == [None, "/p", "/"]
    assert rows["client"].to_list()[2] == "fe80:110:8897:efab:9202:b3ff:fe1e:8329"
    assert rows["server_port"].to_list() == [443, 80, 80]
    assert rows["seen_at"].to_list()[0] == datetime(2026, 10, 6, 10, 0, 0, 348_215, UTC)
    assert (rows["client_mac"][0], rows["user_agent"][1]) == ("78:7b:8a:cc:05:18", "Mozilla/5.0 (a b)")


def test_flows_have_verdicts_and_are_one_session() -> None:
    head, ends = (
        "1791280800.289402144 MX84 ",
        "src=10.1.2.3 dst=192.0.2.7 mac=00:7C:2D:BD:76:F2 protocol=tcp sport=40000 dport=443",
    )
    lines = [
        f"{head}ip_flow_start {ends} translated_src_ip=203.0.113.5 translated_port=40000",
        f"{head}flows allow {ends}",
        f"{head}flows {ends} pattern: allow all",
        f"{head}ip_flow_end {ends} translated_src_ip=203.0.113.5 translated_port=40000",
        f"{head}firewall {ends} pattern: 1 all",
        f"{head}flows deny {ends}",
        f"{head}flows allow src=10.1.2.3 dst=192.0.2.7 mac=00:7C:2D:BD:76:F2 protocol=icmp type=8",
    ]
    rows = read(MerakiFormat, "\n".join(lines))
    assert rows["action"].to_list()[:6] == ["allowed"] * 4 + ["blocked"] * 2
    assert rows["session"][:4].n_unique() == 1
    assert rows["phase"].to_list()[3] == "end"
    assert rows["reason"].to_list() == [None] * 6 + [NO_PORTS]


def test_events() -> None:
    text = (
        "1791280800.1 MX84 events dhcp lease of ip 10.1.2.3 from server mac E0:CB:BC:11:22:33 for client mac 78:7B:8A:CC:05:18 with hostname pc-7 from router 10.1.2.1\n"
        "1791280800.1 MX84 events client_vpn_connect user id 'ada@corp.example' local ip 10.8.0.5 connected from 203.0.113.5\n"
        "1791284400.1 MX84 events client_vpn_disconnect user id 'ada@corp.example' local ip 10.8.0.5 connected from 203.0.113.5\n"
        "1791280800.1 MR18 events type=association radio='1' client_mac='78:7B:8A:CC:05:18'\n"
    )
    rows = read(MerakiFormat, text)
    assert rows["client"].to_list() == ["10.1.2.3", "10.8.0.5", "10.8.0.5", None]
    assert rows["closes"].to_list() == [False, False, True, None]
    assert (rows["device"][0], rows["user_name"][1], rows["reason"][3]) == (
        "pc-7",
        "ada@corp.example",
        NO_CONNECTION,
    )


def test_a_quoted_url() -> None:
    head = "1791280800.1 MX84 urls src=10.1.2.3:40000 dst=192.0.2.7:443 mac=78:7B:8A:CC:05:18 request: GET "
    found = read(MerakiFormat, f"{head}'https://chat.example.com/...'\n{head}'https://a.example.com/p?q'")
    assert found.select("kind", "host", "path", "server_port").rows() == [
        ("tls", "chat.example.com", None, 443),
        ("http", "a.example.com", "/p", 443),
    ]


def test_a_tunnel_of_anyconnect_gives_an_address() -> None:
    line = "1791280800.5 MX84 events anyconnect_vpn_connect user id 'ada@example.org' local ip 10.9.8.7 connected from 198.51.100.7"
    rows = read(MerakiFormat, line)
    assert rows.select("kind", "client", "user_name").rows() == [("lease", "10.9.8.7", "ada@example.org")]
