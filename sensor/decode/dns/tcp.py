"""DNS over TCP: length-prefixed messages (RFC 1035 §4.2.2, RFC 7766), several per segment or over several
segments.

Both directions of a connection with port 53 are read throughout. A direction is in sync when every byte
before `FLOW.next` has been consumed. After a loss it resynchronises at the next segment that begins with a
plausible message.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.flows.table import SYN, distance, is_based, is_missing
from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be16, be32, copy, u8
from sensor.decode.layout import PAGE, Bytes, Output, Partial, Records, Table, i64
from sensor.decode.tcp.messages import (
    DNS_MESSAGE,
    DNS_PORT,
    HELLO,
    STREAM_BYTES,
    emit_packet_event,
    message_kind,
)
from sensor.decode.tcp.reassembly import gather, insert, open_stream, release

#: Maximum messages read per segment: questions as short as `example.com` in an MTU of 1,500.
MESSAGES = 48
_HEADER = 12
_MAX_INSERTS = 64


@kernel
def is_dns(data: Bytes, at: int, end: int) -> bool:
    """True for a DNS query or response, judged by its header (RFC 1035 §4.1.1)."""
    flags, questions = be16(data, at + 2, end), be16(data, at + 4, end)
    return flags >= 0 and flags & 0x7800 == 0 and 1 <= questions <= 16 and u8(data, at + 12, end) >= 0


@kernel
def is_plain_dns(data: Bytes, at: int, end: int) -> bool:
    """A query, or a resolver's answer, that nothing else looks like: one question, a code that is in use,
    no servers' records, no additional one but EDNS's. Found at any port (DNSCrypt's certificates at 443)."""
    if be16(data, at + 4, end) != 1 or be16(data, at + 2, end) & 0x7848 != 0 or be32(data, at + 8, end) > 1:
        return False
    return be16(data, at + 6, end) < 256 and 0 < u8(data, at + 12, end) < 64


@kernel
def speaks_dns(data: Bytes, packet: Records, flow: Records) -> bool:
    """True if a TCP payload belongs to DNS: port 53, and no TLS was ever spoken there."""
    if packet["source_port"] != DNS_PORT and packet["target_port"] != DNS_PORT:
        return False
    if flow["events"] > 0 or flow["probed"][0] != 0 or flow["probed"][1] != 0:
        return False
    if message_kind(data, i64(packet["payload"]), i64(packet["end"])) != HELLO:
        return True
    flow["probed"][0] = flow["probed"][1] = 1
    return False


@kernel
def _read(data: Bytes, at: int, end: int, packet: Records, output: Output, control: Records) -> int:
    """Emit the complete messages of data[at:end]; returns the offset of the remainder, -1 if it is not DNS or
    there is no room for it."""
    for _ in range(MESSAGES):
        size = be16(data, at, end)
        if size < 0:
            return at
        if size < _HEADER or (end >= at + 15 and not is_dns(data, at + 2, end)):
            return -1
        if size > STREAM_BYTES - 2:
            break
        if at + 2 + size > end:
            return at
        copy(data, at + 2, size, output.arena, i64(control["arena"]))
        emit_packet_event(DNS_MESSAGE, size, 0, 0, packet, output, control)
        at += 2 + size
    control["names_lost"] += 1
    return -1


@kernel
def _keep(data: Bytes, at: int, end: int, seq: int, base: int, packet: Records, row: int,
          partial: Partial, table: Table, output: Output, control: Records) -> None:  # fmt: skip
    """Store data[at:end] (sequence number `seq`) in a stream that begins at `base`."""
    if end - at + distance(seq, base) > STREAM_BYTES:
        return
    time, side = i64(packet["time"]), i64(packet["side"])
    stream_row = open_stream(row, side, base, 0, time, partial, table, output, control)
    if not insert(partial.streams[stream_row], data, at, distance(seq, base), end - at, partial, control):
        release(stream_row, partial, table.flows, control)


@kernel
def _read_in_order(data: Bytes, packet: Records, row: int, partial: Partial, table: Table,
                   output: Output, control: Records) -> None:  # fmt: skip
    """Read a segment of a direction without an incomplete message."""
    flow, side = table.flows[row], i64(packet["side"])
    at, end = i64(packet["payload"]), i64(packet["end"])
    seq = (packet["seq"] + (1 if packet["flags"] & SYN else 0)) & 0xFFFFFFFF
    ahead = distance(seq, i64(flow["next"][side])) if is_based(flow, side) else 0
    if ahead < 0 and is_missing(flow, side, seq, table.missing):
        ahead = 0  # its FIN overtook it
    if ahead > 0:
        _keep(data, at, end, seq, i64(flow["next"][side]), packet, row, partial, table, output, control)
        return
    rest = _read(data, at - ahead, end, packet, output, control)
    if 0 <= rest < end:
        begin = (seq + rest - at) & 0xFFFFFFFF
        _keep(data, rest, end, begin, begin, packet, row, partial, table, output, control)


@kernel
def read_segment(data: Bytes, packet: Records, row: int, partial: Partial, table: Table, output: Output,
                 control: Records) -> None:  # fmt: skip
    """Read a TCP payload to or from port 53, before it is accounted."""
    stream_row = i64(table.flows[row]["stream"][packet["side"]])
    if stream_row < 0:
        _read_in_order(data, packet, row, partial, table, output, control)
        return
    stream = partial.streams[stream_row]
    at, end = i64(packet["payload"]), i64(packet["end"])
    offset = distance(packet["seq"], i64(stream["base"]))
    if stream["inserts"] >= _MAX_INSERTS or not insert(stream, data, at, offset, end - at, partial, control):
        release(stream_row, partial, table.flows, control)
        return
    size = gather(stream, partial)
    rest = _read(partial.scratch, 0, size, packet, output, control)
    if (rest == size and stream["intervals"] == 1) or rest < 0:
        release(stream_row, partial, table.flows, control)
    elif rest > 0 and stream["intervals"] == 1 and stream["start"] + rest > PAGE:
        # Restart at the remainder, so that a long conversation does not exceed its pages.
        base = (stream["base"] + stream["start"] + rest) & 0xFFFFFFFF
        release(stream_row, partial, table.flows, control)
        _keep(partial.scratch, rest, size, base, base, packet, row, partial, table, output, control)
    else:
        stream["start"] += max(rest, 0)
