"""The seeds of each target: small valid inputs made by us, kept in `corpus/TARGET/`.

`python -m tests.fuzz --make-corpus` writes them anew; a test holds the files against this module.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from tests.bench.traffic import client_hello
from tests.sensor.decode.adversarial import WRAPS
from tests.sensor.decode.craft import (
    ACK,
    CLIENT,
    PSH,
    SERVER,
    T0,
    Frame,
    Talk,
    block,
    ethernet,
    ip,
    pcap,
    section,
    tcp,
    udp,
)
from tests.sensor.decode.craft.http2 import CONTINUATION, END_HEADERS, HEADERS, PADDED, PRIORITY, frame
from tests.sensor.decode.craft.quic import DCID, crypto, seal
from tests.sensor.decode.craft.tls import chain, record, server_hello, small_hello
from tests.sensor.decode.identity import speakers

FOLDER = Path(__file__).parent / "corpus"

_REQUEST = (
    b"POST /v1/chat HTTP/1.1\r\nHost: api.openai.com\r\nUser-Agent: python/3\r\nContent-Length: 2\r\n\r\n{}"
)


def _name(host: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in host.split(".")) + b"\0"


def _question(host: str, kind: int = 1) -> bytes:
    return struct.pack(">6H", 77, 0x0100, 1, 0, 0, 0) + _name(host) + struct.pack(">HH", kind, 1)


def _answer(host: str, kind: int, records: list[tuple[int, bytes]]) -> bytes:
    head = struct.pack(">6H", 77, 0x8180, 1, len(records), 0, 0) + _name(host) + struct.pack(">HH", kind, 1)
    rows = [
        b"\xc0\x0c" + struct.pack(">HHIH", record_kind, 1, 300, len(data)) + data
        for record_kind, data in records
    ]
    return head + b"".join(rows)


_SVCB = b"\0\1\0" + b"\0\1\0\3\2h3" + b"\0\4\0\4\1\2\3\4" + b"\0\5\0\x08\0\6\xfe\x0d\0\2\7\0"


def dns() -> dict[str, bytes]:
    """Messages: questions, addresses, chains, HTTPS records with hints and ECH."""
    return {
        "question": _question("api.openai.com"),
        "addresses": _answer("claude.ai", 1, [(1, bytes([1, 2, 3, n])) for n in range(3)]),
        "chain": _answer("a.example", 28, [(5, _name("b.example")), (5, b"\1c\xc0\x2e"), (28, bytes(16))]),
        "https": _answer("chatgpt.com", 65, [(65, _SVCB)]),
        "edns": _question("x.example")[:10]
        + b"\0\1"
        + _question("x.example")[12:]
        + b"\0\0\x29\x10"
        + bytes(7),
    }


def streams() -> dict[str, bytes]:
    """First bytes of TCP clients and servers."""
    hello = small_hello(b"gemini.google.com", padding=60)
    message = hello[5:]
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
    headers = b"\x83\x86\x04\x01/\x01\x0agrpc.local"
    certificate = bytes.fromhex("3082000a0603550403") + b"\x0c\x0bmail.corp.example"
    shown = b"\x02\0\0\x26\x03\x03" + bytes(36)
    listed = len(certificate).to_bytes(3, "big") + certificate
    body = (len(listed)).to_bytes(3, "big") + listed
    return {
        "hello": hello,
        "browser": client_hello("chatgpt.com", key_share=32),
        "records": record(message[:30]) + record(message[30:]),
        "request": _REQUEST,
        "response": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "connect": b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n" + hello,
        "h2c": preface + len(headers).to_bytes(3, "big") + b"\1\4\0\0\0\1" + headers,
        "certificate": record(shown + b"\x0b" + len(body).to_bytes(3, "big") + body),
        "dns": struct.pack(">H", len(_question("tcp.example"))) + _question("tcp.example"),
        "socks": b"\x05\x01\x00" + hello,
        "proxy-line": b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n" + hello,
        "proxy-binary": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + hello,
        "continued": preface
        + frame(HEADERS, PADDED | PRIORITY, b"\3" + bytes(5) + headers[:4] + bytes(3))
        + frame(CONTINUATION, END_HEADERS, headers[4:]),
        "flight": record(shown)
        + record(b"\x0b" + len(body).to_bytes(3, "big") + body)
        + record(b"\x0e\0\0\0"),
    }


def conversations() -> dict[str, bytes]:
    """What one side says in DNS over TCP: messages behind their lengths (RFC 1035 §4.2.2)."""
    asked, told = _question("tcp.example"), _answer("tcp.example", 1, [(1, bytes([1, 2, 3, 4]))])
    both = [struct.pack(">H", len(message)) + message for message in (asked, told)]
    long = _answer("long.example", 16, [(16, b"\xff" * 256)] * 8)
    return {
        "question": both[0],
        "several": both[0] * 3 + both[1],
        "answer": both[1],
        "long": struct.pack(">H", len(long)) + long + both[0],
        "padded": both[0] + b"\0\0" + both[1],
    }


def wholes() -> dict[str, bytes]:
    """What datagrams hold that come in fragments: UDP and TCP with their headers."""
    hello = small_hello(b"claude.ai", padding=200)
    return {
        "dns": b"\x11" + udp(53, 5000, _answer("a.example", 28, [(28, bytes(16))] * 9)),
        "quic": b"\x11" + udp(5000, 443, seal(crypto(0, hello[5:]), 1, size=600)),
        "hello": b"\x06" + tcp(5000, 443, 1000, 1, PSH | ACK, hello),
        "request": b"\x06" + tcp(5000, 80, 1000, 1, PSH | ACK, _REQUEST * 2),
        "lookups": b"\x06" + tcp(5000, 53, 1000, 1, PSH | ACK, conversations()["several"]),
    }


def blocks() -> dict[str, bytes]:
    """First requests of cleartext HTTP/2."""
    return {name: streams()[name] for name in ("h2c", "continued")}


def flights() -> dict[str, bytes]:
    """Handshake messages of TLS servers, without record headers."""
    shown = server_hello(extensions=bytes.fromhex("ff010001000017000000230000"))
    return {
        "certificate": shown + chain(bytes.fromhex("3082000a0603550403")),
        "status": shown + b"\x16\0\0\4abcd" + chain(b"0\x82" * 90, b"0" * 50),
        "newer": server_hello(extensions=bytes.fromhex("002b00020304")) + chain(b"0"),
    }


def quic() -> dict[str, bytes]:
    """Plaintexts of Initials: CRYPTO frames whole, in pieces, with others between."""
    hello = small_hello(b"claude.ai", padding=100)[5:]
    pieces = [crypto(at, hello[at : at + 50]) for at in range(0, len(hello), 50)]
    return {
        "whole": crypto(0, hello),
        "pieces": b"\x01".join(pieces[::-1]),
        "acked": b"\x02\x05\x00\x01\x02\x00\x00" + crypto(0, hello),
        "closed": b"\x1c\x00\x06\x03bye" + crypto(0, hello[:20]),
        "new token": b"\x07\x04abcd" + crypto(0, hello),
    }


def datagrams() -> dict[str, bytes]:
    """Protected Initials: alone, two in a datagram, after a Retry."""
    hello = small_hello(b"claude.ai")[5:]
    one = seal(crypto(0, hello), 1, size=150)
    half = [seal(crypto(at, hello[at : at + 40]), at, size=120) for at in range(0, len(hello), 40)]
    retry = b"\xf0\0\0\0\1\0" + bytes([len(DCID)]) + DCID + b"token" + bytes(16)
    return {
        "one": one,
        "coalesced": b"".join(half),
        "retry": retry,
        "token": seal(b"\1", 1, token=b"t", size=40),
    }


def frames() -> dict[str, bytes]:
    """Whole frames: each wrap around TCP and UDP, fragments, extension headers."""
    talk = Talk().shake().send(small_hello(b"a.example")).frames
    made = {f"tcp-{name}": wrap(talk[3].data) for name, wrap in WRAPS.items()}
    query = ethernet(ip(CLIENT, SERVER, 17, udp(5000, 53, _question("a.example"))))
    made |= {f"dns-{name}": wrap(query) for name, wrap in WRAPS.items()}
    made["syn"] = talk[0].data
    made["quic"] = ethernet(ip(CLIENT, SERVER, 17, udp(5000, 443, seal(crypto(0, b"\1\0"), 1, size=200))))
    v6 = ip("2001:db8::5", "2001:db8::9", 17, udp(5000, 53, _question("six.example")))
    made["six"] = ethernet(v6, kind=0x86DD)
    hop = v6[:6] + b"\0" + v6[7:40] + b"\x2c\0\1\4\0\0\0\0"
    made["extended"] = ethernet(hop + b"\x11\0\0\1" + bytes(4) + v6[40:], kind=0x86DD)
    whole = ip(CLIENT, SERVER, 17, udp(5000, 53, _question("fragment.example")))
    made["fragment"] = ethernet(whole[:6] + b"\x20\0" + whole[8:44])
    made["rest"] = ethernet(whole[:6] + b"\0\3" + whole[8:20] + whole[44:])
    geneve = struct.pack(">HHHH", 5, 6081, 24 + len(query), 0) + bytes.fromhex(
        "02006558000005000102800100000009"
    )
    made["geneve"] = ethernet(ip(CLIENT, SERVER, 17, geneve + query))
    made["pppoe"] = ethernet(b"\x11\0\0\7\0\x40\0\x21" + query[14:], kind=0x8864)
    made["ppp"] = b"\xff\x03\0\x21" + query[14:]
    made["cisco"] = b"\x0f\0\x08\0" + query[14:]
    snap = bytes.fromhex("aaaa03000000") + query[12:]
    made["snap"] = query[:12] + struct.pack(">H", len(snap)) + snap
    made["provider"] = ethernet(bytes(4) + query, kind=0x88E7)
    made["security"] = query[:12] + bytes.fromhex("89090101000100010800") + query[14:]
    return made


def identities() -> dict[str, bytes]:
    """Messages that tell who holds an address."""
    who = {"a1": b"ann", "a8": bytes([10, 1, 0, 7]), "a31": b"02-00-00-00-00-0A"}
    return {
        "dhcp": speakers.dhcp("ack", lease_time=3600, hostname="pc-ann"),
        "release": speakers.dhcp("release"),
        "as-req": speakers.asked("ann"),
        "as-rep": speakers.given("ann"),
        "ntlm": speakers.smb2(speakers.ntlm("ann")),
        "mdns": speakers.mdns("pc-ann.local."),
        "netbios": speakers.netbios("PC-ANN"),
        "radius": speakers.accounting(2, **who),
        "dhcp6": bytes.fromhex(
            "07000009"
            "0001000a"
            "0003000102000000000a"  # reply, client id
            "00030028"
            "000000010000000000000000"  # IA_NA
            "00050018"
            "20010db8000000000000000000000007"
            "00000e1000000e10"
        ),
    }


def containers() -> dict[str, bytes]:
    """Small files of each kind."""
    few = [Frame(data, T0 + n) for n, data in enumerate(list(frames().values())[:3])]
    interface = block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHB3x", 9, 1, 9) + bytes(4))
    packets = b"".join(
        block(
            6, struct.pack("<5I", 0, 0x64A0, 7, len(f.data), len(f.data)) + f.data + bytes(-len(f.data) % 4)
        )
        for f in few
    )
    statistics = block(5, struct.pack("<3I", 0, 0, 0) + struct.pack("<HHQ", 5, 8, 3) + bytes(4))
    simple = block(3, struct.pack("<I", len(few[0].data)) + few[0].data)
    return {
        "micro": pcap(few),
        "nano-big": pcap(few, order=">", nano=True),
        "ng": section() + interface + packets + statistics,
        "simple": section() + interface + simple,
        "big": section(">") + block(1, struct.pack(">HHI", 1, 0, 64), ">"),
    }


TARGETS: dict[str, Callable[[], dict[str, bytes]]] = {
    "frame": frames,
    "stream": streams,
    "dns": dns,
    "quic": quic,
    "datagram": datagrams,
    "container": containers,
    "tcp-dns": conversations,
    "fragment": wholes,
    "http2": blocks,
    "certificate": flights,
    "identity": identities,
}


def make() -> None:
    """Write all seeds."""
    for target, seeds in TARGETS.items():
        (FOLDER / target).mkdir(parents=True, exist_ok=True)
        for name, content in seeds().items():
            (FOLDER / target / f"{name}.bin").write_bytes(content)


def load(target: str) -> list[bytes]:
    """The seeds of a target, as committed."""
    return [path.read_bytes() for path in sorted((FOLDER / target).glob("*.bin"))]
