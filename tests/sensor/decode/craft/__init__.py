"""Frames and capture files by hand, byte for byte, and a short way to decode them."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sensor.schema import COVERAGE
from sensor.sources.interface import HEAD_BYTES, File, Input
from sensor.sources.packets.pcap import PcapSource
from tests.beside import FIELD_DATA

ROOT = Path(__file__).parents[4]

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
T0 = 1_800_000_000.0

CLIENT, SERVER = "10.1.0.5", "203.0.113.9"
CLIENT_MAC, ROUTER_MAC = bytes.fromhex("020000000005"), bytes.fromhex("020000000001")


@dataclass(frozen=True)
class Frame:
    """A frame and when it passed; `length` is its original length where the capture cut it."""

    data: bytes
    time: float = T0
    length: int | None = None


def ethernet(payload: bytes, *, kind: int = 0x0800, tags: Sequence[tuple[int, int]] = ()) -> bytes:
    """An Ethernet frame with any number of (ethertype, VLAN) tags."""
    stack = b"".join(struct.pack(">HH", tag, vlan) for tag, vlan in tags)
    return ROUTER_MAC + CLIENT_MAC + stack + struct.pack(">H", kind) + payload


_identification = 0


def ip(source: str, target: str, protocol: int, payload: bytes, *, total: int | None = None) -> bytes:
    """An IPv4 or IPv6 packet with a new identification each time."""
    global _identification
    _identification = (_identification + 1) & 0xFFFF
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if a.version == 4:
        size = 20 + len(payload) if total is None else total
        head = struct.pack(">BBHHHBBH", 0x45, 0, size, _identification, 0x4000, 64, protocol, 0)
    else:
        size = len(payload) if total is None else total
        head = struct.pack(">IHBB", 6 << 28 | _identification, size, protocol, 64)
    return head + a.packed + b.packed + payload


def tcp(sport: int, dport: int, seq: int, ack: int = 0, flags: int = ACK, payload: bytes = b"") -> bytes:
    """A TCP segment."""
    return (
        struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0)
        + payload
    )


def udp(sport: int, dport: int, payload: bytes) -> bytes:
    """A UDP datagram."""
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


#: An IP packet of each version, and the first one in a frame.
DATAGRAM = ip(CLIENT, SERVER, 17, udp(40000, 9, b"payload"))
DATAGRAM6 = ip("fd00::5", "2001:db8::9", 17, udp(40000, 9, b"payload"))
FRAME = ethernet(DATAGRAM)


@dataclass
class Talk:
    """A TCP connection being written, frame by frame, one millisecond apart."""

    client: str = CLIENT
    server: str = SERVER
    port: int = 40000
    server_port: int = 443
    now: float = T0
    up: int = 1000
    down: int = 9000

    def __post_init__(self) -> None:
        self.frames: list[Frame] = []

    def put(self, side: str, seq: int, ack: int, flags: int, payload: bytes = b"") -> None:
        """Any segment of either side."""
        self.now += 0.001
        if side == "up":
            segment = tcp(self.port, self.server_port, seq, ack, flags, payload)
            packet = ip(self.client, self.server, 6, segment)
        else:
            segment = tcp(self.server_port, self.port, seq, ack, flags, payload)
            packet = ip(self.server, self.client, 6, segment)
        kind = 0x86DD if ":" in self.client else 0x0800
        self.frames.append(Frame(ethernet(packet, kind=kind), self.now))

    def shake(self) -> Talk:
        """The three-way handshake; first payload bytes are up + 1 and down + 1."""
        self.put("up", self.up, 0, SYN)
        self.put("down", self.down, self.up + 1, SYN | ACK)
        self.up, self.down = self.up + 1, self.down + 1
        self.put("up", self.up, self.down, ACK)
        return self

    def send(self, payload: bytes, *, acknowledged: bool = True) -> Talk:
        """The client's next bytes."""
        self.put("up", self.up, self.down, PSH | ACK, payload)
        self.up += len(payload)
        if acknowledged:
            self.put("down", self.down, self.up, ACK)
        return self

    def reply(self, payload: bytes) -> Talk:
        """The server's next bytes."""
        self.put("down", self.down, self.up, PSH | ACK, payload)
        self.down += len(payload)
        self.put("up", self.up, self.down, ACK)
        return self

    def close(self) -> Talk:
        """FIN from both sides."""
        self.put("up", self.up, self.down, FIN | ACK)
        self.put("down", self.down, self.up + 1, FIN | ACK)
        self.put("up", self.up + 1, self.down + 1, ACK)
        return self


