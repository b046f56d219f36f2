"""Converts bytes and numbers to String columns, with Python code called once per distinct value."""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from sensor.decode.kernels.hashing import digest
from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.kernels.packet_bytes import u8, word
from sensor.decode.layout import Bytes, Records, i64

Integers = npt.NDArray[np.int64]

#: Maximum length of texts; user agents and paths can be longer than needed.
_LONGEST = 1024

_SEED = np.uint64(int.from_bytes(os.urandom(8), "little"))


@kernel
def _same(data: Bytes, a: int, b: int, length: int) -> bool:
    for k in range(0, length, 8):  # noqa: SIM110 - no generators in kernels
        if word(data, a + k, a + length) != word(data, b + k, b + length):
            return False
    return True


@entry
def _number(data: Bytes, begins: Records, lengths: Records, slots: Records, ids: Records, firsts: Records,
            seed: np.uint64) -> int:  # fmt: skip
    """Number the distinct byte strings by first appearance; empty ones get -1 in `ids`."""
    count, mask = i64(0), slots.size - 1
    for i in range(begins.size):
        at, length = begins[i], lengths[i]
        if length <= 0:
            ids[i] = -1
            continue
        state = digest(data, at, at + length, seed ^ np.uint64(length))
        slot = i64(state >> np.uint64(16)) & mask
        while slots[slot] >= 0:
            other = firsts[slots[slot]]
            if lengths[other] == length and _same(data, at, begins[other], length):
                break
            slot = (slot + 1) & mask
        if slots[slot] < 0:
            slots[slot], firsts[count] = count, i
            count += 1
        ids[i] = slots[slot]
    return count


@entry
def _lines(data: Bytes, begins: Records, lengths: Records, rows: Records, count: int, lines: Bytes) -> bool:
    """Write the byte strings of the first `count` of `rows` as lines; False if one is not printable ASCII."""
    to = i64(0)
    for row in rows[:count]:
        for k in range(begins[row], begins[row] + lengths[row]):
            byte = u8(data, k, data.size)
            if byte < 32 or byte > 126:
                return False
            lines[to] = byte
            to += 1
        lines[to] = 10
        to += 1
    return True


def own(column: Records) -> Records:
    """A copy of `column`, because frames must not share memory with reused buffers."""
    return np.array(column, order="C", copy=True)


def seconds(microseconds: Integers) -> pl.Series:
    """`microseconds` as seconds, correctly rounded, which division in Polars is not for all frame lengths."""
    return pl.Series(microseconds / 1_000_000, dtype=pl.Float64)


def texts(
    data: Bytes,
    begins: Integers,
    lengths: Integers,
    transform: Callable[[str], str | None] | None = None,
    *,
    unless: str = "",
    longest: int = _LONGEST,
) -> pl.Series:
    """The byte strings data[begins:][:lengths] as a String column, NULL where empty.

    `transform` is applied to each distinct value (its first `longest` bytes), except to values that match the
    regular expression `unless`, which it would not change.
    """
    if begins.size == 0:
        return pl.Series(dtype=pl.String)
    lengths = np.minimum(lengths, longest)
    slots = np.full(1 << max(4, int(2 * begins.size + 1).bit_length()), -1, np.int64)
    ids, firsts = np.empty(begins.size, np.int64), np.empty(begins.size, np.int64)
    count = _number(data, begins, lengths, slots, ids, firsts, _SEED)
    distinct = _distinct(data, begins, lengths, firsts, count)
    if transform:
        odd = ~distinct.str.contains(unless) if unless else distinct.is_not_null()
        odd_rows = odd.arg_true()
        if not odd_rows.is_empty():
            changed = [transform(text) for text in distinct.gather(odd_rows)]
            distinct.scatter(odd_rows, pl.Series(changed, dtype=pl.String))
    return distinct.gather(pl.Series(ids).replace(-1, None))


def _distinct(data: Bytes, begins: Integers, lengths: Integers, rows: Integers, count: int) -> pl.Series:
    """The byte strings of the first `count` of `rows` as text."""
    first = rows[:count]
    lines = np.empty(int(lengths[first].sum()) + count, np.uint8)
    if count and _lines(data, begins, lengths, rows, count, lines):
        return pl.Series([lines[:-1].tobytes().decode("ascii")]).str.split("\n").explode()
    view = data.data
    pairs = zip(begins[first].tolist(), lengths[first].tolist(), strict=True)
    return pl.Series([printable(view[at : at + n].tobytes()) for at, n in pairs], dtype=pl.String)


def columns(dtypes: dict[str, pl.DataType], rows: list[tuple[object, ...]]) -> dict[str, pl.Series]:
    """Rows of values as columns, in the order of `dtypes`."""
    return {
        name: pl.Series(name, [row[at] for row in rows], dtype=dtype)
        for at, (name, dtype) in enumerate(dtypes.items())
    }


def printable(raw: bytes) -> str:
    """Bytes as ASCII text, whatever is not printable as \\xNN."""
    text = raw.decode("ascii", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def host_name(text: str) -> str | None:
    """`text` in the form of the catalog: lower case, without final dot."""
    return text.strip().rstrip(".").lower() or None


def macs(values: Integers) -> pl.Series:
    """Hardware addresses as text; NULL if the link has none."""
    frame = pl.DataFrame({"mac": values})
    known = frame.unique(maintain_order=True)
    text = [":".join(f"{v >> s & 255:02x}" for s in range(40, -1, -8)) if v else None for v in known["mac"]]
    known = known.with_columns(pl.Series("text", text, dtype=pl.String))
    return frame.join(known, on="mac", how="left", maintain_order="left")["text"]
