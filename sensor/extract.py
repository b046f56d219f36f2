"""Copies the packets of one connection from captures to a pcap file.

Frames are copied unchanged, with their time, their original length, and the tunnels and tags around them. The
new file is of the same kind as the first capture; records of other kinds of pcap and of pcapng get new
headers with times in microseconds.
"""

from __future__ import annotations

import ipaddress
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from sensor.decode.capture import formats
from sensor.decode.capture.conversation import mark_conversation
from sensor.decode.capture.pcap import DESCRIPTORS
from sensor.decode.capture.reader import Capture
from sensor.decode.dissection.fragments import DATAGRAM, DATAGRAM_BYTES
from sensor.decode.layout import LOOKAHEAD, PACKET, TCP, UDP, Records, records
from sensor.errors import InputError, LakeError, UsageError, reason_of
from sensor.sources.interface import File

_PROTOCOLS = {"tcp": TCP, "udp": UDP}
_END = r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})"
_CONNECTION = re.compile(rf"{_END}-{_END}(?:/(tcp|udp))?")
_DATAGRAMS = 1024
_SNAP = 262_144
#: The record header that every reader knows.
_RECORD = 16


@dataclass(frozen=True)
class Connection:
    """Two endpoints, in either order, and their transport: tcp, udp, or "" for both."""

    source: str
    source_port: int
    target: str
    target_port: int
    transport: str = ""

    @classmethod
    def parse(cls, text: str) -> Connection:
        """A connection from `client:port-server:port[/tcp|udp]`; IPv6 addresses in brackets. Raises
        UsageError."""
        hint = "write it like 10.1.0.5:40000-203.0.113.9:443/tcp or [2001:db8::5]:40000-[2001:db8::9]:443"
        match = _CONNECTION.fullmatch(text.strip())
        try:
            if match is None:
                raise ValueError(text)
            six, four, port, other_six, other_four, other_port, transport = match.groups()
            ends = [str(ipaddress.ip_address(a or b)) for a, b in ((six, four), (other_six, other_four))]
            if max(int(port), int(other_port)) > 0xFFFF:
                raise ValueError(text)
        except ValueError:
            raise UsageError("not a connection", place=f"--extract {text}", hint=hint) from None
        return cls(ends[0], int(port), ends[1], int(other_port), transport or "")

    def __str__(self) -> str:
        ends = ((self.source, self.source_port), (self.target, self.target_port))
        text = "-".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in ends)
        return text + (f"/{self.transport}" if self.transport else "")

    def record(self) -> Records:
        """As a PACKET record for the kernel; protocol 0 stands for either."""
        asked = records(PACKET, 1)
        for side in ("source", "target"):
            asked[0][side][:] = _halves(getattr(self, side))
            asked[0][f"{side}_port"] = getattr(self, f"{side}_port")
        asked[0]["protocol"] = _PROTOCOLS.get(self.transport, 0)
        return asked


def _halves(text: str) -> tuple[np.uint64, np.uint64]:
    """An address as two 64-bit halves, IPv4 as ::ffff:a.b.c.d."""
    address = ipaddress.ip_address(text)
    number = int(address) | (0xFFFF << 32 if address.version == 4 else 0)
    return np.uint64(number >> 64), np.uint64(number & (1 << 64) - 1)


@dataclass
class Extracted:
    """Result of `extract`."""

    packets: int = 0
    #: one line for each file that could not be read, or not whole
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Frame:
    """A frame that belongs to the connection; `record` is its record in a capture that begins with `head`."""

    time_us: int
    data: bytes
    length: int
    link: int
    record: bytes
    head: bytes


