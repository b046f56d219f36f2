"""The interactive prompt of `shadowai sql`: history, dot commands, statements over several lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sensor.cli.query_results import RESTRICTED, Format, is_restricted, statements, write

if TYPE_CHECKING:
    import duckdb

HELP = ".tables  the views · .schema [view]  columns and meaning · .help · .quit   (or Ctrl-D)"
_PROMPT = "shadowai> "
_CONTINUED = "      ... "


def run(connection: duckdb.DuckDBPyConnection, log: Callable[[str], None]) -> None:
    """Prompt until the end of input; Ctrl-C discards an unfinished statement. `log` is called with each
    statement."""
    _keep_history()
    typer.echo(HELP)
    pending = ""
    while True:
        try:
            line = input(_CONTINUED if pending else _PROMPT)
        except EOFError:
            return
        except KeyboardInterrupt:
            pending = ""
            typer.echo("")
            continue
        if not pending and line.strip() in (".quit", ".exit"):
            return
        if not pending and line.strip().startswith("."):
            line = _replaced(connection, line.strip())
        pending = f"{pending}\n{line}".strip()
        if pending.endswith(";"):
            _answer(connection, pending, log)
            pending = ""


def _answer(connection: duckdb.DuckDBPyConnection, text: str, log: Callable[[str], None]) -> None:
    from sensor.errors import ShadowAIError

    try:
        for statement in statements(connection, text):
            log(statement)
            write(connection, statement, Format.TABLE, None)
    except ShadowAIError as error:
        typer.echo(str(error), err=True)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)


def _replaced(connection: duckdb.DuckDBPyConnection, line: str) -> str:
    from sensor.errors import ShadowAIError

    try:
        return _dot_command(connection, line)
    except ShadowAIError as error:
        typer.echo(str(error), err=True)
        return ""


def script(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    """`text`, with dot commands (each on its own line, between statements) replaced by their queries.

    Raises UsageError for the schema of an unknown view.
    """
    lines: list[str] = []
    is_open = False
    for line in text.splitlines():
        bare = line.strip()
        if not is_open and bare in (".quit", ".exit"):
            break
        is_command = not is_open and bare.startswith(".")
        lines.append(_dot_command(connection, bare) if is_command else line)
        if bare and not bare.startswith("--"):
            is_open = not (is_command or bare.endswith(";"))
    return "\n".join(lines)


def _dot_command(connection: duckdb.DuckDBPyConnection, word: str) -> str:
    """The query behind a dot command; '' after printing the help. Raises UsageError for an unknown view."""
    name, _, argument = word.partition(" ")
    if name == ".tables":
        # only the first clause, so that each view takes one line; docs/views.md has the rest
        return (
            "SELECT view_name AS view, "
            r"""REGEXP_EXTRACT(REPLACE(comment, 'a row is ', ''), '^([^;:.(]|\([^)]*\)|\.\S)*') """
            """AS "a row is" """
            "FROM duckdb_views() WHERE NOT internal AND schema_name = 'main' ORDER BY view_name;"
        )
    if name == ".schema":
        view = argument.strip().strip(";").strip().lower().replace("'", "")
        if view:
            _must_be_a_view(connection, view)
        only, which = (f" AND table_name = '{view}'", "") if view else ("", "table_name AS view, ")
        return (
            f"SELECT {which}column_name, data_type, comment AS meaning FROM duckdb_columns() "
            f"WHERE NOT internal AND schema_name = 'main'{only} ORDER BY table_name, column_index;"
        )
    typer.echo(HELP)
    return ""


def _must_be_a_view(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    import difflib

    from sensor.errors import UsageError

    asked = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'"
    names = [view for (view,) in connection.execute(asked).fetchall()]
    if name in names:
        return
    if is_restricted(name):
        raise UsageError(f"{name} is a restricted view", hint=RESTRICTED)
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else "`.tables` lists the views"
    raise UsageError(f"no view '{name}'", hint=hint)


def _keep_history() -> None:
    """Let arrow keys recall earlier queries, also of earlier sessions if the home folder is writable."""
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
        file.chmod(0o600)
