r"""CEF and LEEF: the header's fields and the wanted keys of the extension.

    CEF:0|vendor|product|version|id|name|severity|src=… request=… cs1Label=Rule cs1=…
    LEEF:1.0|vendor|product|version|id|src=…<TAB>dst=…
    LEEF:2.0|vendor|product|version|id|^|src=…^dst=…      (delimiter: a character, x09 or 0x09)

Some forwarders cut `CEF:` off, so a line may begin ` 0|Forcepoint|…`. Header escapes `\|` and
`\\`, extension escapes `\=`, `\\`, `\n`, `\r` (ArcSight CEF implementation standard).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import pairs
from sensor.sources.logs.text.partial import only

#: Columns of the header in every result.
HEADER = ("vendor", "product", "version", "event", "name", "severity")
_PART = r"((?:[^|\\]|\\.)*)"
_CEF = r"(?s)(?:CEF:\s*|^\s*)\d(?:\.\d)?\|" + r"\|".join([_PART] * 6) + r"\|(.*)$"
_LEEF = (
    r"(?s)LEEF:\s*\d(?:\.\d)?\|"
    + r"\|".join([r"([^|]*)"] * 4)
    + r"\|(?:([^|\s]|0?x[0-9a-fA-F]{2}|\\t)\|)?(.*)$"
)
_KEY = r"[A-Za-z_][\w.\[\]-]*"
_RECORD, _UNIT = "\x1e", "\x1f"
#: A LEEF 1.0 extension that has bars between its pairs (McAfee's rule set), which may end in a space.
_BARRED = rf"^{_KEY}\s?=[^|]*\|{_KEY}\s?="
#: An extension that has semicolons between its pairs (Cisco's eStreamer client).
_SEMICOLONS = rf"^{_KEY}=[^\s;]*\s?;{_KEY}="
_ESCAPES = {"\\=": "=", "\\\\": "\\", "\\n": " ", "\\r": " ", "\\|": "|"}


def claims(vendor: str, product: str = "") -> pl.Expr:
    r"""Lines in CEF or LEEF of `vendor` (a regular expression) and `product`."""
    return pl.col("line").str.contains(
        rf"(?i)(?:CEF:\s*\d(?:\.\d)?|LEEF:\s*\d(?:\.\d)?|^\s*\d)\|(?:{vendor})\|{product}"
    )


def read(lines: pl.Series, wanted: pairs.Wanted) -> pl.DataFrame:
    """Columns `HEADER` and one per wanted key, NULL where absent; a LEEF line has no name, severity.

    A labelled custom field is found by its label: ask for `cs:Rule` to get the `cs1` whose
    `cs1Label` is `Rule`; so for `cn:…`, `flexString:…` and `deviceCustomDate:…`.
    """
    head = lines.str.extract_groups(_CEF).struct.unnest()
    head.columns = [*HEADER, "extension"]
    is_leef = lines.str.contains("LEEF:", literal=True)
    parted = head["extension"].str.contains(_SEMICOLONS).fill_null(False)
    tokens = _cef(head["extension"].set(parted, None) if parted.any() else head["extension"])
    if parted.any():
        tokens = pl.concat([tokens, _cef(head["extension"].set(~parted, None), before=r"\s?;")])
    if is_leef.any():
        leef = lines.str.extract_groups(_LEEF).struct.unnest()
        leef.columns = ["vendor", "product", "version", "event", "delimiter", "extension"]
        # A LEEF line has four header fields: what stands after a fifth bar belongs to its extension.
        of_leef = leef["extension"].is_not_null()
        head = pl.DataFrame(
            {
                name: head[name].set(of_leef, None)
                if name not in leef.columns
                else leef[name].zip_with(of_leef, head[name])
                for name in HEADER
            }
        ).with_columns(head["extension"])
        tokens = pl.concat([tokens.filter(~of_leef.gather(tokens["row"])), _leef(leef)])
    labelled = _labelled(tokens, wanted)
    return head.select(HEADER).hstack(pairs.columns(pl.concat([tokens, labelled]), len(lines), wanted))


def _cef(extension: pl.Series, before: str = r"\s") -> pl.DataFrame:
    marked = extension.str.replace_all(rf"(?:^|{before})({_KEY})=", f"{_RECORD}$1{_UNIT}")
    return _tokens(pairs.numbered(marked.str.split(_RECORD)), _UNIT).with_columns(
        value=pl.when(pl.col("value").str.contains("\\", literal=True))
        .then(pl.col("value").str.replace_many(_ESCAPES))
        .otherwise("value")
    )


def _leef(leef: pl.DataFrame) -> pl.DataFrame:
    """Pairs between tabs, or whatever the 2.0 header names."""
    sign = leef["delimiter"].fill_null("\t")
    sign = sign.replace({"\\t": "\t"})
    parts = []
    for delimiter in sign.unique():
        code = delimiter.lower().removeprefix("0").removeprefix("x")
        text = chr(int(code, 16)) if len(delimiter) > 1 else delimiter
        mine = only(leef["extension"], sign == delimiter)
        # Some forwarders turn tabs into spaces: then it reads like CEF.
        tabs = mine.str.contains(text, literal=True).fill_null(False)
        parts.append(_tokens(pairs.numbered(only(mine, tabs).str.split(text)), "="))
        bars = ~tabs & mine.str.contains(_BARRED).fill_null(False)
        # A bar too many is an empty field, or the end.
        barred = _cef(only(mine, bars), before=r"\|")
        parts.append(barred.with_columns(pl.col("value").str.strip_chars_end("|")))
        parts.append(_cef(only(mine, ~tabs & ~bars)))
    return pl.concat(parts)


def _tokens(numbered: pl.DataFrame, unit: str) -> pl.DataFrame:
    halves = numbered["token"].str.splitn(unit, 2).struct.rename_fields(["key", "value"]).struct.unnest()
    read = halves.with_columns(numbered["row"])
    return read.select(
        "row", pl.col("key").str.strip_chars(), pl.col("value").str.strip_chars(" ")
    ).drop_nulls("value")


def _labelled(tokens: pl.DataFrame, wanted: pairs.Wanted) -> pl.DataFrame:
    """Custom fields under the name their label gives them, as far as `wanted` asks for such."""
    asked = [key for keys in pairs.spellings(wanted).values() for key in keys]
    kinds = {key.split(":", 1)[0] for key in asked if ":" in key}
    if not kinds:
        return tokens.clear()
    custom = rf"^({'|'.join(sorted(kinds))})\d+"
    labels = tokens.filter(pl.col("key").str.contains(custom + "Label$"))
    labels = labels.select("row", key=pl.col("key").str.strip_suffix("Label"), label=pl.col("value"))
    found = tokens.join(labels, on=["row", "key"], how="inner", maintain_order="left")
    kind = pl.col("key").str.extract(custom)
    return found.select("row", key=pl.concat_str(kind, pl.lit(":"), "label"), value=pl.col("value"))
