"""`shadowai retain`: deletes what is older than its retention, with proof; run by a timer every night."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

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
    import polars as pl

    from analytics.forget import Forgotten
    from sensor import schema
    from sensor.cli.deletion import Deletion
    from sensor.privacy.audit import AuditLog
    from sensor.settings import Retention, Settings
    from sensor.store.lake import Lake
    from sensor.store.purge import Deleted, Rule

#: Longer after the last run the clock may be ahead, and everything would be deleted: a person is asked.
_LEAP = timedelta(days=30)


def command(
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    now: Annotated[
        bool, typer.Option("--now", help="Close the current hour first; only where no remote sensor writes.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask where clock or record may be wrong.")
    ] = False,
) -> None:
    """Delete what is older than `[retention]` says. Figures published for earlier weeks stay as they are."""
    from sensor.cli.compact import compact_and_publish
    from sensor.cli.deletion import Deletion, ask
    from sensor.privacy.audit import AuditLog
    from sensor.privacy.counting import Counting
    from sensor.privacy.keys import Keys
    from sensor.settings import state_path
    from sensor.store import purge

    settings = settings_from(config, lake=lake, state=state)
    place = existing_lake(settings)
    folder = state_path(settings)
    audit = AuditLog(folder)
    audit.check()
    moment = datetime.now(UTC)
    if not yes and (doubt := _doubt(audit, place, moment)):
        ask(f"{doubt}. Delete what is old?")
    compact_and_publish(place, settings, include_current=now)
    rules = _rules(settings.retention, moment)
    with Deletion.of(folder, "retain", now=moment) as deletion:
        gone = purge.purge(
            place, rules, now=moment, before=partial(_keep_figures, place, settings.zone, deletion)
        )
        marts = _marts(place, settings, moment, deletion)
        files = purge.remove(place, gone, now=datetime.now(UTC)) + len(marts)
        keys = Keys(folder, settings.zone, settings.privacy)
        files += Counting(folder, keys).expire(_limit(moment, settings.retention.published))
        typer.echo(deletion.record(files=files))
    if purge.leaves_some(place):
        typer.echo("not looked at: rows of the open hour; the next run does")


def _doubt(audit: AuditLog, lake: Lake, now: datetime) -> str | None:
    """What a person must look at before: a clock that may be ahead, a record that is not the lake's.

    Before the first run on record, the clock is compared with when the lake was made. Not with the last
    compaction, which comes every hour, by a wrong clock, too.
    """
    from sensor.cli.audit import copies_in

    entries = audit.entries()
    if not entries and (copies := copies_in(lake.path)):
        there = f"the lake has copies of a record, up to entry {max(copies)}"
        return f"{there}, but {audit.path} has none of it: --state names its folder"
    runs = (datetime.fromisoformat(entry.done_at) for entry in reversed(entries) if entry.action == "retain")
    last = next(runs, None) or lake.made_at
    if now - last > _LEAP:
        return f"the clock says {now:%Y-%m-%d}, and there was no run since {last:%Y-%m-%d}"
    return None


def _keep_figures(lake: Lake, zone: str, deletion: Deletion, gone: list[Deleted]) -> None:
    """Announce the rows that go, and let the figures of their days stay as they are."""
    from analytics import forget
    from sensor.cli.deletion import days_of

    sightings, names, coverage = (days_of(gone, name) for name in ("sightings", "names", "coverage"))
    deletion.announce(gone)
    with analysing(lake):
        forget.keep_figures(lake.path, zone=zone, sightings=sightings, names=names, coverage=coverage)


def _marts(lake: Lake, settings: Settings, now: datetime, deletion: Deletion) -> list[Forgotten]:
    """Delete old marts, and publish views without the deleted rows."""
    from analytics import forget
    from analytics.refresh import refresh
    from sensor.cli.deletion import monday_of

    limits = {
        "restricted": _limit(now, settings.retention.usage_hourly),
        "published": _limit(now, settings.retention.published),
        "running": monday_of(settings.zone, now),
    }
    with analysing(lake):
        marts = forget.expire(lake.path, **limits, announce=deletion.announce)
        refresh(lake.path, zone=settings.zone, k=settings.k)
        forget.remove(lake.path, marts)
    return marts


def _rules(kept: Retention, now: datetime) -> dict[str, Rule]:
    """For each table with a time, the condition for rows that are too old."""
    from sensor import schema

    return {
        table.name: _rule(table, now - timedelta(days=getattr(kept, table.kept_with or table.name)))
        for table in schema.STORED
        if (table.kept_with or table.name) in type(kept).model_fields
    }


def _rule(table: schema.Table, limit: datetime) -> Rule:
    """The condition for rows before `limit`; rows with a validity must have ended by then."""
    import polars as pl

    from sensor.schema import TIME
    from sensor.store.purge import Rule

    lasting = "valid_to" in table.dtypes

    def doomed(frame: pl.DataFrame) -> pl.Series:
        moment = pl.col("valid_to" if lasting else table.time)
        return frame.select(moment < pl.lit(limit, dtype=TIME)).to_series()

    last = limit.date().isoformat()
    return Rule(doomed, (lambda day: True) if lasting else (lambda day: day <= last))


def _limit(now: datetime, days: int) -> date:
    """The Monday from which on everything is kept: marts are deleted by whole weeks."""
    day = (now - timedelta(days=days)).date()
    return day - timedelta(days=day.weekday())
