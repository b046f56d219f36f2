"""`shadowai scan`: captures and logs in, lake and summary out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.compact import settle
from sensor.cli.options import (
    ConfigOption,
    CustomOption,
    LakeOption,
    SignaturesOption,
    StateOption,
    add_formats,
    settings_from,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from rich.console import Console
    from rich.progress import Progress as ProgressBar

    from sensor.scan import Outcome
    from sensor.sources.interface import Source
    from sensor.summary import Summary

#: how often it is tried whether another compaction is over
_AGAIN_S = 0.5


def command(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Files, folders, globs, or - for standard input.")
    ],
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
    sensor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the sensor these inputs come from.")
    ] = None,
    site: Annotated[str | None, typer.Option(metavar="SITE", help="Site of that sensor.")] = None,
    vantage: Annotated[str | None, typer.Option(metavar="NAME", help="The place it watched from.")] = None,
    people: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV: address,user_name,device,department,site.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Read inputs again that were read before (newer catalog).")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(metavar="tshark", help="Let tshark read captures: slow, but it knows every link type."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Read all inputs as this kind (`shadowai sources`); lines of other log formats go to those.",
        ),
    ] = None,
    custom: CustomOption = None,
    extract: Annotated[
        str | None,
        typer.Option(
            metavar="CONNECTION",
            help="Only copy the packets of CLIENT:PORT-SERVER:PORT[/tcp|udp] from captures to the file "
            "--to names. Takes addresses ([…] around IPv6): the lake's tokens cannot be turned back.",
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Where --extract writes its pcap.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Read captures and logs into the lake."""
    from sensor.scan import Declared, Scan
    from sensor.settings import lake_path, state_path
    from sensor.sources import detect
    from sensor.sources import open as opening

    if extract is not None or to is not None:
        _extract(paths, extract, to, state, quiet)
        return
    chosen = settings_from(config, lake=lake, state=state, signatures=signatures or None)
    if people is not None:
        chosen = chosen.model_copy(update={"identity": chosen.identity.model_copy(update={"people": people})})
    add_formats(chosen, custom)
    kept = lake_path(chosen)
    found = opening.find(paths, ours=(kept, state_path(chosen, kept)))
    plan = detect.plan(found.files, walked=found.walked, captures=_engine(engine), forced=kind_named(form))
    for problem in [*found.problems, *plan.problems]:
        typer.echo(f"shadowai: {problem}", err=True)
    for folder in found.ours:
        if not quiet:
            typer.echo(f"{opening.shown(folder)}: a file of shadowai itself, not read", err=True)
    if not plan.inputs:
        if plan.skipped:
            typer.echo(f"shadowai: {_passed_over(plan.skipped)}", err=True)
        raise typer.Exit(3)
    scan = Scan(chosen, Declared(sensor, site, vantage))
    for line in scan.unusable:
        typer.echo(line, err=True)
    scan.warm(plan, lambda text: None if quiet else typer.echo(text, err=True))
    outcome = scan.run(plan, replace=replace, display=_ProgressBar(quiet))
    for problem in outcome.unreadable:
        typer.echo(f"shadowai: {problem}", err=True)
    waiting = False
    while not settle(scan.lake, chosen, include_current=True):  # another's may have begun before our rows
        if not (waiting or quiet):
            typer.echo("another compaction is running; the views follow when it ends", err=True)
        waiting = True
        time.sleep(_AGAIN_S)
    if not quiet:
        _conclude(outcome, plan.skipped, scan.lake.path)
    if found.problems or plan.problems or outcome.unreadable:
        raise typer.Exit(3)


def _passed_over(names: list[str]) -> str:
    """What was met in a folder and is no input: nobody asked for it by name, so one line for all of it."""
    are = "is" if len(names) == 1 else "are"
    return f"{_some(names, 1)} {are} of no known kind, so not read; to see why, scan such a file by itself"


def _some(names: list[str], at_most: int) -> str:
    more = len(names) - at_most
    return ", ".join(names[:at_most]) + (f" and {more:,} more" if more > 0 else "")


def kind_named(name: str | None) -> type[Source] | None:
    """The kind of input called `name`. Raises UsageError."""
    if name is None:
        return None
    import difflib

    from sensor.errors import UsageError
    from sensor.sources.detect import kinds_by_name

    kinds = kinds_by_name()
    if name not in kinds:
        near = difflib.get_close_matches(name, kinds, 1)
        hint = f"did you mean {near[0]}?" if near else "`shadowai sources` lists them"
        raise UsageError(f"no format {name!r}", place="--format", hint=hint)
    return kinds[name]


def _engine(name: str | None) -> type[Source] | None:
    """The source that reads captures instead of our own decoder. Raises UsageError."""
    if name is None:
        return None
    from sensor.errors import UsageError
    from sensor.sources.tshark import TsharkSource, program

    if name != TsharkSource.name:
        raise UsageError(f"no engine {name!r}", place="--engine", hint="the only other engine is tshark")
    program()
    return TsharkSource


