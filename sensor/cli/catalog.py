"""`shadowai catalog`: look things up in the signature catalog, and check entries before using them.

Tables on a terminal, tab-separated lines in a pipe. Mistakes in the catalog come one per line on
stderr, `file:line: what; remedy`, with exit code 4.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sensor.cli.options import ConfigOption, SignaturesOption, settings_from
from sensor.errors import CatalogError, UsageError

if TYPE_CHECKING:
    from sensor.catalog.load import Catalog
    from sensor.catalog.read import Entry
    from sensor.match.explain import Explanation

app = typer.Typer(help="Look into the signature catalog, or check it.", no_args_is_help=True)

#: As many look-alikes as fit one line of help.
_SUGGESTIONS = 5


@app.command("show")
def show(
    service: Annotated[str, typer.Argument(help="Id of a service, such as openai/chatgpt.")],
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """Everything the catalog says about one service."""
    catalog = _catalog(config, signatures)
    entry = catalog.find(service)
    if entry is None:
        raise UsageError(f"no service '{service}' in the catalog", hint=_look_alikes(catalog, service))
    rows = catalog.indicators.filter(catalog.indicators["app"] == entry.app)
    _print_facts(entry, catalog.version)
    columns = ("kind", "value", "access", "role", "confidence", "certainty", "checked", "reference")
    _print_table(columns, rows.select(columns).rows())


@app.command("search")
def search(
    words: Annotated[list[str], typer.Argument(help="Words that must all occur: name, vendor, host …")],
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """Services in which all words occur."""
    entries = _catalog(config, signatures).search(" ".join(words))
    rows = [(e.app, e.service.name, e.vendor.name, e.service.category, e.vendor.country) for e in entries]
    _print_table(("id", "service", "vendor", "category", "country"), rows)


@app.command("explain")
def explain(
    question: Annotated[str, typer.Argument(help="A host name, URL, address or User-Agent.")],
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """Which indicator wins for a host, URL, address or User-Agent, why, and what lost.

    Also whether connections there are counted as a blind spot: encrypted DNS, a VPN, relay or proxy.
    """
    from sensor.match.blindness import Blindness
    from sensor.match.explain import event_of
    from sensor.match.explain import explain as explanation_of
    from sensor.match.index import Index

    catalog = _catalog(config, signatures)
    explanation = explanation_of(Index.build(catalog.indicators), question)
    _print_verdict(explanation)
    _print_table(
        ("", "indicator", "access", "role", "certainty", "checked", "reference"),
        [
            (word, c.signature, c.access, c.role, c.certainty, c.checked, c.reference)
            for word, candidates in (("won", [explanation.winner]), ("lost", explanation.lost))
            for c in candidates
            if c is not None
        ],
    )
    event = event_of(question)
    spots = Blindness(catalog.blind_spots).about(event.get("host"), event.get("server"))
    _print_table(
        ("blind spot", "kind", "counted as", "value", "port", "certainty", "checked", "reference"),
        spots.select("name", "kind", "counted", "value", "port", "certainty", "checked", "reference").rows(),
    )


@app.command("check")
def check(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Folders laid over the built-in catalog.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """Check every entry: form, words, proof, overlaps. Prints all problems, not the first."""
    import datetime

    from sensor.catalog.checks import check as find_problems
    from sensor.catalog.load import BUILT_IN
    from sensor.catalog.read import collect, draft

    settings = settings_from(config, signatures=tuple(signatures) if signatures else None)
    try:
        drafted = draft(collect((BUILT_IN, *settings.signatures, *(folders or ()))))
    except CatalogError as error:
        _fail(str(error).splitlines())
    problems = find_problems(drafted, datetime.datetime.now(datetime.UTC).date())
    if problems:
        _fail([str(problem) for problem in problems])
    typer.echo(f"{len(drafted.entries)} services checked, no problems")


@app.command("stats")
def stats(config: ConfigOption = None, signatures: SignaturesOption = None) -> None:
    """How many services and indicators of which kind."""
    import polars as pl

    catalog = _catalog(config, signatures)
    services = catalog.frame()
    _print_table(
        ("category", "services", "embedded only", "experimental"),
        services.group_by("category")
        .agg(pl.len(), pl.col("shared").sum(), pl.col("experimental").sum())
        .sort(["len", "category"], descending=[True, False])
        .rows(),
    )
    _print_table(
        ("indicator", "role", "count"),
        catalog.indicators.group_by("kind", "role").len().sort("kind", "role").rows(),
    )
    _print_table(
        ("blind spot", "places"),
        catalog.blind_spots.group_by("kind").len().sort("kind").rows(),
    )
    countries = services["country"].drop_nulls().n_unique()
    typer.echo(
        f"{services.height} services of {services['vendor'].n_unique()} vendors in {countries} countries, "
        f"{catalog.indicators.height} indicators, version {catalog.version}"
    )


def _catalog(config: Path | None, signatures: list[Path] | None) -> Catalog:
    """The catalog with its overlays; its mistakes end the command, one line each."""
    from sensor.catalog.load import load

    settings = settings_from(config, signatures=tuple(signatures) if signatures else None)
    try:
        return load(*settings.signatures)
    except CatalogError as error:
        _fail(str(error).splitlines())


def _fail(lines: Iterable[str]) -> NoReturn:
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(CatalogError.exit_code)


def _look_alikes(catalog: Catalog, service: str) -> str:
    found = [entry.app for entry in catalog.search(service.replace("/", " "))][:_SUGGESTIONS]
    return f"did you mean {', '.join(found)}?" if found else "try `shadowai catalog search WORD`"


def _print_facts(entry: Entry, version: str) -> None:
    service, vendor = entry.service, entry.vendor
    trains = service.trains_by_default
    facts = [
        ("service", f"{service.name} ({entry.app})"),
        ("vendor", vendor.name + (f", {vendor.country}" if vendor.country else "")),
        ("category", service.category),
        ("homepage", service.homepage or vendor.homepage),
        ("state", "experimental: not proven yet" if service.experimental else "proven by hits and misses"),
        ("trains by default", "no source" if trains is None else f"{trains.value} ({trains.reference})"),
        ("catalog", version),
    ]
    for name, value in facts:
        typer.echo(f"{name:<18} {value}")
    typer.echo("")


def _print_verdict(explanation: Explanation) -> None:
    if explanation.app is None:
        typer.echo(f"{explanation.question}: no service; {explanation.why}")
        return
    typer.echo(f"{explanation.question}: {explanation.app}")
    typer.echo(f"{explanation.signature} ({explanation.why})")
    typer.echo(f"access {explanation.access}, role {explanation.role}, confidence {explanation.confidence}")
    typer.echo("")


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; in a pipe a header line and tab-separated rows."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not cells:
        return
    if not sys.stdout.isatty():
        for row in (list(columns), *cells):
            typer.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
