"""Packet logs of Linux firewalls."""

from __future__ import annotations

from sensor.sources.formats.netfilter import NO_PORTS, NetfilterFamily
from tests.sensor.sources.formats.reading import read

ARGUED = [("sekoia-netfilter.jsonl", (1, 2), "up", "the length of one packet is no volume")]
PACKET = "IN=eth0 OUT= MAC=90:10:20:76:8d:20:90:10:65:29:b6:2a:08:00 SRC={} DST={} LEN=52 TOS=0x00 PREC=0x00 TTL=63 ID=0 DF PROTO={} SPT={} DPT={} WINDOW=1"


def test_the_prefix_tells_the_verdict() -> None:
    prefixes = (
        "[1234.5] [UFW BLOCK] ",
        "[UFW ALLOW] ",
        "[wan-lan-default-D]",
        "[lan-wan-2000-A]",
        "INPUT DFLT DROP ",
        "FWD ACCEPT ",
        "noted: ",
    )
    text = "\n".join(
        f"Oct  6 10:00:00 gw kernel: {prefix}" + PACKET.format("10.1.2.3", "192.0.2.7", "TCP", 40000, 443)
        for prefix in prefixes
    )
    rows = read(NetfilterFamily, text)
    assert rows["action"].to_list() == [
        "blocked",
        "allowed",
        "blocked",
        "allowed",
        "blocked",
        "allowed",
        "unknown",
    ]
    assert rows["client"].unique().to_list() == ["10.1.2.3"]
    assert rows["bytes_up"].null_count() == len(prefixes)


def test_answers_are_turned_and_other_protocols_set_aside() -> None:
    text = "\n".join(
        "Oct  6 10:00:00 gw kernel: " + PACKET.format(*packet)
        for packet in (
            ("192.0.2.7", "10.1.2.3", "TCP", 443, 40000),
            ("10.1.2.3", "192.0.2.7", "ICMP", "", ""),
        )
    )
    rows = read(NetfilterFamily, text)
    assert (rows["client"][0], rows["server"][0], rows["server_port"][0]) == ("10.1.2.3", "192.0.2.7", 443)
    assert rows["reason"].to_list() == [None, NO_PORTS]
