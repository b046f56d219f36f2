"""Filters duplicate frames: a mirror session that copies both directions of several ports delivers frames
twice.

A 40-bit hash of the parts of a datagram that routing does not change is kept for 50 ms, in a 4-way
associative table. A retransmission comes later, after at least a round trip, and usually with another
identification.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.hashing import digest, mix
from sensor.decode.kernels.jit import step
from sensor.decode.layout import TCP, Bytes, Records, i64

#: Maximum delay of the second copy from a SPAN port, in units of 1.024 ms.
_DUPLICATE_WINDOW = 49
_WAYS = 4
#: Slots of the small and the large part of the filter.
SMALL_FILTER = 1 << 13
LARGE_FILTER = 1 << 17
#: Packets per window above which the large part is used.
_CROWD = SMALL_FILTER // 2
_HASHED_BYTES = 48
#: The lower bits of a slot are the time, the others the hash.
_TIME_BITS = 24


@step
def content_of(data: Bytes, packet: Records) -> np.uint64:
    """Hash of the parts that routing does not change: addresses, identification, transport header, ends of
    payload.

    Payload is included because packets captured on their sender have no checksum yet. The last bytes of TCP
    payloads are not, because sequence numbers suffice and those bytes are on another cache line.
    """
    at, end = i64(packet["transport"]), i64(packet["end"])
    state = np.uint64(packet["identification"] << 32 | packet["payload_bytes"] & 0xFFFFFFFF)
    source, target = packet["source"], packet["target"]
    state = mix(mix(state, source[0]), source[1]) ^ mix(mix(np.uint64(1), target[0]), target[1])
    state = digest(data, at, min(end, at + _HASHED_BYTES), state)
    if packet["protocol"] != TCP:
        state = digest(data, max(at, end - 8), end, state)
    return mix(state, np.uint64(end - at))


@step
def _choose_filter(now: int, control: Records) -> None:
    """Select the small part of the filter at low packet rates, because it stays in the L1 cache.

    For one window after a change, both parts are searched.
    """
    if now - control["filter_since"] > _DUPLICATE_WINDOW:
        control["filter_before"] = control["filter"]
        control["filter"] = 1 if control["filter_count"] > _CROWD else 0
        control["filter_since"], control["filter_count"] = now, 0
    elif control["filter_count"] == _CROWD and control["filter"] == 0:
        control["filter_before"], control["filter"] = 0, 1
        control["filter_since"], control["filter_count"] = now, 0
    control["filter_count"] += 1


@step
def first_slot(content: np.uint64, part: int) -> int:
    """The first of the slots that may hold `content`."""
    if part == 0:
        return i64(content & np.uint64(SMALL_FILTER // _WAYS - 1)) * _WAYS
    return SMALL_FILTER + i64(content & np.uint64(LARGE_FILTER // _WAYS - 1)) * _WAYS


@step
def _was_seen(content: np.uint64, now: int, part: int, recent: Records) -> bool:
    """True if `content` was seen within the window; else records it in this part of the filter."""
    first = first_slot(content, part)
    mask = np.uint64((1 << _TIME_BITS) - 1)
    moment, mark = np.uint64(now) & mask, content & ~mask
    oldest, greatest = first, np.uint64(0)
    for way in range(first, first + _WAYS):
        slot = recent[way]
        age = (moment - slot) & mask
        if slot & ~mask == mark and age <= np.uint64(_DUPLICATE_WINDOW):
            return True
        if age > greatest:
            oldest, greatest = way, age
    recent[oldest] = mark | moment
    return False


@step
def is_duplicate(packet: Records, recent: Records, control: Records) -> bool:
    """True if the same datagram was seen less than 50 ms ago."""
    content, now = packet["content"], i64(packet["time"]) >> 10
    _choose_filter(now, control)
    part, before = i64(control["filter"]), i64(control["filter_before"])
    again = _was_seen(content, now, part, recent)
    return _was_seen(content, now, before, recent) or again if before != part else again
