"""What nfdump prints for programs (`-o pipe`): numbers only, addresses as four of 32 bits.

2|1791280800000|1791280805000|6|0|0|0|167838211|40000|0|0|0|3221225991|443|…|7|900       nfdump 1.7
2|1791280800|0|1791280805|0|6|0|0|0|167838211|40000|0|0|0|3221225991|443|…|7|900         nfdump 1.6

The first number is Linux's for the family (2, 10). Times are of the epoch, in milliseconds or in seconds with
milliseconds behind.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import commas

_SOURCE, _TARGET = ("s0", "s1", "s2", "s3"), ("d0", "d1", "d2", "d3")
_ENDS = (*_SOURCE, "client_port", *_TARGET, "port")
_REST = ("", "", "", "", "", "", "packets", "bytes")
_MILLISECONDS = ("family", "start", "end", "proto", *_ENDS, *_REST)
_SECONDS = ("family", "start", "start_ms", "end", "end_ms", "proto", *_ENDS, *_REST)
PATTERN = r"^(?:2|10)\|(?:\d+\|){20}(?:\d+\|\d+\|)?\d+$"
_IN_SECONDS = r"^\d+\|\d{9,10}\|\d{1,3}\|"
_DIGITS = {number: f"{number:x}" for number in range(16)}


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of such records, as far as they have them."""
    old = lines["line"].str.contains(_IN_SECONDS)
    whole, parted = (
        commas.read(lines["line"].set(masked, None), columns, separator="|")
        for masked, columns in ((old, _MILLISECONDS), (~old, _SECONDS))
    )
    parted = parted.with_columns(
        pl.concat_str(name, pl.col(f"{name}_ms").str.zfill(3)).alias(name) for name in ("start", "end")
    )
    told = pl.select(pl.coalesce(whole[name], parted[name]).alias(name) for name in whole.columns)
    return told.with_columns(client=_address(_SOURCE), server=_address(_TARGET))


def _address(words: tuple[str, ...]) -> pl.Expr:
    numbers = [pl.col(word).cast(pl.Int64, strict=False) for word in words]
    four = pl.concat_str(
        [_part(numbers[3], bits, 8).cast(pl.String) for bits in (24, 16, 8, 0)], separator="."
    )
    six = pl.concat_str([_hex(number, bits) for number in numbers for bits in (16, 0)], separator=":")
    return pl.when(pl.col("family") == "2").then(four).otherwise(six)


def _part(number: pl.Expr, above: int, bits: int) -> pl.Expr:
    """The `bits` of a number that have so many below them."""
    return number // (1 << above) % (1 << bits)


def _hex(number: pl.Expr, above: int) -> pl.Expr:
    digits = (_part(number, above + bits, 4) for bits in (12, 8, 4, 0))
    return pl.concat_str(
        [digit.replace_strict(_DIGITS, default=None, return_dtype=pl.String) for digit in digits]
    )
