"""`shadowai export events`, `findings`, `assets`: rows of the lake in the formats of other tools."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from sensor.cli.exports_shared import Asked, Export, put
from sensor.cli.options import analysing, closed_to_others, existing_lake

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

_FINDINGS = (
    "SELECT f.*, (SELECT MAX(d.decided_at) FROM decisions AS d WHERE d.finding = f.finding) AS decided_at "
    "FROM findings AS f ORDER BY f.severity_rank DESC, f.first_seen, f.finding"
)
#: name → (purpose, SQL of its rows, the same with --restricted if that has more). Total rows are left out
#: where they repeat others; a service that cannot be shown by department has no others.
DATA = {
    "events": (
        "weeks of departments, else of everyone, k-safe; --restricted: single ones with tokens",
        "SELECT * FROM usage_weekly AS u WHERE app <> 'all' AND (department <> 'all' OR NOT EXISTS ("
        "SELECT 1 FROM usage_weekly AS o WHERE o.week = u.week AND o.app = u.app AND o.department <> 'all')) "
        "ORDER BY week, department, app",
        "SELECT * FROM sightings ORDER BY seen_at, event_id",
    ),
    "findings": (
        "findings of the policy",
        _FINDINGS,
        None,
    ),
    "assets": (
        "AI servers, keys and models, counted; --restricted: the inventory",
        "SELECT * FROM ai_assets_weekly ORDER BY week, kind, name",
        "SELECT * FROM ai_assets ORDER BY kind, asset, site",
    ),
}
_PLAIN = ("csv", "json", "parquet")


def exports() -> Iterator[Export]:
    """The exports of this module, one per kind of rows."""
    from analytics.exports.records import formats

    for what, (title, _, restricted) in DATA.items():
        options = frozenset({"form", "restricted"} if restricted else {"form"})
        yield Export(what, title, (), (*_PLAIN, *formats(what)), options, partial(_write, what))


def _write(what: str, asked: Asked) -> None:
    """Write the rows. Reading the restricted zone is logged. Raises UsageError, LakeError, QueryError."""
    from analytics.asof import views
    from analytics.exports.records import formats
    from sensor.cli.query_results import Format, write
    from sensor.errors import UsageError
    from sensor.store.lake import log_access

    form, known = asked.form, formats(what)
    if form not in _PLAIN and form not in known:
        hint = f"one of {', '.join((*_PLAIN, *known))}"
        raise UsageError(f"no format {form!r}", place="--format", hint=hint)
    place = existing_lake(asked.settings)
    _, opened, restricted = DATA[what]
    query = restricted if restricted and asked.restricted else opened
    if asked.restricted:
        log_access(place.path, query=f"shadowai export {what} --format {form}: {query}")
    with (
        closed_to_others(asked.restricted, asked.out),
        analysing(place),
        views(place.path, as_of=asked.as_of, restricted=asked.restricted) as connection,
    ):
        if form in _PLAIN:
            write(connection, query, Format(form), asked.out)
        else:
            put(known[form](_rows(connection, query, asked.made_at), what), asked.out)


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, exported_at: datetime
) -> Iterator[dict[str, Any]]:
    from sensor.cli.query_results import ask

    result = ask(connection, query)
    for row in result.rows():
        yield {**dict(zip(result.columns, row, strict=True)), "exported_at": exported_at}
