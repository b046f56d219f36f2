"""DNS messages into questions and the addresses they were answered with (RFC 1035, RFC 9460).

Names come out lower case (resolvers mix case at random) and without the final dot; a byte inside a label
that is no letter, digit, hyphen or underscore is written as \\DDD, so that no label can pretend to be two.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.jit import entry, kernel
from sensor.decode.layout import ADDRESS, QUESTION, Bytes, Records, i64, records
from sensor.decode.read import be16, be32, u8, word

_A = 1
_CNAME = 5
_AAAA = 28
_SVCB = 64
_HTTPS = 65

#: Longest name as text: 255 bytes, each escaped.
_NAME_TEXT = 1024
#: Answers looked at in one message.
_ANSWERS = 128
#: Pointers followed in one name; each must point further back than the one before (RFC 1035 §4.1.4).
_POINTERS = 32


@kernel
def _put_byte(names: Bytes, at: int, byte: int) -> int:
    if 65 <= byte <= 90:
        byte += 32
    if 97 <= byte <= 122 or 48 <= byte <= 57 or byte == 45 or byte == 95:
        names[at] = byte
        return at + 1
    names[at], names[at + 1] = 92, 48 + byte // 100
    names[at + 2], names[at + 3] = 48 + byte // 10 % 10, 48 + byte % 10
    return at + 4


@kernel
def _read_name(data: Bytes, base: int, at: int, end: int, names: Bytes, used: int) -> int:
    """The name at `at` of the message that begins at `base`, as text at names[used:]: its length, or -1."""
    to, left, lowest = used, 255, at
    for _ in range(_POINTERS):
        size = u8(data, at, end)
        while 0 < size < 64:
            left -= size + 1
            if left < 1 or at + 1 + size > end:
                return -1
            if to > used:
                names[to] = 46
                to += 1
            for k in range(at + 1, at + 1 + size):
                to = _put_byte(names, to, u8(data, k, end))
            at += 1 + size
            size = u8(data, at, end)
        if size == 0:
            return to - used
        target = base + (be16(data, at, end) & 0x3FFF)
        if size < 192 or be16(data, at, end) < 0 or target >= lowest:
            return -1
        at = lowest = target
    return -1


@kernel
def _after_name(data: Bytes, at: int, end: int) -> int:
    """The offset behind the name at `at`, or -1."""
    for _ in range(128):
        size = u8(data, at, end)
        if size == 0:
            return at + 1
        if size >= 192:
            return at + 2
        if size < 0 or size >= 64:
            return -1
        at += 1 + size
    return -1


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
def _put_v4(data: Bytes, at: int, end: int, ttl: int, hint: int, number: int, question: Records,
            found: Records, count: int) -> int:  # fmt: skip
    low = np.uint64(be32(data, at, end)) | np.uint64(0xFFFF00000000)
    return _put_address(np.uint64(0), low, ttl, hint, number, question, found, count)


@kernel
def _put_v6(data: Bytes, at: int, end: int, ttl: int, hint: int, number: int, question: Records,
            found: Records, count: int) -> int:  # fmt: skip
    high, low = word(data, at, end), word(data, at + 8, end)
    return _put_address(high, low, ttl, hint, number, question, found, count)


@kernel
def _read_service(data: Bytes, at: int, end: int, ttl: int, number: int, question: Records, found: Records,
                  count: int) -> int:  # fmt: skip
    """Address hints of an SVCB or HTTPS record (RFC 9460 §7.3)."""
    at = _after_name(data, at + 2, end)
    while at >= 0 and at + 4 <= end:
        key, size = be16(data, at, end), be16(data, at + 2, end)
        at += 4
        if at + size > end:
            return count
        if key == 4:
            for k in range(at, at + size - 3, 4):
                count = _put_v4(data, k, end, ttl, 1, number, question, found, count)
        elif key == 6:
            for k in range(at, at + size - 15, 16):
                count = _put_v6(data, k, end, ttl, 1, number, question, found, count)
        at += size
    return count


@kernel
def _read_answers(data: Bytes, base: int, at: int, end: int, number: int, question: Records, names: Bytes,
                  used: int, found: Records, count: int) -> int:  # fmt: skip
    """The answer section: addresses, hints and the last CNAME; returns the new count of addresses."""
    for _ in range(min(_ANSWERS, be16(data, base + 6, end))):
        at = _after_name(data, at, end)
        size = be16(data, at + 8, end)
        if at < 0 or size < 0 or at + 10 + size > end:
            return count
        kind, ttl = be16(data, at, end), be32(data, at + 4, end)
        at += 10
        if kind == _A and size == 4:
            count = _put_v4(data, at, end, ttl, 0, number, question, found, count)
        elif kind == _AAAA and size == 16:
            count = _put_v6(data, at, end, ttl, 0, number, question, found, count)
        elif kind == _CNAME:
            length = _read_name(data, base, at, at + size, names, used)
            if length > 0:
                question["cname"], question["cname_length"] = used, length
        elif kind in (_HTTPS, _SVCB):
            count = _read_service(data, at, at + size, ttl, number, question, found, count)
        at += size
    return count


@entry
def _parse_all(data: Bytes, begins: Records, lengths: Records, questions: Records, names: Bytes,
               found: Records) -> int:  # fmt: skip
    used, count = i64(0), i64(0)
    for i in range(begins.size):
        base, end, out = begins[i], begins[i] + lengths[i], questions[i]
        flags = be16(data, base + 2, end)
        out["event"], out["id"] = i, be16(data, base, end)
        out["response"], out["rcode"] = flags >> 15 & 1, flags & 15
        length = _read_name(data, base, base + 12, end, names, used)
        at = _after_name(data, base + 12, end)
        if length <= 0 or at < 0 or be16(data, at, end) < 0:
            continue
        out["type"], out["name"], out["name_length"] = be16(data, at, end), used, length
        used += length
        if out["response"]:
            count = _read_answers(data, base, at + 4, end, i, out, names, used, found, count)
            used += out["cname_length"]
    return count


def parse(data: Bytes, begins: Records, lengths: Records) -> tuple[Records, Bytes, Records]:
    """QUESTION records of the messages at data[begins:][:lengths], their names, and the ADDRESS records."""
    questions = records(QUESTION, begins.size)
    names = np.empty(2 * _NAME_TEXT * (begins.size + 1), np.uint8)
    found = records(ADDRESS, int(lengths.sum()) // 4 + 1)
    count = _parse_all(data, begins, lengths, questions, names, found)
    return questions, names, found[:count]
