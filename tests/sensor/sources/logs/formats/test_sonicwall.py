"""SonicWall logs."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.sonicwall import SonicwallFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

ARGUED = [
    ("elastic-sonicwall_firewall-log-general.log", (26, 27), "user", "`Unknown (SSO failed)` is nobody")
]
HEAD = '<134>  id=firewall sn=0040103CE114 time="2026-10-06 10:01:00 UTC" fw=10.9.9.9 pri=6 '
ENDS = "src=10.1.2.3:40000:X0 dst=192.0.2.7:443:X1:chat.example.com srcMac=00:06:b1:dd:4f:d4 proto=tcp/https "


def test_opened_visited_and_closed_are_one_session() -> None:
    rows = read(
        SonicwallFormat,
        "\n".join(
            [
                HEAD + 'c=262144 m=98 msg="Connection Opened" usr="ada" ' + ENDS + "sent=60",
                HEAD
                + 'c=1024 m=97 msg="Syslog Website Accessed" '
                + ENDS
                + "op=GET sent=403 rcvd=50 dstname=chat.example.com arg=/v1?k=s code=64",
                HEAD
                + 'c=1024 m=537 msg="Connection Closed" '
                + ENDS
                + "sent=900 rcvd=70 spkt=5 rpkt=4 cdur=60000",
            ]
        ),
    )
    assert rows["session"].n_unique() == 1
    assert rows["phase"].to_list() == ["begin", "update", "end"]
    assert rows["seen_at"].to_list()[2] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert rows["bytes_up"].to_list() == [60, 403, 900]
    visit = rows.row(1, named=True)
    assert (visit["kind"], visit["host"], visit["path"], visit["method"]) == (
        "proxy",
        "chat.example.com",
        "/v1",
        "GET",
    )
    assert (visit["client"], visit["server"], visit["server_port"]) == ("10.1.2.3", "192.0.2.7", 443)


def test_refusals_and_other_events() -> None:
    rows = read(
        SonicwallFormat,
        "\n".join(
            [
                HEAD + 'c=4 m=14 msg="Web site access denied" ' + ENDS + "dstname=chat.example.com arg=/",
                HEAD + 'c=32 m=36 msg="TCP connection dropped" ' + ENDS,
                HEAD + 'c=0 m=1155 msg="Application Control Prevention Alert: GENERATIVE-AI" ' + ENDS,
                HEAD
                + 'c=16 m=994 msg="Configuration mode administration session started" usr="admin" src=10.1.2.3::X0 dst=10.9.9.9:4444:X0 proto=tcp/4444',
            ]
        ),
    )
    assert rows["action"].to_list()[:3] == ["blocked"] * 3
    assert rows["reason"].to_list() == [None, None, None, NO_CONNECTION]


def test_cef_out_is_what_the_client_sent() -> None:
    line = (
        "CEF:0|SonicWall|NSa 4500|7.0.1|537|Connection Closed|4|cat=1024 src=10.1.2.3 spt= 40000 dst=192.0.2.7 dpt=443 "
        'susr="corp.example\\\\ada" proto=tcp/https out=77 in=99 cs1="Default Access Rule" fw_action="NA"'
    )
    row = read(SonicwallFormat, "Oct  6 10:00:00 fw " + line).row(0, named=True)
    assert (row["bytes_up"], row["bytes_down"], row["user_name"], row["client_port"]) == (
        77,
        99,
        "corp.example\\ada",
        40000,
    )


def test_a_dropped_attack_that_names_both_ends_is_blocked() -> None:
    head = 'id=firewall sn=0006B1 time="2026-10-06 10:00:00" fw=203.0.113.1 pri=1 c=32 '
    spoof = head + 'm=23 msg="IP spoof dropped" n=7 src=10.1.2.3:123:X0 dst=192.0.2.7:123:X1'
    flood = head + 'm=860 msg="Possible SYN Flood on IF X0" n=1'
    rows = read(SonicwallFormat, spoof + "\n" + flood)
    assert rows.select("client", "server", "server_port", "action").row(0) == (
        "10.1.2.3",
        "192.0.2.7",
        123,
        "blocked",
    )
    assert rows["reason"].to_list() == [None, NO_CONNECTION]


def test_a_dropped_icmp_packet_is_no_connection() -> None:
    line = HEAD + 'c=256 m=38 msg="ICMP packet dropped" src=10.1.2.3:8:X0 dst=192.0.2.7:0:X1 type=8 code=0'
    assert read(SonicwallFormat, line)["reason"].to_list() == [NO_PORTS]
