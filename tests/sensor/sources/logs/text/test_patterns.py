"""Expressions for ASCII: the same but for letters and digits of other alphabets."""

from __future__ import annotations

import polars as pl
import pytest

from sensor.sources.logs.text.patterns import ascii_only


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        (r"^\d{4}-\w+", "^[0-9]{4}-[0-9A-Za-z_]+"),
        (r"[\w.-]\d", "[0-9A-Za-z_.-][0-9]"),
        (r"\[\d\] [^\]\d]\S\\w", r"\[[0-9]\] [^\]0-9]\S\\w"),
        (r"(?P<text>\p{L}{3,8}.*)$", r"(?P<text>\p{L}{3,8}.*)$"),
    ],
)
def test_classes_are_spelled_out(pattern: str, made: str) -> None:
    assert ascii_only(pattern) == made
    assert pl.Series(["x"]).str.contains(made).len() == 1  # it compiles
