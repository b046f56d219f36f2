"""`shadowai sql`: one query to a table, CSV, JSON or Parquet; without a query, a prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from sensor.cli.options import ConfigOption, LakeOption, analysing, existing_lake, settings_from

if TYPE_CHECKING:
    import duckdb

PROMPT = "shadowai> "
HELP = ".tables  the views · .schema [view]  columns and meaning · .help · .quit   (or Ctrl-D)"
#: rows printed as a table before it says how many more there are
TABLE_ROWS = 200
_PIPED_COLUMNS = 100_000
_HINT = "`.tables` and `.schema` list what there is; views of single persons need --restricted"
#: rows fetched at a time
BLOCK_ROWS = 10_000
_NUMERIC = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "DOUBLE",
    "FLOAT",
    "DECIMAL",
    "UBIGINT",
    "NUMBER",
}


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def command(
    query: Annotated[
        str | None, typer.Argument(help="One SQL query; without it an interactive prompt.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File instead of standard output.")] = None,
    restricted: Annotated[
        bool, typer.Option("--restricted", help="Views with per-person tokens; the use is logged.")
    ] = False,
    lake: LakeOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask the lake in SQL (DuckDB)."""
    from analytics.lake import open_views

    place = existing_lake(settings_from(config, lake=lake))
    with analysing(place):
        connection = open_views(place.path, restricted=restricted)
    if restricted:
        _log(place.path, query or "(prompt)")
    if query is None:
        _prompt(connection)
    else:
        _write(connection, _meta(query) if query.startswith(".") else query, form, out)


@dataclass(frozen=True)
class _Result:
    """A query that ran: column names and DuckDB types, and the rows block by block."""

    connection: duckdb.DuckDBPyConnection
    columns: list[str]
    types: list[str]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Row after row, fetched in blocks; once."""
        while True:
            with _explained():
                block = self.connection.fetchmany(BLOCK_ROWS)
            if not block:
                return
            yield from block


def _ask(connection: duckdb.DuckDBPyConnection, query: str) -> _Result:
    """Run a query. Raises QueryError with DuckDB's own first lines."""
    with _explained():
        description = connection.execute(query).description or []
    return _Result(connection, [c[0] for c in description], [str(c[1]) for c in description])


@contextmanager
def _explained() -> Iterator[None]:
    """DuckDB's own words, its first lines, as our error."""
    import duckdb

    from sensor.errors import QueryError

    try:
        yield
    except duckdb.Error as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise QueryError(" ".join(lines[:2]), hint=_HINT) from None


def _write(connection: duckdb.DuckDBPyConnection, query: str, form: Format, out: Path | None) -> None:
    from sensor.errors import UsageError

    try:
        if form is Format.PARQUET:
            _write_parquet(connection, query, out)
        elif out is None:
            _WRITERS[form](_ask(connection, query), sys.stdout)
        else:
            result = _ask(connection, query)
            with out.open("w", encoding="utf-8", newline="") as file:
                _WRITERS[form](result, file)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(error.strerror or str(error), place=str(out), hint="name another file") from None


def _write_csv(result: _Result, file: TextIO) -> None:
    import csv

    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows(result.rows())


def _write_json(result: _Result, file: TextIO) -> None:
    """An array with one object a line; times in ISO 8601."""
    import json
    from datetime import date

    def plain(value: object) -> str:
        return value.isoformat() if isinstance(value, date) else str(value)

    names, before = result.columns, "["
    for row in result.rows():
        file.write(f"{before}{json.dumps(dict(zip(names, row, strict=True)), default=plain)}")
        before = ",\n "
    file.write("]\n" if before != "[" else "[]\n")


def _write_parquet(connection: duckdb.DuckDBPyConnection, query: str, out: Path | None) -> None:
    import shutil
    import tempfile

    from sensor.errors import UsageError

    if out is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", hint="name a file with --out")
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        with _explained():
            connection.sql(query).write_parquet(str(out or file.name))
        if out is None:
            shutil.copyfileobj(file, sys.stdout.buffer)


def _write_table(result: _Result, file: TextIO) -> None:
    from itertools import islice

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not result.columns:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, dtype in zip(result.columns, result.types, strict=True):
        numeric = dtype.partition("(")[0] in _NUMERIC
        table.add_column(Text(printable(name)), justify="right" if numeric else "left", overflow="fold")
    rows = result.rows()
    for row in islice(rows, TABLE_ROWS):
        table.add_row(*(Text("" if value is None else printable(str(value))) for value in row))
    # piped, nothing is folded: the next program wants one row a line
    Console(file=file, width=None if file.isatty() else _PIPED_COLUMNS).print(table)
    more = sum(1 for _ in rows)
    if more:
        typer.echo(f"… {more:,} more rows; --format csv writes all", err=True)


_WRITERS = {Format.TABLE: _write_table, Format.CSV: _write_csv, Format.JSON: _write_json}


def printable(text: str) -> str:
    """`text` without control characters: names from the wire must not steer a terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _prompt(connection: duckdb.DuckDBPyConnection) -> None:
    from sensor.errors import QueryError

    _keep_history()
    typer.echo(HELP)
    pending = ""
    while True:
        try:
            line = input(PROMPT if not pending else "      ... ")
        except EOFError:
            return
        if not pending and line.strip().startswith("."):
            if line.strip() in (".quit", ".exit"):
                return
            line = _meta(line.strip())
        pending = f"{pending}\n{line}".strip()
        if not pending.endswith(";"):
            continue
        try:
            _write(connection, pending, Format.TABLE, None)
        except QueryError as error:
            typer.echo(str(error), err=True)
        pending = ""


def _meta(word: str) -> str:
    """The query behind a dot command, or nothing after printing the help."""
    name, _, argument = word.partition(" ")
    if name == ".tables":
        return (
            'SELECT view_name AS view, comment AS "a row is" '
            "FROM duckdb_views() WHERE NOT internal AND schema_name = 'main' ORDER BY view_name;"
        )
    if name == ".schema":
        only = f" AND table_name = '{argument.strip().replace(chr(39), '')}'" if argument.strip() else ""
        return (
            "SELECT table_name AS view, column_name, data_type, comment AS meaning FROM duckdb_columns() "
            f"WHERE NOT internal AND schema_name = 'main'{only} ORDER BY table_name, column_index;"
        )
    typer.echo(HELP)
    return ""


def _keep_history() -> None:
    """Arrow keys recall earlier queries, across sessions where the home is writable."""
    import atexit
    import contextlib

    try:
        import readline
    except ImportError:
        return
    from sensor.settings import data_folder

    file = data_folder() / "sql-history"
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            readline.read_history_file(file)
        atexit.register(_write_history, file)


def _write_history(file: Path) -> None:
    import contextlib
    import readline

    with contextlib.suppress(OSError):
        readline.write_history_file(file)


def _log(lake: Path, query: str) -> None:
    """Who looked at per-person views, when, and what was asked: one line of JSON a use."""
    import getpass
    import json
    from datetime import UTC, datetime

    from sensor.store.lake import explained

    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "by": getpass.getuser(), "query": query}
    with explained(lake), (lake / "restricted" / "access.log").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
