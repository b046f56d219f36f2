"""Tunnels of mobile networks, access concentrators, access points and mirrors: the connection inside."""

from __future__ import annotations

import struct
from functools import partial

import pytest

from tests.sensor.decode.craft import FRAME, Frame, conserves, decode, ethernet, ip, one, pcap, totals, udp
from tests.sensor.decode.craft.tunnels import A, B, Wrap, network, over_gre, talk, wlan, wrapped


def over(port: int, header: bytes, frame: bytes, *, source: int = 50001) -> bytes:
    """The frame's IP packet behind a header in a datagram."""
    return ethernet(ip(A, B, 17, udp(source, port, header + network(frame)[1])))


def bridged(port: int, header: bytes, frame: bytes) -> bytes:
    """The whole frame behind a header in a datagram."""
    return ethernet(ip(A, B, 17, udp(50001, port, header + frame)))


def ppp(frame: bytes, *, short: bool = False) -> bytes:
    kind, packet = network(frame)
    protocol = 0x21 if kind == 0x0800 else 0x57
    return (b"" if short else b"\xff\x03\0") + bytes([protocol]) + packet


def l2tp(head: bytes, frame: bytes, *, short: bool = False) -> bytes:
    return ethernet(ip(A, B, 17, udp(1701, 1701, head + ppp(frame, short=short))))


def pptp(flags: int, fields: bytes, frame: bytes) -> bytes:
    return over_gre(flags, 0x880B, fields, ppp(frame))


def in_ip(protocol: int, head: bytes, frame: bytes) -> bytes:
    return ethernet(ip(A, B, protocol, head + frame))


GTP = struct.pack(">BBHI", 0x30, 255, 40, 77)
GTP_LONG = struct.pack(">BBHIHBB", 0x34, 255, 60, 77, 0, 0, 0x85) + b"\1\0\1\x40" + b"\1\0\0\0"
L2TP_FULL = struct.pack(">HHHHHHH", 0x4A02, 100, 5, 6, 1, 2, 3) + bytes(3)

WRAPS: dict[str, tuple[Wrap, str]] = {
    "gtp": (partial(over, 2152, GTP), "gtp"),
    "gtp answered": (partial(over, 50001, GTP, source=2152), "gtp"),
    "gtp with extensions": (partial(over, 2152, GTP_LONG), "gtp"),
    "gtp version 0": (partial(over, 3386, b"\x1e\xff" + bytes(18)), "gtp"),
    "l2tp": (partial(l2tp, struct.pack(">HHH", 2, 5, 6)), "l2tp"),
    "l2tp, all fields": (partial(l2tp, L2TP_FULL), "l2tp"),
    "l2tp, compressed": (partial(l2tp, struct.pack(">HHH", 2, 5, 6), short=True), "l2tp"),
    "l2tp 3": (partial(bridged, 1701, struct.pack(">HHI", 3, 0, 9)), "l2tp"),
    "l2tp 3 over ip": (partial(in_ip, 115, struct.pack(">IQI", 9, 1, 2)), "l2tp"),
    "etherip": (partial(in_ip, 97, b"\x30\0"), "etherip"),
    "tzsp": (partial(bridged, 37008, b"\1\0\0\1\0\x0a\1\xd0\1"), "tzsp"),
    "tzsp of 802.11": (lambda f: ethernet(ip(A, B, 17, udp(1, 37008, b"\1\0\0\x12\1" + wlan(f)))), "tzsp"),
    "capwap": (partial(bridged, 5247, struct.pack(">II", 2 << 19, 0)), "capwap"),
    "capwap of 802.11": (
        lambda f: ethernet(ip(A, B, 17, udp(1, 5247, struct.pack(">II", 2 << 19 | 0x300, 0) + wlan(f)))),
        "capwap",
    ),
    "capwap, swapped": (
        lambda f: ethernet(
            ip(A, B, 17, udp(1, 5247, struct.pack(">II", 2 << 19 | 0x300, 0) + wlan(f, swapped=True)))
        ),
        "capwap",
    ),
    "vxlan gpe": (partial(bridged, 4790, struct.pack(">II", 0x0C000003, 7 << 8)), "vxlan:7"),
    "mpls": (partial(over, 6635, struct.pack(">I", 16 << 12 | 0x1FF)), "mpls:16"),
    "mpls of ethernet": (partial(bridged, 6635, struct.pack(">I", 16 << 12 | 0x1FF)), "mpls:16"),
    "mpls in ip": (lambda f: in_ip(137, struct.pack(">I", 16 << 12 | 0x1FF), network(f)[1]), "mpls:16"),
    "pptp": (partial(pptp, 0x2001, struct.pack(">HH", 40, 1)), "pptp"),
    "pptp, all fields": (partial(pptp, 0x3081, struct.pack(">HHII", 40, 1, 2, 3)), "pptp"),
    "lisp": (partial(over, 4341, bytes.fromhex("c011223300000000")), "lisp"),
    "eoip": (lambda f: over_gre(0x2001, 0x6400, struct.pack(">HH", len(f), 5), f), "eoip"),
    "802.11 in gre": (lambda f: over_gre(0, 0x8210, b"", wlan(f)), "gre"),
    "gre of ip in udp": (lambda f: over(4754, b"\0\0" + f[12:14], f), "gre"),
    "gre of ethernet in udp": (partial(bridged, 4754, b"\0\0\x65\x58"), "gre"),
    "ethernet in ip": (partial(in_ip, 143, b""), "etherip"),
    "nsh in gre": (
        lambda f: over_gre(0, 0x894F, b"", bytes.fromhex("0002020300000000") + f),
        "gre",
    ),
}


