"""Packet logs of Linux firewalls."""

from __future__ import annotations

from sensor.sources.formats.netfilter import NetfilterFamily
from sensor.sources.text.reasons import NO_PORTS
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


def test_connections_of_ulogd() -> None:
    def line(event: str, up: str, down: str, proto: str = "TCP SPT={} DPT={}") -> str:
        there, back = proto.format(40000, 443), proto.format(443, 40000)
        return (
            f"Oct  6 10:00:00 gw ulogd[7]: {event}ORIG: SRC=10.1.2.3 DST=203.0.113.9 PROTO={there} {up} , "
            f"REPLY: SRC=192.0.2.7 DST=203.0.113.1 PROTO={back} {down}\n"
        )

    found = read(
        NetfilterFamily,
        line("[NEW] ", "PKTS=0 BYTES=0", "PKTS=0 BYTES=0")
        + line("[DESTROY] ", "PKTS=9 BYTES=900", "PKTS=12 BYTES=7000")
        + line("[DESTROY] ", "PKTS=1 BYTES=84", "PKTS=1 BYTES=84", "ICMP TYPE=8 CODE=0"),
    )
    wanted = ("client", "server", "server_port", "bytes_up", "bytes_down", "packets_down", "phase", "reason")
    assert found.select(wanted).rows() == [
        ("10.1.2.3", "192.0.2.7", 443, None, None, None, "begin", None),
        ("10.1.2.3", "192.0.2.7", 443, 900, 7000, 12, "end", None),
        ("10.1.2.3", "192.0.2.7", None, 84, 84, 1, "end", NO_PORTS),
    ]
    assert found["session"][0] == found["session"][1]


def test_proxmox_tells_the_time_within_the_line() -> None:
    text = (
        "0 3 PVEFW-HOST-IN 06/Oct/2026:12:00:00 +0200 policy DROP: "
        "IN=vmbr0 MAC=90:10 SRC=10.1.2.3 DST=10.1.2.9 LEN=52 PROTO=TCP SPT=40000 DPT=11434 \n"
        "112 6 tap112i0-OUT 06/Oct/2026:12:00:05 +0200 ACCEPT: "
        "IN=fwbr112i0 OUT=fwbr112i0 SRC=10.1.2.4 DST=192.0.2.7 LEN=52 PROTO=TCP SPT=40000 DPT=443 "
    )
    rows = read(NetfilterFamily, text)
    assert rows["action"].to_list() == ["blocked", "allowed"]
    assert [f"{at:%d %H:%M:%S}" for at in rows["at"]] == ["06 10:00:00", "06 10:00:05"]
