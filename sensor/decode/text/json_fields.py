"""Extracts the values of selected keys from JSON lines in one pass over the bytes, without creating objects.

A key is recognised by the hash of its path (`dns.answers[].rdata`; nested and dotted keys are the same), and
its value is written as text, field after field. A line with anything unusual (a syntax error, a container in
place of a value, a Unicode escape, too deep nesting or too long lists) is marked `odd` and left to a complete
parser (RFC 8259).
"""

# What kernels compute with is Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from sensor.decode.kernels.jit import entry, kernel, step
from sensor.decode.kernels.packet_bytes import copy, find, find_quote, u8
from sensor.decode.layout import Bytes, i64

#: Separators of fields, and of list values; no text contains them (`lines.cleaned`).
FIELD, ITEM = 0x01, 0x02
#: Represents an empty value, as opposed to a missing one.
EMPTY = 0x03
_DEPTH = 32
#: Maximum values per line, over all fields.
_VALUES = 128
#: Integers per value: field, begin, end, next value of the same field.
_EACH = 4
#: Maximum growth of a line when it is written as fields.
ROOM = 4

#: Prepended to the text, because Polars would take a first line that begins with `x^` for a zlib stream.
_FIRST = b"#\n"

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
_PRIME, _KEY = 0x100000001B3, secrets.randbits(62)
_QUOTE, _SLASH, _OPEN, _CLOSE, _LIST, _END, _COLON, _COMMA, _DOT = 34, 92, 123, 125, 91, 93, 58, 44, 46
_NULL = 110  # n, with which only null begins


@dataclass(frozen=True)
class Wanted:
    """Hash table of the wanted paths: `table` has hash and number of each, by the low bits of the hash."""

    table: Hashes
    numbers: Integers
    count: int
    #: 1 for each path through a list, which may have several values
    listed: Bytes

    @classmethod
    def of(cls, paths: Sequence[str], key: int) -> Wanted:
        """For at most some hundred paths. In a path through a list, `[]` follows the name of the list."""
        size = 1 << max(4, (4 * len(paths)).bit_length())
        table, numbers = np.zeros(size, np.uint64), np.full(size, -1, np.int64)
        for number, path in enumerate(paths):
            digest = _hash_of(path.encode(), key)
            place = digest & (size - 1)
            while numbers[place] >= 0:
                place = (place + 1) & (size - 1)
            table[place], numbers[place] = digest, number
        listed = np.array(["[]" in path for path in paths], np.uint8)
        return cls(table, numbers, len(paths), listed)


def _hash_of(path: bytes, key: int) -> int:
    digest = key
    for byte in path:
        digest = ((digest ^ byte) * _PRIME) & 0xFFFFFFFFFFFFFFFF
    return digest


@kernel
def _number_of(digest: np.uint64, table: Hashes, numbers: Integers) -> int:
    """The number of a wanted path; -1 for none."""
    mask = numbers.size - 1
    place = i64(digest & np.uint64(mask))
    while numbers[place] >= 0:
        if table[place] == digest:
            return i64(numbers[place])
        place = (place + 1) & mask
    return -1


@kernel
def _extend_hash(digest: np.uint64, byte: int) -> np.uint64:
    return (digest ^ np.uint64(byte)) * np.uint64(_PRIME)


@kernel
def _skip_blanks(data: Bytes, at: int, end: int) -> int:
    """The first offset from `at` that is not white space."""
    while at < end and u8(data, at, end) <= 32:
        at += 1
    return at


@kernel
def _is_scalar(data: Bytes, at: int, to: int) -> bool:
    """True if data[at:to] is a number, true, false or null."""
    first = u8(data, at, to)
    if first == 116:  # true
        return to - at == 4 and u8(data, at + 1, to) == 114 and u8(data, at + 3, to) == 101
    if first == 102:  # false
        return to - at == 5 and u8(data, at + 1, to) == 97 and u8(data, at + 4, to) == 101
    if first == 110:  # null
        return to - at == 4 and u8(data, at + 1, to) == 117 and u8(data, at + 3, to) == 108
    if first != 45 and not 48 <= first <= 57:
        return False
    for k in range(at + 1, to):
        byte = u8(data, k, to)
        # Numbers with an exponent have several notations.
        if byte != _DOT and not 48 <= byte <= 57:
            return False
    return 48 <= u8(data, to - 1, to) <= 57


