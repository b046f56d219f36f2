"""The record types that several layers exchange, and the tables of the kernels.

Record types of one parser are defined beside this parser.

Times are microseconds since 1970 UTC. Addresses are two unsigned 64-bit halves, IPv4 as
::ffff:a.b.c.d. Sequence numbers keep their 32 bits and are compared modulo 2^32.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

#: Maximum number of connections. Beyond it the least useful are evicted and counted.
CONNECTIONS = 1 << 20

Bytes = npt.NDArray[np.uint8]
#: An array of one of the dtypes below, or one record of it; NumPy's types cannot express fields.
Records: TypeAlias = Any
#: The one integer type of kernels: fields are widened before any arithmetic.
i64: Any = np.int64

_CACHE_LINE = 64
_HUGE_PAGE = 2 << 20
_LARGE = 1 << 20

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

TCP = 6
UDP = 17

#: A frame in the input buffer, whatever container it came from.
DESCRIPTOR = np.dtype(
    [
        ("time", np.int64),
        ("record", np.int64),  # offset of its container record in the buffer
        ("offset", np.int64),  # offset of the frame in the buffer
        ("captured", np.int64),  # bytes of it in the buffer
        ("length", np.int64),  # bytes of it on the wire
        ("link", np.int32),  # link type, LINKTYPE_*; -1 unknown interface
        ("interface", np.int32),
    ]
)

#: Frames after the current one that are examined before a jump of the clock is accepted.
LOOKAHEAD = 64

#: Words of the key of a fragmented datagram: addresses, realm, protocol << 32 | identification.
DATAGRAM_KEY = 6

#: One dissected frame. Frames are dissected some positions ahead of their processing (flows/prefetch.py).
PACKET = np.dtype(
    [
        ("source", np.uint64, (2,)),
        ("target", np.uint64, (2,)),
        ("time", np.int64),
        ("length", np.int64),  # on the wire
        ("source_port", np.int64),
        ("target_port", np.int64),
        ("protocol", np.int64),
        ("flags", np.int64),  # TCP flags
        ("seq", np.int64),
        ("ack", np.int64),
        ("transport", np.int64),  # offset of the TCP or UDP header
        ("payload", np.int64),  # offset of the payload
        ("end", np.int64),  # captured end of the datagram
        ("payload_bytes", np.int64),  # original length, also where the capture was cut
        ("source_mac", np.int64),
        ("identification", np.int64),  # IPv4 identification or IPv6 flow label
        ("key", np.uint64, (4,)),  # both addresses, the lower endpoint first
        ("key_port", np.int64, (2,)),
        ("side", np.int64),  # 0 if the source is the lower endpoint, else 1
        ("tunnel", np.int64),  # outer tunnel, see `dissection/tunnels.py`; 0 for none
        ("realm", np.int64),  # the part of the tunnel that is in the connection key
        ("realm_hash", np.int64),  # 32 bits
        ("depth", np.int64),  # nesting of tunnels
        ("frames", np.int64),  # frames it counts as: 1, or more for the first fragment of a datagram
        ("fragment", np.int64),  # byte offset in the datagram; -1 if not fragmented
        ("more", np.int64),  # 0 for the last fragment
        ("fragment_at", np.int64),  # offset of the fragment's bytes
        ("fragment_bytes", np.int64),
        ("fragment_depth", np.int64),  # `depth` of the header that makes it a fragment
        ("datagram", np.uint64, (DATAGRAM_KEY,)),  # what all fragments of a datagram have in common
        ("reassembled", np.int64),  # payload bytes of the datagram if this fragment completes it, else 0
        ("reassembled_at", np.int64),  # offset of these bytes
        ("status", np.int64),  # DECODED, FRAGMENT, or the reason for neither; see `dissection/ip.py`
        ("content", np.uint64),  # hash for the duplicate filter
        ("tag", np.int64),  # of its connection in the index
    ]
)

#: A connection, the part that every packet accesses: two cache lines. Index 0 is the lower endpoint, 1 the
#: upper. Totals of earlier slices are in COLD.
FLOW = np.dtype(
    [
        ("address", np.uint64, (4,)),
        ("last", np.int64),
        ("covered", np.int32, (2,)),  # payload bytes each side sent, by sequence coverage, beyond COLD.total
        ("acked", np.int32, (2,)),  # payload bytes of each side the other acknowledged, beyond COLD.total
        ("wire", np.uint32, (2,)),  # of this slice
        ("packets", np.uint32, (2,)),  # of this slice
        ("next", np.uint32, (2,)),  # highest sequence number seen, plus one
        ("highest_ack", np.uint32, (2,)),  # acknowledging this side's bytes
        ("slice_first", np.uint32),  # time of its first packet, modulo 2^32
        ("slice_end", np.uint32),  # likewise
        ("realm", np.uint32),  # hash of PACKET.realm
        ("port", np.uint16, (2,)),
        ("stream", np.int16, (2,)),  # row of the incomplete message, or -1
        ("gaps", np.int16, (2,)),  # row of MISSING of this side, or -1
        ("turn", np.int16),  # row of its turn, or -1
        ("turns", np.uint16),  # turns emitted so far
        ("status", np.uint16),  # HTTP status of the first answer to the latest request
        ("known", np.uint8, (2,)),  # flags of what was seen of this side: see `flows/table.py`
        ("probed", np.uint8, (2,)),  # payloads examined, or what is still wanted: see `tcp/reassembly.py`
        ("events", np.uint8),  # messages emitted so far
        ("asked", np.uint8),  # 8 bits for what the latest request asked for
        ("protocol", np.uint8),
        ("state", np.uint8),
        ("client", np.uint8),  # 0 unknown, 1 lower, 2 upper
        ("flags", np.uint8),
    ]
)

#: A connection, the part that only its start, its messages and its slices access: one cache line.
COLD = np.dtype(
    [
        ("serial", np.int64),  # number of the connection since the start
        ("start", np.int64),
        ("tunnel", np.int64),  # of its first packet
        ("total", np.int64, (2,)),  # bytes in earlier slices
        ("lost", np.uint32, (2,)),  # of them, lost: acknowledged and not covered
        ("mac_low", np.uint32, (2,)),
        ("mac_high", np.uint16, (2,)),
        ("slice", np.int32),
    ]
)

#: Gaps in one direction. A seventeenth gap is not recorded, nor is one without a free row; the progress of
#: acknowledgements compensates for it.
GAPS = 16
MISSING = np.dtype(
    [
        ("first", np.uint32, (GAPS,)),
        ("last", np.uint32, (GAPS,)),
        ("count", np.int32),
        ("next", np.int32),  # next free row
    ]
)

#: A slice of a connection, as Python receives it.
SLICE = np.dtype(
    [
        ("serial", np.int64),
        ("start", np.int64),
        ("first", np.int64),
        ("last", np.int64),
        ("number", np.int64),
        ("tunnel", np.int64),
        ("address", np.uint64, (4,)),
        ("bytes", np.int64, (2,)),
        ("total", np.int64, (2,)),
        ("lost", np.int64, (2,)),
        ("wire", np.int64, (2,)),
        ("packets", np.int64, (2,)),
        ("mac", np.int64, (2,)),
        ("port", np.int64, (2,)),
        ("protocol", np.int64),
        ("client", np.int64),
        ("status", np.int64),
        ("flags", np.int64),
        ("events", np.int64),  # messages of the connection emitted before the end of this slice
        ("turns", np.int64),  # likewise turns
    ]
)

#: A message in the arena. Index 0 of `address` and `port` is the sender.
EVENT = np.dtype(
    [
        ("kind", np.int64),
        ("serial", np.int64),  # connection, or 0
        ("ordinal", np.int64),  # number of the message within its connection, from 1
        ("time", np.int64),
        ("offset", np.int64),
        ("length", np.int64),
        ("address", np.uint64, (4,)),
        ("port", np.int64, (2,)),
        ("side", np.int64),  # sender: 0 the lower endpoint of the connection, 1 the upper
        ("protocol", np.int64),
        ("tunnel", np.int64),
    ]
)

#: An incomplete message: up to 16 KB of one direction, as sorted covered intervals over pages.
PAGE = 4096
PAGES_PER_STREAM = 4
INTERVALS = 16
STREAM = np.dtype(
    [
        ("opened", np.int64),
        ("flow", np.int32),  # row of the flow table, or -1 for a free row
        ("side", np.int32),
        ("base", np.uint32),  # sequence number at offset 0
        ("start", np.int32),  # offset of the message, or -1 if unknown
        ("inserts", np.int32),
        ("intervals", np.int32),
        ("page", np.int32, (PAGES_PER_STREAM,)),
        ("covered_from", np.int32, (INTERVALS,)),
        ("covered_to", np.int32, (INTERVALS,)),
    ]
)

#: Counts of a minute of input, named like the columns of the coverage table.
MINUTE_COUNTS = np.dtype(
    [
        (name, np.int64)
        for name in (
            "minute", "first_seen", "last_seen", "packets", "bytes", "decoded", "non_ip", "other_transport",
            "undecoded_link", "malformed", "truncated", "fragments", "duplicates", "decoder_faults",
            "clock_jumps", "evictions", "names_lost", "local_names", "identity_messages", "identity_skipped",
            "rpc_messages", "rpc_skipped", "requests_unread", "turns_unjudged",
        )
    ]
)  # fmt: skip

#: State of the tables between two packets.
CONTROL = np.dtype(
    [
        ("seed", np.uint64),  # of the index; random per start, without effect on rows
        ("clock", np.int64),  # running maximum of accepted times; 0 before the first packet
        ("packets", np.int64),
        ("at", np.int64),  # descriptor being processed
        ("dissected_frame", np.int64),  # descriptor being dissected ahead, or -1
        ("serial", np.int64),  # of the last connection
        ("live", np.int64),
        ("rows_used", np.int64),  # high-water mark: rows above were never used
        ("free", np.int64),  # rows on the free stack
        ("sweep_row", np.int64),  # next row of the sweep
        ("sweep_start", np.int64),  # when the sweep was last at row 0
        ("clock_hand", np.int64),  # next row to consider for eviction
        ("stream_hand", np.int64),
        ("pages", np.int64),  # pages on the free stack
        ("stream_rows", np.int64),  # stream rows on the free stack
        ("free_gaps", np.int64),  # first free row of MISSING, or -1
        ("filter", np.int64),  # part of the duplicate filter in use: 0 the small one, 1 the large one
        ("filter_before", np.int64),
        ("filter_since", np.int64),
        ("filter_count", np.int64),  # packets since then
        ("slices", np.int64),
        ("events", np.int64),
        ("arena", np.int64),  # bytes used
        ("minutes", np.int64),
        ("turns", np.int64),
        ("free_turns", np.int64),  # turn rows on the free stack
        ("turn_hand", np.int64),  # next turn row to reclaim if it is too old
        ("turns_missed", np.int64),  # turns without a free row
        ("evictions", np.int64),
        ("names_lost", np.int64),
        ("identity_second", np.int64),  # the second in which `identity_packets` were counted
        ("identity_messages", np.int64),
        ("call_second", np.int64),  # the second in which `calls` were counted
        ("calls", np.int64),
    ]
)


def records(dtype: npt.DTypeLike, count: int) -> Records:
    """`count` zeroed records, aligned to a cache line; memory is allocated on use.

    Large arrays use huge pages if available: random access would otherwise miss the TLB at every packet,
    which costs more than a cache miss.
    """
    size = count * np.dtype(dtype).itemsize
    if size < _LARGE:
        memory = np.zeros(size + _CACHE_LINE, np.uint8)
    else:
        pages = mmap.mmap(
            -1, -(-size // _HUGE_PAGE) * _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):  # a Linux kernel without huge pages
                pages.madvise(mmap.MADV_HUGEPAGE)
        memory = np.frombuffer(pages, np.uint8)
    first = -memory.ctypes.data % _CACHE_LINE
    return memory[first : first + size].view(dtype)


def release_memory(rows: Records, count: int) -> None:
    """Zero the first `count` of large `records` and return their memory to the system, in whole huge
    pages."""
    pages = getattr(rows.base.base, "obj", None)
    size = count * rows.itemsize // _HUGE_PAGE * _HUGE_PAGE
    if size and isinstance(pages, mmap.mmap):
        pages.madvise(mmap.MADV_DONTNEED, 0, size)


class Ingress(NamedTuple):
    """What a packet passes before it reaches its connection."""

    packets: Records  # dissected ahead of their processing
    recent: Records  # duplicate filter
    datagrams: Records  # fragmented ones
    bodies: Bytes  # their payloads


class Table(NamedTuple):
    """The table of connections."""

    index: Records
    flows: Records
    colds: Records
    free: Records  # stack of free rows
    missing: Records
    turns: Records
    free_turns: Records  # stack of free rows of `turns`


class Partial(NamedTuple):
    """Buffers of incomplete messages."""

    streams: Records
    pages: Bytes
    stacks: Records  # free pages (0) and free rows of `streams` (1)
    scratch: Bytes  # one message, contiguous


class Output(NamedTuple):
    """Output buffers of the kernels, which Python empties at every batch."""

    arena: Bytes
    events: Records
    slices: Records
    minutes: Records
    turns: Records
