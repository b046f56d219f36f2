"""Zyxel firewalls."""

from __future__ import annotations

from sensor.sources.logs.formats.zyxel import ZyxelFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

SIDES = 'src="10.1.2.3:40000" dst="192.0.2.7:443" '
LINES = (
    SIDES
    + 'msg="priority:1, from LAN to WAN, TCP, service others, ACCEPT" note="ACCESS FORWARD" user="jdoe" cat="Firewall"',
    SIDES
    + 'msg="www.example.org: Search, rule_name:cf1, SSI:N" note="WEB FORWARD" user="jdoe" cat="Forward web sites"',
    SIDES
    + 'msg="Traffic Log" note="Traffic Log" user="jdoe" cat="Traffic Log" duration=60 sent=1200 rcvd=5400 protoID=6',
    SIDES
    + 'msg="ads.example.org: Ads, rule_name:cf1, SSI:N" note="WEB BLOCK" user="unknown" cat="Blocked web sites"',
    'src="0.0.0.0:0" dst="0.0.0.0:0" msg="Port 3 is up" note="Interface" cat="Interface"',
)


def test_a_session_is_opened_named_and_ended() -> None:
    found = read(ZyxelFormat, "\n".join("Oct  6 10:00:00 usg60 " + line for line in LINES))
    assert found["reason"].to_list() == [None] * 4 + [NO_CONNECTION]
    assert found.select("client", "user_name", "host", "action", "bytes_up", "bytes_down", "phase").rows()[
        :4
    ] == [
        ("10.1.2.3", "jdoe", None, "allowed", None, None, "begin"),
        ("10.1.2.3", "jdoe", "www.example.org", "allowed", None, None, "name"),
        ("10.1.2.3", "jdoe", None, "allowed", 1200, 5400, "end"),
        ("10.1.2.3", None, "ads.example.org", "blocked", None, None, "name"),
    ]
    assert found["session"][0] == found["session"][2]


def test_who_was_given_an_address() -> None:
    line = (
        'Oct  6 10:00:00 usg60 src="0.0.0.0:0" dst="0.0.0.0:0" msg="DHCP server assigned 10.1.2.3 to {}(02:00:00:00:00:0A)" note="DHCP ACK" '
        'user="unknown" devID="02000000000b" cat="DHCP"\n'
    )
    offer = line.replace("assigned", "offered").replace("ACK", "Offer").format("ann-pc")
    found = read(ZyxelFormat, line.format("ann-pc") + line.format("") + offer)
    assert found["reason"].to_list() == [None, None, NO_CONNECTION]
    assert found.select("kind", "client", "device", "client_mac", "user_name").rows()[:2] == [
        ("lease", "10.1.2.3", "ann-pc", "02:00:00:00:00:0a", None),
        ("lease", "10.1.2.3", None, "02:00:00:00:00:0a", None),
    ]
