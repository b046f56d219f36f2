"""pfSense and OPNsense filter logs."""

from __future__ import annotations

from sensor.sources.logs.formats.filterlog import FilterlogFormat
from sensor.sources.logs.text.reasons import NO_PORTS, STRAY
from tests.sensor.sources.logs.formats.reading import read

FOUR = (
    "5,,,1000000103,igb1,match,{},in,4,0x0,,64,1,0,DF,6,tcp,60,10.1.2.3,192.0.2.7,40000,443,0,S,1,,64240,,mss"
)
SIX = "5,,,fae559338f65,igb1,match,pass,in,6,0x00,0xf6279,64,UDP,17,32,2001:db8::3,2001:db8::7,40000,443,32"


def test_both_versions_of_ip_in_every_envelope() -> None:
    text = (
        "<134>Oct  6 10:00:00 fw.example filterlog[97530]: " + FOUR.format("block") + "\n"
        "<134>Oct  6 10:00:00 filterlog[72237]: " + FOUR.format("pass") + "\n"
        "<134>1 2026-10-06T10:00:00+00:00 fw.example filterlog 76404 - [meta sequenceId=\"1\"] " + SIX + "\n"
    )  # fmt: skip
    rows = read(FilterlogFormat, text)
    assert rows["client"].to_list() == ["10.1.2.3", "10.1.2.3", "2001:db8::3"]
    assert rows["server"].to_list() == ["192.0.2.7", "192.0.2.7", "2001:db8::7"]
    assert rows["server_port"].to_list() == [443] * 3
    assert rows["transport"].to_list() == ["tcp", "tcp", "udp"]
    assert rows["action"].to_list() == ["blocked", "allowed", "allowed"]
    assert rows["bytes_up"].null_count() == 3


def test_other_protocols() -> None:
    line = "Oct  6 10:00:00 fw filterlog[1]: 5,,,1000000103,igb1,match,pass,in,4,0x0,,64,1,0,DF,1,icmp,60,10.1.2.3,192.0.2.7,request,1,2"
    assert read(FilterlogFormat, line)["reason"].to_list() == [NO_PORTS]


def test_a_blocked_packet_without_syn_is_late() -> None:
    lines = [FOUR.format("block").replace(",0,S,", f",0,{flags},") for flags in ("FA", "R", "S", "SEC")]
    text = "".join(f"Oct  6 10:00:00 fw filterlog[1]: {line}\n" for line in lines)
    assert read(FilterlogFormat, text)["reason"].to_list() == [STRAY, STRAY, None, None]
