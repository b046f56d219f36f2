"""Captures of plain TLS connections, made deterministically: every frame fits a cable and has two senders.

Not recorded: only for speed and memory. The names are AI and other hosts in a fixed mix.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

SEED = 7
START_S = 1_794_200_000
HOSTS = ("chatgpt.com", "claude.ai", "api.openai.com", *(f"host{n}.example.org" for n in range(200)))
DATA_BYTES = 1400
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
SYN, ACK, PSH_ACK, FIN_ACK = 0x02, 0x10, 0x18, 0x11


def client_hello(host: str) -> bytes:
    """A TLS 1.3 ClientHello record naming `host` (RFC 8446 §4.1.2, RFC 6066 §3)."""
    name = host.encode()
    server_name = struct.pack(">HHBH", len(name) + 5, len(name) + 3, 0, len(name)) + name
    extensions = struct.pack(">H", 0) + server_name
    extensions += bytes.fromhex("002b0003020304000a00040002001d000d000400020403")
    extensions += struct.pack(">HHHHH", 51, 38, 36, 0x001D, 32) + bytes(32)
    body = b"\x03\x03" + bytes(32) + b"\x00" + struct.pack(">HHHH", 6, 0x1301, 0x1302, 0x1303) + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(handshake)) + handshake


def write_capture(path: Path, size_bytes: int, *, packets_per_flow: int = 40) -> int:
    """Write a pcap of about `size_bytes`; returns the number of packets."""
    rng = random.Random(SEED)
    packets = 0
    with path.open("wb", buffering=1 << 20) as file:
        file.write(PCAP_HEADER)
        flow = 0
        while file.tell() < size_bytes:
            for at_us, frame in _connection(flow, rng, packets_per_flow):
                seconds, micros = divmod(at_us, 1_000_000)
                file.write(struct.pack("<IIII", START_S + seconds, micros, len(frame), len(frame)) + frame)
                packets += 1
            flow += 1
    return packets


def _connection(flow: int, rng: random.Random, packets: int) -> Iterator[tuple[int, bytes]]:
    client = struct.pack(">I", 0x0A000000 + 1 + flow % 60_000)
    server = struct.pack(">I", 0xC6336400 + flow % 250)
    port = 1024 + flow % 60_000
    up = lambda seq, ack, flags, data=b"": _frame(client, server, port, 443, seq, ack, flags, data)  # noqa: E731
    down = lambda seq, ack, flags, data=b"": _frame(server, client, 443, port, seq, ack, flags, data)  # noqa: E731
    at = flow * 900
    hello = client_hello(rng.choice(HOSTS))
    yield at, up(1000, 0, SYN)
    yield at + 40, down(5000, 1001, SYN | ACK)
    yield at + 80, up(1001, 5001, ACK)
    yield at + 90, up(1001, 5001, PSH_ACK, hello)
    seq_up, seq_down = 1001 + len(hello), 5001
    payload = b"\x17\x03\x03" + struct.pack(">H", DATA_BYTES - 5) + bytes(DATA_BYTES - 5)
    for n in range(max(packets - 6, 0)):
        at += 10
        if n % 5 == 4:
            yield at + 100, up(seq_up, seq_down, PSH_ACK, payload[:300])
            seq_up += 300
        else:
            yield at + 100, down(seq_down, seq_up, ACK, payload)
            seq_down += len(payload)
    yield at + 200, up(seq_up, seq_down, FIN_ACK)
    yield at + 210, down(seq_down, seq_up + 1, FIN_ACK)


def _frame(
    source: bytes, target: bytes, sport: int, dport: int, seq: int, ack: int, flags: int, data: bytes
) -> bytes:
    ethernet = b"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00"
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), seq & 0xFFFF, 0x4000, 64, 6, 0) + source + target
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0)
    return ethernet + ip + tcp + data
