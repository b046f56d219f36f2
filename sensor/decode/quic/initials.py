"""Locates QUIC Initials in datagrams (RFC 9000 §17.2.2), and reassembles their CRYPTO streams (§19.6).

`decryption` decrypts the packets in between; `handshakes` decides which packets to decrypt.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.intervals import merge
from sensor.decode.kernels.jit import brief, entry, kernel
from sensor.decode.kernels.packet_bytes import be16, be32, copy, holds, sure_32, u8
from sensor.decode.layout import Bytes, Records, i64, records
from sensor.decode.tls import record_layer

V1 = 0x00000001
V2 = 0x6B3343CF
#: Version numbers of drafts of version 1 (draft-ietf-quic-transport §15). 22 is the first with its header
#: format.
DRAFT = 0xFF000000
FIRST_DRAFT, LAST_DRAFT = 22, 34
#: Version numbers of Meta's mvfst (QuicConstants.h) for drafts and for version 1.
MVFST, _OWN = 0xFACEB000, 0xFFFFF000
_MVFST_22, _MVFST_V1, _MVFST_V1_AGAIN = 0xFACEB001, 0xFACEB003, 0xFACEB004
#: Reserved versions (any digit for each 0) force version negotiation (RFC 9000 §15). Clients seen to use them
#: still send a ClientHello, with the keys of the draft of their time.
RESERVED = 0x0A0A0A0A
#: Google QUIC with TLS, before it adopted the drafts (quic_versions.h).
T050, T051 = 0x54303530, 0x54303531
#: The last version with Google's own handshake (`gquic`), and the only one of them that encrypts the
#: ClientHello.
Q050 = 0x51303530

#: An encrypted Initial packet. Offsets point into the bytes it was found in.
INITIAL = np.dtype(
    [
        (name, np.int64)
        for name in ("datagram", "version", "begin", "end", "number", "id", "id_length")
    ]
)  # fmt: skip

#: Maximum Initials per datagram.
_PER_DATAGRAM = 4
_LONGEST_ID = 20

_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO = 0, 1, 2, 3, 6
#: The same frame types in Q050, T050 and T051. Initials allow no other types with these numbers (RFC 9000
#: §12.4).
_GOOGLE_PING, _GOOGLE_CRYPTO = 7, 8

#: Maximum size of a ClientHello: the four Initials that are read cannot contain more.
MAX_HELLO = 8192
#: Maximum disjoint ranges of one stream. Frames that would add more are ignored.
_RANGES = 64
_STREAM = np.dtype(
    [
        ("bytes", np.uint8, (MAX_HELLO,)),
        ("begins", np.int32, (_RANGES,)),
        ("ends", np.int32, (_RANGES,)),
        ("count", np.int64),
    ]
)


@kernel
def salted_as(version: int) -> int:
    """The version whose Initial salt this version uses; 0 if unknown."""
    if version in (V1, V2, T050, T051, Q050):
        return version
    if version & 0x0F0F0F0F == RESERVED:
        return DRAFT + 29
    draft = version - DRAFT
    if version & _OWN == MVFST:
        if version in (_MVFST_V1, _MVFST_V1_AGAIN):
            return V1
        draft = 22 if version == _MVFST_22 else 27
    if draft < FIRST_DRAFT or draft > LAST_DRAFT:
        return 0
    if draft > 32:
        return V1
    return DRAFT + (22 if draft == 22 else 23 if draft < 29 else 29)


@kernel
def initial_type(version: int) -> int:
    """The type bits (mask 0x30) of an Initial in this version; -1 if the version is unknown."""
    if version == V2:
        return 0x10
    return 0x00 if salted_as(version) != 0 else -1


@kernel
def _is_google(data: Bytes, at: int, end: int) -> bool:
    """True for a packet of Google QUIC before Q050, whose ClientHello is not encrypted.

    It has flags, an 8-byte id and the version in letters; from Q044 on, the version follows the first byte.
    """
    first = u8(data, at, end)
    version = be32(data, at + (1 if first & 0x80 else 9), end)
    if first & 0x80:
        return version >> 8 == 0x513034  # Q04
    return first & 0x09 == 0x09 and version >> 16 == 0x5130  # Q0


@kernel
def is_initial(data: Bytes, packet: Records) -> bool:
    """True for a QUIC Initial with a connection id, of a known version (RFC 9000 §17.2.2, RFC 9369 §3.2), or
    an early packet of Google QUIC."""
    at, end = i64(packet["payload"]), i64(packet["end"])
    first, version = u8(data, at, end), be32(data, at + 1, end)
    kind, size = initial_type(version), u8(data, at + 5, end)
    if kind >= 0:
        return first & 0xB0 == 0x80 | kind and 0 < size <= 20
    return _is_google(data, at, end)


@kernel
def _varint(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A variable-length integer (RFC 9000 §16) and the offset after it; offset -1 if truncated."""
    first = u8(data, at, end)
    if first < 0:
        return i64(0), i64(-1)
    after = at + (1 << (first >> 6))
    if after > end:
        return i64(0), i64(-1)
    value = first & 63
    for k in range(at + 1, after):
        value = value << 8 | i64(data[k])
    return value, after


