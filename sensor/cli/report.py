"""`shadowai report`: one command per report folder, and sending the weekly one."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import Parameter, Signature, signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensor.cli.delivery import ToOption
from sensor.cli.options import (
    AsOfOption,
    ConfigOption,
    LakeOption,
    StateOption,
    analysing,
    closed_to_others,
    command_behind,
    counting_then,
    existing_lake,
    say,
    settings_from,
)

if TYPE_CHECKING:
    from analytics.delivery.letter import Letter
    from analytics.reports.write import Report

app = typer.Typer(help="Write a report, or send the weekly one.", invoke_without_command=True)

#: Every folder with a report.yml is a report, and so a subcommand. They are found without importing
#: `analytics`.
_FOLDERS = Path(__file__).parents[2] / "analytics" / "reports"
_SUFFIXES = ("html", "pdf", "md", "json", "xlsx", "csv")
_STDOUT = Path("-")

WeekOption = Annotated[
    str | None,
    typer.Option("--week", metavar="WEEK", help="ISO week such as 2026-W46.", show_default="newest"),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="File or folder to write to; - is standard output.",
        show_default="NAME-report.html",
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="LIST",
        help="html, pdf, md, json, xlsx, csv; several with commas.",
        show_default="as --out ends, else html",
    ),
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
LanguageOption = Annotated[
    str | None, typer.Option("--language", metavar="CODE", help="en or de.", show_default="settings, else en")
]


@dataclass(frozen=True)
class _Wanted:
    """The options of every report; its fields become those of each command. Only the weekly one has
    `controls`."""

    out: OutOption = None
    period: PeriodOption = None
    form: FormatOption = None
    controls: ControlsOption = False
    as_of: AsOfOption = None
    language: LanguageOption = None
    lake: LakeOption = None
    config: ConfigOption = None


def _add(folder: Path) -> None:
    """Add the subcommand for the report in `folder`."""
    spec = dict(
        re.findall(r"^(name|question|about): *(.+)$", (folder / "report.yml").read_text("utf-8"), re.M)
    )
    name, kind = spec["name"], spec.get("about", "")
    restricted = " Restricted: logged, kept nowhere, never sent." if kind == "person" else ""

    def command(about: str = "", **options: Any) -> None:
        _write(name, about, _Wanted(**options))

    subject = Annotated[
        str, typer.Argument(metavar="TOKEN" if kind == "person" else "NAME", help=f"The {kind} it is about.")
    ]
    about = [Parameter("about", Parameter.KEYWORD_ONLY, annotation=subject)] if kind else []
    _takes(command, about, without=() if name == "weekly" else ("controls",))
    app.command(name, help=spec["question"].strip('"') + restricted)(command)


def _takes(
    command: Callable[..., None], first: Sequence[Parameter] = (), without: Sequence[str] = ()
) -> None:
    """Set the parameters of `command` for typer: `first`, then those of every report, but for `without`."""
    options = [
        parameter.replace(kind=Parameter.KEYWORD_ONLY)
        for name, parameter in signature(_Wanted, eval_str=True).parameters.items()
        if name not in without
    ]
    parameters = [*first, *options]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}


def _weekly_by_default(context: typer.Context, **options: Any) -> None:
    """Write the weekly report, one HTML page. Other reports and formats: see the commands below."""
    if command_behind(context) is None:
        _write("weekly", "", _Wanted(**options))


_takes(_weekly_by_default, [Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)])
app.callback()(_weekly_by_default)
for _folder in sorted(path.parent for path in _FOLDERS.glob("*/report.yml")):
    _add(_folder)


@app.command("send")
def send_it(
    to: ToOption = None,
    week: WeekOption = None,
    as_of: AsOfOption = None,
    again: Annotated[bool, typer.Option("--again", help="Send it again where it was sent before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the mail, send nothing.")] = False,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Send the weekly report to the destinations that receive reports, and whatever waits for them.

    It is about the newest week that is over, unless --week names another.
    """
    from analytics.delivery import weekly
    from analytics.delivery.letter import now
    from analytics.reports.write import weekly as written
    from sensor.cli.delivery import chosen, outbox, send, transports

    settings = settings_from(config, lake=lake, state=state)
    place = existing_lake(settings)
    moment = now()
    with TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        with _explained(page, "shadowai report --week 2026-W46"), analysing(place):
            report = written(
                place.path, page, week=week, as_of=as_of, language=settings.language, now=moment, over=True
            )
            letter = weekly.letter(report, moment)
    if dry_run:
        typer.echo(f"Subject: {letter.subject}\n\n{letter.text}")
        return
    destinations = chosen(settings, to, "reports")
    ways = transports(settings, destinations)
    with_pdf = _with_pdf(report, letter) if any(d.pdf for d in destinations) else letter
    with outbox(settings) as box:
        for destination in destinations:
            goes = with_pdf if destination.pdf else letter
            queued = box.put(destination.name, goes, moment, again=again)
            if not queued and not box.waits(destination.name, goes):
                typer.echo(f"{destination.name}: has '{letter.subject}' already; --again sends it once more")
        send(box, settings, ways, moment, early=True)


