r"""`key=value` text: quoted or bare values, escapes, duplicates, unknown keys skipped.

    read(lines, ["srcip", "user"])                    srcip=10.0.0.1 user="a \"b\""
    read(lines, ["src", "url"], spaced=True)          src=10.0.0.1 url=http://x/a b msg=bare words

A quote ends a value only before a separator or the end, because products write quotes inside
quotes unescaped. With `spaced`, a bare value runs up to the next ` key=`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import pairs

#: Characters of a key, besides the separator before it and the equals sign after.
_KEY = r"[A-Za-z_][\w.:\[\]@/-]*"
_RECORD, _UNIT = "\x1e", "\x1f"


def read(
    lines: pl.Series,
    wanted: pairs.Wanted,
    *,
    separator: str = " ",
    equals: str = "=",
    spaced: bool = False,
    lower: bool = False,
) -> pl.DataFrame:
    """One String column per wanted name, NULL where absent or unreadable.

    `wanted` lists keys, or maps column names to keys; `a|b` takes the first key that is there.
    With `lower`, keys are compared in lower case (so write them so).
    """
    tokens = _spaced(lines, equals) if spaced else _quoted(lines, separator, equals)
    if lower:
        tokens = tokens.with_columns(pl.col("key").str.to_lowercase())
    return pairs.columns(tokens, len(lines), wanted)


def _quoted(lines: pl.Series, separator: str, equals: str) -> pl.DataFrame:
    stop = r"\s" if separator == " " else r"\s" + _class(separator)
    bare = r"[^\s]" if separator == " " else f"[^{_class(separator)}]"
    sign = r"\s*" + _class(equals) + r"\s*" if equals != "=" else "="
    inside = rf'(?:[^"\\]|\\.|"[^{stop}"])*'
    pattern = rf'{_KEY}{sign}(?:"{inside}"|{bare}*)'
    tokens = pairs.numbered(lines.str.extract_all(pattern))["row", "token"]
    split = tokens["token"].str.extract_groups(rf"(?s)^({_KEY}){sign}(.*)$").struct.unnest()
    value = pl.col("value")
    plain = pl.when(value.str.contains(r'(?s)^".*"$')).then(value.str.slice(1, value.str.len_chars() - 2))
    return (
        split.select(key=pl.nth(0), value=pl.nth(1))
        .with_columns(tokens["row"])
        .with_columns(value=plain.otherwise(value))
        .with_columns(value=unescape(value))
    )


def _spaced(lines: pl.Series, equals: str) -> pl.DataFrame:
    marked = lines.str.replace_all(rf"(?:^|[\s,;]+)({_KEY}){_class(equals)}", f"{_RECORD}$1{_UNIT}")
    tokens = pairs.numbered(marked.str.split(_RECORD))
    halves = tokens["token"].str.splitn(_UNIT, 2).struct.rename_fields(["key", "value"]).struct.unnest()
    value = pl.col("value").str.strip_chars(" ")
    quoted = value.str.contains(r'(?s)^".*"$')
    return halves.with_columns(tokens["row"]).select(
        "row",
        "key",
        value=pl.when(quoted).then(value.str.slice(1, value.str.len_chars() - 2)).otherwise(value),
    )


def unescape(value: pl.Expr) -> pl.Expr:
    r"""`\"` as `"` and `\\` as `\`; other backslashes stay (Windows account names)."""
    escaped = value.str.contains("\\", literal=True)
    return pl.when(escaped).then(value.str.replace_many(['\\"', "\\\\"], ['"', "\\"])).otherwise(value)


def _class(text: str) -> str:
    return "".join("\\" + c if c in r".^$*+?()[]{}|\-" else c for c in text)
