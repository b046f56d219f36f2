"""`shadowai compact`: closed hot parts to cold, marts, views; what a timer runs every hour."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.options import ConfigOption, LakeOption, analysing, existing_lake, settings_from

if TYPE_CHECKING:
    from sensor.settings import Settings
    from sensor.store.lake import Lake


def command(
    lake: LakeOption = None,
    config: ConfigOption = None,
    now: Annotated[
        bool, typer.Option("--now", help="Close the current hour too; only where no remote sensor writes.")
    ] = False,
    change_terms: Annotated[
        bool, typer.Option("--change-terms", help="Take zone and k from the settings, for the whole lake.")
    ] = False,
) -> None:
    """Compact the lake and publish its views."""
    settings = settings_from(config, change_terms=change_terms, lake=lake)
    if settle(existing_lake(settings), settings, include_current=now):
        typer.echo("compacted; open.duckdb and restricted.duckdb are up to date")
    else:
        typer.echo("another compaction is at work; nothing done")


def settle(lake: Lake, settings: Settings, *, include_current: bool) -> bool:
    """Compaction, marts, views, then what is past its grace; False if another process is at it."""
    from datetime import UTC, datetime

    from analytics.build import build
    from sensor.store.compaction import SETTLE, Terms, compact, sweep
    from sensor.store.evidence import expire

    moment = datetime.now(UTC)
    wait = timedelta() if include_current else SETTLE
    terms = Terms(settings.zone, settings.k, settings.privacy)
    if not compact(lake, terms, now=moment, settle=wait):
        return False
    with analysing(lake):
        build(lake.path, zone=settings.zone, k=settings.k)
    sweep(lake, now=moment)
    expire(lake.path, moment)
    return True
