"""IP fragments by hand."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from tests.sensor.decode.craft import (
    CLIENT,
    SERVER,
    T0,
    Frame,
    ethernet,
    ip,
)

CLIENT6, SERVER6 = "fd00::5", "2001:db8::9"


def part(
    body: bytes, first: int, last: int, *, number: int = 77, protocol: int = 17, six: bool = False
) -> bytes:
    """An Ethernet frame with the bytes body[first:last] of a fragmented datagram."""
    more = last < len(body)
    if six:
        header = struct.pack(">BBHI", protocol, 0, first | more, number)
        return ethernet(ip(CLIENT6, SERVER6, 44, header + body[first:last]), kind=0x86DD)
    ends = ip_address(CLIENT).packed + ip_address(SERVER).packed
    size, flags = 20 + last - first, first // 8 | (0x2000 if more else 0)
    head = struct.pack(">BBHHHBBH", 0x45, 0, size, number, flags, 64, protocol, 0)
    return ethernet(head + ends + body[first:last])


def parts(
    body: bytes, step: int = 1480, *, number: int = 77, protocol: int = 17, six: bool = False
) -> list[bytes]:
    """All fragments of a datagram, the first one first."""
    starts = range(0, len(body), step)
    ends = [min(at + step, len(body)) for at in starts]
    return [
        part(body, a, b, number=number, protocol=protocol, six=six) for a, b in zip(starts, ends, strict=True)
    ]


def timed(frames: list[bytes], gap: float = 0.001) -> list[Frame]:
    return [Frame(data, T0 + n * gap) for n, data in enumerate(frames)]


def routed(frame: bytes, step: int, *, number: int = 77) -> list[bytes]:
    """The frames that a router sends whose next link takes `step` (a multiple of 8) bytes of the IP payload
    of `frame`, which has no tag; the first one first."""
    if frame[12:14] == b"\x86\xdd":
        head, body, following = frame[14:54], frame[54:], frame[20]
    else:
        head, body = frame[14:34], frame[34:]
    frames = []
    for first in range(0, len(body), step):
        piece, more = body[first : first + step], first + step < len(body)
        if len(body) <= step:
            return [frame]
        if len(head) == 40:
            piece = struct.pack(">BBHI", following, 0, first | more, number) + piece
            new = head[:4] + struct.pack(">HB", len(piece), 44) + head[7:]
        else:
            size, flags = 20 + len(piece), first // 8 | (0x2000 if more else 0)
            new = head[:2] + struct.pack(">HHH", size, number, flags) + head[8:]
        frames.append(frame[:14] + new + piece)
    return frames
