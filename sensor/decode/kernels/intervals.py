"""Sorted disjoint byte ranges, for the received parts of an incomplete message or a QUIC ClientHello."""

from __future__ import annotations

from sensor.decode.kernels.jit import kernel
from sensor.decode.layout import Records, i64


@kernel
def merge(begins: Records, ends: Records, count: int, first: int, last: int) -> int:
    """Add [first, last) to sorted disjoint ranges; returns their number, or -1 if there are too many."""
    kept = 0
    for i in range(count):
        low, high = i64(begins[i]), i64(ends[i])
        if high >= first and low <= last:
            first, last = min(first, low), max(last, high)
        else:
            begins[kept], ends[kept] = low, high
            kept += 1
    if kept == begins.size:
        return -1
    at = kept
    while at > 0 and begins[at - 1] > first:
        begins[at], ends[at] = begins[at - 1], ends[at - 1]
        at -= 1
    begins[at], ends[at] = first, last
    return kept + 1
