"""Runs a query once, fetches its rows in blocks, and writes them as table, CSV, JSON or Parquet."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    import duckdb
    from rich.console import Console
    from rich.table import Table

#: rows printed as a table; further ones are only counted
TABLE_ROWS = 200
#: rows fetched at a time
BLOCK_ROWS = 10_000
#: the last column of text may be folded to this width; below, one column per line is easier to read
_FOLDED = 40
#: separator of columns
_GAP = 2
#: width of the table in a pipe, where nothing is folded, because programs expect one row per line
_PIPED_COLUMNS = 100_000
_NUMERIC = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UBIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "NUMBER")
)
#: DuckDB types with a JSON counterpart
_LIKE_JSON = frozenset(
    ("VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UBIGINT", "HUGEINT")
)
#: the hint for a view that is not in open.duckdb
RESTRICTED = "it is about single persons: ask with --restricted; each statement is logged"
#: a missing view in an error message of DuckDB
_NO_VIEW = re.compile(r"Table with name (\w+) does not exist")


class Format(StrEnum):
    """The formats of a result."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Result:
    """The result of a statement: names and DuckDB types of its columns, and its rows, which can be read
    once."""

    connection: duckdb.DuckDBPyConnection
    columns: list[str]
    types: list[str]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows, fetched in blocks."""
        while True:
            with explained():
                block = self.connection.fetchmany(BLOCK_ROWS)
            if not block:
                return
            yield from block


@contextmanager
def explained() -> Iterator[None]:
    """Turns an error of DuckDB into a QueryError with its first lines, or a KeyboardInterrupt after
    Ctrl-C."""
    import duckdb

    from sensor.cli.interrupt import is_ctrl_c
    from sensor.errors import QueryError

    try:
        yield
    except duckdb.Error as error:
        if is_ctrl_c(error):
            raise KeyboardInterrupt from None
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        if (missing := _NO_VIEW.search(lines[0])) and is_restricted(missing[1]):
            raise QueryError(f"{missing[1]} is a restricted view", hint=RESTRICTED) from None
        hint = ""
        if isinstance(error, duckdb.CatalogException):
            hint = "`.tables` lists the views"
        elif isinstance(error, duckdb.BinderException):
            hint = "`.schema VIEW` lists the columns of one"
        elif isinstance(error, duckdb.OutOfMemoryException):
            lines, hint = ["it needs more memory than there is"], "ask for fewer columns or a shorter time"
        raise QueryError(" ".join(lines[:2]), hint=hint) from None
    except RuntimeError as error:
        raise (KeyboardInterrupt if is_ctrl_c(error) else error) from None


def is_restricted(name: str) -> bool:
    """True for a view that exists only in restricted.duckdb."""
    from analytics.definitions import load_views

    return any(view.name == name.lower() and view.zone == "restricted" for view in load_views())


def statements(connection: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """The statements in `text`. Raises QueryError if there is none, or it cannot be parsed."""
    from sensor.errors import QueryError

    with explained():
        found = [statement.query for statement in connection.extract_statements(text)]
    if not found:
        raise QueryError("nothing to run", hint='shadowai sql "SELECT * FROM apps"')
    return found


def ask(connection: duckdb.DuckDBPyConnection, statement: str) -> Result:
    """Run one statement. Raises QueryError."""
    with explained():
        cursor = connection.execute(statement)
    description = (cursor.description if cursor else None) or []
    return Result(connection, [c[0] for c in description], [str(c[1]) for c in description])


def write(connection: duckdb.DuckDBPyConnection, statement: str, form: Format, out: Path | None) -> None:
    """Run one statement and write its result to `out` or standard output. Raises QueryError, UsageError."""
    from sensor.errors import UsageError, reason_of

    try:
        if form is Format.PARQUET:
            _write_parquet(connection, statement, out)
        elif out is None:
            _WRITERS[form](ask(connection, statement), sys.stdout)
        else:
            result = ask(connection, statement)
            with out.open("w", encoding="utf-8", newline="") as file:
                _WRITERS[form](result, file)
    except BrokenPipeError:
        raise
    except OSError as error:
        place = "standard output" if out is None else str(out)
        raise UsageError(reason_of(error), place=place, hint="name another file") from None


def _write_csv(result: Result, file: TextIO) -> None:
    import csv

    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows(result.rows())


def _write_json(result: Result, file: TextIO) -> None:
    """An array with one object per line; times in ISO 8601; infinity and NaN as null."""
    encode = json.JSONEncoder(allow_nan=False).encode
    unlike = [n for n, dtype in enumerate(result.types) if dtype not in _LIKE_JSON]
    names, before = _distinct(result.columns), "["
    for row in result.rows():
        values = list(row)
        for n in unlike:
            values[n] = _plain(values[n])
        file.write(f"{before}{encode(dict(zip(names, values, strict=True)))}")
        before = ",\n "
    file.write("]\n" if before != "[" else "[]\n")


def _distinct(columns: list[str]) -> list[str]:
    """The names of columns, numbered where several have one, because an object keeps only the last of
    them."""
    names: list[str] = []
    for column in columns:
        others = (f"{column}_{number}" for number in range(1, len(columns) + 1))
        taken = {*names, *columns}
        names.append(column if column not in names else next(other for other in others if other not in taken))
    return names


def _plain(value: object) -> object:
    """`value` as a JSON type."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def _write_parquet(connection: duckdb.DuckDBPyConnection, statement: str, out: Path | None) -> None:
    import shutil
    import tempfile

    from sensor.errors import UsageError

    if out is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", hint="name a file with --out")
    with tempfile.TemporaryDirectory(prefix="shadowai-") as folder:
        target = out or Path(folder) / "result.parquet"
        with explained():
            connection.sql(statement).write_parquet(str(target))
        if out is None:
            with target.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)