def _with_pdf(report: Report, letter: Letter) -> Letter:
    """The letter with the report as PDF. Without WeasyPrint the letter is unchanged, and a line says so."""
    from analytics.delivery.weekly import with_pdf
    from analytics.render.document import ExtraMissing

    try:
        return with_pdf(letter, report)
    except ExtraMissing as error:
        say(f"sent without the PDF: it {error}")
        return letter


def _write(name: str, about: str, wanted: _Wanted) -> None:
    from analytics.reports.prepare import prepare
    from analytics.reports.write import archive, content, write
    from sensor.errors import UsageError, reason_of
    from sensor.privacy.audit import AuditLog
    from sensor.settings import state_path
    from sensor.store.lake import log_access

    settings = settings_from(wanted.config, lake=wanted.lake, language=wanted.language)
    form = _format_of(wanted.out) if wanted.form is None else wanted.form
    forms = [one.strip() for one in form.split(",") if one.strip()]
    if unknown := ", ".join(sorted(set(forms) - set(_SUFFIXES))) or ("" if forms else "nothing"):
        raise UsageError(f"--format {unknown}", hint=f"use one or more of {', '.join(_SUFFIXES)}")
    target = wanted.out or Path(f"{name}-report.html")
    if target == Path("/dev/stdout"):  # also where it is a file, to which others may write
        target = _STDOUT
    if target.is_dir():
        target /= f"{name}-report.html"
    special = target == _STDOUT or (target.exists() and not target.is_file())
    if special and len(forms) > 1:
        where = "on standard output" if target == _STDOUT else "into a pipe or device"
        raise UsageError(f"{len(forms)} formats {where}", hint="ask for one, or name a file")
    place, now = existing_lake(settings), datetime.now(UTC)
    if name == "person":
        # Raises if either log cannot be written: no report about a person without an entry.
        log_access(place.path, query=f"report person {about} {wanted.period or 'newest'}")
        AuditLog(state_path(settings)).append("report.person", now=now, people=1)
    with closed_to_others(name == "person"), _explained(target, f"shadowai report {name} --help", form):
        with analysing(place):
            found = prepare(
                place.path,
                name,
                period=wanted.period,
                about=about,
                as_of=wanted.as_of,
                controls=wanted.controls,
                language=settings.language,
                counting=counting_then(settings, place, wanted.as_of),
                now=now,
            )
        if target == _STDOUT:
            sys.stdout.buffer.write(content(found, forms[0]))
        elif special:
            target.write_bytes(content(found, forms[0]))
        else:
            typer.echo("\n".join(str(path) for path in write(found, target, forms)))
    try:
        archive(place.path, found)
    except OSError as error:
        say(f"not archived in the lake: {reason_of(error)}")


def _format_of(out: Path | None) -> str:
    """The format by the suffix of the file. Raises UsageError for an unknown suffix."""
    from sensor.errors import UsageError

    ending = "" if out is None or out.is_dir() else "".join(out.suffixes[-2:]).lower()
    for form in _SUFFIXES:
        if ending.endswith((f".{form}", f".{form}.zip")):
            return form
    if out is not None and out.suffix[1:].isalpha() and not ending.endswith(".htm"):
        hint = f"a report is one of {', '.join(_SUFFIXES)}; say which with --format"
        raise UsageError(f"no report ends in {out.suffix}", place=str(out), hint=hint)
    return "html"


@contextmanager
def _explained(target: Path, hint: str, form: str = "html") -> Iterator[None]:
    """An error that prevented writing `target`, as UsageError."""
    from analytics.render.document import ExtraMissing
    from sensor.errors import UsageError, reason_of

    try:
        yield
    except ExtraMissing as error:
        raise UsageError(str(error), place=f"--format {form}") from None
    except ValueError as error:
        raise UsageError(str(error).rstrip("."), hint=hint) from None
    except OSError as error:
        if target == _STDOUT:
            raise
        raise UsageError(reason_of(error), place=str(target), hint="name a file with --out") from None