@kernel
def _locate(data: Bytes, at: int, end: int, row: int, packets: Records, count: int) -> int:
    """Record the Initials of a datagram; other long-header packets are skipped by their length.

    The fixed bit is ignored (RFC 9287). Retry and Version Negotiation packets have no length and end the
    datagram, as does an unknown version.
    """
    most = count + _PER_DATAGRAM
    while count < most and u8(data, at, end) & 0x80 and u8(data, at, end) >= 0:
        version, size = be32(data, at + 1, end), u8(data, at + 5, end)
        own_type = initial_type(version)
        kind = (u8(data, at, end) & 0x30) - own_type & 0x30
        if own_type < 0 or kind == 0x30 or size > _LONGEST_ID:
            return count  # 0x30 is a Retry: its type is the one before the Initial's
        source = at + 6 + size
        after = source + 1 + max(0, u8(data, source, end))
        if kind == 0:
            token, after = _varint(data, after, end)
            if after < 0 or token > end - after:
                return count
            after += token
        length, number = _varint(data, after, end)
        if number < 0 or length > end - number:
            return count
        if kind == 0:
            packet = packets[count]
            packet["datagram"], packet["version"] = row, version
            packet["begin"], packet["end"], packet["number"] = at, number + length, number
            packet["id"], packet["id_length"] = at + 6, size
            count += 1
        at = number + length
    return count


@entry
def _locate_all(data: Bytes, begins: Records, lengths: Records, packets: Records) -> int:
    count = i64(0)
    for row in range(begins.size):
        count = _locate(data, begins[row], begins[row] + lengths[row], row, packets, count)
    return count


def locate(data: Bytes, begins: Records, lengths: Records) -> Records:
    """INITIAL records of the datagrams at data[begins:][:lengths], in their order."""
    packets = records(INITIAL, _PER_DATAGRAM * begins.size)
    return packets[: _locate_all(data, begins, lengths, packets)]


@kernel
def _keep(payload: Bytes, at: int, first: int, last: int, stream: Bytes, begins: Records, ends: Records,
          count: int) -> int:  # fmt: skip
    """Copy payload[at:] to stream[first:last] where nothing is yet; how many ranges there are then."""
    position, i = first, 0
    while position < last:
        while i < count and ends[i] <= position:
            i += 1
        stop = min(last, i64(begins[i])) if i < count else last
        copy(payload, at + position - first, stop - position, stream, position)
        position = max(stop, i64(ends[i])) if i < count else last
    merged = merge(begins, ends, count, first, last)
    return count if merged < 0 else merged


@kernel
def _skip_varints(payload: Bytes, at: int, count: int) -> int:
    while count > 0 and at >= 0:
        _, at = _varint(payload, at, payload.size)
        count -= 1
    return at


@kernel
def _after_ack(payload: Bytes, at: int, kind: int) -> int:
    """The offset after an ACK frame (RFC 9000 §19.3), or -1."""
    at = _skip_varints(payload, at, 2)  # largest acknowledged, delay
    ranges, at = _varint(payload, at, payload.size)
    counts = 3 if kind == _ACK_ECN else 0
    return _skip_varints(payload, at, 1 + 2 * min(ranges, payload.size) + counts)


