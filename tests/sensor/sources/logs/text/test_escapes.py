"""Escaped bytes of account names."""

from __future__ import annotations

from typing import Literal

import polars as pl
import pytest

from sensor.sources.logs.text.escapes import unescaped


@pytest.mark.parametrize(
    ("sign", "written", "meant"),
    [
        ("%", "j%c3%b6rg%20lee", "jörg lee"),
        ("%", "100%", "100%"),
        ("%", r"j\xC3\xB6rg", r"j\xC3\xB6rg"),
        (r"\x", r"j\xC3\xB6rg", "jörg"),
        (r"\x", r"CORP\ann", r"CORP\ann"),
        ("%", "%ff", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_unescaped(sign: Literal["%", r"\x"], written: str, meant: str) -> None:
    assert unescaped(pl.Series([written, None, "ann"]), sign).to_list() == [meant, None, "ann"]
