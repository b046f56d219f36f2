"""What comes before a name: h2c prefaces, mail and directory servers that switch to TLS, SOCKS, proxies."""

from __future__ import annotations

import itertools
import struct

import pytest

from tests.sensor.decode.craft import ACK, PSH, Frame, Talk, decode, observe, one, pcap
from tests.sensor.decode.craft.http2 import OPENING, REQUEST, frame
from tests.sensor.decode.craft.tls import record, small_hello
from tests.sensor.decode.craft.tunnels import vxlan

SIX = {"client": "fd00::5", "server": "2001:db8::9"}
AUTHORITY = ("http", "llm.example.com", "http_host", "POST")


def in_two(stream: bytes, cut: int, *, swapped: bool, port: int) -> list[Frame]:
    """The client's first bytes in two segments."""
    talk = Talk(port=port, server_port=8080, now=1_800_000_000.0 + port / 100).shake()
    pieces = [(talk.up, stream[:cut]), (talk.up + cut, stream[cut:])]
    for seq, piece in pieces[::-1] if swapped else pieces:
        talk.put("up", seq, talk.down, PSH | ACK, piece)
    return talk.frames


def test_an_authority_in_one_segment() -> None:
    row = one(Talk(server_port=8080).shake().send(REQUEST).frames)
    assert (row["kind"], row["host"], row["name_from"], row["method"]) == AUTHORITY
    assert row["path"] == "/v1/chat/completions"


@pytest.mark.parametrize("swapped", [False, True])
def test_an_authority_cut_at_every_byte(swapped: bool) -> None:
    frames = [
        f for cut in range(1, len(REQUEST)) for f in in_two(REQUEST, cut, swapped=swapped, port=1024 + cut)
    ]
    rows = decode(pcap(sorted(frames, key=lambda f: f.time)))["observations"]
    assert rows.height == len(REQUEST) - 1
    assert rows.select("kind", "host", "name_from", "method").unique().rows() == [AUTHORITY]


def test_an_authority_over_six_and_in_a_tunnel() -> None:
    frames = Talk(server_port=8080, **SIX).shake().send(REQUEST[:60]).send(REQUEST[60:]).frames
    assert one(frames)["host"] == "llm.example.com"
    assert one([Frame(vxlan(f.data), f.time) for f in frames])["host"] == "llm.example.com"


def test_settings_wait_for_an_answer_before_the_headers() -> None:
    """Many clients send preface and settings, and headers only once the server's settings came."""
    talk = (
        Talk(server_port=8080).shake().send(OPENING).reply(frame(4, 0, b"", 0)).send(REQUEST[len(OPENING) :])
    )
    assert one(talk.frames)["host"] == "llm.example.com"


HELLO = small_hello(b"mail.example", padding=300)
LDAP_STARTTLS = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"