@kernel
def _read_frames(payload: Bytes, stream: Bytes, begins: Records, ends: Records, count: int) -> int:
    """Add the CRYPTO frames (RFC 9000 §19.6) of a payload to the stream; returns its number of ranges."""
    at, size = i64(0), payload.size
    while 0 <= at < size:
        kind = i64(payload[at])
        at += 1
        if kind in (_CRYPTO, _GOOGLE_CRYPTO):
            offset, at = _varint(payload, at, size)
            length, at = _varint(payload, at, size)
            if at < 0 or length > size - at:
                return count
            if length > 0 and offset <= stream.size - length:
                count = _keep(payload, at, offset, offset + length, stream, begins, ends, count)
            at += length
        elif kind in (_ACK, _ACK_ECN):
            at = _after_ack(payload, at, kind)
        elif kind not in (_PADDING, _PING, _GOOGLE_PING):
            return count
    return count


@kernel
def _is_name(data: Bytes, at: int, end: int) -> bool:
    """True if all bytes are letters, digits, dots, hyphens or underscores."""
    for k in range(at, end):
        byte = i64(data[k]) | 32
        if not (97 <= byte <= 122 or 48 <= data[k] <= 57 or 45 <= data[k] <= 46 or data[k] == 95):
            return False
    return True


@kernel
def _find_name(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Offset and length of the host of a server_name extension (RFC 6066 §3) in a part of a ClientHello.

    The offsets of extensions are not known inside a part. So the extension must be complete, with a single
    entry, three consistent lengths, and a valid name.
    """
    if not holds(data, at, end, 0):
        return i64(0), i64(0)
    while at + 9 < end:
        size = sure_32(data, at)  # type 0, then the length of the extension
        length = size - 5
        if (
            0 < length <= end - at - 9
            and be16(data, at + 4, end) == length + 3
            and data[at + 6] == 0
            and be16(data, at + 7, end) == length
            and _is_name(data, at + 9, at + 9 + length)
        ):
            return at + 9, length
        at += 2 if size & 0xFF0000 else 1
    return i64(0), i64(0)


@brief
def _add(payload: Bytes, slot: int, streams: Records, named: int) -> tuple[int, int, int]:
    held = streams[slot]
    stream, begins, ends = held["bytes"], held["begins"], held["ends"]
    count = _read_frames(payload, stream, begins, ends, held["count"])
    held["count"] = count
    if count > 0 and begins[0] == 0 and ends[0] >= 4 and stream[0] == record_layer.CLIENT_HELLO:
        size = 4 + (i64(stream[1]) << 16 | i64(stream[2]) << 8 | i64(stream[3]))
        if size <= ends[0]:
            return size, i64(0), i64(0)
    for i in range(0 if named else count):
        name, length = _find_name(stream, begins[i], ends[i])
        if length > 0:
            return i64(0), name, length
    return i64(0), i64(0), i64(0)


class CryptoStreams:
    """Reassembly of CRYPTO streams, one per slot. The first copy of a byte wins.

    Memory is allocated as slots are used, at most 9 KB each.
    """

    def __init__(self, slots: int) -> None:
        self._streams = records(_STREAM, slots)
        self._counts = self._streams["count"]
        self._bytes = self._streams["bytes"]
        self._free = list(range(slots - 1, -1, -1))

    def take(self) -> int:
        """A free slot, which is empty."""
        slot = self._free.pop()
        self._counts[slot] = 0
        return slot

    def release(self, slot: int) -> None:
        """Free a slot."""
        self._free.append(slot)

    def restart(self, slot: int) -> None:
        """Empty a slot."""
        self._counts[slot] = 0

    def add(self, slot: int, payload: bytes, *, named: bool = False) -> tuple[bytes | None, str | None]:
        """Add the frames of an Initial payload: the ClientHello if complete, else the name in its parts.

        No name is searched in parts of a ClientHello that is already `named`.
        """
        size, name, length = _add(np.frombuffer(payload, np.uint8), slot, self._streams, int(named))
        if size:
            return self._bytes[slot, :size].tobytes(), None
        if length:
            return None, self._bytes[slot, name : name + length].tobytes().decode("ascii")
        return None, None


def warm() -> None:
    """Compile these kernels, or load them from the cache."""
    none = np.zeros(0, np.int64)
    locate(np.zeros(1, np.uint8), none, none)
    CryptoStreams(1).add(0, b"\0")
