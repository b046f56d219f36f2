"""`shadowai export events`, `findings`, `assets`: rows of the lake in the formats of other tools."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor.cli.options import analysing, existing_lake

if TYPE_CHECKING:
    import duckdb

    from sensor.settings import Settings

#: (what, restricted) → its rows. Totals are left out: they would count people twice.
QUERIES = {
    ("events", False): (
        "SELECT * FROM usage_weekly WHERE app <> 'all' AND department <> 'all' ORDER BY week, department, app"
    ),
    ("events", True): "SELECT * FROM sightings ORDER BY seen_at, event_id",
    ("findings", False): "SELECT * FROM findings ORDER BY severity_rank DESC, first_seen, finding",
    ("findings", True): "SELECT * FROM findings ORDER BY severity_rank DESC, first_seen, finding",
    ("assets", False): "SELECT * FROM ai_assets_weekly ORDER BY week, kind, name",
    ("assets", True): "SELECT * FROM ai_assets ORDER BY kind, asset, site",
}
#: What `shadowai export` writes besides lists.
DATA = ("events", "findings", "assets")


def export(
    settings: Settings, what: str, form: str, out: Path | None, as_of: datetime | None, restricted: bool
) -> None:
    """Write the rows. Raises UsageError, LakeError, QueryError.

    Open zone: weeks of departments, k-safe. Restricted: single sightings and assets, with tokens; that is
    logged.
    """
    from analytics.asof import views
    from analytics.exports.records import formats
    from sensor.cli.results import Format, write
    from sensor.errors import UsageError
    from sensor.store.lake import log_access

    plain = {"csv": Format.CSV, "json": Format.JSON, "parquet": Format.PARQUET}
    known = formats(what)
    if form not in plain and form not in known:
        hint = f"one of {', '.join((*plain, *known))}"
        raise UsageError(f"no format {form!r}", place="--format", hint=hint)
    place = existing_lake(settings)
    query = QUERIES[what, restricted]
    if restricted:
        log_access(place.path, query=f"shadowai export {what} --format {form}: {query}")
    with analysing(place), views(place.path, as_of=as_of, restricted=restricted) as connection:
        if form in plain:
            write(connection, query, plain[form], out)
            return
        pieces = known[form](_rows(connection, query), what)
        if out is None:
            sys.stdout.writelines(pieces)
            return
        try:
            with out.open("w", encoding="utf-8") as file:
                file.writelines(pieces)
        except OSError as error:
            raise UsageError(error.strerror or str(error), place=str(out), hint="name another file") from None


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[dict[str, Any]]:
    from sensor.cli.results import ask

    result = ask(connection, query)
    for row in result.rows():
        yield dict(zip(result.columns, row, strict=True))
