"""Lines that a regular expression with named groups reads."""

from __future__ import annotations

import re

import polars as pl

_ASCII = {r"\d": "0-9", r"\w": "0-9A-Za-z_"}


def ascii_only(pattern: str) -> str:
    r"""`pattern` with `\d` and `\w` for ASCII only.

    An expression is compiled anew for each block of lines. Those with classes of Unicode, above all repeated
    ones (`\w{0,47}`), take fifty times as long, which can be longer than to read the lines.
    """
    out, in_class = "", False
    for token in re.findall(r"\\.|[^\\]", pattern):
        if characters := _ASCII.get(token):
            out += characters if in_class else f"[{characters}]"
        else:
            out += token
            in_class = token == "[" or (in_class and token != "]")
    return out


def read(lines: pl.Series, pattern: str) -> pl.DataFrame:
    """One String column per named group of `pattern`; all NULL where a line does not match."""
    return lines.str.extract_groups(pattern).struct.unnest()