def _write_table(result: Result, file: TextIO) -> None:
    """Print rows below a header. If the terminal is too narrow even with the last column folded, print one
    column per line."""
    from itertools import islice

    from rich.console import Console
    from rich.measure import Measurement

    if not result.columns:
        return
    rows = result.rows()
    shown = [tuple(_cell(value) for value in row) for row in islice(rows, TABLE_ROWS)]
    console = Console(file=file, width=None if file.isatty() else _PIPED_COLUMNS, highlight=False)
    unbounded = console.options.update(max_width=_PIPED_COLUMNS)

    def width(table: Table) -> int:
        return Measurement.get(console, unbounded, table).maximum

    def room() -> int:
        return console.width - width(_table(result, shown, without_last=True)) - _GAP

    table = _table(result, shown)
    if width(table) <= console.width:
        console.print(table)
    elif result.types[-1] == "VARCHAR" and len(result.columns) > 1 and room() >= _FOLDED:
        table.columns[-1].no_wrap, table.columns[-1].max_width = False, room()
        console.print(table)
    else:
        _print_records(result, shown, console)
    more = sum(1 for _ in rows)
    if more:
        typer.echo(f"… {more:,} more rows; --format csv writes all", err=True)


def _table(result: Result, rows: list[tuple[str, ...]], *, without_last: bool = False) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = len(result.columns) - without_last
    for name, dtype in zip(result.columns[:shown], result.types[:shown], strict=True):
        numeric = dtype.partition("(")[0] in _NUMERIC
        table.add_column(Text(printable(name)), justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row[:shown]))
    return table


def _print_records(result: Result, rows: list[tuple[str, ...]], console: Console) -> None:
    from rich.text import Text

    width = max(len(name) for name in result.columns)
    for number, row in enumerate(rows, 1):
        console.print(Text(f"── row {number}", style="bold"))
        for name, cell in zip(result.columns, row, strict=True):
            console.print(Text(f"{printable(name):<{width}}  {cell}"))


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value))


def printable(text: str) -> str:
    """`text` without control characters: names from packets could contain escape sequences for the
    terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)


_WRITERS: dict[Format, Callable[[Result, TextIO], None]] = {
    Format.TABLE: _write_table,
    Format.CSV: _write_csv,
    Format.JSON: _write_json,
}
