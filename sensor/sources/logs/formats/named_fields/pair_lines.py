"""`key=value` and `key: value`."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.named_fields.vocabulary import NAMES, OTHERS, SEPARATORS, bare, one_of_names
from sensor.sources.logs.text import pairs
from sensor.sources.logs.text.patterns import ascii_only

_WANTED = {field: "|".join(bare(name) for name in names) for field, names in NAMES.items()}
#: A stamp without a name, before all fields.
_FIRST = (
    r"^[\[(<]?(\d{4}[-/.]\d\d[-/.]\d\d[T ,]+\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?|"
    r"\d{1,2}/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?: [+-]\d{4})?|\d{10}(?:\.\d+)?)[\])>]?[\s,;|]"
)
#: A stamp may have a blank in it, without quotes around it.
_STAMP = r"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d[^\s,;|\])}\"]*"
_VALUE = rf"(?:\"[^\"]*\"|{_STAMP}|[^\s,;|\])}}\"]*)"
#: A field without a value, and the name of the next: `user= action=allow`.
_EMPTY = r"=\s+([A-Za-z@][\w.@-]*=)"
#: What may be a name, or the end of one that has blanks in it.
_ANY_NAME = r"[A-Za-z@][\w.@-]*\"?\s?[=:]"


def read(lines: pl.Series) -> pl.DataFrame:
    """Columns of `NAMES`."""
    for _ in range(2):  # the next may have no value, either
        lines = lines.str.replace_all(ascii_only(_EMPTY), '="" $1')
    there = lines.str.extract_all(_ANY_NAME).explode().drop_nulls().unique()
    # The fewer names are looked for, the faster.
    ends = tuple(bare(name.rstrip('=: "')) for name in there)
    names = [name for some in NAMES.values() for name in some if bare(name).endswith(ends)]
    # `Destination user name` is another name than `user name`.
    other = rf"(?:(?:{OTHERS}|dst|dest|destination|target){SEPARATORS})?"
    token = rf"(?i)(?:^|[\s,;:|\[({{\"]){other}{one_of_names(names)}\"?\s?[=:]\s?{_VALUE}"
    tokens = pairs.numbered(lines.str.extract_all(token))
    halves = tokens["token"].str.extract_groups(r"^\W?([^=:\"]+?)\"?\s?[=:]\s?(.*)$").struct.unnest()
    key = pl.nth(0).str.to_lowercase().str.replace_all(SEPARATORS, "")
    split = halves.select(key=key, value=pl.nth(1).str.strip_chars('"')).with_columns(tokens["row"])
    found = pairs.columns(split, len(lines), _WANTED)
    first = lines.str.extract(_FIRST)
    return found.with_columns(time=pl.coalesce("time", pl.when(pl.col("day").is_null()).then(first)))
