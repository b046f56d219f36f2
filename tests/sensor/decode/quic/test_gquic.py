"""Names in Google's QUIC, on packets made here as its versions laid them out."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.quic.gquic import client_hello_name
from sensor.decode.quic.protection import Version
from tests.sensor.decode.craft import one
from tests.sensor.decode.craft.quic import crypto, datagrams, read, seal, varint

HOST = b"chat.example"
Q050 = Version(0x51303530, bytes.fromhex("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45"), b"quic")
ID = bytes(range(8))


def chlo(host: bytes = HOST, padding: int = 600) -> bytes:
    """A client hello: padding, the name, a version."""
    values = {b"PAD\0": b"-" * padding, b"SNI\0": host, b"VER\0": b"Q046"}
    table, end = b"", 0
    for tag, value in values.items():
        end += len(value)
        table += tag + pack("<I", end)
    return b"CHLO" + pack("<HH", len(values), 0) + table + b"".join(values.values())


def clear(version: bytes, message: bytes) -> bytes:
    """A packet of a version before Q050: header, number, message hash, a frame of stream 1."""
    order = ">" if version >= b"Q039" else "<"
    frame = b"\xa0\x01" + pack(order + "H", len(message)) + message
    if version >= b"Q044":
        return b"\xc3" + version + b"\x50" + ID + bytes(3) + b"\x01" + bytes(12) + frame
    private = b"\0" if version < b"Q034" else b""
    return b"\x0d" + ID + version + b"\x01" + bytes(12) + private + frame


@pytest.mark.parametrize("version", [b"Q024", b"Q030", b"Q035", b"Q039", b"Q043", b"Q044", b"Q046"])
def test_a_name_in_the_clear(version: bytes) -> None:
    got = one(datagrams([clear(version, chlo())]))
    assert (got["host"], got["name_from"], got["kind"]) == ("chat.example", "quic_sni", "quic")


def test_a_protected_one() -> None:
    payload = b"\x08" + varint(0) + varint(len(chlo())) + chlo()
    got = one(datagrams([seal(payload, 1, version=Q050)]))
    assert (got["host"], got["name_from"]) == ("chat.example", "quic_sni")
    assert read([(0, seal(payload, 1, version=Q050, key_id=b"other"))]).names == []


def test_tls_in_googles_frames() -> None:
    from tests.sensor.decode.craft.tls import small_hello

    hello = small_hello()[5:]
    t051 = Version(0x54303531, bytes.fromhex("7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"), b"quic")
    assert read([(0, seal(b"\x07\x08" + crypto(0, hello)[1:], 1, version=t051))]).hellos == [hello]


@pytest.mark.parametrize("host", [b"", b"10.0.0.1", b"no host", b"\xff.example"])
def test_what_is_no_host_is_no_name(host: bytes) -> None:
    assert client_hello_name(clear(b"Q043", chlo(host))) is None


def test_cut_anywhere_it_gives_the_name_or_none() -> None:
    sent = clear(b"Q043", chlo(padding=40))
    end = sent.index(HOST) + len(HOST)
    told = {client_hello_name(sent[:size]) for size in range(end)}
    assert told == {None}
    assert client_hello_name(sent[:end]) == "chat.example"


@settings(deadline=None)
@given(st.binary(max_size=120), st.integers(0, 200))
def test_damage_never_raises(noise: bytes, at: int) -> None:
    sent = clear(b"Q046", chlo(padding=30))
    name = client_hello_name(sent[:at] + noise + sent[at + len(noise) :])
    assert name is None or len(name) <= 255
