"""Recognises capture formats by their first bytes, without kernels, so that inputs can be inspected quickly.

References: pcap, draft-ietf-opsawg-pcap; pcapng, draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

from sensor.decode.capture import conversion

PCAP = 1
PCAPNG = 2
#: A rarer format, which `conversion` converts to pcapng.
CONVERTED = 3

PCAP_HEADER = 24
_RECORD = 16
#: "Modified" pcap of an old libpcap patch: interface, protocol and packet type after each record header.
_MODIFIED_RECORD = 24
_RECORD_SIZES = (16, 24, 28, 20)
#: Maximum frame size of any link (BIG TCP reaches half a megabyte). A longer record is corrupt.
MAX_FRAME = 1 << 19


class PcapKind(NamedTuple):
    """Properties of a pcap file by its magic number."""

    big_endian: int
    #: decimal digits of fractions of a second
    digits: int
    #: bytes of a record header
    record: int


#: By a file's first four bytes.
PCAP_MAGIC = {
    b"\xd4\xc3\xb2\xa1": PcapKind(0, 6, _RECORD),
    b"\xa1\xb2\xc3\xd4": PcapKind(1, 6, _RECORD),
    b"\x4d\x3c\xb2\xa1": PcapKind(0, 9, _RECORD),
    b"\xa1\xb2\x3c\x4d": PcapKind(1, 9, _RECORD),
    b"\x34\xcd\xb2\xa1": PcapKind(0, 6, _MODIFIED_RECORD),
    b"\xa1\xb2\xcd\x34": PcapKind(1, 6, _MODIFIED_RECORD),
}
_SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
#: Types of pcapng blocks.
INTERFACE, OLD_PACKET, SIMPLE_PACKET, STATISTICS, ENHANCED_PACKET = 1, 2, 3, 5, 6
_TIME_RESOLUTION, _TIME_OFFSET = 9, 14

Order = Literal["<", ">"]


def recognise(head: bytes) -> int:
    """PCAP, PCAPNG or CONVERTED, by the first bytes of a file; else 0."""
    if head[:4] in PCAP_MAGIC and len(head) >= PCAP_HEADER:
        return PCAP
    if head[:4] == _SECTION_MAGIC and _section_order(head, 0):
        return PCAPNG
    return CONVERTED if conversion.reader(head) else 0


def record_bytes(head: bytes) -> int:
    """Size of the record headers of a pcap file: that of its magic number, unless only another one is
    plausible.

    Patched versions of libpcap (Red Hat 6.1, SuSE 6.3, Nokia) wrote longer headers under the usual magic
    numbers. Two valid records are enough, so that later damage is treated as damage.
    """
    kind = PCAP_MAGIC[head[:4]]
    if _makes_sense(head, kind, kind.record, records=2):
        return kind.record
    others = (size for size in _RECORD_SIZES if size != kind.record)
    return next((size for size in others if _makes_sense(head, kind, size, records=4)), kind.record)


def _makes_sense(head: bytes, kind: PcapKind, size: int, *, records: int) -> bool:
    """True if the first `records` records are plausible with headers of this size."""
    at, order = PCAP_HEADER, ">" if kind.big_endian else "<"
    for _ in range(records):
        if at + size > len(head):
            break
        _, fraction, captured, length = struct.unpack_from(f"{order}4I", head, at)
        if fraction >= 10**kind.digits or captured > MAX_FRAME or captured > max(length, 64):
            return False
        at += size + captured
    return True


def first_time(head: bytes) -> int | None:
    """Time of the first packet of a capture that begins with `head`, microseconds; None if none is there."""
    kind = recognise(head)
    if kind == PCAPNG:
        return _first_pcapng_time(head)
    if kind == CONVERTED:
        return conversion.first_time(head)
    if kind != PCAP or len(head) < PCAP_HEADER + 8:
        return None
    pcap = PCAP_MAGIC[head[:4]]
    seconds, fraction = struct.unpack_from(f"{'>' if pcap.big_endian else '<'}II", head, PCAP_HEADER)
    return int(seconds * 1_000_000 + (fraction if pcap.digits == 6 else fraction // 1000))


def _first_pcapng_time(head: bytes) -> int | None:
    clocks: list[tuple[int, int]] = []
    for order, kind, body in _blocks(head):
        if kind == INTERFACE:
            clocks.append(_clock(order, body))
        elif kind in (ENHANCED_PACKET, OLD_PACKET) and len(body) >= 12:
            number, high, low = struct.unpack_from(
                f"{order}{'I' if kind == ENHANCED_PACKET else 'H2x'}II", body
            )
            if number >= len(clocks):
                return None
            units_per_second, offset_s = clocks[number]
            return int((high << 32 | low) * 1_000_000 // units_per_second + offset_s * 1_000_000)
    return None


def _blocks(head: bytes) -> Iterator[tuple[Order, int, bytes]]:
    """(byte order, type, body) of each complete block in `head`."""
    at = 0
    order: Order | None = None
    while at + 12 <= len(head):
        if head[at : at + 4] == _SECTION_MAGIC:
            order = _section_order(head, at)
        if order is None:
            return
        kind, size = struct.unpack_from(f"{order}II", head, at)
        if size < 12 or size & 3 or at + size > len(head):
            return
        yield order, kind, head[at + 8 : at + size - 4]
        at += size


def _section_order(head: bytes, at: int) -> Order | None:
    """Byte order of the section that starts at `at`, by its byte-order magic."""
    orders: dict[bytes, Order] = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
    return orders.get(head[at + 8 : at + 12])


def _clock(order: Order, body: bytes) -> tuple[int, int]:
    """Time units per second of an interface (option if_tsresol: a power of ten, or of two; default µs), and
    the seconds to add (if_tsoffset)."""
    at, units_per_second, offset_s = 8, 1_000_000, 0
    while at + 4 <= len(body):
        code, size = struct.unpack_from(f"{order}HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == 0:
            break
        if code == _TIME_RESOLUTION and len(value) == 1:
            units_per_second = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == _TIME_OFFSET and len(value) == 8:
            (offset_s,) = struct.unpack(f"{order}q", value)
        at += 4 + (size + 3 & ~3)
    return units_per_second, offset_s
