"""Records what a fragment header says: which part of a datagram a packet is.

References: IPv4, RFC 791 §3.1; IPv6, RFC 8200 §4.5; CAPWAP, RFC 5415 §4.3.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.jit import kernel
from sensor.decode.layout import Records


@kernel
def is_later(offset: int, more: int, number: int, kind: int, at: int, ends: int, packet: Records) -> bool:
    """Record the fragment whose bytes are from `at` to `ends`; True if it is not the first one.

    All fragments of a datagram share addresses, `number` (32 bits) and `kind` (a protocol of IP, or a port),
    but must differ for the duplicate filter.
    """
    packet["fragment"], packet["more"], packet["fragment_depth"] = offset, more, packet["depth"]
    packet["fragment_at"], packet["fragment_bytes"] = at, ends - at
    key = packet["datagram"]
    for i in range(2):
        key[i], key[2 + i] = packet["source"][i], packet["target"][i]
    key[4], key[5] = np.uint64(packet["realm"]), np.uint64(kind << 32 | number)
    packet["identification"] = offset << 13 | number & 0xFFFF
    return offset > 0
