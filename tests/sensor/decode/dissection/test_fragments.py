"""Fragments: bytes go to the connection of the datagram, in any order, and each is counted once."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sensor.decode.craft import (
    ACK,
    PSH,
    T0,
    Frame,
    Talk,
    conserves,
    decode,
    observe,
    one,
    pcap,
    tcp,
    totals,
    udp,
)
from tests.sensor.decode.craft.dns import ASKER, answer, message, name, question
from tests.sensor.decode.craft.fragments import CLIENT6, SERVER6, part, parts, routed, timed
from tests.sensor.decode.craft.quic import crypto, datagrams, seal
from tests.sensor.decode.craft.tls import small_hello
from tests.sensor.decode.craft.tunnels import Wrap, gre_of_ip, over_udp, vxlan
from tests.sensor.decode.dissection import test_tunnels, test_udp_tunnels

BODY = udp(40000, 9000, bytes(range(250)) * 20)  # four fragments


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_bytes_in_any_order(order: tuple[int, ...], six: bool) -> None:
    """All are credited; those that came before the first had no ports yet and are counted as that."""
    pieces = parts(BODY, six=six)
    frames = timed([pieces[k] for k in order])
    got = decode(pcap(frames))
    conserves(got["coverage"], 4)
    early = order.index(0)
    counted = totals(got["coverage"])
    assert (counted["fragments"], counted["decoded"]) == (early, 4 - early)
    (row,) = got["observations"].to_dicts()
    assert (row["bytes_up"], row["packets_up"]) == (5000, 4)
    assert row["wire_bytes_up"] == sum(map(len, pieces))
    assert (row["client_port"], row["server_port"]) == (40000, 9000)


def test_without_the_first_there_is_no_connection() -> None:
    got = decode(pcap(timed(parts(BODY)[1:])))
    conserves(got["coverage"], 3)
    assert totals(got["coverage"])["fragments"] == 3
    assert got["observations"].height == 0


def test_ports_are_remembered_for_thirty_seconds() -> None:
    pieces = parts(BODY)
    soon = [Frame(pieces[0]), Frame(pieces[1], T0 + 29)]
    late = [Frame(pieces[0]), Frame(pieces[1], T0 + 31)]
    assert one(soon)["bytes_up"] == 1472 + 1480
    assert one(late)["bytes_up"] == 1472


def test_other_datagrams_ports_are_not_taken() -> None:
    """Number, protocol and addresses all count."""
    pieces = parts(BODY)
    others = [
        part(BODY, 1480, 2960, number=78),
        part(BODY, 1480, 2960, protocol=6),
        part(BODY, 1480, 2960, six=True),
        vxlan(part(BODY, 1480, 2960)),
    ]
    got = decode(pcap(timed([pieces[0], *others], gap=0.1)))
    assert totals(got["coverage"])["fragments"] == len(others)
    assert got["observations"]["bytes_up"].to_list() == [1472]


def test_a_number_used_again_begins_a_new_datagram() -> None:
    again = udp(40001, 9000, bytes(5000))
    rows = observe(timed([*parts(BODY), *parts(again), *parts(BODY)], gap=0.1))
    assert sorted((r["client_port"], r["bytes_up"]) for r in rows) == [(40000, 10_000), (40001, 5000)]


def test_a_number_used_again_after_a_loss() -> None:
    again = udp(40001, 9000, bytes(5000))
    rows = observe(timed([*parts(BODY)[:3], *parts(again)], gap=0.1))
    assert sorted((r["client_port"], r["bytes_up"]) for r in rows) == [
        (40000, 1472 + 2 * 1480),
        (40001, 5000),
    ]


def test_the_first_copy_of_an_overlap_wins() -> None:
    """A part that came before is a duplicate; one that overlaps another is malformed."""
    pieces = parts(BODY)
    overlap = part(b"X" * len(BODY), 1400, 2960)
    again = part(b"Y" * len(BODY), 1480, 2960)
    got = decode(pcap(timed([pieces[0], overlap, pieces[1], again, pieces[2], pieces[3]], gap=0.1)))
    conserves(got["coverage"], 6)
    counted = totals(got["coverage"])
    assert (counted["malformed"], counted["duplicates"]) == (1, 1)
    assert got["observations"]["bytes_up"].to_list() == [5000]


def test_equal_fragments_of_one_datagram_are_no_duplicates() -> None:
    body = udp(40000, 9000, bytes(5912))  # four fragments, three of them equal but for their offset
    pieces = parts(body)
    assert one(timed(pieces))["bytes_up"] == 5912
    twice = [piece for piece in pieces for _ in range(2)]
    got = decode(pcap(timed(twice)))
    assert totals(got["coverage"])["duplicates"] == 4
    assert got["observations"]["bytes_up"].to_list() == [5912]


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
def test_a_hello_in_fragments_is_named(order: tuple[int, ...], six: bool) -> None:
    """TCP fragments are bytes of known sequence numbers."""
    hello = small_hello(b"claude.ai", padding=1000)
    ends = {"client": CLIENT6, "server": SERVER6} if six else {}
    talk = Talk(**ends).shake()
    segment = tcp(talk.port, 443, talk.up, talk.down, PSH | ACK, hello)
    pieces = parts(segment, 480, protocol=6, six=six)
    assert len(pieces) == 3
    talk.frames += [Frame(pieces[k], talk.now + 0.01 * n) for n, k in enumerate(order, 1)]
    row = one(talk.frames)
    assert (row["host"], row["bytes_up"]) == ("claude.ai", len(hello))


def test_a_first_fragment_behind_extension_headers() -> None:
    """The number of the header behind the fragment header is the key, the ports are TCP's."""
    payload = bytes(2000)
    options = bytes([6, 0]) + bytes(6)
    body = options + tcp(40000, 443, 1000, payload=payload)
    row = one(timed([part(body, a, b, protocol=60, six=True) for a, b in ((0, 1000), (1000, len(body)))]))
    assert (row["bytes_up"], row["server_port"]) == (2000, 443)