def extract(files: Sequence[File], wanted: Connection, to: Path) -> Extracted:
    """Copy the packets of connection `wanted` from captures to the file `to`.

    Files are read in the order of their first packets. Nothing is written if nothing is found. Raises
    UsageError if `to` is a folder or one of the files, InputError if no file is a capture, LakeError if `to`
    cannot be written.
    """
    if to.is_dir():
        raise UsageError("is a directory", place=f"--to {to}", hint="name a file")
    if any(file.path and to.exists() and to.samefile(file.path) for file in files):
        raise UsageError("would overwrite what is read", place=f"--to {to}", hint="name another file")
    captures = [file for file in files if formats.recognise(file.head)]
    result = Extracted(problems=[f"{f.name}: not a pcap or pcapng" for f in files if f not in captures])
    if not captures:
        raise InputError("; ".join(result.problems))
    part = to.with_name(f".{to.name}.part")
    try:
        part.unlink(missing_ok=True)
        # Packets hold what people sent: nobody else may read them.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            writer = _Writer(out)
            for file in sorted(captures, key=lambda file: formats.first_time(file.head) or 0):
                for frame in _frames(file, wanted, result):
                    writer.write(frame)
        if writer.packets:
            part.replace(to)
    except OSError as error:
        raise LakeError(reason_of(error), place=str(to)) from None
    finally:
        part.unlink(missing_ok=True)
    result.packets = writer.packets
    if writer.left_out:
        result.problems.append(f"{to}: {writer.left_out} packets of another link type left out")
    return result


def _frames(file: File, wanted: Connection, result: Extracted) -> Iterator[_Frame]:
    """The connection's frames in one capture."""
    asked, packets, datagrams = wanted.record(), records(PACKET, 1), records(DATAGRAM, _DATAGRAMS)
    bodies = np.zeros(_DATAGRAMS * DATAGRAM_BYTES, np.uint8)
    found = np.zeros(DESCRIPTORS + LOOKAHEAD, np.uint8)
    with file.open() as stream:
        capture = Capture(stream, file.head)
        while capture.advance():
            with np.errstate(over="ignore"):  # hashes wrap on purpose
                mark_conversation(
                    capture.data, capture.frames, capture.ready, packets, datagrams, bodies, asked, found
                )
            for index in np.flatnonzero(found[: capture.ready]):
                yield _frame(capture, capture.frames[index])
            capture.drop(capture.ready)
    if capture.reject:
        reason, place = capture.reject
        result.problems.append(f"{file.name}: {reason}, at byte {place}")


def _frame(capture: Capture, found: Records) -> _Frame:
    at, captured = int(found["offset"]), int(found["captured"])
    return _Frame(
        int(found["time"]),
        capture.data[at : at + captured].tobytes(),
        int(found["length"]),
        int(found["link"]),
        capture.data[int(found["record"]) : at + captured].tobytes(),
        capture.head,
    )


class _Writer:
    """A pcap of one link type; its kind is that of the first capture that gave a packet."""

    def __init__(self, out: IO[bytes]) -> None:
        self.packets = self.left_out = 0
        self._out, self._header, self._link = out, b"", -1

    def write(self, frame: _Frame) -> None:
        """Append a frame."""
        if not self._header:
            self._begin(frame.link, frame.head)
        if frame.link != self._link:
            self.left_out += 1
            return
        alike = frame.head[: formats.PCAP_HEADER] == self._header
        self._out.write(frame.record if alike else self._encoded(frame))
        self.packets += 1

    def _begin(self, link: int, head: bytes) -> None:
        if formats.recognise(head) == formats.PCAP and formats.record_bytes(head) == _RECORD:
            self._header = head[: formats.PCAP_HEADER]
        else:
            self._header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAP, link)
        self._link = link
        self._out.write(self._header)

    def _encoded(self, frame: _Frame) -> bytes:
        pcap = formats.PCAP_MAGIC[self._header[:4]]
        seconds, fraction = divmod(frame.time_us, 1_000_000)
        order = ">" if pcap.big_endian else "<"
        ticks = fraction * (1000 if pcap.digits == 9 else 1)
        return (
            struct.pack(f"{order}4I", seconds & 0xFFFFFFFF, ticks, len(frame.data), frame.length) + frame.data
        )
