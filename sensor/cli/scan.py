"""`shadowai scan`: captures and logs in, lake and summary out."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.compact import compact_and_publish
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
from sensor.cli.scan_outcome import conclude, passed_over, progress_bar

if TYPE_CHECKING:
    from sensor.settings import Settings
    from sensor.sources.detect import Plan
    from sensor.sources.interface import Source
    from sensor.store.lake import Lake


Paths = Annotated[
    list[str],
    typer.Argument(metavar="PATH", help="Files, folders, archives, globs, or - for standard input."),
]
VantageOption = Annotated[
    str | None, typer.Option("--vantage", metavar="NAME", help="The place it watched from.")
]
PeopleOption = Annotated[
    Path | None,
    typer.Option("--people", metavar="FILE", help="CSV: address,user_name,device,department,site."),
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Read inputs again that were read before (newer catalog).")
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine", metavar="tshark", help="Let tshark read captures: slow, but it knows every link type."
    ),
]
ExtractOption = Annotated[
    str | None,
    typer.Option(
        "--extract",
        metavar="CONNECTION",
        help="Scan nothing, but copy the packets of CLIENT:PORT-SERVER:PORT[/tcp|udp] from captures to the "
        "file --to. Takes addresses ([…] around IPv6), because the lake's tokens cannot be turned back.",
    ),
]
ToOption = Annotated[
    Path | None, typer.Option("--to", metavar="FILE", help="Where --extract writes its pcap.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]


def command(
    paths: Paths,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
    sensor: SensorOption = None,
    site: SiteOption = None,
    vantage: VantageOption = None,
    people: PeopleOption = None,
    replace: ReplaceOption = False,
    engine: EngineOption = None,
    form: LogFormatOption = None,
    custom: CustomOption = None,
    extract: ExtractOption = None,
    to: ToOption = None,
    quiet: QuietOption = False,
) -> None:
    """Read captures and logs into the lake."""
    from sensor.ingest import scan
    from sensor.ingest.kernels import compile_for

    if extract is not None or to is not None:
        _extract(paths, extract, to, state, quiet)
        return
    chosen = settings_from(config, lake=lake, state=state, signatures=signatures)
    if people is not None:
        chosen = chosen.model_copy(update={"identity": chosen.identity.model_copy(update={"people": people})})
    add_formats(chosen, custom)
    check_kinds(chosen)
    plan = _plan(paths, chosen, captures=_engine(engine), forced=kind_named(form), quiet=quiet)
    installation = installation_of(chosen, sensor, site, vantage)
    installation.lake.create()  # before kernels are compiled, which takes a minute: it may fail
    kernels = installation.state / "kernels"
    compile_for(plan, kernels, lambda text: None if quiet else typer.echo(text, err=True))
    outcome = scan.run(installation, plan, replace=replace, progress_bar=partial(progress_bar, quiet=quiet))
    for problem in outcome.unreadable:
        say(problem)
    publish_when_free(installation.lake, chosen, quiet=quiet)
    if not quiet:
        conclude(outcome, plan.skipped, installation.lake.path)
    if plan.problems or outcome.unreadable:
        raise typer.Exit(3)


def _plan(
    paths: list[str],
    settings: Settings,
    *,
    captures: type[Source] | None,
    forced: type[Source] | None,
    quiet: bool,
) -> Plan:
    """What is to be read of `paths`; its problems are printed. Exits if that is nothing."""
    from sensor.ingest.installation import sensor_declared
    from sensor.settings import lake_path, state_path
    from sensor.sources import detect
    from sensor.sources.inputs import open as opening

    found = opening.find(paths, ours=(lake_path(settings), state_path(settings)))
    plan = detect.plan(
        found.files, walked=found.walked, captures=captures, forced=forced,
        sensor_of=partial(sensor_declared, settings),
    )  # fmt: skip
    plan.problems[:0] = found.problems
    for problem in plan.problems:
        say(problem)
    for folder in found.ours:
        if not quiet:
            typer.echo(f"{opening.shown(folder)}: a file of shadowai itself, not read", err=True)
    if not plan.inputs:
        if plan.skipped:
            say(passed_over(plan.skipped))
        raise typer.Exit(3)
    return plan


def publish_when_free(lake: Lake, settings: Settings, *, quiet: bool, again_s: float = 0.5) -> None:
    """Compact the lake and publish its views. While another process does so, wait and then do it again,
    because it may have begun before the new rows were stored."""
    told = quiet
    while not compact_and_publish(lake, settings, include_current=True):
        if not told:
            typer.echo("another compaction is running; the views follow when it ends", err=True)
        told = True
        time.sleep(again_s)


def _engine(name: str | None) -> type[Source] | None:
    """The source that --engine names, to read captures instead of our own decoder. Raises UsageError."""
    if name is None:
        return None
    from sensor.errors import UsageError
    from sensor.sources.packets.tshark.source import TsharkSource, program

    if name != TsharkSource.name:
        raise UsageError(f"no engine {name!r}", place="--engine", hint="the only other engine is tshark")
    program()
    return TsharkSource


def _extract(
    paths: list[str], connection: str | None, to: Path | None, state: Path | None, quiet: bool
) -> None:
    """Copy one connection's packets. Raises UsageError, InputError."""
    from sensor.decode.kernels import jit
    from sensor.errors import UsageError
    from sensor.sources.inputs import open as opening

    if connection is None or to is None:
        raise UsageError("--extract and --to belong together", hint="name the connection and the file")
    if state is not None:
        jit.use(state / "kernels")
    from sensor.extract import Connection, extract

    wanted = Connection.parse(connection)
    found = opening.find(paths)
    result = extract(found.files, wanted, to)
    for problem in [*found.problems, *result.problems]:
        say(problem)
    if not quiet:
        typer.echo(
            f"{result.packets:,} packets of {wanted} in {to}" if result.packets else f"no packet of {wanted}"
        )
    if not result.packets:
        raise typer.Exit(3)
