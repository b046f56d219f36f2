"""`shadowai alert`: sends new findings and silent sensors between reports; run by a timer."""

from __future__ import annotations

from typing import Annotated

import typer

from sensor.cli.delivery import ToOption
from sensor.cli.options import ConfigOption, LakeOption, StateOption, analysing, existing_lake, settings_from


def command(
    to: ToOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent, send nothing.")
    ] = False,
    test: Annotated[bool, typer.Option("--test", help="Send a test alert instead.")] = False,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Send alerts about new findings and silent sensors.

    They go to the destinations in the settings. What could not be sent before, reports included, is tried
    again when it is due.
    """
    from analytics.delivery.alerts import Wants, alerts, enqueue, trial
    from analytics.delivery.letter import now
    from analytics.render.language import speaking
    from sensor.cli.delivery import chosen, outbox, send, transports, watchers

    settings = settings_from(config, lake=lake, state=state)
    place = existing_lake(settings)
    moment = now()
    wanting = [d for d in settings.destinations if d.alerts]
    only_reports = bool(settings.destinations) and not (wanting or to or test or dry_run)
    with speaking(settings.language):
        with analysing(place):
            letters = [trial(moment)] if test else []
            if not test and not only_reports:
                letters = alerts(place.path, moment, sensors=watchers(settings))
        if dry_run:
            for letter in letters:
                typer.echo(letter.text + "\n")
            typer.echo(f"{len(letters)} in all; each destination gets only those it has not had before")
            return
        with outbox(settings) as box:
            missed = {waiting.destination for waiting in box.waiting()}
            late = [d for d in settings.destinations if not to and d.name in missed]
            destinations = () if only_reports else chosen(settings, to, "alerts")
            ways = transports(settings, (*destinations, *late))
            for to_one in destinations:
                wants = Wants("info") if test else Wants(to_one.level, to_one.per_hour, to_one.digest)
                enqueue(box, to_one.name, wants, letters, moment)
            send(box, settings, ways, moment)
