"""Whether a session was cut off."""

from __future__ import annotations

import polars as pl

#: Why a session ended that a profile (of URLs, threats, decryption) or a rule for its application blocked.
_CUT_OFF = "^(?:threat|policy-deny|decrypt-)"
#: No header of a request is longer, as far as servers take them: what was sent beyond it had passed.
_LONGEST_REQUEST = 16_384


def cut_off(ended_by: pl.Expr, bytes_up: pl.Expr) -> pl.Expr:
    """True for a session that was cut off by this reason before its client had sent more than a request."""
    passed = (bytes_up.cast(pl.Float64, strict=False) > _LONGEST_REQUEST).fill_null(False)
    return ended_by.str.contains(_CUT_OFF) & ~passed