def test_fragments_of_an_answer_are_no_connection() -> None:
    message = struct.pack(">HHHHHH", 1, 0x8180, 1, 0, 0, 0) + b"\x04host\x07example\0" + bytes([0, 16, 0, 1])
    pieces = parts(udp(53, 40000, message + bytes(3000)))
    got = decode(pcap(timed(pieces)))
    conserves(got["coverage"], 3)
    assert totals(got["coverage"])["decoded"] == 3
    assert set(got["observations"]["kind"]) == {"dns"}


#: Tunnels over IP, inside of which the connection is the same whatever the tunnel.
TUNNELS: dict[str, Wrap] = {
    name: wrap
    for module in (test_tunnels, test_udp_tunnels)
    for name, (wrap, *_) in module.WRAPS.items()
    if module is test_udp_tunnels or name.startswith(("vxlan", "geneve", "gre", "erspan", "ip"))
}
#: What the fragments of a packet add: frames, and their headers.
FRAMES = ("packets_up", "packets_down", "wire_bytes_up", "wire_bytes_down")


def with_keys(*, six: bool = False, port: int = 40000) -> list[Frame]:
    """A connection whose hello has post-quantum keys before its name, in two segments; and answers."""
    ends = {"client": CLIENT6, "server": SERVER6} if six else {}
    said = small_hello(b"claude.ai", padding=1700)
    spoken = Talk(port=port, **ends).shake().send(said[:1200]).send(said[1200:])
    return spoken.reply(bytes(1200)).reply(bytes(1000)).close().frames


def inside(got: dict[str, pl.DataFrame]) -> list[dict[str, object]]:
    """Observations without what fragments add."""
    return got["observations"].drop(FRAMES).sort("client_port", "slice").to_dicts()


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("kind", TUNNELS)
def test_a_tunnels_packets_in_fragments_say_what_whole_ones_say(kind: str, six: bool) -> None:
    whole = [Frame(TUNNELS[kind](frame.data), frame.time) for frame in with_keys(six=six)]
    expected = inside(decode(pcap(whole)))
    assert [row["host"] for row in expected] == ["claude.ai"]
    for step, order in ((1000, 1), (480, -1)):
        frames = []
        for number, frame in enumerate(whole):
            pieces = routed(frame.data, step, number=number)[::order]
            frames += [Frame(piece, frame.time + 0.0001 * n) for n, piece in enumerate(pieces)]
        assert len(frames) > len(whole)
        got = decode(pcap(frames))
        conserves(got["coverage"], len(frames))
        assert inside(got) == expected
        (row,) = got["observations"].to_dicts()
        assert row["packets_up"] + row["packets_down"] == len(frames)
        assert row["wire_bytes_up"] + row["wire_bytes_down"] == sum(len(frame.data) for frame in frames)


