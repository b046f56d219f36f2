"""(row, key, value) triples as columns: the common end of everything that reads `key=value`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

#: Names of columns; or the column's name with the key it is read from. `a|b`: the first that is there.
Wanted = Sequence[str] | Mapping[str, str]


def spellings(wanted: Wanted) -> dict[str, list[str]]:
    """Column name to the keys it may stand under; without a mapping the first key names the column."""
    if isinstance(wanted, Mapping):
        return {name: keys.split("|") for name, keys in wanted.items()}
    return {keys.split("|")[0]: keys.split("|") for keys in wanted}


def columns(tokens: pl.DataFrame, height: int, wanted: Wanted) -> pl.DataFrame:
    """One String column per wanted name and `height` rows, from `tokens` (row, key, value).

    A key that comes twice in a row keeps its first value; NULL where a row has no such key.
    """
    names = spellings(wanted)
    keys = list(dict.fromkeys(key for some in names.values() for key in some))
    known = tokens.with_columns(pl.col("key").cast(pl.Enum(keys), strict=False)).drop_nulls("key")
    codes, rows = known["key"].to_physical().to_numpy(), known["row"].to_numpy()
    by_key = {
        key: _placed(np.flatnonzero(codes == code), rows, known["value"], height)
        for code, key in enumerate(keys)
    }
    out = {
        name: by_key[some[0]]
        if len(some) == 1
        else pl.select(pl.coalesce(*(by_key[key] for key in some))).to_series()
        for name, some in names.items()
    }
    return pl.DataFrame(out, schema=dict.fromkeys(out, pl.String))


def _placed(here: np.ndarray, rows: np.ndarray, values: pl.Series, height: int) -> pl.Series:
    """The values at `here`, each in its row; backwards, so that the first of two stays."""
    if not len(here):
        return pl.Series([None], dtype=pl.String).new_from_index(0, height)
    place = np.full(height, -1, dtype=np.int64)
    place[rows[here][::-1]] = here[::-1]
    return values.gather(pl.Series(place).replace(-1, None))


def numbered(lists: pl.Series) -> pl.DataFrame:
    """Column `token` of a Series of lists of text, with the `row` each came from."""
    frame = pl.DataFrame({"token": lists}).with_row_index("row")
    return frame.explode("token").drop_nulls("token")
