"""`shadowai follow`: growing logs into the lake, line by line, until stopped."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.compact import compact_and_publish
from sensor.cli.interrupt import Ended, stopped_by_signals
from sensor.cli.options import (
    ConfigOption,
    CustomOption,
    LakeOption,
    LogFormatOption,
    SensorOption,
    SignaturesOption,
    SiteOption,
    StateOption,
    add_formats,
    check_kinds,
    installation_of,
    kind_named,
    say,
    settings_from,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensor.settings import Settings
    from sensor.sources.interface import Source
    from sensor.store.lake import Lake


def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Log files, or globs (quote them).")],
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
    sensor: SensorOption = None,
    site: SiteOption = None,
    form: LogFormatOption = None,
    custom: CustomOption = None,
) -> None:
    """Follow growing logs until stopped (SIGTERM, Ctrl-C).

    A restart continues exactly where it ended. Rotated files are read to their end, truncated ones from
    their start. A line is in the lake within seconds. Let a timer run `shadowai compact` every
    hour: it publishes what came in.
    """
    from sensor.cli.scan_outcome import line
    from sensor.errors import UsageError
    from sensor.ingest.follow import Follower

    if folder := next((path for path in paths if Path(path).is_dir()), None):
        hint = f"name its files, like '{folder.rstrip('/')}/*.log'"
        raise UsageError("a folder", place=folder, hint=hint)
    chosen = settings_from(config, lake=lake, state=state, signatures=signatures)
    add_formats(chosen, custom)
    check_kinds(chosen)
    installation = installation_of(chosen, sensor, site)
    ready(installation.lake, chosen)
    follower = Follower(installation, paths, _kind_of(form), say)
    with stopped_by_signals(follower.stop, follower.reload) as signals:
        follower.run()
    for summary in follower.summaries:
        typer.echo(line(summary))
    if signal.SIGINT in signals:
        raise Ended


def ready(lake: Lake, settings: Settings) -> None:
    """Make the lake and publish its views, so that new rows can be queried at once."""
    lake.create()
    if not (lake.path / "restricted.duckdb").exists():
        compact_and_publish(lake, settings, include_current=False)


def _kind_of(form: str | None) -> Callable[[bytes], type[Source] | None]:
    """The format of a file by its first bytes, or the one of --format. Raises UsageError."""
    from sensor.errors import UsageError
    from sensor.sources.detect import recognise
    from sensor.sources.logs.log_format import LogFormat

    forced = kind_named(form)
    if forced is not None and not issubclass(forced, LogFormat):
        raise UsageError(f"{form} cannot be followed", place="--format", hint="scan it")

    return lambda head: forced or recognise(head)[0]