def test_a_tunnels_fragment_that_is_missing_takes_only_what_was_in_it() -> None:
    """Without the last one (no port, so often filtered out) all bytes are known from the first; without the
    first, nobody knows whose the last is."""
    whole = [Frame(vxlan(frame.data), frame.time) for frame in with_keys()]
    for missing, fragments, lost in ((-1, 0, 0), (0, 3, 1200 + 2200)):
        frames = []
        for number, frame in enumerate(whole):
            pieces = routed(frame.data, 1000, number=number)
            if len(pieces) > 1:
                del pieces[missing]
            frames += [Frame(piece, frame.time) for piece in pieces]
        got = decode(pcap(frames))
        conserves(got["coverage"], len(whole))
        assert totals(got["coverage"])["fragments"] == fragments
        (row,) = got["observations"].to_dicts()
        assert (row["bytes_up"], row["bytes_down"]) == (len(small_hello(b"claude.ai", padding=1700)), 2200)
        assert row["lost_bytes"] == lost


@pytest.mark.parametrize("turned", [False, True])
def test_what_follows_the_packet_inside_is_no_payload(turned: bool) -> None:
    """A mirrored frame may end with its check sequence, of which a fragment may hold nothing else."""
    said = small_hello(b"claude.ai", padding=1700)
    whole = Talk().shake().send(said[:1200]).send(said[1200:]).frames
    frames = []
    for number, frame in enumerate(whole):
        mirrored = vxlan(frame.data + b"\xff\xff\xff\xff")
        pieces = routed(mirrored, len(mirrored) // 8 * 8 - 40, number=number)[:: -1 if turned else 1]
        frames += [Frame(piece, frame.time) for piece in pieces]
    row = one(frames)
    assert (row["host"], row["bytes_up"]) == ("claude.ai", len(said))


@pytest.mark.parametrize("turned", [False, True])
def test_datagrams_in_a_tunnel_in_fragments(turned: bool) -> None:
    """An answer whose last address, and a hello whose end, is in another fragment."""
    host = name("claude.ai")
    texts = [(host, 16, b"\xc8" + bytes(200))] * 7
    asked = [question(message(host)), answer(message(host, answers=[*texts, (host, 1, b"\xcb\0\x71\7")]))]
    said = small_hello(b"claude.ai", padding=800)[5:]
    initial = datagrams([seal(crypto(0, said), 1)])
    frames = []
    for number, frame in enumerate([*asked, *initial]):
        pieces = routed(vxlan(frame.data), 800, number=number)[:: -1 if turned else 1]
        frames += [Frame(piece, frame.time) for piece in pieces]
    got = decode(pcap(sorted(frames, key=lambda frame: frame.time)))
    conserves(got["coverage"], len(frames))
    assert got["answers"].select("client", "host", "address").rows() == [(ASKER, "claude.ai", "203.0.113.7")]
    (row,) = got["observations"].filter(kind="quic").to_dicts()
    assert (row["host"], row["bytes_up"]) == ("claude.ai", len(initial[0].data) - 42)


def test_a_large_packet_in_a_tunnel() -> None:
    """More than is reassembled: fragments in order are segments of their own."""
    said = small_hello(b"claude.ai", padding=8700)
    frames = []
    for number, frame in enumerate(Talk().shake().send(said).frames):
        frames += [Frame(piece, frame.time) for piece in routed(vxlan(frame.data), 1480, number=number)]
    row = one(frames)
    assert (row["host"], row["bytes_up"], row["packets_up"]) == ("claude.ai", len(said), 8)


def test_an_overlap_in_a_tunnels_fragments_changes_nothing() -> None:
    """Whoever forges fragments renames no connection."""
    whole = [Frame(vxlan(frame.data), frame.time) for frame in with_keys()]
    forged = [Frame(frame.data.replace(b"claude.ai", b"other.org"), frame.time) for frame in whole]
    frames = []
    for number, (frame, other) in enumerate(zip(whole, forged, strict=True)):
        pieces, others = routed(frame.data, 504, number=number), routed(other.data, 1000, number=number)[1:]
        frames += [Frame(piece, frame.time) for piece in (*pieces[:2], *others, *pieces[2:])]
    got = decode(pcap(frames))
    conserves(got["coverage"], len(frames))
    assert totals(got["coverage"])["malformed"] > 0
    assert got["observations"]["host"].to_list() == ["claude.ai"]


def of_access_point(frame: bytes, number: int, port: int, step: int) -> list[bytes]:
    """The fragments of a client's frame between access point and controller (RFC 5415 §4.3)."""
    frames = []
    for first in range(0, len(frame), step):
        last = 0x40 if first + step >= len(frame) else 0
        head = struct.pack(">IHH", 2 << 19 | (0x80 | last if len(frame) > step else 0), number, first)
        frames.append(over_udp(5247, head, frame[first : first + step], source=port))
    return frames


@pytest.mark.parametrize("order", [1, -1])
def test_what_an_access_point_fragments(order: int) -> None:
    """Two behind one address number their fragments alike."""
    frames = []
    for port, names in ((50001, 40000), (50002, 40001)):
        for number, frame in enumerate(with_keys(port=names)):
            pieces = of_access_point(frame.data, number, port, 1000)[::order]
            frames += [Frame(piece, frame.time + 0.0001 * n) for n, piece in enumerate(pieces)]
    frames.sort(key=lambda frame: frame.time)
    got = decode(pcap(frames))
    conserves(got["coverage"], len(frames))
    rows = got["observations"].select("client_port", "host", "tunnel", "bytes_up", "bytes_down", "lost_bytes")
    sent = len(small_hello(b"claude.ai", padding=1700))
    assert sorted(rows.rows()) == [(n, "claude.ai", "capwap", sent, 2200, 0) for n in (40000, 40001)]
    assert got["observations"]["packets_up"].sum() + got["observations"]["packets_down"].sum() == len(frames)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_any_fragments_of_any_tunnels_say_what_whole_packets_say(seed: int) -> None:
    """Connections in one tunnel or in two nested ones, cut anywhere, each packet's fragments in any order."""
    chance = random.Random(seed)
    kinds = [*TUNNELS, *(f"{a}/{b}" for a in ("vxlan", "gre", "ipip") for b in ("erspan 2", "gtp", "geneve"))]
    whole, frames = [], []
    for port in range(40000, 40004):
        kind, step = chance.choice(kinds), 8 * chance.randrange(20, 170)
        for frame in with_keys(six=chance.random() < 0.5, port=port):
            data = frame.data
            for wrap in reversed(kind.split("/")):
                data = TUNNELS[wrap](data)
            whole.append(Frame(data, frame.time))
            pieces = routed(data, step, number=len(whole))
            chance.shuffle(pieces)
            frames += [Frame(piece, frame.time) for piece in pieces]
    got = decode(pcap(frames))
    conserves(got["coverage"], len(frames))
    assert inside(got) == inside(decode(pcap(whole)))


def test_fragments_inside_a_tunnel() -> None:
    wraps: tuple[Callable[[bytes], bytes], ...] = (vxlan, gre_of_ip)
    for wrap in wraps:
        assert one(timed([wrap(piece) for piece in parts(BODY)]))["bytes_up"] == 5000


def test_an_atomic_fragment_is_a_whole_packet() -> None:
    """RFC 6946: a fragment header with neither an offset nor more to come."""
    row = one([Frame(part(BODY, 0, len(BODY), six=True))])
    assert (row["bytes_up"], row["packets_up"]) == (5000, 1)


def test_a_flood_of_fragments_takes_no_memory_and_spares_the_latest() -> None:
    flood = [part(BODY, 1480, 2960, number=n) for n in range(5000)]
    got = decode(pcap(timed([*flood, *parts(BODY, number=9999)], gap=0.0001)))
    conserves(got["coverage"], 5004)
    assert got["observations"]["bytes_up"].to_list() == [5000]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_shuffled_pieces_of_many_datagrams(seed: int) -> None:
    """Any order, any sizes: every byte is credited once, whatever became of the frames' own count."""
    chance = random.Random(seed)
    sizes = [chance.randrange(1, 9000) for _ in range(6)]
    frames = []
    for n, size in enumerate(sizes):
        step = 8 * chance.randrange(max(1, size // 50), 200)
        frames += parts(udp(40000 + n, 9000, chance.randbytes(size)), step, number=n, six=n % 2 == 1)
    if chance.random() < 0.5:
        frames.sort(key=lambda _: chance.random())
    got = decode(pcap(timed(frames)))
    conserves(got["coverage"], len(frames))
    counted = totals(got["coverage"])
    assert (counted["duplicates"], counted["malformed"]) == (0, 0)
    rows = got["observations"]
    assert dict(zip(rows["client_port"] - 40000, rows["bytes_up"], strict=True)) == dict(enumerate(sizes))
    assert rows["packets_up"].sum() == len(frames)
    assert rows["wire_bytes_up"].sum() == sum(map(len, frames))
