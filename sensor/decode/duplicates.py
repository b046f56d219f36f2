"""Filters duplicates: a mirror session that copies both directions of several ports shows frames twice.

A hash (40 bits) of what routing does not change in a datagram is remembered for 50 ms, in a four-way
associative table. A real retransmission comes later, after at least a round trip, and mostly with another
identification.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.flow import mix
from sensor.decode.jit import step
from sensor.decode.layout import TCP, Bytes, Records, i64
from sensor.decode.read import digest

#: A SPAN port delivers its second copy of a frame this soon, in units of 1.024 ms.
_DUPLICATE_WINDOW = 49
_WAYS = 4
#: Slots of the filter's small part and of its large one.
SMALL_FILTER = 1 << 13
LARGE_FILTER = 1 << 17
#: Packets of one window that crowd the small part.
_CROWD = SMALL_FILTER // 2
_HASHED_BYTES = 48
#: The lower bits of a slot hold a time, the others what passed.
_TIME_BITS = 24


@step
def content_of(data: Bytes, packet: Records) -> np.uint64:
    """Hash of what routing does not change: addresses, identification, transport header, ends of the payload.

    Payload is included because packets captured on their sender have no checksum yet. Of TCP the last bytes
    are left out: sequence numbers suffice, and those bytes lie on another cache line.
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
    """Use the small part of the duplicate filter unless packets are many: it stays in the nearest cache.

    For one window after a change both parts are asked.
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
def place_of(content: np.uint64, part: int) -> int:
    """The first of the slots that may hold `content`."""
    if part == 0:
        return i64(content & np.uint64(SMALL_FILTER // _WAYS - 1)) * _WAYS
    return SMALL_FILTER + i64(content & np.uint64(LARGE_FILTER // _WAYS - 1)) * _WAYS


@step
def _passed(content: np.uint64, now: int, part: int, recent: Records) -> bool:
    """True if `content` passed within the window; else it is noted in this part of the filter."""
    first = place_of(content, part)
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
    """True if the same datagram passed less than 50 ms ago."""
    content, now = packet["content"], i64(packet["time"]) >> 10
    _choose_filter(now, control)
    part, before = i64(control["filter"]), i64(control["filter_before"])
    again = _passed(content, now, part, recent)
    return _passed(content, now, before, recent) or again if before != part else again
