"""Google's QUIC before it spoke TLS (Q024 to Q050): the name in a client's CHLO.

The message is the tag CHLO, the number of its entries, two bytes of zero, then a table of (tag, end of its
value) and the values, integers little-endian (QUIC Crypto, "Handshake message format"). Where frames begin
differs from version to version, the message does not: so it is looked for, near the beginning, whole as far
as the name, and every bound is checked before a name is believed. One packet is enough: a client gives up
where its CHLO does not fit one (QUIC_CRYPTO_CHLO_TOO_LARGE in quic_error_codes.h).
"""

from __future__ import annotations

from itertools import pairwise
from struct import unpack_from

from sensor.decode.tls import server_name

_HELLO, _NAME = b"CHLO", b"SNI\0"
#: Headers, a message hash and frame headers before the message: a CHLO begins behind them.
_LATEST = 128
#: Entries of a message at most (kMaxEntries of Google's crypto_framer.cc).
_ENTRIES = 128


def client_hello_name(data: bytes) -> str | None:
    """The host asked for in a packet (or the payload of a protected one), None without one."""
    at = data.find(_HELLO, 0, _LATEST + len(_HELLO))
    if at < 0 or len(data) < at + 8:
        return None
    count, zero = unpack_from("<HH", data, at + 4)
    values = at + 8 + 8 * count
    if zero != 0 or not 0 < count <= _ENTRIES or len(data) < values:
        return None
    table = [(data[k : k + 4], unpack_from("<I", data, k + 4)[0]) for k in range(at + 8, values, 8)]
    if any(after < before for (_, before), (_, after) in pairwise(table)):
        return None
    begin = 0
    for tag, end in table:
        if tag == _NAME:
            return _host(data[values + begin : values + end], end - begin)
        begin = end
    return None


def _host(value: bytes, size: int) -> str | None:
    """A value of `size` bytes as a host, None if it is cut or no host name."""
    if len(value) < size or not value.isascii():
        return None
    return server_name(value.decode("ascii"))
