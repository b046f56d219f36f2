"""JSON lines: only the wanted fields, by path; a line that is no object gives a row of NULLs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from sensor.sources.logs.text import pairs, scanner

_SCANNER = "sensor.decode.text.json_fields"
#: Column of the line itself, beside the keys read of it.
_WHOLE = "\0"
#: Fewer lines than this, or much shorter ones, are not worth a compiled scanner.
SCANNED_FROM, _MIN_BYTES = 2_000, 20_000


def read(lines: pl.Series, wanted: pairs.Wanted, *, lists: Sequence[str] = ()) -> pl.DataFrame:
    """One String column per name in `wanted` and one List(String) column per path in `lists`.

    A path names nested keys (`tls.sni`); keys written with dots (`"tls.sni": …`) are found too, also inside
    the first of them (`{"event": {"tls.sni": …}}`).
    `wanted` lists paths, or maps column names to paths; `a|b` takes the first that is there. Numbers
    and booleans come as text, objects and lists as JSON text.
    A path in `lists` may go on below the list: `dns.answers[].rdata`.
    """
    # A scanner that is there already is faster with any number of lines.
    is_there = len(lines) > 0 and _SCANNER in sys.modules
    is_much = lines.len() >= SCANNED_FROM and lines.head(1000).str.len_bytes().sum() >= _MIN_BYTES
    if is_there or (is_much and scanner.is_compiled(scanner.OBJECTS, here=True)):
        return _scanned(lines, wanted, lists)
    return _complete(lines, wanted, lists)


def _scanned(lines: pl.Series, wanted: pairs.Wanted, lists: Sequence[str]) -> pl.DataFrame:
    """As `read`, by the compiled scanner; what is odd to it is read completely."""
    scanner.use_kept()
    from sensor.decode.text import json_fields

    spelled = pairs.spellings(wanted)
    paths = list(dict.fromkeys(path for several in spelled.values() for path in several))
    listed = [path if "[]" in path else f"{path}[]" for path in lists]
    found, odd = json_fields.read(lines, [*paths, *listed])
    rows = found.select(
        *(pl.coalesce(several).alias(name) for name, several in spelled.items()),
        *(pl.col(full).str.split("\x02").alias(path) for path, full in zip(lists, listed, strict=True)),
    )
    if odd.is_empty():
        return rows
    rest = _complete(lines.gather(odd), wanted, lists)
    # Lists cannot be scattered into; rows can be chosen.
    order = pl.int_range(rows.height, eager=True).scatter(
        odd, pl.int_range(len(odd), eager=True) + rows.height
    )
    return pl.concat([rows, rest])[order]


def _complete(lines: pl.Series, wanted: pairs.Wanted, lists: Sequence[str]) -> pl.DataFrame:
    """As `read`, by a complete reader of JSON."""
    tree: dict[str, Any] = {}
    plans: list[tuple[str, list[pl.Expr]]] = []
    spelled = pairs.spellings(wanted)
    for name, paths in spelled.items():
        plans.append((name, [e for path in paths for e in _plant(tree, path, pl.String())]))
    for path in lists:
        plans.append((path, _plant_list(tree, path)))
    asked = {key: _dtype(below) for key, below in tree.items()}
    objects = lines.to_frame("line").select(
        pl.when(pl.col("line").str.contains(r"^\s*\{")).then("line").fill_null("{}")
    )["line"]
    known = ndjson(objects, asked).with_columns(objects.alias(_WHOLE))
    found = known.select(pl.coalesce(exprs).alias(name) for name, exprs in plans)
    return _escaped(objects, found, spelled)


def _escaped(lines: pl.Series, found: pl.DataFrame, spelled: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """`found` with the texts of objects and lists whole: Polars writes their backslashes without escapes."""
    if not (has := lines.str.contains("\\", literal=True)).any():
        return found
    for name, paths in spelled.items():
        broken = (has & found[name].str.contains(r"^[\[{]")).fill_null(False).arg_true()
        if broken.len():
            places = (place for path in paths for place in ("']['".join(path.split(".")), path))
            whole = [pl.col("line").str.json_path_match(f"$['{place}']") for place in places]
            told = pl.DataFrame({"line": lines.gather(broken), "told": found[name].gather(broken)})
            texts = told.select(pl.coalesce(*whole, "told")).to_series()
            found = found.with_columns(found[name].scatter(broken, texts))
    return found


def having(*keys: str) -> pl.Expr:
    """Lines that are JSON objects and have all of these keys, wherever; cheap, for `claims`."""
    found = pl.col("line").str.contains(r"^\s*\{")
    for key in keys:
        found &= pl.col("line").str.contains(f'"{key}"', literal=True)
    return found


def having_any(*keys: str) -> pl.Expr:
    """Lines with one of these keys, quotes and all; for beside `having`."""
    return pl.col("line").str.contains_any([f'"{key}"' for key in keys])


def ndjson(lines: pl.Series, asked: dict[str, pl.DataType], *, checked: bool = False) -> pl.DataFrame:
    """One row per line. One broken line fails the whole read, so then the broken ones are found first."""
    if lines.is_empty():
        return pl.DataFrame(schema=asked)
    try:
        text = io.BytesIO(lines.str.join("\n")[0].encode())
        found = pl.read_ndjson(text, schema=asked, ignore_errors=True)
        if found.height == len(lines):
            return found
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass
    if not checked:
        sound = pl.Series([line if is_object(line) else "{}" for line in lines], dtype=pl.String)
        return ndjson(sound, asked, checked=True)
    if len(lines) == 1:
        return pl.DataFrame({name: [None] for name in asked}, schema=asked)
    half = len(lines) // 2
    return pl.concat([ndjson(part, asked, checked=True) for part in (lines.head(half), lines.slice(half))])


def is_object(line: str) -> bool:
    """True if `line` is one JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _plant(tree: dict[str, Any], path: str, leaf: pl.DataType) -> list[pl.Expr]:
    """Ask for `path`, nested and as one dotted key; expressions that fetch it."""
    keys = path.split(".")
    found = []
    if _grow(tree, keys, leaf):
        found.append(_fetch(keys))
    elif leaf == pl.String:  # lists are asked for in one way only
        found.append(_searched(keys))
    if len(keys) > 1 and _grow(tree, [path], leaf):
        found.append(pl.col(path))
    within = [keys[0], ".".join(keys[1:])]
    if len(keys) > 2 and leaf == pl.String and _grow(tree, within, leaf):
        found.append(_fetch(within))
    return found


