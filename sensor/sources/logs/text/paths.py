"""Where the values of JSON lines stand whose keys are not known beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

#: A name in quotes before a colon: a key, or in rare cases a part of a text.
_KEY = r'"[^"\\]{1,60}"\s*:'
#: Lines whose keys differ from those of all lines before them are parsed, at most so many.
_SHAPES = 200
_DEPTH = 4


def scalars(lines: pl.Series) -> list[tuple[str, ...]]:
    """The paths of all texts, numbers and lists of texts in `lines`, each as its keys; the shortest first.

    One line of each shape (set of keys) is parsed; a line that is no object has no paths.
    """
    shapes = pl.DataFrame({"line": lines, "shape": lines.str.extract_all(_KEY).list.join("")})
    found: dict[tuple[str, ...], None] = {}
    for line in shapes.unique("shape", maintain_order=True)["line"].drop_nulls().head(_SHAPES):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            found |= dict.fromkeys(_below(record, ()))
    return sorted(found, key=len)


def _below(record: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in record.items():
        if isinstance(value, dict):
            if len(above) < _DEPTH:
                yield from _below(value, (*above, key))
        elif not (isinstance(value, list) and value and isinstance(value[0], (dict, list))):
            yield (*above, key)
