"""`shadowai sql`: one query to a table, CSV, JSON or Parquet; without a query, a prompt."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from sensor.cli import prompt
from sensor.cli.options import (
    AsOfOption,
    ConfigOption,
    LakeOption,
    analysing,
    existing_lake,
    settings_from,
)
from sensor.cli.results import Format, statements, write


def command(
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="SQL, or .tables, .schema; without it a prompt.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TABLE,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="File instead of standard output.")
    ] = None,
    restricted: Annotated[
        bool, typer.Option("--restricted", help="Views with per-person tokens; each statement is logged.")
    ] = False,
    as_of: AsOfOption = None,
    lake: LakeOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask the lake in SQL (DuckDB)."""
    from analytics.asof import views
    from sensor.errors import UsageError
    from sensor.store.lake import log_access

    place = existing_lake(settings_from(config, lake=lake))

    def log(statement: str) -> None:
        if restricted:
            log_access(place.path, query=statement)

    with ExitStack() as stack:
        with analysing(place):
            connection = stack.enter_context(views(place.path, as_of=as_of, restricted=restricted))
        if query is None:
            prompt.run(connection, log)
            return
        text = (prompt.dot_command(query) if query.startswith(".") else query) or ""
        if query.startswith(".") and not text:
            return
        asked = statements(connection, text)
        if len(asked) > 1 and form is not Format.TABLE:
            raise UsageError(f"{len(asked)} statements in one {form.value} file", hint="ask one at a time")
        for statement in asked:
            log(statement)
            write(connection, statement, form, out)
