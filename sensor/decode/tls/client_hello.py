"""Parses TLS ClientHellos, complete or truncated, to names and fingerprints (RFC 8446 §4.1.2).

The same parser handles ClientHellos from TCP (`tcp/` removes record headers) and from QUIC CRYPTO frames.
The fingerprint text is JA4's raw form, `t13d1516h2_<ciphers>_<extensions>_<signature algorithms>`; `ja4`
hashes it once per unique text.
"""

from __future__ import annotations

import re

import numpy as np

from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.kernels.packet_bytes import be16, u8
from sensor.decode.layout import Bytes, Records, i64, records

#: A parsed ClientHello. Offsets point into its bytes, `print` into the fingerprint text.
HELLO = np.dtype(
    [
        (name, np.int64)
        for name in (
            "sni", "sni_length", "print", "print_length", "alpn", "alpn_length", "version",
            "grease", "compress_certificate", "ech", "ech_config", "complete",
        )
    ]
)  # fmt: skip

#: Maximum ciphers, extensions or signature algorithms of a fingerprint; longer lists get none.
_LIST = 256

_SERVER_NAME = 0
_SIGNATURE_ALGORITHMS = 13
_ALPN = 16
_COMPRESS_CERTIFICATE = 27
_SUPPORTED_VERSIONS = 43
_ECH = 0xFE0D

#: `HELLO.ech`: type of the encrypted_client_hello extension (RFC 9849 §5).
ECH_OUTER = 1
ECH_INNER = 2

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)

#: Labels of a host name. Underscores are not allowed, but in use.
_LABEL = "[a-z0-9_-]{1,63}"
#: The last label is not numeric, else it would be an address (RFC 1123 §2.1).
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)*(?!\d+$){_LABEL}")
_LONGEST_NAME = 253
#: Names that `server_name` does not change, which are nearly all.
PLAIN_NAME = r"^(?:[a-z0-9_-]{1,40}\.){1,5}[a-z]{1,40}$"


def server_name(text: str) -> str | None:
    """A server_name in the form of the catalog: lower case, without final dot; None if it is not a host name.

    Addresses are not allowed (RFC 6066 §3).
    """
    name = text.removesuffix(".").lower()
    return name if len(name) <= _LONGEST_NAME and _HOST_NAME.fullmatch(name) else None


