"""Finds AI keys in logged text; only their type and fingerprint are kept.

Their forms are in `decode/text/credentials.py`.
"""

from __future__ import annotations

import re

import polars as pl

from sensor.decode.text.credentials import PREFIXES, find
from sensor.schema import SENT_KEY

#: In every key, and in almost no other text; ASCII classes only, because they compile fast.
LIKELY = "(?:" + "|".join(re.escape(prefix) for prefix in PREFIXES) + ")[A-Za-z0-9_+/-]{19}"


def of_texts(texts: pl.Series) -> pl.DataFrame:
    """Columns key_type, key_print and software (SENT_KEY) for each of `texts`; NULL without a key."""
    places = texts.str.contains(LIKELY).fill_null(False).arg_true()
    keys = [find(text.encode()) or (None, None) for text in texts.gather(places)]
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(texts))
    columns = [
        nothing.clone().scatter(places, pl.Series([key[at] for key in keys], dtype=pl.String)).alias(name)
        for at, name in enumerate(("key_type", "key_print"))
    ]
    return pl.DataFrame(columns).with_columns(
        software=pl.when(pl.col("key_type").is_not_null()).then(pl.lit(SENT_KEY))
    )
