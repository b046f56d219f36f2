"""`shadowai report`: the weekly page, and sending it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.delivery import ToOption
from sensor.cli.options import (
    AsOfOption,
    ConfigOption,
    LakeOption,
    StateOption,
    analysing,
    existing_lake,
    settings_from,
)

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.report import Report
    from sensor.settings import Settings

app = typer.Typer(help="Write the weekly report, or send it.", invoke_without_command=True)

WeekOption = Annotated[str | None, typer.Option(help="ISO week such as 2026-W46.", show_default="newest")]


@app.callback()
def write(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write.")] = Path(
        "weekly-report.html"
    ),
    week: WeekOption = None,
    as_of: AsOfOption = None,
    lake: LakeOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the weekly report, one HTML page."""
    if context.invoked_subcommand is None:
        typer.echo(str(_weekly(settings_from(config, lake=lake), out, week, as_of).path))


@app.command("send")
def send_it(
    to: ToOption = None,
    week: WeekOption = None,
    as_of: AsOfOption = None,
    again: Annotated[bool, typer.Option("--again", help="Also where it was sent before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the letter, send nothing.")] = False,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Send the weekly report to the destinations that receive reports, and whatever waits for them."""
    from analytics.delivery import weekly
    from analytics.delivery.letter import now
    from sensor.cli.delivery import chosen, outbox, send, transports

    settings = settings_from(config, lake=lake, state=state)
    place = existing_lake(settings)
    moment = now()
    with TemporaryDirectory() as folder:
        report = _weekly(settings, Path(folder) / "report.html", week, as_of)
        letter = weekly.letter(report, moment)
    if dry_run:
        typer.echo(f"Subject: {letter.subject}\n\n{letter.text}")
        return
    destinations = chosen(settings, to, "reports")
    ways = transports(settings, destinations)
    with outbox(settings, place.path) as box:
        for destination in destinations:
            if not box.put(destination.name, letter, moment, again=again):
                typer.echo(f"{destination.name}: has {letter.subject!r} already; --again sends it once more")
        send(box, settings, ways, moment)


def _weekly(settings: Settings, out: Path, week: str | None, as_of: datetime | None) -> Report:
    from analytics.report import weekly
    from sensor.errors import UsageError

    place = existing_lake(settings)
    try:
        with analysing(place):
            return weekly(place.path, out, week=week, as_of=as_of)
    except ValueError as error:
        raise UsageError(str(error), hint="shadowai report --week 2026-W46") from None
    except OSError as error:
        raise UsageError(
            error.strerror or str(error), place=str(out), hint="name a file with --out"
        ) from None
