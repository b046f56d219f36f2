"""`shadowai report`: one command per report folder, and sending the weekly one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
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
    from analytics.report import Report
    from sensor.settings import Settings

app = typer.Typer(help="Write a report, or send the weekly one.", invoke_without_command=True)

#: A folder with a report.yml is a report, and so a command. Read without importing the analysts' side.
_FOLDERS = Path(__file__).parents[2] / "analytics" / "reports"
_SUFFIXES = ("html", "pdf", "md", "json", "xlsx", "csv")

WeekOption = Annotated[str | None, typer.Option(help="ISO week such as 2026-W46.", show_default="newest")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="File to write.", show_default="NAME-report.html"),
]
FormatOption = Annotated[
    str, typer.Option("--format", metavar="LIST", help="html, pdf, md, json, xlsx, csv; several with commas.")
]
PeriodOption = Annotated[
    str | None,
    typer.Option(
        "--period", "--week", "--day", "--month", "--quarter",
        metavar="PERIOD", help="2026-W46, 2026-11-12, 2026-11 or 2026-Q4.", show_default="newest",
    ),
]  # fmt: skip
ControlsOption = Annotated[
    bool, typer.Option("--controls", help="Add the evidence for controls to the weekly annex.")
]


@app.callback()
def write(
    context: typer.Context,
    out: OutOption = None,
    week: WeekOption = None,
    form: FormatOption = "html",
    controls: ControlsOption = False,
    as_of: AsOfOption = None,
    lake: LakeOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the weekly report, one HTML page. Other reports and formats: see the commands below."""
    if context.invoked_subcommand is None:
        _write("weekly", "", settings_from(config, lake=lake), out, form, week, as_of, controls=controls)


def _add(folder: Path) -> None:
    """The command of the report in `folder`."""
    told = dict(
        re.findall(r"^(name|question|about): *(.+)$", (folder / "report.yml").read_text("utf-8"), re.M)
    )
    name, kind = told["name"], told.get("about", "")
    restricted = " Restricted: logged, kept nowhere, never sent." if kind == "person" else ""
    text = told["question"].strip('"') + restricted
    if kind:
        label = {"person": "TOKEN"}.get(kind, "NAME")

        def command(
            about: str,
            out: OutOption = None,
            period: PeriodOption = None,
            form: FormatOption = "html",
            as_of: AsOfOption = None,
            lake: LakeOption = None,
            config: ConfigOption = None,
        ) -> None:
            _write(name, about, settings_from(config, lake=lake), out, form, period, as_of)

        subject = typer.Argument(metavar=label, help=f"The {kind} it is about.")
        command.__annotations__["about"] = Annotated[str, subject]
        app.command(name, help=text)(command)
    else:

        @app.command(name, help=text)
        def plain(
            out: OutOption = None,
            period: PeriodOption = None,
            form: FormatOption = "html",
            controls: ControlsOption = False,
            as_of: AsOfOption = None,
            lake: LakeOption = None,
            config: ConfigOption = None,
        ) -> None:
            settings = settings_from(config, lake=lake)
            _write(name, "", settings, out, form, period, as_of, controls=controls)


for _folder in sorted(path.parent for path in _FOLDERS.glob("*/report.yml")):
    _add(_folder)


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


def _write(
    name: str,
    about: str,
    settings: Settings,
    out: Path | None,
    form: str,
    period: str | None,
    as_of: datetime | None,
    *,
    controls: bool = False,
) -> None:
    from analytics import report
    from analytics.render.formats import ExtraMissing
    from sensor.errors import UsageError
    from sensor.privacy.audit import AuditLog
    from sensor.settings import state_path
    from sensor.store.lake import log_access

    forms = [one.strip() for one in form.split(",") if one.strip()]
    if unknown := sorted(set(forms) - set(_SUFFIXES)) or not forms:
        told = ", ".join(unknown) if isinstance(unknown, list) else "nothing"
        raise UsageError(f"--format {told}", hint=f"one or more of {', '.join(_SUFFIXES)}")
    place = existing_lake(settings)
    target = out or Path(f"{name}-report.html")
    if name == "person":  # no reading without a record: this raises where it cannot be written
        log_access(place.path, query=f"report person {about} {period or 'newest'}")
        AuditLog(state_path(settings, place.path)).append("report.person", now=datetime.now(UTC), people=1)
    try:
        with analysing(place):
            found = report.prepare(
                place.path, name, period=period, about=about, as_of=as_of, controls=controls
            )
        written = report.write(found, target, forms)
    except ExtraMissing as error:
        raise UsageError(str(error), place=f"--format {form}") from None
    except ValueError as error:
        raise UsageError(str(error), hint=f"shadowai report {name} --help") from None
    except OSError as error:
        raise UsageError(
            error.strerror or str(error), place=str(target), hint="name a file with --out"
        ) from None
    for path in written:
        typer.echo(str(path))
    try:
        report.archive(place.path, found)
    except OSError as error:
        typer.echo(f"shadowai: not archived in the lake: {error.strerror}", err=True)


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
