"""Packet logs of Linux firewalls."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sensor.sources.logs.formats.netfilter import NetfilterFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import NO_PORTS, SAID_AGAIN
from tests.sensor.sources.logs.formats.reading import REFERENCE, read

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
    rows = read(NetfilterFormat, text)
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


def test_a_rule_that_logs_every_packet_tells_one_connection() -> None:
    def packet(proto: str, flags: str) -> str:
        return f"Oct  6 10:00:00 gw kernel: FW ACCEPT {PACKET.format('10.1.2.3', '192.0.2.7', proto, 40000, 443)} {flags}"

    tcp = [
        packet("TCP", flags) for flags in ("SYN URGP=0", "ACK URGP=0", "ACK PSH URGP=0", "CWR ECE SYN URGP=0")
    ]
    found = Sessions().take(read(NetfilterFormat, "\n".join([*tcp, *[packet("UDP", "")] * 3])))
    assert found["slice"].to_list() == [0, 1, 2, 0, 0, 1, 2]
    assert found["reason"].to_list() == [None, SAID_AGAIN, SAID_AGAIN, None, None, SAID_AGAIN, SAID_AGAIN]


def test_answers_are_turned_and_other_protocols_set_aside() -> None:
    text = "\n".join(
        "Oct  6 10:00:00 gw kernel: " + PACKET.format(*packet)
        for packet in (
            ("192.0.2.7", "10.1.2.3", "TCP", 443, 40000),
            ("10.1.2.3", "192.0.2.7", "ICMP", "", ""),
        )
    )
    rows = read(NetfilterFormat, text)
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
        NetfilterFormat,
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
    rows = read(NetfilterFormat, text)
    assert rows["action"].to_list() == ["blocked", "allowed"]
    assert [f"{at:%d %H:%M:%S}" for at in rows["at"]] == ["06 10:00:00", "06 10:00:05"]


def test_the_prefix_of_ulogd_stands_where_syslog_has_the_program() -> None:
    tail = (
        " IN=vs OUT= MAC= SRC=10.1.2.3 DST=192.0.2.7 LEN=60 PROTO=TCP SPT=50003 DPT=443 SYN URGP=0 MARK=0x0 "
    )
    text = "".join(f"Oct  6 10:00:00 gw {prefix}: {tail}\n" for prefix in ("REJECT", "ACCEPT-IN", "LAN"))
    assert read(NetfilterFormat, text)["action"].to_list() == ["blocked", "allowed", "unknown"]


def test_ulogd_as_json() -> None:
    flow = {"timestamp": "2026-10-06T12:00:26", "dvc": "Netfilter", "orig.ip.protocol": 6, "orig.l4.sport": 50001,
            "orig.l4.dport": 443, "orig.raw.pktlen": 52636, "orig.raw.pktcount": 14, "reply.ip.protocol": 6,
            "reply.l4.sport": 443, "reply.l4.dport": 50001, "reply.raw.pktlen": 5719, "reply.raw.pktcount": 10, "ct.event": 4,
            "flow.start.sec": 1791280800, "flow.start.usec": 68474, "flow.end.sec": 1791280804, "flow.end.usec": 568474,
            "oob.family": 2, "src_ip": "10.1.2.3", "dest_ip": "192.0.2.7", "reply.ip.saddr.str": "192.0.2.7"}  # fmt: skip
    packet = {"timestamp": "2026-10-06T12:00:21.976378", "dvc": "Netfilter", "oob.prefix": "DROP: ", "oob.family": 2,
              "oob.time.sec": 1791280800, "oob.time.usec": 976378, "ip.protocol": 17, "src_port": 50005, "dest_port": 443,
              "src_ip": "10.1.2.3", "dest_ip": "192.0.2.7"}  # fmt: skip
    found = read(NetfilterFormat, json.dumps(flow) + "\n" + json.dumps(packet), zone="Europe/Berlin")
    assert found["seen_at"].to_list() == [
        datetime(2026, 10, 6, 10, 0, 0, 68_474, UTC),
        datetime(2026, 10, 6, 10, 0, 0, 976_378, UTC),
    ]
    columns = (
        "client",
        "server",
        "server_port",
        "transport",
        "bytes_up",
        "packets_down",
        "action",
        "duration_s",
    )
    assert found.select(columns).rows() == [
        ("10.1.2.3", "192.0.2.7", 443, "tcp", 52636, 10, "allowed", 4.5),
        ("10.1.2.3", "192.0.2.7", 443, "udp", None, None, "blocked", None),
    ]


def test_events_of_conntrack() -> None:
    ends = "src=10.1.2.3 dst=192.0.2.7 sport=50001 dport=443{} src=192.0.2.7 dst=203.0.113.1 sport=443 dport=50001{}"
    begun = "    [NEW] tcp      6 120 SYN_SENT " + ends.format(" [UNREPLIED]", "")
    ended = "[DESTROY] ipv4     2 tcp      6 115 TIME_WAIT " + ends.format(
        " packets=14 bytes=52636", " packets=10 bytes=5719 [ASSURED] delta-time=5 id=25"
    )
    text = f"[1791280800.250000]\t{begun}\n[1791280805.500000]\t{ended}\n"
    found = read(NetfilterFormat, text)
    columns = ("client", "server", "server_port", "bytes_up", "bytes_down", "packets_up", "phase", "reason")
    assert found.select(columns).rows() == [
        ("10.1.2.3", "192.0.2.7", 443, None, None, None, "begin", None),
        ("10.1.2.3", "192.0.2.7", 443, 52636, 5719, 14, "end", None),
    ]
    assert found["seen_at"].to_list() == [
        datetime(2026, 10, 6, 10, 0, 0, 250_000, UTC),
        datetime(2026, 10, 6, 10, 0, 0, 500_000, UTC),
    ]
    assert found["session"].n_unique() == 1


def test_dmesg_as_json_counts_each_packet() -> None:
    at = ("12.345678", '"2026-10-06T10:00:00,5+02:00"')  # seconds since the start, and --time-format iso
    text = [PACKET.format("10.1.2.3", f"192.0.2.{n}", "TCP", 50000, 443) for n in range(2)]
    messages = [
        f'{{"pri": 4, "time": {time}, "msg": "[UFW BLOCK] {one}"}}'
        for time, one in zip(at, text, strict=True)
    ]
    found = read(NetfilterFormat, '{\n   "dmesg": [\n' + ",\n".join(messages) + "\n]}\n")
    assert found.select("server", "server_port", "action").rows() == [
        ("192.0.2.0", 443, "blocked"),
        ("192.0.2.1", 443, "blocked"),
    ]
    assert found["seen_at"][1] == datetime(2026, 10, 6, 8, 0, 0, 500_000, tzinfo=UTC)
    assert found["seen_at"][0] == REFERENCE