def pcap(frames: Iterable[Frame], *, order: str = "<", nano: bool = False, link: int = 1) -> bytes:
    """A pcap file."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    for frame in frames:
        ticks = round(frame.time * 1_000_000)
        seconds, fraction = divmod(ticks, 1_000_000)
        length = len(frame.data) if frame.length is None else frame.length
        out.append(
            struct.pack(order + "IIII", seconds, fraction * (1000 if nano else 1), len(frame.data), length)
        )
        out.append(frame.data)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    """A pcapng section header."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def file_of(content: bytes, name: str = "capture.pcap") -> File:
    """`content` as the file a source is handed."""
    head = content[:HEAD_BYTES]
    return File(name, hashlib.sha256(head).hexdigest(), head, len(content), lambda: io.BytesIO(content))


def decode(*contents: bytes, **options: Any) -> dict[str, pl.DataFrame]:
    """All rows of captures read as one input, the batches concatenated."""
    files = tuple(file_of(content, f"capture{i}.pcap") for i, content in enumerate(contents))
    batches = list(PcapSource(**options).read(Input(files, "input")))
    names = sorted({name for batch in batches for name in batch.frames})
    return {n: pl.concat([b.frames[n] for b in batches if n in b.frames]) for n in names}


def observe(frames: Iterable[Frame], **options: Any) -> list[dict[str, Any]]:
    """Observations of frames as dicts."""
    return decode(pcap(frames), **options)["observations"].to_dicts()


def one(frames: Iterable[Frame], **options: Any) -> dict[str, Any]:
    """The only observation."""
    rows = observe(frames, **options)
    assert len(rows) == 1, rows
    return rows[0]


REASONS = (
    "decoded", "non_ip", "other_transport", "undecoded_link", "malformed", "truncated", "fragments",
    "duplicates", "decoder_faults",
)  # fmt: skip


def totals(coverage: pl.DataFrame) -> dict[str, int]:
    """Coverage summed over its minutes."""
    numbers = [name for name, dtype in coverage.schema.items() if dtype == pl.Int64]
    return coverage.select(pl.col(numbers).sum()).to_dicts()[0]


def conserves(coverage: pl.DataFrame, packets: int) -> None:
    """Every frame is counted exactly once."""
    counted = totals(coverage)
    assert counted["packets"] == packets
    assert sum(counted[reason] for reason in REASONS) == packets
    assert counted["decoder_faults"] == 0


def reason(data: bytes, link: int = 1, length: int | None = None) -> str:
    """Under which reason the only frame of a capture is counted."""
    coverage = decode(pcap([Frame(data, length=length)], link=link))["coverage"]
    conserves(coverage, 1)
    counted = totals(coverage)
    (name,) = (name for name in REASONS if counted[name])
    return name


def rows_of(result: dict[str, pl.DataFrame]) -> dict[str, list[tuple[object, ...]]]:
    """All rows in a fixed order; coverage summed per minute, as its rows add."""
    numbers = [c.name for c in COVERAGE if c.dtype == pl.Int64]
    minutes = result["coverage"].group_by("minute").agg(pl.col(numbers).sum()).sort("minute")
    return {
        "observations": sorted(result["observations"].rows(), key=repr),
        "answers": sorted(result["answers"].rows(), key=repr),
        "coverage": minutes.rows(),
    }


def field_rows(name: str) -> list[dict[str, Any]]:
    """Rows of a field-notes data file, empty where it is not at hand."""
    path = FIELD_DATA / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
