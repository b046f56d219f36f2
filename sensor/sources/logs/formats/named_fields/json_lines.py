"""Objects. A word of a name may be the key of an object around the value."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from sensor.sources.logs.formats.named_fields.vocabulary import NAMES, OTHERS, holding
from sensor.sources.logs.text import layouts, objects, paths

_OTHER = re.compile(rf"(?i)(?:^|[_.-])(?:{OTHERS}|(?<!user[_.-])agent)(?:$|[_.-])")
#: Whose account, where it is told, is none of the client's.
_SERVER = re.compile("(?i)dst|dest|destination|server|target")
#: Under other objects, `ip` is of anything.
_REQUEST = re.compile(
    "(?i)request|req|http|access|context|payload|jsonpayload|data|event|fields|properties|record"
)
#: So many keys of nested objects may form a name.
_MOST_WORDS = 3


def read(lines: pl.Series) -> pl.DataFrame:
    """Columns of `NAMES`; of a list its first item."""
    under: dict[str, list[tuple[int, str]]] = {field: [] for field in NAMES}
    for keys in paths.scalars(lines):
        for field, rank in _held(keys):
            under[field].append((rank, ".".join(keys)))
    wanted = {
        field: "|".join(path for _, path in sorted(ranked, key=lambda one: one[0]))
        for field, ranked in under.items()
        if ranked
    }
    # A frame without any column would have no height.
    found = layouts.conformed(objects.read(lines, wanted or {"client": "client"}), NAMES)
    is_list = pl.all().str.starts_with("[")
    return found.with_columns(
        pl.when(is_list).then(pl.all().str.extract(r'^\[\s*"?([^",\]]*)')).otherwise(pl.all())
    )


def _held(keys: Sequence[str]) -> set[tuple[str, int]]:
    """What the value under `keys` may be: `holding` of the last of them, and of the last few together."""
    if any(_OTHER.search(key) for key in keys):
        return set()
    words = ".".join(keys).split(".")
    names = ("".join(words[-count:]) for count in range(1, _MOST_WORDS + 1))
    found = {held for name in names if (held := holding(name))}
    of_server = any(_SERVER.fullmatch(word) for word in words[:-1])
    of_request = len(words) == 1 or _REQUEST.fullmatch(words[-2])
    return {
        (field, rank)
        for field, rank in found
        if not (field == "user_name" and of_server) and not (field == "asker" and not of_request)
    }
