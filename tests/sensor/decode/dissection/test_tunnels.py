"""Packets in tunnels: the inner connection, its name and bytes, and what the tunnel is called."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.dissection.tunnels import tunnel_text, tunnel_texts
from sensor.decode.kernels.strings import Integers, own
from tests.sensor.decode.craft import (
    CLIENT,
    CLIENT_MAC,
    FRAME,
    ROOT,
    SERVER,
    T0,
    Frame,
    Talk,
    conserves,
    decode,
    ethernet,
    ip,
    one,
    pcap,
    reason,
    rows_of,
    tcp,
    totals,
    udp,
)
from tests.sensor.decode.craft.tls import small_hello
from tests.sensor.decode.craft.tunnels import (
    A,
    B,
    Wrap,
    erspan_1,
    erspan_2,
    erspan_3,
    erspan_3_with_subheader,
    geneve,
    gre_of_ethernet,
    gre_of_ip,
    ip_over_ipv6,
    ipip,
    mpls,
    over_gre,
    over_udp,
    pppoe,
    pseudowire,
    qinq,
    talk,
    vxlan,
    wrapped,
)

NAMES = ("api.openai.com", "claude.ai", "gemini.google.com", "api.mistral.ai", "chat.deepseek.com")


#: wrap, expected tunnel, whether the client's hardware address is still to be seen
WRAPS: dict[str, tuple[Wrap, str | None, bool]] = {
    "plain": (lambda frame: frame, None, True),
    "qinq": (qinq, None, True),
    "pppoe": (pppoe, None, True),
    "vxlan": (vxlan, "vxlan:7", True),
    "vxlan on its old port": (partial(over_udp, 8472, struct.pack(">II", 8 << 24, 7 << 8)), "vxlan:7", True),
    "vxlan with a policy": (partial(over_udp, 4789, struct.pack(">II", 0x88000005, 7 << 8)), "vxlan:7", True),
    "geneve": (geneve, "geneve:5", True),
    "gre": (gre_of_ip, "gre:0x10", False),
    "gre of ethernet": (gre_of_ethernet, "gre", True),
    "erspan 1": (erspan_1, "erspan", True),
    "erspan 2": (erspan_2, "erspan:3", True),
    "erspan 3": (erspan_3, "erspan:3", True),
    "erspan 3 with a subheader": (erspan_3_with_subheader, "erspan:3", True),
    "mpls": (mpls, "mpls:16", False),
    "mpls pseudowire": (pseudowire, "mpls:16", True),
    "mpls pseudowire with control word": (partial(pseudowire, word=bytes(4)), "mpls:16", True),
    "ipip": (ipip, "ipip", False),
    "ip over ipv6": (ip_over_ipv6, "ipip", False),
    "vxlan in erspan": (lambda frame: erspan_2(vxlan(frame)), "erspan:3/vxlan:7", True),
    "tags around a tunnel around tags": (lambda frame: qinq(vxlan(qinq(frame))), "vxlan:7", True),
}


@pytest.mark.parametrize("kind", WRAPS)
@pytest.mark.parametrize("six", [False, True])
def test_names_and_bytes_in_every_tunnel(kind: str, six: bool) -> None:
    wrap, tunnel, shows_mac = WRAPS[kind]
    frames = [f for n, name in enumerate(NAMES) for f in wrapped(talk(name, six=six, port=40000 + n), wrap)]
    got = decode(pcap(frames))
    conserves(got["coverage"], len(frames))
    assert totals(got["coverage"])["decoded"] == len(frames)
    rows = got["observations"].sort("client_port").to_dicts()
    assert [row["host"] for row in rows] == list(NAMES)
    for row, name in zip(rows, NAMES, strict=True):
        assert (row["bytes_up"], row["bytes_down"]) == (len(small_hello(name.encode())), 3000)
        assert (row["client"], row["server"]) == (("fd00::5", "2001:db8::9") if six else (CLIENT, SERVER))
        assert row["tunnel"] == tunnel
        assert row["client_mac"] == (CLIENT_MAC.hex(":") if shows_mac or kind == "plain" else None)
        assert row["packets_up"] + row["packets_down"] == len(talk(name, six=six))
    sent = sum(len(frame.data) for frame in frames)
    assert sum(row["wire_bytes_up"] + row["wire_bytes_down"] for row in rows) == sent


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (partial(vxlan, number=7), partial(vxlan, number=8)),
        (partial(gre_of_ip, key=1), partial(gre_of_ip, key=0xFFFFFFFF)),
        (partial(geneve, number=1), partial(geneve, number=0xFFFFFF)),
        (vxlan, lambda frame: frame),
        (lambda frame: erspan_2(vxlan(frame, 7)), lambda frame: erspan_2(vxlan(frame, 8))),
    ],
)
def test_one_tuple_in_two_tunnels_is_two_connections(left: Wrap, right: Wrap) -> None:
    frames = wrapped(talk("claude.ai", six=False), left) + wrapped(talk("api.openai.com", six=False), right)
    rows = decode(pcap(sorted(frames, key=lambda f: f.time)))["observations"]
    assert sorted(rows["host"]) == ["api.openai.com", "claude.ai"]
    assert rows["bytes_down"].to_list() == [3000, 3000]
    assert rows["tunnel"].n_unique() == 2


def test_a_mirror_session_for_each_direction_is_one_connection() -> None:
    frames = talk("claude.ai", six=False)
    client = frames[0].data[26:30]
    sessions = [Frame(erspan_2(f.data, session=1 if f.data[26:30] == client else 2), f.time) for f in frames]
    row = decode(pcap(sessions))["observations"].row(0, named=True)
    plain = decode(pcap(frames))["observations"].row(0, named=True)
    for name in ("host", "bytes_up", "bytes_down", "lost_bytes", "client"):
        assert row[name] == plain[name]


def test_a_packet_mirrored_plain_and_in_a_tunnel_counts_once() -> None:
    frames = talk("claude.ai", six=False)
    copies = [Frame(vxlan(f.data), f.time + 0.0001) for f in frames]
    got = decode(pcap(sorted(frames + copies, key=lambda f: f.time)))
    conserves(got["coverage"], 2 * len(frames))
    assert totals(got["coverage"])["duplicates"] == len(frames)
    assert got["observations"]["bytes_down"].to_list() == [3000]


def test_labels_of_the_two_directions_differ() -> None:
    frames = []
    for frame in talk("claude.ai", six=False):
        up = frame.data[26:30] == bytes([10, 1, 0, 5])
        label = struct.pack(">I", (20 if up else 30) << 12 | 0x1FF)
        frames.append(Frame(ethernet(label + frame.data[14:], kind=0x8847), frame.time))
    row = one(frames)
    assert (row["host"], row["bytes_down"], row["tunnel"]) == ("claude.ai", 3000, "mpls:20")


def gre_of_mpls(frame: bytes) -> bytes:
    return over_gre(0, 0x8847, b"", frame[14:])


@pytest.mark.parametrize("wrap", [vxlan, ipip, pseudowire, erspan_1])
def test_nesting_is_capped_at_six(wrap: Wrap) -> None:
    frame = FRAME
    for _ in range(6):
        frame = wrap(frame)
    assert reason(frame) == "decoded"
    assert reason(wrap(frame)) == "other_transport"


def test_mpls_over_gre() -> None:
    row = one([Frame(gre_of_mpls(mpls(FRAME)))])
    assert (row["bytes_up"], row["tunnel"]) == (7, "gre/mpls:16")


def test_what_only_looks_like_a_tunnel_is_a_datagram() -> None:
    for port, body in (
        (4789, b""),
        (4789, b"\x08\0\0"),
        (4789, bytes(40)),
        (8472, b"\x16" * 40),
        (6081, b"\x40" + bytes(40)),
        (6081, bytes(40)),
        (53, struct.pack(">II", 8 << 24, 7 << 8) + FRAME),
    ):
        row = one([Frame(ethernet(ip(CLIENT, SERVER, 17, udp(40000, port, body))))])
        assert (row["bytes_up"], row["tunnel"]) == (len(body), None)


def test_gre_that_is_no_tunnel_for_us() -> None:
    assert reason(over_gre(0x2001, 0x880A, bytes(8), bytes(40))) == "other_transport"  # version 1
    assert reason(over_gre(0x4000, 0x0800, bytes(8), FRAME[14:])) == "other_transport"  # source routes
    assert reason(over_gre(0, 0x88CC, b"", bytes(40))) == "other_transport"
    assert reason(over_gre(0x1000, 0x88BE, bytes(4), bytes(8) + FRAME)) == "other_transport"  # version 0
    assert reason(over_gre(0x1000, 0x22EB, bytes(4), bytes(12) + FRAME)) == "other_transport"


def test_what_a_tunnel_carries_besides_ip() -> None:
    assert reason(vxlan(ethernet(bytes(28), kind=0x0806))) == "non_ip"
    assert reason(geneve(ethernet(ip(CLIENT, SERVER, 1, bytes(8))))) == "other_transport"
    assert reason(ethernet(struct.pack(">BBHHH", 0x11, 0, 4, 10, 0xC021) + bytes(8), kind=0x8864)) == "non_ip"
    assert reason(ethernet(struct.pack(">BBHHH", 0x11, 9, 4, 10, 0x21) + bytes(8), kind=0x8864)) == "non_ip"
    assert reason(ethernet(struct.pack(">I", 16 << 12 | 0x1FF) + bytes(60), kind=0x8848)) == "non_ip"


def test_a_label_stack_without_a_bottom_is_cut() -> None:
    assert reason(ethernet(struct.pack(">I", 16 << 12) * 20, kind=0x8847)) == "malformed"


def test_erspan_cuts_frames_and_lengths_stay() -> None:
    """The T bit: the switch cut the inner frame, whose IP header still tells its length."""
    head = struct.pack(">III", 5, 1 << 28 | 10 << 16 | 1 << 10 | 3, 9)
    inner = ethernet(ip(CLIENT, SERVER, 6, tcp(40000, 443, 1, payload=small_hello() + bytes(1000))))
    row = one([Frame(over_gre(0x1000, 0x88BE, head, inner[:400]))])
    assert (row["bytes_up"], row["host"]) == (len(small_hello()) + 1000, "api.openai.com")


def test_super_packets_in_a_tunnel() -> None:
    """The inner length reads 0: the outer datagram, itself too long for its field, tells it."""
    inner = ethernet(ip(CLIENT, SERVER, 6, tcp(40000, 443, 1, payload=bytes(70_000)), total=0))
    datagram = struct.pack(">HHHH", 50001, 4789, 0, 0) + struct.pack(">II", 8 << 24, 7 << 8) + inner
    row = one([Frame(ethernet(ip(A, B, 17, datagram, total=0)))])
    assert (row["bytes_up"], row["tunnel"]) == (70_000, "vxlan:7")


def test_pppoe_as_a_link_of_its_own() -> None:
    frames = [Frame(pppoe(f.data)[14:], f.time) for f in talk("claude.ai", six=False)]
    assert decode(pcap(frames, link=51))["observations"]["host"].to_list() == ["claude.ai"]


@pytest.mark.parametrize("kind", WRAPS)
def test_cut_at_every_byte_each_frame_is_counted(kind: str) -> None:
    whole = WRAPS[kind][0](FRAME)
    for length in (None, len(whole)):
        cuts = [Frame(whole[:n], T0 + n, length) for n in range(len(whole))]
        got = decode(pcap([*cuts, Frame(whole, T0 + 2000)]))
        conserves(got["coverage"], len(cuts) + 1)
        rows = got["observations"].filter(server_port=9)
        assert set(rows["tunnel"]) == {WRAPS[kind][1]}
        # A datagram is read once its headers are there, and has its whole length.
        decoded = totals(got["coverage"])["decoded"]
        assert decoded == rows["packets_up"].sum() > 1
        assert rows["bytes_up"].sum() == 7 * decoded


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damaged_tunnels_never_raise(data: st.DataObject) -> None:
    frames = []
    for kind in data.draw(st.lists(st.sampled_from(sorted(WRAPS)), min_size=1, max_size=8)):
        raw = bytearray(WRAPS[kind][0](FRAME))
        for at in data.draw(st.lists(st.integers(12, len(raw) - 1), max_size=3)):
            raw[at] = data.draw(st.integers(0, 255))
        frames.append(Frame(bytes(raw[: data.draw(st.integers(0, len(raw)))]), T0, len(raw)))
    conserves(decode(pcap(frames))["coverage"], len(frames))


def pieces_of(body: bytes, number: int) -> list[bytes]:
    """Two fragments of a UDP datagram."""
    frames = []
    for begins, ends, flags in ((0, 1480, 0x2000), (1480, len(body), 1480 // 8)):
        packet = bytearray(ip(CLIENT, SERVER, 17, body[begins:ends]))
        packet[4:8] = struct.pack(">HH", number, flags)
        frames.append(ethernet(bytes(packet)))
    return frames


def test_interpreted_and_compiled_kernels_agree(tmp_path: Path) -> None:
    """Every tunnel, whole and cut, and fragments of datagrams in and outside of them."""
    frames = []
    for n, (wrap, _, _) in enumerate(WRAPS.values()):
        begun = Talk(port=40000 + n).shake().send(small_hello()).frames
        frames += [Frame(wrap(f.data)[: 400 - n % 300], f.time, len(wrap(f.data))) for f in begun]
        frames += [Frame(wrap(piece), T0 + n) for piece in pieces_of(udp(40000 + n, 9, bytes(3000)), n)]
    path = tmp_path / "tunnels.pcap"
    path.write_bytes(pcap(sorted(frames, key=lambda f: f.time)))
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", _ROWS, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(rows_of(decode(path.read_bytes())), default=str))


#: Prints the rows of a capture.
_ROWS = """
import sys, json
from pathlib import Path
from tests.sensor.decode.craft import decode, rows_of
print(json.dumps(rows_of(decode(Path(sys.argv[1]).read_bytes())), default=str))
"""


def test_names_of_tunnels() -> None:
    assert tunnel_text(0) is None
    numbers: Integers = own(np.array([1 << 32 | 7, 0, 5 << 32 | 0xFFFFFFFF, 1 << 32 | 7], np.int64))
    assert tunnel_texts(numbers).to_list() == ["vxlan:7", None, "gre:0xffffffff", "vxlan:7"]
