"""Separated values: RFC 4180 quotes, by position or by a header line; fewer and more fields tolerated."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence

import polars as pl

from sensor.sources.logs.text import pairs


def read(lines: pl.Series, columns: Sequence[str], *, separator: str = ",", quote: str = '"') -> pl.DataFrame:
    """One String column per name in `columns`, by position; NULL where a line has fewer fields or ''.

    A name of '' is a field nobody wants. Fields beyond the last name are ignored. One line is one
    row, even where its quotes do not balance: then they are read as plain characters.
    """
    kept = [name for name in columns if name]
    if lines.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(kept, pl.String))
    safe = lines.fill_null("")
    odd = safe.str.count_matches(quote, literal=True) % 2 == 1
    if odd.any():
        whole = pl.DataFrame({"line": safe, "odd": odd}).with_row_index("row")
        parts = [
            part.select("row").hstack(_read(part["line"], columns, separator, None if is_odd else quote))
            for (is_odd,), part in whole.group_by("odd", maintain_order=True)
        ]
        return pl.concat(parts).sort("row").drop("row")
    return _read(safe, columns, separator, quote)


def read_headed(
    records: pl.DataFrame, wanted: pairs.Wanted, *, separator: str = ",", quote: str = '"'
) -> pl.DataFrame:
    """The `wanted` fields of column `line`, found by each row's column `header`; NULL where that is NULL.

    `wanted` lists fields, or maps column names to fields; `src ip|c-ip` takes the first that is there.
    Case is ignored.
    """
    names = pairs.spellings(wanted)
    out = []
    for (header,), part in records.with_row_index("row").group_by("header", maintain_order=True):
        fields = fields_of(str(header or ""), separator, quote)
        columns = [f"f{number}" for number in range(len(fields))]
        chosen = [_first(fields, spelled).alias(name) for name, spelled in names.items()]
        # `row` gives the frame its height where a header names no wanted field.
        values = part.select("row")
        if fields:
            values = values.hstack(read(part["line"], columns, separator=separator, quote=quote))
        out.append(values.select("row", *chosen))
    if not out:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return pl.concat(out).sort("row").drop("row")


def _first(fields: Sequence[str], spelled: Sequence[str]) -> pl.Expr:
    """The first of the fields spelled like that which holds something."""
    there = [pl.col(f"f{fields.index(name.lower())}") for name in spelled if name.lower() in fields]
    return pl.coalesce(there) if there else pl.lit(None, dtype=pl.String)


def fields_of(header: str, separator: str = ",", quote: str = '"') -> list[str]:
    """The names of a header line, lower case, without quotes and surrounding space."""
    try:
        (names,) = csv.reader([header.lstrip("\ufeff# ")], delimiter=separator, quotechar=quote)
    except (ValueError, csv.Error):
        return []
    return [name.strip().lower() for name in names]


def _read(lines: pl.Series, columns: Sequence[str], separator: str, quote: str | None) -> pl.DataFrame:
    schema = {name or f"\0{number}": pl.String for number, name in enumerate(columns)}
    kept = [name for name in columns if name]
    try:
        with warnings.catch_warnings():  # Polars warns of broken lines; the count below finds them
            warnings.simplefilter("ignore")
            found = pl.read_csv(
                io.BytesIO((lines.str.join("\n")[0] + "\n").encode()),
                separator=separator,
                has_header=False,
                quote_char=quote,
                schema=schema,
                truncate_ragged_lines=True,
                ignore_errors=True,
            )
        if found.height == len(lines):
            return found.select(kept)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass
    return pl.DataFrame(
        _slowly(lines, columns, separator, quote), schema=list(schema.items()), orient="row"
    ).select(kept)


def _slowly(
    lines: pl.Series, columns: Sequence[str], separator: str, quote: str | None
) -> list[list[str | None]]:
    """Line by line: for the rare block with a line because of which the others are read wrong."""
    rows = []
    for line in lines:
        try:
            read = csv.reader([line], delimiter=separator, quotechar=quote) if quote else None
            fields = next(read, []) if read else line.split(separator)
        except csv.Error:
            fields = line.split(separator)
        known = [field or None for field in fields[: len(columns)]]
        rows.append(known + [None] * (len(columns) - len(known)))
    return rows