@step
def _end_of_string(data: Bytes, begin: int, end: int) -> int:
    """Position of the quote that closes the string data[begin:]; negative if it has escapes, 0 if the line is
    odd."""
    close, escaped = find_quote(data, begin, end), False
    while u8(data, close, end) == _SLASH:
        escaped = True
        if u8(data, close + 1, end) < 32:
            return 0
        close = find_quote(data, close + 2, end)
    if u8(data, close, end) != _QUOTE:
        return 0
    return -close if escaped else close


@step
def _end_of_scalar(data: Bytes, begin: int, end: int) -> int:
    """End of the number, true, false or null at `begin`; 0 if the line is odd."""
    close = begin
    while close < end:
        byte = u8(data, close, end)
        if byte in (_COMMA, _CLOSE, _END) or byte <= 32:
            break
        close += 1
    return close if _is_scalar(data, begin, close) else 0


@step
def _read_key(data: Bytes, at: int, end: int, digest: np.uint64) -> tuple[int, np.uint64]:
    """The offset of the value of the key at `at`, and `digest` with the key added; -1 if the line is odd."""
    byte = u8(data, at, end)
    if byte != _QUOTE:
        return -1, digest
    while True:
        at += 1
        byte = u8(data, at, end)
        if byte == _QUOTE:
            break
        if byte < 32 or byte == _SLASH:
            return -1, digest
        digest = _extend_hash(digest, byte)
    at = _skip_blanks(data, at + 1, end)
    return _skip_blanks(data, at + 1, end) if u8(data, at, end) == _COLON else -1, digest


