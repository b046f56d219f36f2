"""Cisco ASA system messages."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from sensor.sources.logs.formats.cisco_asa import CiscoAsaFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS, STRAY
from tests.sensor.sources.logs.formats.reading import read

ARGUED = [
    (
        "elastic-cisco_asa-log-additional-messages.log",
        (25, 36),
        "used",
        "the address is mistyped: no address",
    ),
    (
        "elastic-cisco_asa-log-additional-messages.log",
        68,
        "client",
        "a lease is of the address that was assigned",
    ),
]
HEAD = "Oct 06 2026 10:00:00 fw1 : "


def _read(*messages: str) -> pl.DataFrame:
    return read(CiscoAsaFormat, "\n".join(HEAD + message for message in messages))


def test_outbound_names_the_server_first_inbound_the_client() -> None:
    rows = _read(
        r"%ASA-6-302013: Built outbound TCP connection 1 for outside:192.0.2.7/443 (192.0.2.7/443) to inside:10.1.2.3/40000 (203.0.113.5/40000) (CORP\ada)",
        r"%ASA-6-302013: Built inbound TCP connection 2 for inside:10.1.2.3/40001(LOCAL\ada) (10.1.2.3/40001) to dmz:192.0.2.8/443 (192.0.2.8/443)",
    )
    assert rows["client"].to_list() == ["10.1.2.3", "10.1.2.3"]
    assert rows["server"].to_list() == ["192.0.2.7", "192.0.2.8"]
    assert rows["server_port"].to_list() == [443, 443]
    assert rows["user_name"].to_list() == ["CORP\\ada", "LOCAL\\ada"]
    assert rows["bytes_up"].null_count() == rows["bytes_down"].null_count() == 2


def test_who_is_at_the_server_is_not_the_client() -> None:
    built = "%ASA-6-302013: Built inbound TCP connection 3 for inside:10.1.2.3/40002 (10.1.2.3/40002) to lab:"
    rows = _read(
        built + r"10.2.0.5/11434 (10.2.0.5/11434)(CORP\bob)",
        built + r"10.2.0.5/11434(CORP\bob) (10.2.0.5/11434) (ada)",
    )
    assert rows["user_name"].to_list() == [None, "ada"]


def test_a_security_group_is_no_user() -> None:
    rows = _read(
        "%ASA-6-302013: Built inbound TCP connection 4 for in:10.1.2.3/40002 (10.1.2.3/40002)(17:Staff) to "
        "out:192.0.2.7/443 (192.0.2.7/443)",
        r"%ASA-6-302014: Teardown TCP connection 4 for in:10.1.2.3/40002(LOCAL\ada, 17:Staff) to out:192.0.2.7/443 "
        "duration 0:00:09 bytes 900 TCP FINs (ada)",
        '%ASA-4-106023: Deny tcp src in:10.1.2.3/40000(17:Staff) dst out:192.0.2.7/443 by access-group "in"',
        r'%ASA-4-106023: Deny tcp src in:10.1.2.3/40000(LOCAL\ada, Unknown) dst out:192.0.2.7/443 by access-group "in"',
    )
    assert rows["user_name"].to_list() == [None, "LOCAL\\ada", None, "LOCAL\\ada"]


def test_names_of_interfaces_may_have_a_colon_as_addresses_have() -> None:
    deny = '%ASA-4-106023: Deny udp src {} dst {} by access-group "in"'
    rows = _read(
        deny.format("v1:in:10.1.2.3/40000", "DB:192.0.2.7/53"),
        deny.format("in:2001:db8::3/40000", "v2:out:2001:db8::7/53"),
        "%ASA-4-106021: Deny TCP reverse path check from 2001:db8::3 to 2001:db8::7 on interface in",
        "%ASA-6-302015: Built outbound UDP connection 5 for v2:out:192.0.2.7/53 (192.0.2.7/53) to v1:in:10.1.2.3/40000 "
        "(10.1.2.3/40000)",
    )
    assert rows.select("client", "server").rows() == [
        ("10.1.2.3", "192.0.2.7"),
        ("2001:db8::3", "2001:db8::7"),
        ("2001:db8::3", "2001:db8::7"),
        ("10.1.2.3", "192.0.2.7"),
    ]


def test_web_access_through_the_gateway() -> None:
    rows = _read(
        '%ASA-6-716003: Group <G> User <ada> IP <203.0.113.5> WebVPN access GRANTED: "https://a.example.com/p?q"',
        "%ASA-6-716004: Group G User ada IP 203.0.113.5 WebVPN access DENIED to specified location: http://b.example.com",
    )
    assert rows.select("client", "user_name", "host", "action", "roams").rows() == [
        ("203.0.113.5", "ada", "a.example.com", "allowed", True),
        ("203.0.113.5", "ada", "b.example.com", "blocked", True),
    ]


def test_teardown_is_the_same_session_and_its_bytes_have_no_direction() -> None:
    rows = _read(
        "%ASA-6-302013: Built outbound TCP connection 1 for outside:192.0.2.7/443 (192.0.2.7/443) to inside:10.1.2.3/40000 (10.1.2.3/40000)",
        "%ASA-6-302014: Teardown TCP connection 1 for outside:192.0.2.7/443 to inside:10.1.2.3/40000 duration 0:01:30 bytes 5000 TCP FINs",
        "%ASA-6-302014: Teardown TCP connection 2 for outside:192.0.2.7/443 to inside:10.1.2.3/40009 duration 0:00:30 bytes 0 SYN Timeout",
    )
    assert rows["session"].to_list()[0] == rows["session"].to_list()[1] != rows["session"].to_list()[2]
    assert rows["phase"].to_list() == ["begin", "end", "end"]
    assert rows["client"].unique().to_list() == ["10.1.2.3"]
    assert rows["action"].to_list() == ["allowed", "allowed", "reset"]
    assert rows["seen_at"].to_list()[1] == datetime(2026, 10, 6, 9, 58, 30, tzinfo=UTC)
    assert (rows["bytes_up"][1], rows["bytes_down"][1]) == (None, None)


def test_what_was_built_and_never_answered_is_no_connection() -> None:
    built = "%ASA-6-302013: Built outbound TCP connection {} for outside:192.0.2.7/443 (192.0.2.7/443) to inside:10.1.2.3/{} (10.1.2.3/{})"
    torn = "%ASA-6-302014: Teardown TCP connection {} for outside:192.0.2.7/443 to inside:10.1.2.3/{} duration 0:00:30 bytes {}"
    rows = _read(
        built.format(1, 40000, 40000),
        built.format(2, 40001, 40001),
        torn.format(1, 40000, "0 SYN Timeout"),
        built.format(3, 40000, 40000),
        torn.format(2, 40001, "5000 TCP FINs"),
        torn.format(3, 40000, "700 TCP Reset-O"),
        built.format(4, 40002, 40002),
    )
    assert rows["action"].to_list() == [
        "reset",
        "allowed",
        "reset",
        "allowed",
        "allowed",
        "allowed",
        "allowed",
    ]


def test_access_lists_and_denials() -> None:
    rows = _read(
        "%ASA-6-106100: access-list in permitted tcp inside/10.1.2.3(40000) -> outside/192.0.2.7(443) hit-cnt 1 first hit [0x1, 0x0]",
        r"%ASA-6-106100: access-list in denied udp inside/10.1.2.3(40000)(LOCAL\ada) -> outside/192.0.2.7(443) hit-cnt 1 first hit [0x1, 0x0]",
        '%ASA-4-106023: Deny tcp src inside:10.1.2.3/40000 dst outside:192.0.2.7/443 by access-group "in" [0x0, 0x0]',
        "%ASA-2-106001: Inbound TCP connection denied from 10.1.2.3/40000 to 192.0.2.7/443 flags SYN  on interface inside",
        "%FTD-2-106006: Deny inbound UDP from 10.1.2.3/40000 to 192.0.2.7/443 on interface inside",
        "%ASA-3-710003: TCP access denied by ACL from 10.1.2.3/40000 to outside:192.0.2.7/443",
    )
    assert rows["action"].to_list() == ["allowed"] + ["blocked"] * 5
    assert rows["client"].unique().to_list() == ["10.1.2.3"]
    assert rows["server"].unique().to_list() == ["192.0.2.7"]
    assert rows["server_port"].unique().to_list() == [443]
    assert rows["transport"].to_list() == ["tcp", "udp", "tcp", "tcp", "udp", "tcp"]


def test_urls_and_filtered_names() -> None:
    rows = _read(
        "%ASA-5-304001: ada@10.1.2.3(LOCAL\\ada) Accessed URL 192.0.2.7:http://a.example.com/p?q",
        "%ASA-5-304001: 10.1.2.3 Accessed URL 192.0.2.7:/p?q",
        "%ASA-5-304002: Access denied URL http://a.example.com/p SRC 10.1.2.3 DEST 192.0.2.7 on interface inside",
        "%ASA-4-338002: Dynamic filter monitored blacklisted TCP traffic from inside:10.1.2.3/6798 (203.0.113.5/7890) to "
        "outside:192.0.2.7/80 (192.0.2.7/80), destination malicious address resolved from dynamic list: bad.example.com",
    )
    assert rows["host"].to_list() == ["a.example.com", None, "a.example.com", "bad.example.com"]
    assert rows["path"].to_list() == ["/p", "/p", "/p", None]
    assert rows["user_name"].to_list() == ["ada", None, None, None]
    assert rows["action"].to_list() == ["allowed", "allowed", "blocked", "allowed"]


def test_assigned_addresses_are_leases() -> None:
    rows = _read(
        "%ASA-4-722051: Group <G> User <ada> IP <203.0.113.5> IPv4 Address <10.8.0.5> IPv6 address <::> assigned to session",
        r"%ASA-5-746012: user-identity: Add IP-User mapping 10.1.2.3 - CORP\ada Succeeded - AD agent",
        r"%ASA-5-746012: user-identity: Add IP-User mapping 10.8.0.5 - LOCAL\ada Succeeded - VPN user",
        r"%ASA-5-746013: user-identity: Delete IP-User mapping 10.8.0.5 - LOCAL\ada Succeeded - VPN user logout",
        "%ASA-5-109201: UAUTH: Session=0x5, User=ada, Assigned IP=10.8.0.6, Succeeded adding entry.",
        "%ASA-5-109210: UAUTH: Session=0x5, User=ada, Assigned IP=10.8.0.6, Successfully removed the rules for "
        "user during tear down.",
        "%ASA-6-751025: Local:192.0.2.1:4500 Remote:203.0.113.5:50466 Username:ada smith IKEv2 Group:G IPv4 "
        "Address=10.8.0.7 IPv6 address=invalid-addr-2-0.0.0.0 assigned to session",
        "%ASA-6-604103: DHCP daemon interface inside: address granted 0102.005e.0000.07 (10.1.2.9)",
        "%ASA-6-604104: DHCP daemon interface inside: address released 0102.005e.0000.07 (10.1.2.9)",
    )
    assert rows.select("client", "origin", "closes").rows() == [
        ("10.8.0.5", "vpn", False),
        ("10.1.2.3", "directory", False),
        ("10.8.0.5", "vpn", False),
        ("10.8.0.5", "vpn", True),
        ("10.8.0.6", "vpn", False),
        ("10.8.0.6", "vpn", True),
        ("10.8.0.7", "vpn", False),
        ("10.1.2.9", "dhcp", False),
        ("10.1.2.9", "dhcp", True),
    ]


def test_what_is_no_connection() -> None:
    rows = _read(
        "%ASA-6-106015: Deny TCP (no connection) from 192.0.2.7/443 to 10.1.2.3/40000 flags RST on interface outside",
        "%ASA-6-305011: Built dynamic TCP translation from inside:10.1.2.3/40000 to outside:203.0.113.5/40000",
        '%ASA-4-106023: Deny icmp src inside:10.1.2.3 dst outside:192.0.2.7 (type 8, code 0) by access-group "in" [0x0, 0x0]',
    )
    assert rows["reason"].to_list() == [STRAY, NO_CONNECTION, NO_PORTS]


def test_the_emblem_head_keeps_its_time() -> None:
    line = (
        "<166>:Oct 06 2026 10:00:00 UTC: %ASA-session-6-302013: Built outbound TCP connection 88 for outside:192.0.2.7/443 "
        "(192.0.2.7/443) to inside:10.1.2.3/51000 (203.0.113.1/51000)"
    )
    assert read(CiscoAsaFormat, line)["seen_at"].to_list() == [datetime(2026, 10, 6, 10, tzinfo=UTC)]


def test_what_modules_and_inspections_drop_is_blocked_and_named_ports_are_ports() -> None:
    rows = _read(
        "%ASA-4-434002: SFR requested to drop TCP packet from inside:10.1.2.3/40000 to outside:192.0.2.7/443",
        "%ASA-4-410001: Dropped UDP DNS request from inside:10.1.2.3/40001 to outside:192.0.2.8/53; label length 46",
        "%ASA-3-710003: TCP access denied by ACL from 10.1.2.3/40002 to outside:192.0.2.9/ssh",
        "%ASA-3-421007: UDP flow from inside:10.1.2.3/40003 to outside:192.0.2.7/53 is skipped because application has failed",
    )
    assert rows.select("reason", "action", "server", "server_port").rows()[:3] == [
        (None, "blocked", "192.0.2.7", 443),
        (None, "blocked", "192.0.2.8", 53),
        (None, "blocked", "192.0.2.9", 22),
    ]
    assert rows["reason"][3] == NO_CONNECTION
