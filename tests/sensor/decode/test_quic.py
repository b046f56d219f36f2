"""QUIC Initials: the RFCs' vectors, our own packets cut every way, and recorded browser attempts."""

from __future__ import annotations

import itertools
import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.quic import (
    MAX_HELLO,
    V1,
    V2,
    Attempt,
    Version,
    crypto_frames,
    decrypt,
    initial_keys,
    initials,
    read_varint,
)
from tests.sensor.decode.craft import (
    CLIENT,
    SERVER,
    T0,
    Frame,
    decode,
    ethernet,
    field_rows,
    ip,
    one,
    pcap,
    totals,
    udp,
)
from tests.sensor.decode.test_stream import small_hello

ATTEMPTS = field_rows("chromium156_quic_initials.jsonl")
DCID = bytes.fromhex("8394c8f03e515708")


def varint(value: int) -> bytes:
    return (0x4000 | value).to_bytes(2, "big")


def crypto(offset: int, data: bytes) -> bytes:
    return b"\x06" + varint(offset) + varint(len(data)) + data


def seal(payload: bytes, number: int, *, version: Version = V1, dcid: bytes = DCID, token: bytes = b"",
         key_id: bytes = b"", size: int = 1162) -> bytes:  # fmt: skip
    """A protected client Initial (RFC 9001 §5.4), padded."""
    keys = initial_keys(version, key_id or dcid)
    payload = payload.ljust(size, b"\0")
    first = 0xC3 | version.initial_type
    head = bytes([first]) + version.number.to_bytes(4, "big") + bytes([len(dcid)]) + dcid + b"\0"
    head += varint(len(token)) + token + varint(4 + len(payload) + 16) + number.to_bytes(4, "big")
    nonce = (int.from_bytes(keys.iv, "big") ^ number).to_bytes(12, "big")
    sealed = AESGCM(keys.key).encrypt(nonce, payload, head)
    mask = Cipher(algorithms.AES(keys.hp), modes.ECB()).encryptor().update(sealed[:16])
    number_bytes = bytes(a ^ b for a, b in zip(head[-4:], mask[1:5], strict=True))
    return bytes([head[0] ^ mask[0] & 0x0F]) + head[1:-4] + number_bytes + sealed


def datagrams(payloads: list[bytes]) -> list[Frame]:
    return [
        Frame(ethernet(ip(CLIENT, SERVER, 17, udp(50000, 443, data))), T0 + n / 1000)
        for n, data in enumerate(payloads)
    ]


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
    keys = initial_keys(version, DCID, server=server)
    assert f"{keys.key.hex()} {keys.iv.hex()} {keys.hp.hex()}" == expected


def test_header_protection_of_rfc_9001_a_2() -> None:
    sample = bytes.fromhex("d1b1c98dd7689fb8ec11d242b123dc9b")
    keys = initial_keys(V1, DCID)
    mask = Cipher(algorithms.AES(keys.hp), modes.ECB()).encryptor().update(sample)
    assert mask[:5].hex() == "437b9aec36"


@pytest.mark.parametrize("version", [V1, V2])
def test_a_sealed_packet_opens_again(version: Version) -> None:
    (packet,) = initials(seal(crypto(0, b"hello"), 2, version=version))
    payload = decrypt(packet, initial_keys(version, DCID))
    assert payload is not None
    assert list(crypto_frames(payload)) == [(0, b"hello")]
    assert decrypt(packet, initial_keys(version, b"other")) is None


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


def test_coalesced_packets_and_retry() -> None:
    hello = small_hello(padding=300)[5:]
    both = seal(crypto(0, hello[:200]), 1, size=500) + seal(crypto(200, hello[200:]), 2, size=500)
    assert one(datagrams([both]))["host"] == "api.openai.com"
    # After a Retry the client starts again under the server's connection id, with a token.
    again = seal(crypto(0, hello), 2, dcid=b"retryid1", token=b"token")
    assert one(datagrams([seal(crypto(0, hello[:50]), 1), again]))["host"] == "api.openai.com"


def test_an_initial_that_cannot_be_read_is_counted() -> None:
    broken = seal(crypto(0, b"\x01\0\0\x05hello"), 1)[:-1] + b"\0"
    got = decode(pcap(datagrams([broken])))
    assert totals(got["coverage"])["quic_unparsed"] == 1
    assert got["observations"]["kind"].to_list() == ["quic"]
    assert got["observations"]["host"].to_list() == [None]


def test_only_the_first_four_initials_are_worth_decrypting() -> None:
    hello = small_hello()[5:]
    empty = [seal(b"\x01", n) for n in range(4)]
    assert one(datagrams([*empty, seal(crypto(0, hello), 9)]))["host"] is None
    assert one(datagrams([*empty[:3], seal(crypto(0, hello), 9)]))["host"] == "api.openai.com"


@pytest.mark.skipif(not ATTEMPTS, reason="the field notes' QUIC attempts are not at hand")
@pytest.mark.parametrize("row", ATTEMPTS, ids=lambda r: r["dcid"])
def test_recorded_browser_attempts(row: dict[str, object]) -> None:
    payloads = [bytes.fromhex(text) for text in row["datagrams_hex"]]  # type: ignore[attr-defined]
    for order in ([0, 1], [1, 0], list(range(len(payloads)))):
        got = one(datagrams([payloads[k] for k in order]))
        assert (got["host"], got["ja4"], got["client_class"]) == (row["sni"], row["ja4"], "browser")


@given(st.binary(max_size=60))
def test_varints_and_frames_never_raise(data: bytes) -> None:
    value, after = read_varint(data, 0)
    assert (after == -1) or (0 < after <= len(data) and value >= 0)
    for offset, piece in crypto_frames(data):
        assert offset >= 0 and len(piece) <= len(data)


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 1200), st.binary(max_size=4))
def test_damaged_datagrams_never_raise(noise: bytes, at: int, patch: bytes) -> None:
    sealed = seal(crypto(0, b"x" * 30), 1)
    attempt = Attempt()
    for data in (b"\xc3\0\0\0\x01" + noise, sealed[:at] + patch + sealed[at + len(patch) :], sealed[:at]):
        attempt.feed(data)
    assert len(attempt.data) <= MAX_HELLO
