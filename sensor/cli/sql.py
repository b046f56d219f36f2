"""`shadowai sql`: one query to a table, CSV, JSON or Parquet; without a query, a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensor.cli import prompt
from sensor.cli.options import ConfigOption, LakeOption, analysing, existing_lake, settings_from
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
    lake: LakeOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask the lake in SQL (DuckDB)."""
    from analytics.lake import open_views
    from sensor.errors import UsageError

    place = existing_lake(settings_from(config, lake=lake))
    with analysing(place):
        connection = open_views(place.path, restricted=restricted)

    def log(statement: str) -> None:
        if restricted:
            log_access(place.path, statement)

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


def log_access(lake: Path, statement: str) -> None:
    """Who looked at restricted views, when, and what was asked: one line of JSON a statement."""
    import getpass
    import json
    from datetime import UTC, datetime

    from sensor.store.lake import explained

    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": getpass.getuser(),
        "query": statement,
    }
    file = lake / "restricted" / "access.log"
    with explained(lake):
        file.touch(mode=0o640, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
