"""QUIC Initials: the RFCs' vectors, our own packets cut every way, and recorded browser attempts."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.layout import records
from sensor.decode.quic.decryption import full_number
from sensor.decode.quic.handshakes import BUDGET, Attempts
from sensor.decode.quic.initials import INITIAL as INITIAL_PACKET
from sensor.decode.quic.initials import MAX_HELLO, CryptoStreams
from sensor.decode.quic.protection import V1, V2, Keyring, Version
from sensor.decode.tcp.messages import INITIAL
from tests.sensor.decode.craft import (
    CLIENT,
    decode,
    field_rows,
    one,
    pcap,
    totals,
)
from tests.sensor.decode.craft.quic import (
    DCID,
    Keys,
    crypto,
    datagrams,
    events_of,
    initial_keys,
    read,
    seal,
)
from tests.sensor.decode.craft.tls import small_hello

ATTEMPTS = field_rows("chromium156_quic_initials.jsonl")


def keys_of(version: Version, connection_id: bytes) -> Keys:
    """What the sensor derives."""
    keyring, packet = Keyring(), records(INITIAL_PACKET, 1)
    packet["version"], packet["id_length"], packet["end"] = version.number, len(connection_id), 60
    keyring.unprotect(np.frombuffer(connection_id + bytes(60), np.uint8).copy(), packet)
    (row,) = keyring.known[keyring.known["version"] == version.number]
    return Keys(row["key"].tobytes(), row["iv"].tobytes(), row["hp"][:4].astype(">u4").tobytes())


#: Versions beside 1 and 2 that were deployed, by salt: draft-ietf-quic-tls §5.2 of -22, -23, -29 and -33,
#: mvfst's and Google's sources.
DEPLOYED = [
    Version(number, bytes.fromhex(salt), b"quic")
    for salt, numbers in {
        "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a": (0xFF000016, 0xFACEB001),
        "c3eef712c72ebb5a11a7d2432bb46365bef9f502": (
            *range(0xFF000017, 0xFF00001D), 0xFACEB002, 0xFACEB00E, 0xFACEB010,
        ),
        "afbfec289993d24c9e9786f19c6111e04390a899": (*range(0xFF00001D, 0xFF000021), 0x0A1A2A3A),
        "38762cf7f55934b34d179ae6a4c80cadccbb7f0a": (0xFF000021, 0xFF000022, 0xFACEB003, 0xFACEB004),
        "7ff579e5acd072915580304c43a2367c60488310": (0x54303530,),
        "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d": (0x54303531,),
    }.items()
    for number in numbers
]  # fmt: skip


def pieces(hello: bytes, count: int, rng: random.Random, *, overlap: int = 0) -> list[bytes]:
    """CRYPTO frames that cover a hello, in no order, each reaching up to `overlap` bytes into the next."""
    cuts = [0, *sorted(rng.sample(range(1, len(hello)), count - 1)), len(hello)]
    frames = [crypto(a, hello[a : b + rng.randint(0, overlap)]) for a, b in itertools.pairwise(cuts)]
    rng.shuffle(frames)
    return frames


@pytest.mark.parametrize(
    ("version", "server", "expected"),
    [  # RFC 9001 appendix A.1, RFC 9369 appendix A.1
        (V1, False, "1f369613dd76d5467730efcbe3b1a22d fa044b2f42a3fd3b46fb255c"
         " 9f50449e04a0e810283a1e9933adedd2"),
        (V1, True, "cf3a5331653c364c88f0f379b6067e37 0ac1493ca1905853b0bba03e"
         " c206b8d9b9f0f37644430b490eeaa314"),
        (V2, False, "8b1a0bc121284290a29e0971b5cd045d 91f73e2351d8fa91660e909f"
         " 45b95e15235d6f45a6b19cbcb0294ba9"),
        (V2, True, "82db637861d55e1d011f19ea71d5d2a7 dd13c276499c0249d3310652"
         " edf6d05c83121201b436e16877593c3a"),
    ],
)  # fmt: skip
def test_keys_of_the_rfcs(version: Version, server: bool, expected: str) -> None:
    for keys in [initial_keys(version, DCID, server=server)] + ([] if server else [keys_of(version, DCID)]):
        assert f"{keys.key.hex()} {keys.iv.hex()} {keys.hp.hex()}" == expected


@given(st.sampled_from([V1, V2, *DEPLOYED]), st.binary(min_size=0, max_size=20))
@settings(deadline=None, max_examples=60)
def test_keys_are_those_of_the_librarys_hkdf(version: Version, connection_id: bytes) -> None:
    assert keys_of(version, connection_id) == initial_keys(version, connection_id)


def test_header_protection_of_rfc_9001_a_2() -> None:
    sent = bytes.fromhex("c000000001088394c8f03e5157080000449e7b9aec34") + bytes.fromhex(
        "d1b1c98dd7689fb8ec11d242b123dc9b"
    )
    packet = records(INITIAL_PACKET, 1)
    packet["version"], packet["id"], packet["id_length"] = V1.number, 6, 8
    packet["number"], packet["end"] = 18, len(sent)
    headers, text = Keyring().unprotect(np.frombuffer(sent, np.uint8), packet)
    assert text[: headers[0]["length"]].hex() == "c300000001088394c8f03e5157080000449e00000002"
    assert (headers[0]["number"], headers[0]["number_bytes"]) == (2, 4)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
@settings(deadline=None, max_examples=60)
def test_header_masks_are_those_of_the_librarys_aes(connection_id: bytes, sample: bytes) -> None:
    packet = records(INITIAL_PACKET, 1)
    packet["version"], packet["id_length"], packet["number"], packet["end"] = V1.number, 16, 17, 37
    sent = connection_id + bytes(5) + sample
    headers, text = Keyring().unprotect(np.frombuffer(sent, np.uint8), packet)
    hp = initial_keys(V1, connection_id).hp
    mask = Cipher(algorithms.AES(hp), modes.ECB()).encryptor().update(sample)
    first = sent[0] ^ mask[0] & 0x0F
    masked = zip(sent[17:21], mask[1:5], strict=True)
    number = bytes(a ^ b for a, b in masked)[: (first & 3) + 1]
    assert text[: headers[0]["length"]] == bytes([first]) + sent[1:17] + number
    assert headers[0]["nonce"].tobytes()[-4:] == bytes(
        a ^ b for a, b in zip(initial_keys(V1, connection_id).iv[-4:], number.rjust(4, b"\0"), strict=True)
    )


@pytest.mark.parametrize("version", [V1, V2, *DEPLOYED], ids=lambda v: f"{v.number:x}")
def test_a_sealed_packet_opens_again(version: Version) -> None:
    hello = small_hello()[5:]
    found = read([(1, seal(crypto(0, hello), 2, version=version))])
    assert (found.hellos, found.hello_clients, found.skipped) == ([hello], [2], [])
    assert read([(1, seal(crypto(0, hello), 2, version=version, key_id=b"other"))]).hellos == []


@pytest.mark.parametrize("number", [0xFF000015, 0xFF000023, 0x51303531, 0x0A0A0A0B, 0xFACEA002, 0])
def test_other_versions_are_not_guessed_at(number: int) -> None:
    sent = seal(crypto(0, small_hello()[5:]), 2, version=Version(number, V1.salt, V1.label))
    assert read([(1, sent)]).hellos == []


@pytest.mark.parametrize("version", [V1, V2])
def test_frames_in_any_order_over_two_datagrams(version: Version) -> None:
    hello = small_hello(padding=1000)[5:]
    cuts = [0, 3, 40, 41, 500, 900, len(hello)]
    pieces = [crypto(a, hello[a:b]) for a, b in itertools.pairwise(cuts)]
    for seed in range(6):
        random.Random(seed).shuffle(pieces)
        first, second = b"\x01\0\0".join(pieces[:3]), b"\0".join(pieces[3:])
        frames = datagrams([seal(p, n, version=version) for n, p in enumerate((first, second), 1)])
        row = one(frames)
        assert (row["kind"], row["host"], row["name_from"]) == ("quic", "api.openai.com", "quic_sni")
        assert row["ja4"].startswith("q13d01")
        assert row["client"] == CLIENT


def test_coalesced_packets() -> None:
    hello = small_hello(padding=300)[5:]
    both = seal(crypto(0, hello[:200]), 1, size=500) + seal(crypto(200, hello[200:]), 2, size=500)
    assert one(datagrams([both]))["host"] == "api.openai.com"
    # 0-RTT, Handshake and short-header packets around it.
    zero_rtt, handshake = (seal(b"", 3, size=90, type_bits=bits) for bits in (0x10, 0x20))
    whole = seal(crypto(0, hello), 1, size=500)
    assert read([(0, zero_rtt + whole + handshake + b"\x40" * 30)]).hellos == [hello]
    # What follows a Retry or an unknown version has no length.
    retry = seal(b"", 3, size=90, type_bits=0x30)
    assert read([(0, retry + whole)]).hellos == []
    assert read([(0, b"\xc0\0\0\0\0" + whole)]).hellos == []


def test_the_fixed_bit_may_be_clear() -> None:
    hello = small_hello()[5:]
    assert read([(0, seal(crypto(0, hello), 1, fixed_bit=0))]).hellos == [hello]


def test_retry_begins_the_stream_and_the_budget_anew() -> None:
    hello = small_hello(padding=300)[5:]
    other = small_hello(b"other.example", padding=300)[5:]
    again = seal(crypto(0, hello), 2, dcid=b"retryid1", token=b"token")
    assert one(datagrams([seal(crypto(0, other[:50]), 1), again]))["host"] == "api.openai.com"
    spent = [(0, seal(crypto(0, other[:50]) + bytes(n), n)) for n in range(BUDGET)]
    assert read([*spent[:-1], (0, again)]).hellos == [hello]
    halves = [(0, seal(crypto(a, hello[a:b]), 9 + a, dcid=b"retryid1", token=b"token"))
              for a, b in ((0, 100), (100, len(hello)))]  # fmt: skip
    assert read([*spent[:-1], *halves]).hellos == [hello]


def test_the_client_may_change_to_the_servers_id() -> None:
    hello = small_hello(padding=300)[5:]
    first = seal(crypto(0, hello[:100]), 1)
    moved = seal(crypto(100, hello[100:]), 2, dcid=b"serverid", key_id=DCID)
    assert read([(0, first), (0, moved)]).hellos == [hello]
    # Seen first, the moved packet waits for the keys of the other.
    assert read([(0, moved), (0, first)]).hellos == [hello]


def test_compatible_version_negotiation() -> None:
    hello = small_hello(padding=300)[5:]
    first = seal(crypto(0, hello[:100]), 1)
    second = seal(crypto(100, hello[100:]), 2, version=V2, dcid=b"serverid", key_id=DCID)
    assert read([(0, first), (0, second)]).hellos == [hello]


@pytest.mark.parametrize("server_first", [False, True])
def test_the_server_is_never_the_client(server_first: bool) -> None:
    hello = small_hello(padding=300)[5:]
    payload = crypto(0, b"\x02\0\0\x20" + bytes(32))
    server = [(1, seal(payload, n, dcid=b"clientid", key_id=DCID, server=True)) for n in range(4)]
    client = [(0, seal(crypto(a, hello[a:b]), a)) for a, b in ((0, 100), (100, len(hello)))]
    found = read([*server, *client] if server_first else [client[0], *server, client[1]])
    assert (found.hellos, found.hello_clients, found.skipped) == ([hello], [1], [])


def test_the_budget_and_what_it_leaves_unread() -> None:
    hello = small_hello()[5:]
    useless = [(0, seal(b"\x01", n)) for n in range(BUDGET + 2)]
    attempts = Attempts(4)
    found = read(useless, attempts)
    assert found.skipped == [5_000_000, 6_000_000]
    assert read([(0, seal(crypto(0, hello), 9))], attempts).skipped == [1_000_000]
    # Duplicates cost nothing, and nothing is read behind a whole hello.
    again = [useless[0]] * 20
    late = [(0, seal(b"\x01", 20 + n)) for n in range(9)]
    found = read([*again, *useless[1:3], (0, seal(crypto(0, hello), 9)), *late])
    assert (found.hellos, found.skipped) == ([hello], [])


def test_a_flood_of_initials_has_a_budget_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.decode.quic.handshakes.BUDGET_PER_S", 3)
    hello = seal(crypto(0, small_hello()[5:]), 1)
    attempts, tried = Attempts(64), []
    for second in range(2):
        arena, events = events_of([(INITIAL, 100 * second + n, 0, hello) for n in range(9)])
        events["time"] = second * 1_000_000 + np.arange(9)
        for part in (events[:2], events[2:]):  # wherever a batch is cut
            found = attempts.read(arena, part)
            tried.append((len(found.hellos), len(found.skipped)))
    assert tried == [(2, 0), (1, 6)] * 2


def test_the_oldest_attempt_is_given_up_and_its_initials_counted() -> None:
    hello = small_hello(padding=300)[5:]
    first, second = seal(crypto(0, hello[:100]), 1), seal(crypto(100, hello[100:]), 2)
    attempts = Attempts(4)
    found = attempts.read(*events_of([(INITIAL, serial, 0, first) for serial in range(1, 6)]))
    assert found.skipped == []
    found = attempts.read(*events_of([(INITIAL, serial, 0, second) for serial in (1, 2, 5)]))
    assert (found.hellos, found.hello_rows, found.skipped) == ([hello] * 2, [1, 2], [1_000_000])


def test_what_is_over_is_forgotten_with_its_connection() -> None:
    hello = seal(crypto(0, small_hello()[5:]), 1)
    attempts = Attempts(4)
    count = 10_000
    attempts.read(*events_of([(INITIAL, serial, 0, hello) for serial in range(count)]))
    attempts.forget(np.array([7], np.int64))
    # Forgotten, an Initial of the same number would begin a new connection; the living one stays over.
    assert attempts.read(*events_of([(INITIAL, 8, 0, hello)])).hello_rows == [0]
    assert attempts.read(*events_of([(INITIAL, 7, 0, hello)])).hello_rows == []


@given(st.integers(2, 20), st.integers(0, 50), st.integers(), st.data())
@settings(deadline=None, max_examples=60)
def test_shuffled_overlapping_duplicated_initials(
    count: int, overlap: int, seed: int, data: st.DataObject
) -> None:
    rng = random.Random(seed)
    hello = small_hello(padding=rng.randint(0, 900))[5:]
    frames = pieces(hello, count, rng, overlap=overlap)
    packets = data.draw(st.integers(1, min(BUDGET, count)))
    sent = [(0, seal(b"\x01".join(frames[n::packets]), n)) for n in range(packets)]
    sent += rng.sample(sent, rng.randint(0, len(sent)))
    rng.shuffle(sent)
    assert read(sent).hellos == [hello]
    attempts = Attempts(4)
    split = [read([datagram], attempts) for datagram in sent]
    assert [h for found in split for h in found.hellos] == [hello]


def test_the_first_copy_of_a_byte_wins() -> None:
    hello = small_hello(padding=100)[5:]
    forged = bytes(b ^ 0xFF for b in hello)
    sent = [(0, seal(crypto(20, hello[20:60]), 1)), (0, seal(crypto(10, forged[10:70]), 2)),
            (0, seal(crypto(0, hello), 3))]  # fmt: skip
    assert read(sent).hellos == [hello[:10] + forged[10:20] + hello[20:60] + forged[60:70] + hello[70:]]


def test_a_name_in_parts_of_a_hello() -> None:
    hello = small_hello(b"api.openai.com", padding=300)[5:]
    at = hello.index(b"api.openai.com") - 9
    for begin, end, name in (
        (at, at + 23, ["api.openai.com"]),
        (at - 40, len(hello), ["api.openai.com"]),
        (at + 1, len(hello), []),
        (at - 40, at + 22, []),
    ):
        found = read([(0, seal(crypto(begin, hello[begin:end]), 1))])
        assert (found.names, found.hellos) == (name, [])
    for offset, length in ((3, 99), (5, 99), (8, 15)):  # lengths that do not agree
        wrong = bytearray(hello)
        wrong[at + offset] = length
        assert read([(0, seal(crypto(60, bytes(wrong[60:])), 1))]).names == []


def test_a_name_found_early_is_given_once_and_replaced_by_the_hellos() -> None:
    hello = small_hello(b"api.openai.com", padding=300, name_first=True)[5:]
    first, second = seal(crypto(0, hello[:200]), 1), seal(crypto(200, hello[200:]), 2)
    found = read([(0, first), (0, seal(b"\x01", 7)), (0, second)])
    assert (found.names, found.name_rows, found.hello_rows) == (["api.openai.com"], [0], [2])
    row = one(datagrams([first]))
    assert (row["kind"], row["host"], row["name_from"], row["ja4"]) == (
        "quic",
        "api.openai.com",
        "quic_sni",
        None,
    )
    assert one(datagrams([first, second]))["ja4"].startswith("q13d01")


def test_packet_numbers_are_completed() -> None:
    assert full_number(0x9B32, 2, 0xA82F30EA) == 0xA82F9B32  # RFC 9000 appendix A.3
    for largest in (0, 127, 254, 255, 256, 70_000):
        for number in range(max(0, largest - 100), largest + 100):
            assert full_number(number & 0xFF, 1, largest) == number


def test_an_initial_that_cannot_be_read_is_counted() -> None:
    broken = seal(crypto(0, b"\x01\0\0\x05hello"), 1)[:-1] + b"\0"
    got = decode(pcap(datagrams([broken])))
    assert totals(got["coverage"])["quic_unparsed"] == 1
    assert got["observations"]["kind"].to_list() == ["quic"]
    assert got["observations"]["host"].to_list() == [None]


@pytest.mark.skipif(not ATTEMPTS, reason="the field notes' QUIC attempts are not at hand")
@pytest.mark.parametrize("row", ATTEMPTS, ids=lambda r: r["dcid"])
def test_recorded_browser_attempts(row: dict[str, object]) -> None:
    payloads = [bytes.fromhex(text) for text in row["datagrams_hex"]]  # type: ignore[attr-defined]
    for order in ([0, 1], [1, 0], list(range(len(payloads)))):
        got = one(datagrams([payloads[k] for k in order]))
        assert (got["host"], got["ja4"], got["client_class"]) == (row["sni"], row["ja4"], "browser")


@pytest.mark.skipif(not ATTEMPTS, reason="the field notes' QUIC attempts are not at hand")
@pytest.mark.parametrize("row", ATTEMPTS, ids=lambda r: r["dcid"])
def test_a_browsers_name_is_known_from_its_first_datagram(row: dict[str, object]) -> None:
    first = bytes.fromhex(row["datagrams_hex"][0])  # type: ignore[index]
    found = read([(0, first)])
    assert (found.names, found.hellos) == ([row["sni"]], [])


@given(st.binary(max_size=80))
@settings(deadline=None)
def test_any_payload_is_read(payload: bytes) -> None:
    streams = CryptoStreams(1)
    slot = streams.take()
    hello, name = streams.add(slot, payload)
    assert hello is None or len(hello) <= MAX_HELLO
    assert name is None or len(name) <= 80
    # Whatever came before, a whole hello behind it is either kept out by frames that came first, or found.
    streams.restart(slot)
    assert streams.add(slot, crypto(0, small_hello()[5:]))[0] == small_hello()[5:]


def test_frames_around_the_stream() -> None:
    hello = small_hello()[5:]
    ack = b"\x02\x0a\x00\x01\x02\x01\x01"
    ack_ecn = b"\x03\x0a\x00\x00\x02\x01\x02\x03"
    for before in (
        ack,
        ack_ecn,
        ack + ack_ecn + b"\x01\0\0",
        b"\x06\x80\0\x40\0\x01x",  # behind all that is kept
        b"\x06\xff" + b"\xff" * 7 + b"\x01x",
    ):
        assert CryptoStreams(1).add(0, before + crypto(0, hello))[0] == hello
    for cut in (b"\x1c\0\0\0", b"\x02\x0a\x00\xff" + b"\xff" * 7, b"\x06\x00\xff" + b"\xff" * 7):
        assert CryptoStreams(1).add(0, cut + crypto(0, hello))[0] is None


def test_more_pieces_than_are_kept() -> None:
    hello = small_hello(padding=2000)[5:]
    scattered = b"".join(crypto(2 * n, hello[2 * n : 2 * n + 1]) for n in range(500))
    streams = CryptoStreams(1)
    assert streams.add(0, scattered) == (None, None)
    assert streams.add(0, crypto(0, hello)) == (hello, None)


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 1200), st.binary(max_size=4))
def test_damaged_datagrams_never_raise(noise: bytes, at: int, patch: bytes) -> None:
    sealed = seal(crypto(0, b"x" * 30), 1)
    sent = (b"\xc3\0\0\0\x01" + noise, sealed[:at] + patch + sealed[at + len(patch) :], sealed[:at])
    assert read([(0, data) for data in sent]).hellos == []
