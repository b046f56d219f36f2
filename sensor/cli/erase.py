"""`shadowai erase`: an erasure request. Hidden at once, then deleted; what was not reached is said."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from sensor.cli.options import (
    ConfigOption,
    LakeOption,
    StateOption,
    analysing,
    existing_lake,
    settings_from,
)

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from sensor.cli.deletion import Gone
    from sensor.privacy.keys import Keys
    from sensor.privacy.subject import Subject
    from sensor.settings import Settings
    from sensor.store.lake import Lake
    from sensor.store.purge import Rule


def command(
    person: Annotated[str, typer.Argument(help="Account name, as the logs write it.")],
    reason: Annotated[str, typer.Option(help="Printed in the weekly report: name nobody.")],
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    now: Annotated[
        bool, typer.Option("--now", help="Close the current hour first; only where no remote sensor writes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete every row about one person. Published figures of past weeks stay: they are about groups."""
    from sensor.cli.compact import settle
    from sensor.cli.deletion import record
    from sensor.privacy.counting import Counting
    from sensor.privacy.keys import Keys
    from sensor.privacy.subject import Subject
    from sensor.privacy.vault import Vault
    from sensor.settings import state_path

    settings = settings_from(config, lake=lake, state=state)
    place = existing_lake(settings)
    folder = state_path(settings, place.path)
    keys = Keys(folder, settings.zone, settings.privacy)
    subject = Subject.of(person, keys, settings.privacy)
    if not yes:
        typer.confirm(f"Delete every row about {person}? This cannot be undone.", abort=True)
    moment, case = datetime.now(UTC), secrets.token_hex(4)
    sealed = _unseal_without(settings, folder, keys, subject, moment)
    settle(place, settings, include_current=now)
    leases = _leases(place, subject)
    _hide(place, subject, case, moment)
    gone, files = _delete(place, settings, subject, leases, moment)
    people = len(subject.tokens)
    typer.echo(
        record(folder, "erase", gone, now=moment, files=files, case_id=case, reason=reason, people=people)
    )
    if counted := Counting(folder, keys).forget(person):
        typer.echo(f"taken out of the counts of {counted} weeks")
    if settings.privacy == "aggregate":
        typer.echo(f"{sealed} sealed rows of the running week deleted")
    if settings.privacy == "pseudonymous":
        typer.echo(f"{Vault(folder, keys).forget(subject.tokens)} records taken out of the vault")
    for line in _not_reached(place, settings, subject):
        typer.echo(line)


def _leases(lake: Lake, subject: Subject) -> pl.DataFrame:
    """The person's leases, from the restricted views."""
    import polars as pl

    from analytics.lake import open_views
    from sensor import schema

    types = {name: dtype for name, dtype in schema.LEASES.dtypes.items() if name != schema.LANDED.name}
    with analysing(lake), open_views(lake.path, restricted=True) as views:
        rows = views.execute(
            f"SELECT {', '.join(types)} FROM leases WHERE list_contains(?, user_name)",
            [list(subject.tokens)],
        ).fetchall()
    return pl.DataFrame(rows, schema=types, orient="row")


def _unseal_without(settings: Settings, state: Path, keys: Keys, subject: Subject, now: datetime) -> int:
    """At level `aggregate`: how many sealed rows of the running week went."""
    from sensor.scan import sealed_rows

    sealed = sealed_rows(settings, state, keys)
    if sealed is None:
        return 0
    leases = sealed.open()["leases"]
    rules = _rules(subject, leases.filter(subject.named(leases)))
    return sealed.without({name: rule.doomed for name, rule in rules.items()}, now)


def _hide(lake: Lake, subject: Subject, case: str, now: datetime) -> None:
    import polars as pl

    from sensor.privacy.subject import erasures
    from sensor.schema import TIME
    from sensor.store.segments import Commits

    rows = erasures(subject, pl.lit(now, dtype=TIME))
    Commits(lake, f"erasure-{case}").commit(0, 0, {"erasures": rows})


def _delete(
    lake: Lake, settings: Settings, subject: Subject, leases: pl.DataFrame, now: datetime
) -> tuple[list[Gone], int]:
    """The files that held rows of the person, and how many files went."""
    from analytics import forget
    from analytics.build import build
    from sensor.cli.deletion import days_of
    from sensor.store import purge

    gone = purge.purge(lake, _rules(subject, leases), now=now)
    monday = _monday(settings.zone, now)
    with analysing(lake):
        forget.keep_figures(lake.path, sightings=days_of(gone, "sightings"), before=monday)
        marts = forget.erase(lake.path, subject.tokens, before=monday)
        build(lake.path, zone=settings.zone, k=settings.k)
        forget.remove(lake.path, marts)
    files = purge.remove(lake, gone, now=datetime.now(UTC)) + len(marts)
    return [*gone, *marts], files


def _rules(subject: Subject, leases: pl.DataFrame) -> dict[str, Rule]:
    from sensor.store.purge import Rule

    return {
        "sightings": Rule(lambda frame: subject.seen(frame, leases)),
        "restated": Rule(lambda frame: subject.seen(frame, leases)),
        "names_by_client": Rule(lambda frame: subject.seen(frame, leases)),
        "leases": Rule(subject.named),
        "directory": Rule(subject.named),
        "counting": Rule(subject.named),
    }


def _not_reached(lake: Lake, settings: Settings, subject: Subject) -> list[str]:
    """What stays, in words."""
    from sensor.store import purge

    lines, left = [], purge.unreached(lake)
    if left:
        lines.append(f"not reached: {left} segments of the open hour, hidden; run it again after the hour")
    if subject.shredded:
        numbers = ", ".join(str(epoch) for epoch in subject.shredded)
        lines.append(f"not reached: epochs {numbers}, whose keys were shredded; nobody can link those rows")
    if settings.privacy == "aggregate":
        lines.append(
            "not reached: sealed rows of weeks that are over; they go with their key when the week is closed"
        )
        lines.append("not reached: rows of logs read again while the week runs are counted; run erase again")
        return [*lines, "not reached: the logs and captures themselves, reports, exports and backups"]
    lines.append(
        "not reached: the logs and captures themselves, reports, exports, shipped copies and backups"
    )
    lines.append(
        "reading the same logs again brings rows back: they stay hidden; run erase again to delete them"
    )
    return lines


def _monday(zone: str, now: datetime) -> date:
    """Monday of the running week in the report zone."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return today - timedelta(days=today.weekday())
