"""Google's QUIC before it spoke TLS (Q024 to Q050): the name in a client's CHLO.

The message is the tag CHLO, the number of entries, two zero bytes, then a table of (tag, end offset of the
value) and the values, with little-endian integers (QUIC Crypto, "Handshake message format"). The offset of
frames depends on the version, the message does not. So it is searched near the beginning of the packet, and
every bound is checked before a name is accepted. One packet is enough, because a client aborts if its CHLO
does not fit (QUIC_CRYPTO_CHLO_TOO_LARGE in quic_error_codes.h).
"""

from __future__ import annotations

from itertools import pairwise
from struct import unpack_from

from sensor.decode.tls.client_hello import server_name

_HELLO, _NAME = b"CHLO", b"SNI\0"
#: Maximum offset of a CHLO, after headers, a message hash and frame headers.
_LATEST = 128
#: Maximum entries of a message (kMaxEntries of Google's crypto_framer.cc).
_ENTRIES = 128


def client_hello_name(data: bytes) -> str | None:
    """The host in a packet (or in the payload of an encrypted one); None without one."""
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
    """A value of `size` bytes as a host; None if truncated or not a host name."""
    if len(value) < size or not value.isascii():
        return None
    return server_name(value.decode("ascii"))
