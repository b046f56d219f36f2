"""WatchGuard Firebox logs."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.watchguard import WatchguardFormat
from sensor.sources.logs.text.reasons import ALERT, NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

ARGUED = [("sekoia-watchguard-firebox.jsonl", 8, "client", "a lease is of the tunnel's address")]
LEEF = "LEEF:1.0|WatchGuard|XTM|12.8|{}|serial=S1\tdevTime=Oct 06 2026 12:00:00 +0200\tdisp={}\tsrc=10.1.2.3\tsrcPort=40000\tdst=192.0.2.7\tdstPort=443\tproto=tcp\t{}"


def test_leef_of_one_connection_is_one_session() -> None:
    rows = read(
        WatchguardFormat,
        "\n".join(
            [
                LEEF.format("30000148", "Allow", "policy=p"),
                LEEF.format(
                    "2CFF0000",
                    "Allow",
                    "sni=chat.example.com\tcn=*.example.com\tmsg=ProxyAllow: HTTPS Request",
                ),
                LEEF.format("30000151", "Allow", "duration=40\tsent_bytes=900\trcvd_bytes=70"),
                LEEF.format(
                    "1AFF0021",
                    "Deny",
                    "op=GET\tdstname=a.example.com\targ=/p?q\tmsg=ProxyDeny: HTTP Request categories",
                ),
            ]
        ),
    )
    assert rows["session"].to_list()[:3] == [rows["session"][0]] * 3
    assert rows["phase"].to_list()[:3] == ["begin", "name", "end"]
    assert rows["kind"].to_list() == ["flow", "tls", "flow", "http"]
    assert rows["host"].to_list() == [None, "chat.example.com", None, "a.example.com"]
    assert rows["bytes_up"].to_list() == [None, None, 900, None]
    assert rows["action"].to_list() == ["allowed"] * 3 + ["blocked"]
    assert rows["seen_at"].to_list()[0] == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_cut_heads_and_octal_tabs() -> None:
    line = LEEF.format("30000151", "Allow", "sent_bytes=900").removeprefix("LEEF:").replace("\t", "#011")
    assert read(WatchguardFormat, line)["bytes_up"].to_list() == [900]


def test_plain_syslog() -> None:
    text = (
        'Oct  6 10:00:00 fb http-proxy[2]: msg_id="1AFF-0024" Allow 1-Trusted 0-External tcp 10.1.2.3 192.0.2.7 40000 80 msg="HTTP request" op="GET" '
        'dstname="a.example.com" arg="/p?q" sent_bytes="403" rcvd_bytes="719" elapsed_time="0.3 sec(s)" src_user="ada@Firebox-DB" (HTTP-proxy-00)\n'
        'Oct  6 10:00:00 fb firewall: msg_id="3000-0148" Deny 1-Trusted 0-External 60 tcp 20 64 10.1.2.3 192.0.2.7 40000 443 offset 10 S 1 win 4 (p)\n'
        'Oct  6 10:00:00 fb loggerd: msg_id="3D04-0004" Archived log file\n'
    )
    rows = read(WatchguardFormat, text)
    row = rows.row(0, named=True)
    assert (row["client"], row["user_name"], row["host"], row["path"]) == (
        "10.1.2.3",
        "ada",
        "a.example.com",
        "/p",
    )
    assert (row["bytes_up"], row["bytes_down"], row["duration_s"]) == (403, 719, 0.3)
    assert rows["action"].to_list()[:2] == ["allowed", "blocked"]
    assert rows["reason"].to_list() == [None, None, NO_CONNECTION]


def test_logins_are_leases() -> None:
    line = "LEEF:1.0|WatchGuard|XTM|12.10|3E000002|serial=S1\tdevTime=Oct 06 2026 12:00:00 +0200\tmsg=SSL VPN user ada@corp.example@radius from 203.0.113.5 logged in assigned virtual IP is 10.8.0.5"
    row = read(WatchguardFormat, line).row(0, named=True)
    assert (row["kind"], row["client"], row["user_name"], row["origin"]) == (
        "lease",
        "10.8.0.5",
        "ada@corp.example",
        "vpn",
    )


def test_interface_names_with_spaces_and_protocol_prefixes() -> None:
    text = (
        'Oct  6 10:00:00 fb 80A9 (2026-10-06T10:00:00) firewall: msg_id="3000-0148" Allow VLAN 10 0-External 60 tcp 20 64 10.1.2.3 192.0.2.7 40000 443 offset 10 S (p)\n'
        "Oct  6 10:00:00 fb firewall: Allow 1-Trusted 0-External https/tcp 10.1.2.3 192.0.2.7 40000 443 msg=x (p)\n"
    )
    rows = read(WatchguardFormat, text)
    assert rows["client"].to_list() == ["10.1.2.3"] * 2
    assert rows["server_port"].to_list() == [443] * 2


def test_traffic_monitors_own_columns() -> None:
    text = (
        "2026-10-06 10:00:00 Deny 10.1.2.3 192.0.2.7 https/tcp 40000 443 1-Trusted 0-External Denied 52 127 "
        '(Unhandled Internal Packet-00) proc_id="firewall" rc="101" msg_id="3000-0148"'
    )
    (row,) = read(WatchguardFormat, text).rows(named=True)
    assert (row["client"], row["server"], row["server_port"], row["action"]) == (
        "10.1.2.3",
        "192.0.2.7",
        443,
        "blocked",
    )


def test_leases_and_logins_take_the_stamp_in_utc() -> None:
    """The head of the line is the box's local time: two hours on, the address may be another's."""
    head = "<142>Oct  6 12:00:00 box 70AB00000000D (2026-10-06T10:00:00)"
    text = (
        f'{head} dhcpd[10]: msg_id="1600-0065" DHCPACK on 10.1.2.3 to 02:00:00:00:00:0a (ann-pc) via eth1\n'
        f'{head} sessiond[10]: msg_id="3E00-0002" Authentication of Firewall user ann@Firebox-DB from 10.1.2.3 logged in\n'
    )
    rows = read(WatchguardFormat, text)
    assert rows["kind"].to_list() == ["lease"] * 2
    assert rows["seen_at"].to_list() == [datetime(2026, 10, 6, 10, tzinfo=UTC)] * 2


def test_who_manages_the_box_does_not_hold_the_computer() -> None:
    head = "<142>Oct  6 12:00:00 box 70AB00000000D (2026-10-06T10:00:00)"
    text = (
        f'{head} wgagent[10]: msg_id="3E00-0002" Management user admin@Firebox-DB from 10.1.2.3 logged in\n'
    )
    assert read(WatchguardFormat, text)["reason"].to_list() == [NO_CONNECTION]


def test_alarms_of_connections_that_are_logged_apart() -> None:
    head = "<142>Oct  6 12:00:00 box 70AB00000000D (2026-10-06T10:00:00) firewall:"
    text = (
        f'{head} msg_id="3000-0167" Policy Name: HTTP-00 Source IP Address: 10.1.2.3 Source Port: 40000 '
        "Destination IP Address: 192.0.2.7 Destination Port: 443 (HTTP-py)\n"
        f'{head} msg_id="3000-0168" Blocked site: Traffic detected from 10.1.2.3 to 192.0.2.7. (n)\n'
    )
    assert read(WatchguardFormat, text)["reason"].to_list() == [ALERT, ALERT]


def test_the_host_of_a_header_rule() -> None:
    text = (
        'Oct  6 10:00:00 fb http-proxy[2]: msg_id="1AFF-001B" Allow 1-Trusted 0-External tcp 10.1.2.3 192.0.2.7 40000 80 '
        r'msg="ProxyAllow: HTTP header match" rule_name="Default" header="Host: chat.example.com\x0d\x0a" (p)'
    )
    (row,) = read(WatchguardFormat, text).rows(named=True)
    assert (row["kind"], row["host"]) == ("http", "chat.example.com")
