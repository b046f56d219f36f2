r"""Account names whose bytes a log escapes: `j%c3%b6rg` (Squid), `j\xC3\xB6rg` (nginx, Apache)."""

from __future__ import annotations

import re
from typing import Literal

import polars as pl


def unescaped(names: pl.Series, sign: Literal["%", r"\x"]) -> pl.Series:
    """`names` (String) with each `sign` and its two hexadecimal digits as that byte of UTF-8."""
    run = rf"(?:{re.escape(sign)}[0-9a-fA-F]{{2}})+"
    escaped = names.filter(names.str.contains(run).fill_null(False)).unique()
    if escaped.is_empty():
        return names

    def text(found: re.Match[str]) -> str:
        return bytes.fromhex(found[0].replace(sign, "")).decode(errors="replace")

    plain = [re.sub(run, text, name) for name in escaped]
    return names.replace_strict(escaped, plain, default=names)
