"""`shadowai rematch`: applies today's catalog to stored rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.options import (
    ConfigOption,
    LakeOption,
    SignaturesOption,
    StateOption,
    analysing,
    catalog_of,
    existing_lake,
    settings_from,
)

if TYPE_CHECKING:
    from sensor.rematch import Findings
    from sensor.store.lake import Lake


def command(
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DATE", help="First day (UTC).", show_default="everything"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Close the current hour too; only where no remote sensor writes.")
    ] = False,
    signatures: SignaturesOption = None,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Classify stored rows with today's catalog.

    Older reports stay reproducible with --as-of.
    """
    from sensor.cli.compact import compact_and_publish
    from sensor.rematch import Rematch
    from sensor.store import purge

    settings = settings_from(config, lake=lake, state=state, signatures=signatures)
    place = existing_lake(settings)
    if settings.privacy == "aggregate":
        typer.echo("at level aggregate no row about a person is stored: there is nothing to rematch")
        return
    catalog = catalog_of(settings)
    if not dry_run:
        compact_and_publish(place, settings, include_current=now)
    left = purge.leaves_some(place)
    final, begin = _final(place), since.date() if since else None
    with analysing(place):
        found = Rematch(place, catalog, now=datetime.now(UTC), since=begin, final=final).run(dry=dry_run)
    tell(found, dry_run=dry_run)
    if left:
        typer.echo("not looked at: rows of the open hour; a rematch after the hour does")
    if (found.restated or found.hosts or found.hunted) and not dry_run:
        compact_and_publish(place, settings, include_current=now)
        if not now:
            typer.echo("views show it after the running hour is compacted; --now shows it at once")


def _final(lake: Lake) -> set[date]:
    """Days whose figures are final."""
    from analytics.counting.state import read_state

    with analysing(lake):
        final = read_state(lake.path).final
    return {date.fromisoformat(period[4:]) for period in final if period.startswith("day/")}


def tell(found: Findings, *, dry_run: bool) -> None:
    """Print what a rematch found."""
    import polars as pl

    from sensor.cli.table import print_table
    from sensor.rematch import CHANGED

    typer.echo(
        f"catalog {found.catalog_version}: looked at {found.sightings:,} sightings of {found.days} days "
        f"and {found.names:,} rows of names"
        + (f", {found.by_client:,} of names_by_client" if found.by_client else "")
    )
    changes = pl.concat(found.changes) if found.changes else None
    if changes is not None and changes.height:
        sums = changes.group_by(CHANGED).agg(pl.col("sightings", "bytes_up").sum(), pl.col("day").n_unique())
        ordered = sums.sort("sightings", *CHANGED, descending=[True, *[False] * len(CHANGED)])
        lines = [
            (*_words(row), row["sightings"], row["day"], row["bytes_up"])
            for row in ordered.iter_rows(named=True)
        ]
        print_table(("was", "is", "sightings", "days", "bytes up"), lines)
    _tell_past(found)
    if found.final:
        typer.echo(
            f"{len(found.final)} days stay as they are: rows were deleted, and their figures are final"
        )
    would = "would be " if dry_run else ""
    more = f", {found.hunted:,} rows of names_by_client {would}made sightings" if found.by_client else ""
    typer.echo(f"{found.restated:,} sightings {would}restated, {found.hosts:,} names {would}matched{more}")


def _tell_past(found: Findings) -> None:
    """Print since when services were used that the catalog did not know then."""
    import polars as pl

    from sensor.cli.table import print_table

    past = pl.concat(found.past) if found.past else None
    if past is None or past.is_empty():
        return
    typer.echo("visited before the catalog knew them (names, without persons):")
    services = past.group_by("app", "role").agg(
        pl.col("first_seen").min(), pl.col("last_seen").max(), pl.col("buckets", "bytes_up").sum(),
        pl.col("clients").max(),
    )  # fmt: skip
    rows = services.sort("buckets", "app", "role", descending=[True, False, False]).iter_rows(named=True)
    columns = ("service", "role", "first seen", "last seen", "quarter hours", "bytes up", "clients at most")
    names = ("app", "role", "first_seen", "last_seen", "buckets", "bytes_up", "clients")
    print_table(columns, [tuple(row[name] for name in names) for row in rows])


def _words(row: dict[str, object]) -> tuple[str, str]:
    """What a sighting was and is: a service with its role and access class, 'nothing' if there is none."""
    names = ("app", "role", "access", "grade")
    was, now = (_service(*(row[f"{when}{name}"] for name in names)) for when in ("old_", ""))
    return was, now if now != was else "the same, by another indicator"


def _service(app: object, role: object, access: object, grade: object) -> str:
    graded = "" if grade is None else f", grade {grade}"
    return f"{app} ({role}, {access}{graded})" if app else "nothing"
