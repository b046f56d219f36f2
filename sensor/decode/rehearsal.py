"""One empty frame through everything: compiles each kernel, or loads it from the cache.

Kernels have one signature each and call each other, so it does not matter what the frame holds.
"""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np

from sensor.decode import dns, http, initials, names, ring, tls
from sensor.decode.capture import Capture
from sensor.decode.decoder import Decoder, decode_capture
from sensor.decode.layout import DESCRIPTOR, records

_EMPTY_FRAME = bytes(60)
_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
_RECORD = struct.pack("<IIII", 1, 0, len(_EMPTY_FRAME), len(_EMPTY_FRAME))


def run() -> None:
    """Decode a capture of one empty frame, parse no messages, and forget the result."""
    content = _HEADER + _RECORD + _EMPTY_FRAME
    decoder = Decoder((), connections=2)
    for _ in decode_capture(decoder, Capture(BytesIO(content), content), every=1 << 20):
        decoder.batch()
    decoder.pass_time(1_000_001)
    decoder.end_connections()
    decoder.batch(last=True)
    data, none = np.zeros(1, np.uint8), np.zeros(0, np.int64)
    counts = np.zeros(ring.COUNTS, np.int64)
    ring.describe_block(data, 0, 0, 1, 0, ring.masks(()), records(DESCRIPTOR, 1), counts, ring.new_tags())
    tls.parse(data, none, none, "t")
    http.parse(data, none, none)
    dns.parse(data, none, none)
    initials.warm()
    names.texts(data, none, none)