@pytest.mark.parametrize("kind", WRAPS)
@pytest.mark.parametrize("six", [False, True])
def test_the_connection_inside_is_named_and_counted(kind: str, six: bool) -> None:
    wrap, tunnel = WRAPS[kind]
    frames = wrapped(talk("claude.ai", six=six), wrap)
    got = decode(pcap(frames))
    conserves(got["coverage"], len(frames))
    (row,) = got["observations"].to_dicts()
    assert (row["host"], row["bytes_down"], row["tunnel"]) == ("claude.ai", 3000, tunnel)


@pytest.mark.parametrize(
    "head", [b"", bytes(8), struct.pack(">HBB", 1, 4, 4) + bytes(8) + bytes(9) + bytes(8)]
)
def test_teredo(head: bytes) -> None:
    row = one(wrapped(talk("claude.ai", six=True), partial(over, 3544, head)))
    assert (row["host"], row["bytes_down"], row["tunnel"]) == ("claude.ai", 3000, "teredo")
    back = wrapped(talk("claude.ai", six=True), partial(over, 50001, head, source=3544))
    assert one(back)["host"] == "claude.ai"


@pytest.mark.parametrize("version", [b"", bytes(4)])
def test_what_wccp_redirects(version: bytes) -> None:
    wrap = partial(over_gre, 0, 0x883E, version)
    row = one(wrapped(talk("claude.ai", six=False), lambda frame: wrap(frame[14:])))
    assert (row["host"], row["tunnel"]) == ("claude.ai", "wccp")


def test_ids_that_differ_by_direction_do_not_tear_a_connection() -> None:
    frames = []
    for n, frame in enumerate(talk("claude.ai", six=False)):
        head = struct.pack(">BBHI", 0x30, 255, len(frame.data) - 14, n % 2)
        frames.append(Frame(over(2152, head, frame.data), frame.time))
    assert one(frames)["bytes_down"] == 3000


@pytest.mark.parametrize(
    ("port", "body"),
    [
        (2152, struct.pack(">BBHI", 0x32, 1, 4, 0) + bytes(8)),  # an echo
        (2152, GTP + b"\x80" + bytes(40)),
        (1701, struct.pack(">HHHHHH", 0xC802, 12, 0, 0, 0, 0)),  # control
        (1701, b"\xff" * 40),
        (37008, b"\1\5\0\1\1" + FRAME),
        (37008, b"\x40" * 40),
        (1701, bytes.fromhex("4512d3a1") + bytes(40)),  # QUIC of a client that NAT gave this port
        (3544, bytes(8) + FRAME[14:]),
        (3544, bytes.fromhex("6f1c03a1") + bytes(range(64, 128))),  # QUIC, too
        (5247, b"\1" + bytes(40)),  # DTLS
        (5247, struct.pack(">II", 2 << 19 | 8, 0) + bytes(20)),  # a keep-alive
        (4790, struct.pack(">II", 0x0C000009, 0) + FRAME),
        (6635, bytes.fromhex("4f1c03a1") + bytes(range(64, 128))),  # QUIC, too
        (6635, bytes.fromhex("00010100") + FRAME[14:] + b"more"),
        (4341, bytes(8) + FRAME[14:] + b"more"),
        (4341, bytes.fromhex("4f1c03a1") + bytes(range(64, 128))),  # QUIC, too
        (6635, bytes(12)),
        (4754, bytes.fromhex("4f1c03a1") + bytes(range(64, 128))),  # QUIC, too
        (4754, bytes(40)),
    ],
)
def test_what_is_no_tunnel_is_a_datagram(port: int, body: bytes) -> None:
    row = one([Frame(ethernet(ip("10.1.0.5", "203.0.113.9", 17, udp(40000, port, body))))])
    assert (row["bytes_up"], row["tunnel"]) == (len(body), None)


@pytest.mark.parametrize(("port", "number"), [(5247, 0x004D), (4789, 0x0800), (3386, 0x1EFF)])
def test_a_resolver_asked_from_such_a_port_is_asked(port: int, number: int) -> None:
    """Many resolvers draw their ports from 1024 on: these messages begin as a tunnel would."""
    asked = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + b"\6claude\2ai\0\0\1\0\1"
    row = one([Frame(ethernet(ip("10.1.0.5", "203.0.113.9", 17, udp(port, 53, asked))))])
    assert (row["kind"], row["host"], row["tunnel"]) == ("dns", "claude.ai", None)


@pytest.mark.parametrize("kind", WRAPS)
def test_cut_anywhere_it_is_counted(kind: str) -> None:
    frame = WRAPS[kind][0](FRAME)
    cuts = [Frame(frame[:size], length=len(frame)) for size in range(len(frame))]
    counted = totals(decode(pcap(cuts))["coverage"])
    assert counted["decoder_faults"] == 0
    conserves(decode(pcap(cuts))["coverage"], len(cuts))
