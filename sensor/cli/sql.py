"""`shadowai sql`: one query to a table, CSV, JSON or Parquet; without a query, a prompt."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.options import ConfigOption, LakeOption, existing_lake, reading, settings_from

if TYPE_CHECKING:
    import duckdb
    import polars as pl

PROMPT = "shadowai> "
HELP = ".tables  the views · .schema [view]  columns and meaning · .help · .quit   (or Ctrl-D)"
#: rows printed as a table before it says how many more there are
TABLE_ROWS = 200
_PIPED_COLUMNS = 100_000


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

    place = existing_lake(settings_from(config, lake=lake)).path
    with reading():
        connection = open_views(place, restricted=restricted)
    if restricted:
        _log(place, query or "(prompt)")
    if query is None:
        _prompt(connection)
    else:
        _write(_ask(connection, _meta(query) if query.startswith(".") else query), form, out)


def _ask(connection: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    """The result as a frame. Raises QueryError with DuckDB's own first lines."""
    import duckdb
    import polars as pl

    from sensor.errors import QueryError

    try:
        relation = connection.sql(query)
        return pl.DataFrame() if relation is None else pl.DataFrame(relation)
    except duckdb.Error as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise QueryError(" ".join(lines[:2]), hint="`.tables` and `.schema` list what there is") from None


def _write(frame: pl.DataFrame, form: Format, out: Path | None) -> None:
    from sensor.errors import UsageError

    if form is Format.TABLE and out is None:
        _print(frame)
        return
    if form is Format.PARQUET and out is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", hint="name a file with --out")
    data = _encode(frame, form)
    try:
        if out is None:
            sys.stdout.buffer.write(data)
        else:
            out.write_bytes(data)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(error.strerror or str(error), place=str(out), hint="name another file") from None


def _encode(frame: pl.DataFrame, form: Format) -> bytes:
    import io

    import polars.selectors as cs

    buffer = io.BytesIO()
    if form is Format.PARQUET:
        frame.write_parquet(buffer)
    elif form is Format.JSON:
        text = frame.with_columns(cs.temporal().cast(str)).write_json()
        buffer.write(text.encode() + b"\n")
    else:
        frame.write_csv(buffer)
    return buffer.getvalue()


def _print(frame: pl.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, dtype in frame.schema.items():
        table.add_column(
            Text(printable(name)), justify="right" if dtype.is_numeric() else "left", no_wrap=True
        )
    for row in frame.head(TABLE_ROWS).iter_rows():
        table.add_row(*(Text("" if value is None else printable(str(value))) for value in row))
    # piped, nothing is folded: the next program wants one row a line
    Console(width=None if sys.stdout.isatty() else _PIPED_COLUMNS).print(table)
    more = frame.height - TABLE_ROWS
    if more > 0:
        typer.echo(f"… {more} more rows; --format csv writes all", err=True)


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
            _print(_ask(connection, pending))
        except QueryError as error:
            typer.echo(str(error), err=True)
        pending = ""


def _meta(word: str) -> str:
    """The query behind a dot command, or nothing after printing the help."""
    name, _, argument = word.partition(" ")
    if name == ".tables":
        return (
            'SELECT view_name AS view, comment AS "a row is" '
            "FROM duckdb_views() WHERE NOT internal ORDER BY view_name;"
        )
    if name == ".schema":
        only = f" AND table_name = '{argument.strip().replace(chr(39), '')}'" if argument.strip() else ""
        return (
            "SELECT table_name AS view, column_name, data_type, comment AS meaning FROM duckdb_columns() "
            f"WHERE NOT internal{only} ORDER BY table_name, column_index;"
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