def _extract(
    paths: list[str], connection: str | None, to: Path | None, state: Path | None, quiet: bool
) -> None:
    """Copy one connection's packets. Raises UsageError, InputError."""
    from sensor.decode import jit
    from sensor.errors import UsageError
    from sensor.sources import open as opening

    if connection is None or to is None:
        raise UsageError("--extract and --to belong together", hint="name the connection and the file")
    if state is not None:
        jit.use(state / "kernels")
    from sensor.extract import Connection, extract

    wanted = Connection.parse(connection)
    found = opening.find(paths)
    result = extract(found.files, wanted, to)
    for problem in [*found.problems, *result.problems]:
        typer.echo(f"shadowai: {problem}", err=True)
    if not quiet:
        typer.echo(
            f"{result.packets:,} packets of {wanted} in {to}" if result.packets else f"no packet of {wanted}"
        )
    if not result.packets:
        raise typer.Exit(3)


#: how a source marks what it left out on purpose
_ASIDE = "set aside: "
#: kinds of lines of a mixed file that are named
_MOST_KINDS = 4


class _ProgressBar:
    """Progress on a terminal, nothing when piped or quiet."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    @contextmanager
    def progress(self, total_bytes: int | None) -> Iterator[Callable[[str, int], None]]:
        """A function to call with the name of what is being read and the bytes read of all inputs."""
        if self._quiet or not sys.stderr.isatty():  # importing rich would slow down a short scan
            yield lambda name, done: None
            return
        from rich.console import Console

        console = Console(stderr=True)
        with _bar(console) as bar:
            task = bar.add_task("", total=total_bytes)
            yield lambda name, done: bar.update(task, description=name[-40:], completed=done)


def _bar(console: Console) -> ProgressBar:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _conclude(outcome: Outcome, skipped: list[str], lake: Path) -> None:
    """One line an input, then what the lake says about the newest week."""
    from analytics.render.text import summary

    for one in outcome.summaries:
        typer.echo(line(one))
    for doubt in outcome.doubts:
        typer.echo(doubt)
    for name in outcome.unchanged:
        typer.echo(f"{name}: read before, nothing new")
    if skipped:
        typer.echo(_passed_over(skipped))
    if outcome.advice:
        typer.echo("")
        for advice, names in outcome.advice.items():
            typer.echo(f"{_some(names, 3)}: {advice}")
    typer.echo("")
    typer.echo(summary(lake, None))


def line(summary: Summary) -> str:
    """What one input gave: what it carried, what was set aside on purpose, what could not be read."""
    read = _many(summary.packets, "packet") if summary.packets else _many(summary.records, "record")
    text = f"{summary.name}: {_kinds(summary)}, {read}, {_many(summary.sightings, 'sighting')}"
    text += f" of {_many(len(summary.apps), 'service')}" if summary.apps else ""
    aside = {r: n for r, n in summary.reasons.items() if r.startswith(_ASIDE)}
    unread = {r: n for r, n in summary.reasons.items() if not r.startswith(_ASIDE)}
    if summary.carried["used"]:
        text += f"\n    carries: {_carries(summary.carried)}"
    for heading, reasons in (("set aside", aside), ("not used", unread)):
        if reasons:
            most = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
            texts = [_reason(reason, count, summary.places[reason]) for reason, count in most]
            text += f"\n    {heading}: {_some(texts, 3)}"
    return text


def _kinds(summary: Summary) -> str:
    """What it was read as; of a file whose lines are mixed, its kinds, those of most lines first."""
    kinds = sorted(summary.kinds, key=lambda kind: (-summary.kinds[kind], kind))
    if len(kinds) < 2:
        return kinds[0] if kinds else summary.source
    more = [f"{len(kinds) - _MOST_KINDS} more"] if len(kinds) > _MOST_KINDS else []
    return " + ".join(kinds[:_MOST_KINDS] + more)


def _reason(reason: str, count: int, place: str | None) -> str:
    """Why records were left out, how many, and where to look; what is left out on purpose has no place."""
    if place is None or reason.startswith(_ASIDE):
        return f"{count:,} × {reason.removeprefix(_ASIDE)}"
    return f"{count:,} × {reason} ({place if count == 1 else f'first at {place}'})"


def _carries(carried: Counter[str]) -> str:
    """Which of its records say what, as shares; `none` is as important as `all`."""
    from sensor.summary import CARRIED

    used = carried["used"]
    return ", ".join(
        f"{name.removeprefix('with_').replace('_', ' ')} {_share(carried[name], used)}"
        for name in CARRIED[1:]
    )


def _share(part: int, whole: int) -> str:
    if part in (0, whole):
        return "all" if part else "none"
    return f"{100 * part / whole:.0f} %" if part * 100 >= whole else "< 1 %"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