#: (who speaks, what is said) before the hello
OPENERS: dict[str, list[tuple[str, bytes]]] = {
    "smtp": [("down", b"220 mx ESMTP\r\n"), ("up", b"EHLO a\r\n"), ("down", b"250-mx\r\n250 STARTTLS\r\n"),
             ("up", b"STARTTLS\r\n"), ("down", b"220 go\r\n")],
    "imap": [("down", b"* OK ready\r\n"), ("up", b"a1 CAPABILITY\r\n"), ("down", b"a1 OK\r\n"),
             ("up", b"a2 STARTTLS\r\n"), ("down", b"a2 OK\r\n")],
    "pop": [("down", b"+OK ready\r\n"), ("up", b"CAPA\r\n"), ("down", b"+OK\r\nSTLS\r\n.\r\n"),
            ("up", b"STLS\r\n"), ("down", b"+OK\r\n")],
    "ftp": [("down", b"220 ready\r\n"), ("up", b"AUTH TLS\r\n"), ("down", b"234 go\r\n")],
    "ldap": [("up", LDAP_STARTTLS), ("down", bytes.fromhex("300c02010178070a010004000400"))],
    "postgres": [("up", struct.pack(">II", 8, 80877103)), ("down", b"S")],
    "mysql": [("down", b"\x4a\0\0\0\x0a8.0.36\0" + bytes(60)),
              ("up", b"\x20\0\0\1\x85\xae\xff\x19" + bytes(28))],
    "xmpp": [("up", b"<?xml version='1.0'?><stream:stream to='a'>"), ("down", b"<stream:features/>"),
             ("up", b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), ("down", b"<proceed/>")],
    "socks4": [("up", b"\4\1\1\xbb\1\2\3\4me\0"), ("down", b"\0\x5a" + bytes(6))],
    "socks5": [("up", b"\5\1\0"), ("down", b"\5\0"), ("up", b"\5\1\0\3\x09a.example\1\xbb"),
               ("down", b"\5\0\0\1" + bytes(6))],
    "connect": [("up", b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
                ("down", b"HTTP/1.1 200 Connection established\r\n\r\n")],
    "proxy line": [("up", b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n")],
    "proxy binary": [("up", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12))],
}  # fmt: skip


def opened(opener: str, *, port: int = 40000, **ends: str) -> Talk:
    talk = Talk(port=port, now=1_800_000_000.0 + port / 100, **ends).shake()
    for side, said in OPENERS[opener]:
        talk = talk.send(said) if side == "up" else talk.reply(said)
    return talk


@pytest.mark.parametrize("opener", OPENERS)
def test_a_hello_behind_another_protocol(opener: str) -> None:
    for ends in ({}, SIX):
        row = one(opened(opener, **ends).send(HELLO).frames)
        assert (row["kind"], row["host"], row["name_from"]) == ("tls", "mail.example", "sni")
        assert row["ja4"] is not None


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_hello_behind_another_protocol_cut_at_every_byte(opener: str, swapped: bool) -> None:
    frames: list[Frame] = []
    for cut in range(1, len(HELLO), 3):
        talk = opened(opener, port=1024 + cut)
        pieces = [(talk.up, HELLO[:cut]), (talk.up + cut, HELLO[cut:])]
        for seq, piece in pieces[::-1] if swapped else pieces:
            talk.put("up", seq, talk.down, PSH | ACK, piece)
        frames += talk.frames
    rows = observe(sorted(frames, key=lambda f: f.time))
    lost = [r["client_port"] - 1024 for r in rows if r["host"] != "mail.example"]
    assert lost == []


@pytest.mark.parametrize("opener", ["proxy line", "proxy binary"])
def test_a_proxy_header_and_the_hello_in_one_segment(opener: str) -> None:
    ((_, header),) = OPENERS[opener]
    assert one(Talk().shake().send(header + HELLO).frames)["host"] == "mail.example"
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
    assert one(Talk(server_port=80).shake().send(header + request).frames)["host"] == "a.example"
    assert one(Talk(server_port=80).shake().send(header + REQUEST).frames)["host"] == "llm.example.com"


@pytest.mark.parametrize("name_first", [True, False])
def test_a_hello_of_more_than_16_kb(name_first: bool) -> None:
    """What is kept of it is its beginning: a name there is found, one behind it is not."""
    message = small_hello(b"big.example", padding=30_000, name_first=name_first)[5:]
    stream = b"".join(record(message[at : at + 16_000]) for at in range(0, len(message), 16_000))
    talk = Talk().shake()
    for begin, end in itertools.pairwise([*range(0, len(stream), 1400), len(stream)]):
        talk.send(stream[begin:end])
    row = one(talk.frames)
    assert (row["kind"], row["host"]) == ("tls", "big.example" if name_first else None)
    assert (row["ja4"], row["bytes_up"]) == (None, len(stream))


CONNECT = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"
SOCKS = {
    "5, by name": b"\5\1\0\3\x09a.example\1\xbb",
    "5, by address": b"\5\1\0\1\1\2\3\4\1\xbb",
    "5, by IPv6 address": b"\5\1\0\4" + bytes(16) + b"\1\xbb",
    "5, from the methods on": b"\5\1\0" + b"\5\1\0\3\x09a.example\1\xbb",
    "5, with a password": b"\5\2\0\2" + b"\1\2me\3pwd" + b"\5\1\0\3\x09a.example\1\xbb",
    "4": b"\4\1\1\xbb\1\2\3\4me\0",
    "4a": b"\4\1\1\xbb\0\0\0\1me\0a.example\0",
    "sql server": b"\x12\1" + struct.pack(">H", 8 + len(HELLO)) + bytes(4),
}


@pytest.mark.parametrize("prelude", SOCKS.values(), ids=SOCKS)
def test_a_client_that_does_not_wait_for_the_proxy(prelude: bytes) -> None:
    for ends in ({}, SIX):
        row = one(Talk(**ends).shake().send(prelude + HELLO).frames)
        assert (row["host"], row["name_from"]) == ("mail.example", "sni")
    row = one(Talk().shake().send(prelude + HELLO[:100]).send(HELLO[100:]).frames)
    assert (row["host"], row["ja4"] is not None) == ("mail.example", True)
    assert one(Talk().shake().send(prelude + b"no hello").frames)["kind"] == "flow"


def test_a_request_for_a_tunnel_and_the_hello_behind_it() -> None:
    """The hello's name is read wherever segments end, and whatever order they come in.

    One cut is left out: a second segment that comes first and begins with `HTTP/1.` is taken for an answer.
    """
    stream = CONNECT + HELLO
    assert one(Talk(server_port=3128).shake().send(stream).frames)["host"] == "mail.example"
    cuts = [cut for cut in range(1, len(stream), 7) if not stream.startswith(b"HTTP/1.", cut)]
    for swapped in (False, True):
        frames = [f for cut in cuts for f in in_two(stream, cut, swapped=swapped, port=1024 + cut)]
        rows = observe(sorted(frames, key=lambda f: f.time))
        assert [row["client_port"] for row in rows if row["host"] != "mail.example"] == []
    row = one(Talk(server_port=3128).shake().send(CONNECT + b"SSH-2.0-x\r\n").frames)
    assert (row["host"], row["method"]) == ("a.example", "CONNECT")