@kernel
def is_grease(value: int) -> bool:
    """True for the reserved values of RFC 8701."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


@kernel
def _put_hex(text: Bytes, at: int, value: int) -> int:
    for shift in (12, 8, 4, 0):
        text[at] = _HEX[value >> shift & 15]
        at += 1
    return at


@kernel
def _put_list(text: Bytes, at: int, values: Records, count: int) -> int:
    """Values as 4-digit hex, comma-joined."""
    for i in range(count):
        if i > 0:
            text[at] = 44
            at += 1
        at = _put_hex(text, at, values[i])
    return at


@kernel
def _put_two_digits(text: Bytes, at: int, value: int) -> int:
    value = min(value, 99)
    text[at], text[at + 1] = 48 + value // 10, 48 + value % 10
    return at + 2


@kernel
def _is_alphanumeric(byte: int) -> bool:
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


@kernel
def _put_alpn(text: Bytes, at: int, data: Bytes, first: int, length: int) -> int:
    """First and last character of the first ALPN value, or of its hex form."""
    if length <= 0:
        text[at], text[at + 1] = 48, 48
        return at + 2
    head, tail = i64(data[first]), i64(data[first + length - 1])
    if _is_alphanumeric(head) and _is_alphanumeric(tail):
        text[at], text[at + 1] = head, tail
    else:
        text[at], text[at + 1] = _HEX[head >> 4], _HEX[tail & 15]
    return at + 2


@kernel
def _put_version(text: Bytes, at: int, version: int) -> int:
    first, second = 48, 48
    if 0x0301 <= version <= 0x0304:
        first, second = 49, 47 + (version & 15)
    elif version == 0x0300:
        first, second = 115, 51  # s3
    elif version == 0x0002:
        first, second = 115, 50  # s2
    elif version == 0xFEFF:
        first, second = 100, 49  # d1; DTLS counts downwards, and left 1.1 out
    elif version == 0xFEFC or version == 0xFEFD:
        first, second = 100, 51 - (version & 1)  # d3, d2
    text[at], text[at + 1] = first, second
    return at + 2


@kernel
def _collect(data: Bytes, at: int, end: int, values: Records) -> int:
    """Collect the 16-bit values of data[at:end] without GREASE; returns how many, even beyond the list
    size."""
    count = 0
    while at + 2 <= end:
        value = be16(data, at, end)
        at += 2
        if is_grease(value):
            continue
        if count < values.size:
            values[count] = value
        count += 1
    return count


@kernel
def _read_name(data: Bytes, at: int, end: int, hello: Records) -> None:
    """server_name (RFC 6066 §3): the first entry of type host_name."""
    if u8(data, at + 2, end) != 0:
        return
    length = be16(data, at + 3, end)
    if 0 < length <= end - at - 5:
        hello["sni"], hello["sni_length"] = at + 5, length


@kernel
def _read_alpn(data: Bytes, at: int, end: int, hello: Records) -> None:
    at += 2
    while at < end and hello["alpn_length"] == 0:
        length = u8(data, at, end)
        if length <= 0 or at + 1 + length > end:
            return
        if not (length == 2 and is_grease(be16(data, at + 1, end))):
            hello["alpn"], hello["alpn_length"] = at + 1, length
        at += 1 + length


@kernel
def _read_versions(data: Bytes, at: int, end: int, hello: Records) -> None:
    """The highest version offered that is not GREASE."""
    last = min(end, at + 1 + max(0, u8(data, at, end)))
    highest = 0
    for k in range(at + 1, last - 1, 2):
        version = be16(data, k, last)
        if not is_grease(version):
            highest = max(highest, version)
    if highest > 0:
        hello["version"] = highest


@kernel
def _read_ech(data: Bytes, at: int, end: int, hello: Records) -> None:
    """encrypted_client_hello (RFC 9849 §5). With DNS, the config id distinguishes real ECH from GREASE."""
    if u8(data, at, end) != 0:
        hello["ech"] = ECH_INNER
        return
    hello["ech"], hello["ech_config"] = ECH_OUTER, u8(data, at + 5, end)


@kernel
def _read_extension(data: Bytes, kind: int, at: int, end: int, hello: Records, algorithms: Records) -> int:
    """Read one extension; returns the number of signature algorithms if it lists them, else -1."""
    if kind == _SERVER_NAME:
        _read_name(data, at, end, hello)
    elif kind == _ALPN:
        _read_alpn(data, at, end, hello)
    elif kind == _SUPPORTED_VERSIONS:
        _read_versions(data, at, end, hello)
    elif kind == _COMPRESS_CERTIFICATE:
        hello["compress_certificate"] = 1
    elif kind == _ECH:
        _read_ech(data, at, end, hello)
    elif kind == _SIGNATURE_ALGORITHMS:
        return _collect(data, at + 2, min(end, at + 2 + max(0, be16(data, at, end))), algorithms)
    return -1


@kernel
def _sort(values: Records, count: int) -> None:
    """Insertion sort in place, because lists of ClientHellos are short."""
    for i in range(1, count):
        value, k = values[i], i
        while k > 0 and values[k - 1] > value:
            values[k] = values[k - 1]
            k -= 1
        values[k] = value


@kernel
def _put_print(text: Bytes, at: int, letter: int, data: Bytes, hello: Records, named: bool, ciphers: Records,
               cipher_count: int, extensions: Records, extension_count: int, algorithms: Records,
               algorithm_count: int) -> int:  # fmt: skip
    """Write the raw form of JA4 to text[at:]; returns its end."""
    text[at] = letter
    at = _put_version(text, at + 1, hello["version"])
    text[at] = 100 if named else 105
    at = _put_two_digits(text, at + 1, cipher_count)
    at = _put_two_digits(text, at, extension_count)
    at = _put_alpn(text, at, data, hello["alpn"], hello["alpn_length"])
    text[at] = 95
    _sort(ciphers, cipher_count)
    at = _put_list(text, at + 1, ciphers, cipher_count)
    text[at] = 95
    kept = 0
    for i in range(extension_count):
        if extensions[i] != _SERVER_NAME and extensions[i] != _ALPN:
            extensions[kept] = extensions[i]
            kept += 1
    _sort(extensions, kept)
    at = _put_list(text, at + 1, extensions, kept)
    if algorithm_count > 0:
        text[at] = 95
        at = _put_list(text, at + 1, algorithms, algorithm_count)
    return at


@kernel
def _parse(data: Bytes, at: int, end: int, letter: int, hello: Records, text: Bytes, used: int,
           lists: Records) -> int:  # fmt: skip
    """Parse one handshake message; returns the new end of the text."""
    ciphers, extensions, algorithms = lists[0], lists[1], lists[2]
    message = at + 4 + (max(0, u8(data, at + 1, end)) << 16 | max(0, be16(data, at + 2, end)))
    complete = message <= end
    end = min(end, message)
    hello["version"] = be16(data, at + 4, end)
    at += 38
    at += 1 + max(0, u8(data, at, end))
    size = be16(data, at, end)
    if size < 0 or at + 2 + size > end:
        return used
    for k in range(at + 2, at + 1 + size, 2):
        if is_grease(be16(data, k, end)):
            hello["grease"] = 1
    cipher_count = _collect(data, at + 2, at + 2 + size, ciphers)
    at += 2 + size
    at += 1 + max(0, u8(data, at, end))
    total = be16(data, at, end)
    complete = complete and (at == end or 0 <= total <= end - at - 2)
    at += 2
    last = min(end, at + max(0, total))
    extension_count, algorithm_count, named = 0, 0, False
    while at + 4 <= last:
        kind, size = be16(data, at, last), be16(data, at + 2, last)
        at += 4
        if at + size > last:
            complete = False
            break
        found = _read_extension(data, kind, at, at + size, hello, algorithms)
        algorithm_count = max(algorithm_count, found)
        named = named or kind == _SERVER_NAME
        if not is_grease(kind):
            if extension_count < extensions.size:
                extensions[extension_count] = kind
            extension_count += 1
        at += size
    longest = max(cipher_count, extension_count, algorithm_count)
    if not complete or longest > ciphers.size:
        return used
    hello["complete"] = 1
    after = _put_print(text, used, letter, data, hello, named, ciphers, cipher_count, extensions,
                       extension_count, algorithms, algorithm_count)  # fmt: skip
    hello["print"], hello["print_length"] = used, after - used
    return after


@entry
def _parse_all(data: Bytes, begins: Records, lengths: Records, letter: int, hellos: Records, text: Bytes,
               lists: Records) -> None:  # fmt: skip
    used = i64(0)
    for i in range(begins.size):
        at = begins[i]
        used = _parse(data, at, at + lengths[i], letter, hellos[i], text, used, lists)


def parse(data: Bytes, begins: Records, lengths: Records, letter: str) -> tuple[Records, Bytes]:
    """HELLO records of the handshake messages at data[begins:][:lengths], and their fingerprint texts.

    `letter` is JA4's transport: t (TCP) or q (QUIC).
    """
    hellos = records(HELLO, begins.size)
    # Two bytes of a message give at most five characters, plus the fixed part and separators.
    text = np.empty(3 * int(lengths.sum()) + 64 * begins.size, np.uint8)
    lists = np.zeros((3, _LIST), np.int64)
    _parse_all(data, begins, lengths, ord(letter), hellos, text, lists)
    return hellos, text
