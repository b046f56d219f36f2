"""Addresses in DNS answers; and SVCB and HTTPS records: address hints and ECH configurations.

Addresses, RFC 1035 §3.4.1 and RFC 3596 §2.2; service bindings, RFC 9460 §2.2; the `ech` parameter, RFC 9848;
what it holds, RFC 9849 §4.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.dns.names import NAME_TEXT, after_name
from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be16, be32, u8, word
from sensor.decode.layout import Bytes, Records

#: Keys of service parameters (RFC 9460 §14.3.2, RFC 9848 §3).
_IPV4_HINT, _ECH, _IPV6_HINT = 4, 5, 6
#: The only ECHConfig version; others are skipped by their length.
_ECH_VERSION = 0xFE0D
#: Maximum length of a public name (a one-byte length).
_PUBLIC_NAME = 255


@kernel
def _put_address(high: np.uint64, low: np.uint64, ttl: int, hint: int, number: int, question: Records,
                 found: Records, count: int) -> int:  # fmt: skip
    if count >= found.size:
        return count
    out = found[count]
    out["question"], out["high"], out["low"], out["ttl"], out["hint"] = number, high, low, ttl, hint
    if not hint:
        question["addresses"] += 1
        if high == np.uint64(0) and (low == np.uint64(0) or low == np.uint64(0xFFFF00000000)):
            question["null_addresses"] += 1
    return count + 1


@kernel
def put_v4(data: Bytes, at: int, end: int, ttl: int, hint: int, number: int, question: Records,
            found: Records, count: int) -> int:  # fmt: skip
    low = np.uint64(be32(data, at, end)) | np.uint64(0xFFFF00000000)
    return _put_address(np.uint64(0), low, ttl, hint, number, question, found, count)


@kernel
def put_v6(data: Bytes, at: int, end: int, ttl: int, hint: int, number: int, question: Records,
            found: Records, count: int) -> int:  # fmt: skip
    high, low = word(data, at, end), word(data, at + 8, end)
    return _put_address(high, low, ttl, hint, number, question, found, count)


@kernel
def _parameters(data: Bytes, at: int, end: int) -> int:
    """The offset of the parameters of a ServiceMode record, or -1 if any is malformed (RFC 9460 §2.2)."""
    begin = at = after_name(data, at + 2, end)
    last = -1
    while 0 <= at < end:
        key, size = be16(data, at, end), be16(data, at + 2, end)
        if key <= last or size < 0 or at + 4 + size > end:
            return -1
        last, at = key, at + 4 + size
    return begin


@kernel
def _read_hints(data: Bytes, at: int, end: int, ttl: int, number: int, question: Records, found: Records,
                count: int) -> int:  # fmt: skip
    """Read the address hints among the parameters at `at` (RFC 9460 §7.3)."""
    while 0 <= at < end:
        key, size = be16(data, at, end), be16(data, at + 2, end)
        at += 4
        if key == _IPV4_HINT:
            for k in range(at, at + size - 3, 4):
                count = put_v4(data, k, end, ttl, 1, number, question, found, count)
        elif key == _IPV6_HINT:
            for k in range(at, at + size - 15, 16):
                count = put_v6(data, k, end, ttl, 1, number, question, found, count)
        at += size
    return count


@kernel
def _put_public_name(data: Bytes, at: int, end: int, names: Bytes, used: int) -> int:
    """Write a host name of letters, digits, hyphens and dots to names[used:]; returns its length, or -1."""
    for k in range(at, end):
        byte = u8(data, k, end)
        if 65 <= byte <= 90:
            byte += 32
        if not (97 <= byte <= 122 or 48 <= byte <= 57 or byte == 45 or byte == 46 or byte == 95):
            return -1
        names[used + k - at] = byte
    return end - at


@kernel
def _read_config(data: Bytes, at: int, end: int, ttl: int, number: int, names: Bytes, used: int,
                 configs: Records, count: int) -> int:  # fmt: skip
    """Read an ECHConfigContents (RFC 9849 §4) into configs[count]; the length of its public name, or -1."""
    suites = at + 5 + max(0, be16(data, at + 3, end))
    name = suites + 4 + max(0, be16(data, suites, end))
    size = u8(data, name - 1, end)
    extensions = be16(data, name + size, end)
    if size <= 0 or extensions < 0 or name + size + 2 + extensions != end or count >= configs.size:
        return -1
    length = _put_public_name(data, name, name + size, names, used)
    if length > 0:
        out = configs[count]
        out["question"], out["ttl"], out["config"] = number, ttl, u8(data, at, end)
        out["name"], out["name_length"] = used, length
    return length


@kernel
def _read_configs(data: Bytes, at: int, end: int, ttl: int, number: int, names: Bytes, used: int, limit: int,
                  configs: Records, count: int) -> int:  # fmt: skip
    """Read the configurations of an ECHConfigList while names[used:limit] has room; returns the new count."""
    if at + 2 + be16(data, at, end) != end:
        return count
    at += 2
    while at + 4 <= end:
        version, size = be16(data, at, end), be16(data, at + 2, end)
        at += 4
        if at + size > end or used + _PUBLIC_NAME > limit:
            return count
        if version == _ECH_VERSION:
            length = _read_config(data, at, at + size, ttl, number, names, used, configs, count)
            if length > 0:
                used, count = used + length, count + 1
        at += size
    return count


@kernel
def _ech_list(data: Bytes, at: int, end: int) -> int:
    """The offset of the ECHConfigList among the parameters at `at` (preceded by its size), or -1."""
    while 0 <= at < end:
        key, size = be16(data, at, end), be16(data, at + 2, end)
        if key == _ECH:
            return at + 4
        at += 4 + size
    return -1


@kernel
def read_service(data: Bytes, body: int, end: int, ttl: int, number: int, question: Records, names: Bytes,
                  limit: int, found: Records, configs: Records, counts: Records) -> None:  # fmt: skip
    """Hints and ECH configurations of an SVCB or HTTPS record; an alias or a malformed one has none."""
    if be16(data, body, end) <= 0:
        return
    at = _parameters(data, body, end)
    counts[0] = _read_hints(data, at, end, ttl, number, question, found, counts[0])
    ech = _ech_list(data, at, end)
    if ech >= 0:
        last = counts[1] - 1
        own = last >= 0 and configs[last]["question"] == number
        used = configs[last]["name"] + configs[last]["name_length"] if own else limit - NAME_TEXT
        until = ech + be16(data, ech - 2, end)
        counts[1] = _read_configs(data, ech, until, ttl, number, names, used, limit, configs, counts[1])