def _plant_list(tree: dict[str, Any], path: str) -> list[pl.Expr]:
    head, _, below = path.partition("[]")
    if not below:
        return _plant(tree, head, pl.List(pl.String()))
    keys = below.lstrip(".").split(".")
    items: dict[str, Any] = {}
    node = _node(tree, head.split("."))
    if isinstance(node, _Items):
        items = node.tree
    else:
        _grow(tree, head.split("."), _Items(items))
    _grow(items, keys, pl.String())
    element = pl.element().struct.field(keys[0])
    for key in keys[1:]:
        element = element.struct.field(key)
    return [_fetch(head.split(".")).list.eval(element)]


class _Items:
    """A list of objects of which some fields are wanted."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self.tree = tree


def _node(tree: dict[str, Any], keys: Sequence[str]) -> Any:
    node: Any = tree
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _grow(tree: dict[str, Any], keys: Sequence[str], leaf: Any) -> bool:
    """Add a path; False where another path makes that impossible (a value with fields below it)."""
    node = tree
    for key in keys[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            return False
    there = node.setdefault(keys[-1], leaf)
    return not isinstance(there, dict)


def _fetch(keys: Sequence[str]) -> pl.Expr:
    found = pl.col(keys[0])
    for key in keys[1:]:
        found = found.struct.field(key)
    return found


def _searched(keys: Sequence[str]) -> pl.Expr:
    """What the tree cannot ask for: a value where also fields below it are wanted, or such a field."""
    return pl.col(_WHOLE).str.json_path_match("$" + "".join(f"['{key}']" for key in keys))


def _dtype(below: Any) -> pl.DataType:
    if isinstance(below, dict):
        return pl.Struct({key: _dtype(more) for key, more in below.items()})
    if isinstance(below, _Items):
        return pl.List(_dtype(below.tree))
    leaf: pl.DataType = below
    return leaf