@step
def _read_value(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Begin and end of the text of a string or scalar at `at`, and the offset after it.

    The end is negative for a string with escapes, 0 if the line is odd.
    """
    if u8(data, at, end) == _QUOTE:
        close = _end_of_string(data, at + 1, end)
        return at + 1, close, abs(close) + 1
    close = _end_of_scalar(data, at, end)
    return at, close, close


@kernel
def _find(
    data: Bytes, at: int, end: int, table: Hashes, numbers: Integers, digests: Hashes, found: Integers,
) -> int:  # fmt: skip
    """Write number, begin and end of each wanted value of data[at:end] to `found`; returns how many.

    -1 if the line is odd. The end of a string with escapes is negative.
    """
    at = _skip_blanks(data, at, end)
    if u8(data, at, end) != _OPEN:
        return -1
    depth, count = 0, 0
    # Per level: the hash of its path, or of the path of its items; a bit mask marks lists. Level 0 has the
    # key of the caller, which must not be compiled in, as it differs between processes.
    lists = 0
    at += 1
    fresh = True  # nothing read yet in this container
    while True:
        at = _skip_blanks(data, at, end)
        byte = u8(data, at, end)
        in_list = lists >> depth & 1 == 1
        if byte == (_END if in_list else _CLOSE):
            lists &= ~(1 << depth)
            depth -= 1
            at += 1
            fresh = False
            if depth < 0:
                return count if _skip_blanks(data, at, end) == end else -1
            continue
        if not fresh:
            if byte != _COMMA:
                return -1
            at = _skip_blanks(data, at + 1, end)
            byte = u8(data, at, end)
        digest = digests[depth]
        if not in_list:
            at, digest = _read_key(data, at, end, _extend_hash(digest, _DOT) if depth > 0 else digest)
            if at < 0:
                return -1
            byte = u8(data, at, end)
        number = _number_of(digest, table, numbers) if byte != _NULL else -1
        if byte in (_OPEN, _LIST):
            if number >= 0 or depth + 1 >= _DEPTH:
                return -1
            depth += 1
            if byte == _LIST:
                digest = _extend_hash(_extend_hash(digest, _LIST), _END)
                lists |= 1 << depth
            digests[depth] = digest
            at += 1
            fresh = True
            continue
        fresh = False
        begin, close, at = _read_value(data, at, end)
        if close == 0:
            return -1
        if number >= 0:
            if count >= _VALUES:
                return -1
            found[_EACH * count], found[_EACH * count + 1], found[_EACH * count + 2] = number, begin, close
            count += 1


@kernel
def _write(data: Bytes, begin: int, close: int, out: Bytes, to: int) -> int:
    """Copy one value; returns its end, or -1 for an escape other than of the character itself."""
    escaped, end = close < 0, abs(close)
    if begin == end:
        out[to] = EMPTY
        return to + 1
    if not escaped:
        copy(data, begin, end - begin, out, to)
        return to + end - begin
    while begin < end:
        byte = u8(data, begin, end)
        if byte == _SLASH:
            begin += 1
            byte = u8(data, begin, end)
            if byte != _QUOTE and byte != _SLASH and byte != 47:
                return -1
        out[to] = byte
        to += 1
        begin += 1
    return to


@kernel
def _chained(found: Integers, values: int, heads: Integers) -> None:
    """Chain the values of each field: `heads` has the first one (-1: none), `found` the next one of each."""
    heads[:] = -1
    for k in range(values - 1, -1, -1):
        number = found[_EACH * k]
        found[_EACH * k + 3] = heads[number]
        heads[number] = k


@entry
def fields(
    data: Bytes, table: Hashes, numbers: Integers, count: int, listed: Bytes, out: Bytes, odd: Bytes,
    digests: Hashes, found: Integers, heads: Integers, totals: Integers,
) -> int:  # fmt: skip
    """Write each line of `data` to `out`, as `count` fields and a dot; returns the number of bytes written.

    Every line of `data` must end with a line feed. `digests[0]` is the key of the hashes. `listed` marks
    fields that may have several values; a second value of another field makes a line odd. `odd` is set to 1
    for odd lines, which are not written. `totals` receives the number of empty values, and the end of the
    last line for which `odd` has room. `out` needs `ROOM` + `count` bytes per line more than `data`.
    """
    at, to, line = 0, 0, 0
    while at < data.size and line < odd.size:
        end = find(data, at, data.size, 10)
        begun = to
        values = _find(data, at, end, table, numbers, digests, found)
        is_odd = values < 0
        _chained(found, values, heads)
        for number in range(0 if is_odd else count):
            k = heads[number]
            while k >= 0:
                begin, close = found[_EACH * k + 1], found[_EACH * k + 2]
                if begin == abs(close):
                    totals[0] += 1
                to = _write(data, begin, close, out, to)
                k = found[_EACH * k + 3]
                if to < 0 or k < 0:
                    break
                if not listed[number]:
                    to = -1
                    break
                out[to] = ITEM
                to += 1
            if to < 0:
                is_odd = True
                break
            out[to] = FIELD
            to += 1
        if is_odd:
            odd[line] = 1
            to = begun
            for _ in range(count):
                out[to] = FIELD
                to += 1
        out[to], out[to + 1] = _DOT, 10
        to += 2
        line += 1
        at = end + 1
    totals[1] = min(at, data.size)
    return to


def _joined(lines: pl.Series) -> bytes:
    """The values of `lines` as lines; NULL becomes an empty line."""
    ended = pl.concat([lines.fill_null(""), pl.Series([""], dtype=pl.String)])  # the last one ends, too
    text: bytes = ended.str.join("\n").cast(pl.Binary)[0]
    return text


def read(lines: pl.Series, paths: Sequence[str], *, key: int = _KEY) -> tuple[pl.DataFrame, pl.Series]:
    """One String column per path (NULL if missing or null), and the indices of odd lines.

    Several values of a path through lists are joined by `ITEM`. `key` is the secret key of the hashes, so
    that nobody can write a log whose names collide.
    """
    wanted, text = Wanted.of(paths, key), _joined(lines)
    data = np.frombuffer(text, np.uint8)
    out = np.empty(len(_FIRST) + data.size + len(lines) * (len(paths) + ROOM), np.uint8)
    out[: len(_FIRST)] = np.frombuffer(_FIRST, np.uint8)
    odd, totals = np.zeros(len(lines), np.uint8), np.zeros(2, np.int64)
    digests, found = np.zeros(_DEPTH, np.uint64), np.zeros(_EACH * _VALUES, np.int64)
    heads = np.zeros(max(1, len(paths)), np.int64)
    digests[0] = key
    size = fields(
        data, wanted.table, wanted.numbers, wanted.count, wanted.listed, out[len(_FIRST) :], odd, digests,
        found, heads, totals,
    )  # fmt: skip
    if totals[1] != data.size:  # a line end inside a line (JSON in JSON) is a blank
        return read(lines.str.replace_all("\n", " ", literal=True), paths, key=key)
    table = pl.read_csv(
        out[: len(_FIRST) + size].tobytes(),
        skip_rows=1, separator=chr(FIELD), has_header=False, quote_char=None,
        schema=dict.fromkeys([*paths, "."], pl.String),
    )  # fmt: skip
    if totals[0]:
        text_of = pl.all().replace(chr(EMPTY), "")
        table = table.with_columns(text_of)
    return table.drop("."), pl.Series(np.flatnonzero(odd))
