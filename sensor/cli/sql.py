"""`shadowai sql`: one query to a table, CSV, JSON or Parquet; without a query, a prompt."""

from __future__ import annotations

import io
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from sensor.cli import prompt
from sensor.cli.options import (
    AsOfOption,
    ConfigOption,
    LakeOption,
    analysing,
    closed_to_others,
    counting_then,
    existing_lake,
    settings_from,
)
from sensor.cli.query_results import Format, statements, write

#: An argument that is SQL with a comment at its beginning, and no option.
_COMMENT = re.compile(r"--(\s|[^=\n]*\n)")


class Command(TyperCommand):
    """Does not take a query that begins with `-- a comment` for an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f"\n{arg}" if _COMMENT.match(arg) else arg for arg in args])


def command(
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="QUERY", help="SQL, .tables or .schema VIEW; without it a prompt, or standard input."
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TABLE,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="File instead of standard output.")
    ] = None,
    restricted: Annotated[
        bool, typer.Option("--restricted", help="Views with per-person tokens; each statement is logged.")
    ] = False,
    schema: Annotated[
        bool,
        typer.Option("--schema", help="Print views, columns, types, meanings; QUERY may name one view."),
    ] = False,
    as_of: AsOfOption = None,
    lake: LakeOption = None,
    config: ConfigOption = None,
) -> None:
    """Query the lake with SQL (DuckDB)."""
    from analytics.asof import views
    from sensor.errors import UsageError
    from sensor.store.lake import log_access

    if schema:
        typer.echo(_dictionary(query), nl=False)
        return
    settings = settings_from(config, lake=lake)
    place = existing_lake(settings)

    def log(statement: str) -> None:
        if restricted:
            log_access(place.path, query=statement)

    with ExitStack() as stack:
        stack.enter_context(closed_to_others(restricted, out))
        with analysing(place):
            counting = counting_then(settings, place, as_of)
            connection = stack.enter_context(
                views(place.path, as_of=as_of, restricted=restricted, counting=counting)
            )
        given = sys.stdin or io.StringIO()  # None if a service closed it
        if query is None and given.isatty():
            prompt.run(connection, log)
            return
        text = given.read().strip() if query is None else query
        is_command = text.startswith(".")
        text = prompt.script(connection, text)
        if is_command and not text.strip():  # it was .help, or .quit
            return
        asked = statements(connection, text)
        if len(asked) > 1 and (out is not None or form is not Format.TABLE):
            raise UsageError(f"{len(asked)} statements in one {form.value} file", hint="ask one at a time")
        for statement in asked:
            log(statement)
            write(connection, statement, form, out)


def _dictionary(name: str | None) -> str:
    """All views as Markdown, or only the one of this name."""
    from analytics.definitions import load_views
    from analytics.dictionary import page, section
    from sensor.errors import UsageError

    views = load_views()
    if name is None:
        return page(views)
    found = [view for view in views if view.name == name.strip().lower()]
    if not found:
        raise UsageError(f"no view '{name}'", hint="`shadowai sql --schema` lists them")
    return section(found[0])
