"""Stormshield logs."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.stormshield import StormshieldFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

HEAD = 'id=firewall time="2026-10-06 12:00:05" fw="SN1" tz=+0200 startime="2026-10-06 12:00:00" pri=5 '
ENDS = 'ipproto=tcp proto=https src=10.1.2.3 srcport=40000 srcmac=00:26:37:ee:47:20 dst=192.0.2.7 dstport=443 dstname=chat.example.com user="ada" domain="corp.example" '


def test_the_logs_of_one_connection_are_one_session() -> None:
    rows = read(
        StormshieldFormat,
        "\n".join(
            [
                HEAD + ENDS + 'sent=0 rcvd=0 action=pass logtype="filter"',
                HEAD
                + ENDS
                + 'sent=98 rcvd=76 duration=0.01 action=pass op=GET result=200 arg="/p?q" logtype="plugin"',
                HEAD + ENDS + 'sent=900 rcvd=70 duration=5.00 action=pass logtype="connection"',
                HEAD + ENDS + 'action=block arg="/p" op=GET logtype="web"',
            ]
        ),
    )
    assert rows["session"].to_list()[:3] == [rows["session"][0]] * 3
    assert rows["phase"].to_list()[:3] == ["begin", "update", "end"]
    assert (rows["bytes_up"].to_list(), rows["bytes_down"].to_list()) == (
        [None, 98, 900, None],
        [None, 76, 70, None],
    )
    assert rows["host"].to_list() == ["chat.example.com"] * 4
    assert rows["path"].to_list() == [None, "/p", None, "/p"]
    assert rows["action"].to_list() == ["allowed"] * 3 + ["blocked"]
    assert rows["user_name"].unique().to_list() == ["ada@corp.example"]
    assert rows["seen_at"].unique().to_list() == [datetime(2026, 10, 6, 10, tzinfo=UTC)]


def test_other_logs() -> None:
    rows = read(
        StormshieldFormat,
        "\n".join(
            [
                HEAD + 'user="ada" src=10.1.2.3 error=0 msg="User logged in" logtype="auth"',
                HEAD + 'src=10.1.2.3 dst=192.0.2.7 msg="Sending DELETE" logtype="vpn"',
                HEAD + 'ipproto=icmp src=10.1.2.3 dst=192.0.2.7 action=pass logtype="filter"',
            ]
        ),
    )
    assert rows["kind"].to_list()[0] == "lease"
    assert rows["reason"].to_list() == [None, NO_CONNECTION, NO_PORTS]


def test_tunnels_give_addresses_and_a_start_left_empty_is_told_by_the_end() -> None:
    tunnel = 'user="ada" domain="corp.example" src=198.51.100.7 remotenet=10.9.8.7 msg="SSL tunnel {}" logtype="xvpn"'
    late = (
        'time="2026-10-06 12:00:05" fw="SN1" tz=+0200 startime="" ipproto=tcp src=10.1.2.3 srcport=40000 dst=192.0.2.7 '
        'dstport=443 sent=900 rcvd=70 duration=5.00 action=pass logtype="connection"'
    )
    rows = read(
        StormshieldFormat,
        "\n".join([HEAD + tunnel.format("created"), HEAD + tunnel.format("removed"), late]),
    )
    assert rows.select("kind", "client", "closes").rows() == [
        ("lease", "10.9.8.7", False),
        ("lease", "10.9.8.7", True),
        ("flow", "10.1.2.3", False),
    ]
    assert rows["seen_at"][2] == datetime(2026, 10, 6, 10, tzinfo=UTC)
