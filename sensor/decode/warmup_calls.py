"""Runs one frame and one message of each kind through all kernels, which compiles or loads them.

Kernels have one signature each and call each other, so the content of the frame does not matter.
"""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import polars as pl

from sensor.decode.capture import handshakes, ring
from sensor.decode.capture.reader import Capture
from sensor.decode.decoder import Decoder, decode_capture
from sensor.decode.dns import messages as dns
from sensor.decode.http import http1
from sensor.decode.kernels import strings
from sensor.decode.layout import DESCRIPTOR, PACKET, records
from sensor.decode.quic import initials, protection
from sensor.decode.text import delimited, json_fields
from sensor.decode.tls import client_hello as tls

#: A SYN, because only a connection can end.
_FRAME = bytes.fromhex(
    "0200000000010200000000020800"
    "4500002800000000400600000a0000010a000002"
    "0400005000000001000000005002000000000000"
)
_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
_RECORD = struct.pack("<IIII", 1, 0, len(_FRAME), len(_FRAME))


def frames() -> None:
    """Decode a capture of one frame and discard the result."""
    content = _HEADER + _RECORD + _FRAME
    decoder = Decoder((), connections=2)
    for _ in decode_capture(decoder, Capture(BytesIO(content), content), every=1 << 20):
        decoder.batch()
    decoder.pass_time(1_000_001)
    decoder.end_connections()
    decoder.batch(last=True)


def messages() -> None:
    """Parse an empty message of each kind, and a ring block without frames."""
    data, begins, lengths = np.zeros(1, np.uint8), np.zeros(1, np.int64), np.ones(1, np.int64)
    counts = np.zeros(ring.COUNTS, np.int64)
    packets, made = records(PACKET, 1), records(DESCRIPTOR, 1)
    ring.describe_block(data, 0, 0, 1, 0, ring.masks(()), packets, made, counts, ring.new_tags())
    tls.parse(data, begins, lengths, "t")
    http1.parse(data, begins, lengths)
    dns.parse(data, begins, lengths)
    initials.warm()
    protection.Keyring().unprotect(data, records(initials.INITIAL, 0))
    strings.texts(data, begins, lengths)


def lines() -> None:
    """Scan an empty object, which compiles all kernels for JSON logs."""
    json_fields.read(pl.Series(["{}"]), ["a"])


def fields() -> None:
    """Cut a line and copy its field, which compiles all kernels for delimited logs."""
    delimited.Cutter(delimited.Layout((delimited.Field(delimited.COPY, "a"),))).cut(b"a\n")


def evidence() -> None:
    """Search for handshakes in no frames, for captures that store evidence."""
    handshakes.Handshakes().add(_Nothing())


class _Nothing:
    """A window without frames."""

    def __init__(self) -> None:
        self.data, self.frames, self.count = np.zeros(1, np.uint8), records(DESCRIPTOR, 1), 0


#: By the names in `warming.PARTS`; the last one only for captures that store evidence.
PARTS = {"frames": frames, "messages": messages, "lines": lines, "fields": fields, "evidence": evidence}
