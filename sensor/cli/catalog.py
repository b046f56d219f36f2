"""`shadowai catalog`: look things up in the signature catalog, compare, export, and check entries.

Tables on a terminal, tab-separated lines in a pipe. Mistakes in the catalog come one per line on
stderr, `file:line: what; remedy`, with exit code 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from sensor.cli.exports_shared import put
from sensor.cli.options import ConfigOption, OutOption, SignaturesOption, catalog_of, settings_from
from sensor.cli.table import print_table
from sensor.errors import CatalogError, UsageError

if TYPE_CHECKING:
    from sensor.catalog.load import Catalog
    from sensor.match.explain import Explanation

app = typer.Typer(help="Look into the signature catalog, export it, or check it.", no_args_is_help=True)

#: Similar names suggested for an unknown one; this many fit on a line.
_SUGGESTIONS = 5


@app.command("show")
def show(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="Id of a service, such as openai/chatgpt.")
    ],
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """Show the catalog's entry of one service: facts, risk score, indicators."""
    import polars as pl

    catalog = _catalog(config, signatures)
    mine = pl.col("app") == service
    found = catalog.services.filter(mine)
    if found.is_empty():
        raise UsageError(f"no service '{service}' in the catalog", hint=_look_alikes(catalog, service))
    _print_facts(found.row(0, named=True), catalog.version)
    known = catalog.attributes.filter(mine)
    factors = catalog.risks.filter(mine).join(
        known.select(factor="attribute", reference="reference", checked="checked"),
        on="factor", how="left", maintain_order="left",
    )  # fmt: skip
    print_table(
        ("risk factor", "value", "points", "checked", "reference"),
        (
            (row["factor"], row["value"] or "unknown", _span(row["low"], row["high"]), row["checked"],
             row["reference"])
            for row in factors.iter_rows(named=True)
        ),
    )  # fmt: skip
    others = known.filter(~pl.col("attribute").is_in(factors["factor"].implode()))
    columns = ("attribute", "value", "checked", "reference")
    print_table(columns, others.select(columns).rows())
    described = ("kind", "value", "access", "role", "confidence", "certainty", "checked", "reference")
    print_table(described, catalog.indicators.filter(mine).select(described).rows())


@app.command("search")
def search(
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORD", help="Words that must all occur: name, vendor, host, country (US) …"),
    ],
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """List the services in whose entries all words occur."""
    catalog = _catalog(config, signatures)
    found = catalog.search(" ".join(words))
    if found.is_empty():
        near = _spelt_alike(catalog, " ".join(words))
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        typer.echo(f"no service in the catalog matches {' and '.join(words)}{hint}", err=True)
    rows = (
        (*row[:-2], _span(*row[-2:]))
        for row in found.select(
            "app", "service", "vendor", "category", "country", "risk_low", "risk_high"
        ).iter_rows()
    )
    print_table(("id", "service", "vendor", "category", "country", "risk"), rows)


@app.command("explain")
def explain(
    question: Annotated[
        str,
        typer.Argument(metavar="QUESTION", help="Host, URL, address, JA4, User-Agent or id of an add-on."),
    ],
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """Explain which indicator matches a host, URL, address, JA4, User-Agent or add-on, why, and which others
    it outranks.

    Also says whether connections there count as a blind spot: encrypted DNS, a VPN, relay or proxy.
    """
    from sensor.identity.scope import parse_address
    from sensor.match.blindness import Blindness
    from sensor.match.explain import event_of
    from sensor.match.explain import explain as explanation_of
    from sensor.match.index import Index

    catalog = _catalog(config, signatures)
    explanation = explanation_of(Index.build(catalog.indicators), question)
    _print_verdict(explanation, catalog)
    print_table(
        ("", "indicator", "access", "role", "certainty", "checked", "reference"),
        [
            (word, c.signature, c.access, c.role, c.certainty, c.checked, c.reference)
            for word, candidates in (("won", [explanation.winner]), ("lost", explanation.lost))
            for c in candidates
            if c is not None
        ],
    )
    event = event_of(question)
    host, server = (str(event[name]) if name in event else None for name in ("host", "server"))
    address = parse_address(server or host or "")  # of https://8.8.8.8/ the host is one
    spots = Blindness(catalog.blind_spots).listing(host, None if address is None else str(address))
    print_table(
        ("blind spot", "kind", "counted as", "value", "port", "certainty", "checked", "reference"),
        spots.select("name", "kind", "counted", "value", "port", "certainty", "checked", "reference").rows(),
    )


@app.command("check")
def check(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Folders laid over the built-in catalog.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """Check every entry: form, words, proof, overlaps. Prints all problems, not the first.

    Warnings are printed too, but are no failure: they are remarks on valid entries.
    """
    import datetime

    from sensor.catalog.checks import check as find_problems
    from sensor.catalog.files import collect
    from sensor.catalog.load import BUILT_IN
    from sensor.catalog.read import draft

    settings = settings_from(config, signatures=signatures)
    try:
        drafted = draft(collect((BUILT_IN, *settings.signatures, *(folders or ()))))
    except CatalogError as error:
        _fail(str(error).splitlines())
    problems = find_problems(drafted, datetime.datetime.now(datetime.UTC).date())
    errors = [problem for problem in problems if problem.level == "error"]
    for problem in problems:
        typer.echo(str(problem), err=True)
    if errors:
        raise typer.Exit(CatalogError.exit_code)
    noted = f"; {len(problems)} warnings, which fail nothing" if problems else ""
    typer.echo(f"{len(drafted.entries)} services checked, no problems{noted}")


@app.command("stats")
def stats(config: ConfigOption = None, signatures: SignaturesOption = None) -> None:
    """Count services and indicators by kind."""
    import polars as pl

    catalog = _catalog(config, signatures)
    services = catalog.services
    print_table(
        ("category", "services", "embedded only", "experimental"),
        services.group_by("category")
        .agg(pl.len(), pl.col("shared").sum(), pl.col("experimental").sum())
        .sort(["len", "category"], descending=[True, False])
        .rows(),
    )
    by_convention = (pl.col("certainty") == "convention").sum()
    print_table(
        ("indicator", "role", "count", "of these by convention"),
        catalog.indicators.group_by("kind", "role").agg(pl.len(), by_convention).sort("kind", "role").rows(),
    )
    print_table(
        ("blind spot", "places"),
        catalog.blind_spots.group_by("kind").len().sort("kind").rows(),
    )
    countries = services["country"].drop_nulls().n_unique()
    typer.echo(
        f"{services.height} services of {services['vendor'].drop_nulls().n_unique()} vendors in "
        f"{countries} countries, {catalog.indicators.height} indicators, version {catalog.version}"
    )


@app.command("diff")
def diff(
    old: Annotated[
        Path,
        typer.Argument(metavar="OLD", help="A catalog folder, an overlay, or an exported JSON or CSV file."),
    ],
    new: Annotated[
        Path | None, typer.Argument(metavar="NEW", help="The same.", show_default="the catalog in use")
    ] = None,
    config: ConfigOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """List what was added, removed and changed between two catalogs."""
    from sensor.catalog.diff import diff as changes
    from sensor.catalog.diff import snapshot

    try:
        before = snapshot(old)
        after = snapshot(new) if new else _catalog(config, signatures).indicators
    except CatalogError as error:
        _fail(str(error).splitlines())
    found = changes(before, after)
    print_table(found.columns, found.rows())


@app.command("export")
def export(
    format_: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="csv, json, hosts, stix, zeek-intel or suricata."),
    ] = "csv",
    config: ConfigOption = None,
    out: OutOption = None,
    signatures: SignaturesOption = None,
) -> None:
    """Write the catalog in another tool's format.

    csv and json carry everything; hosts, stix, zeek-intel and suricata carry use only: no shared hosts,
    no side doors, no unproven entries.
    """
    from sensor.catalog.export import FORMATS

    if format_ not in FORMATS:
        raise UsageError(f"no format '{format_}'", hint=f"use one of {', '.join(FORMATS)}")
    put(FORMATS[format_](_catalog(config, signatures)), out)


def _catalog(config: Path | None, signatures: list[Path] | None) -> Catalog:
    """The catalog with its overlays; its mistakes end the command, one line each."""
    settings = settings_from(config, signatures=signatures)
    try:
        return catalog_of(settings)
    except CatalogError as error:
        _fail(str(error).splitlines())


def _fail(lines: Iterable[str]) -> NoReturn:
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(CatalogError.exit_code)


def _spelt_alike(catalog: Catalog, name: str) -> list[str]:
    import difflib

    names = {service.casefold(): service for service in catalog.search("")["service"].drop_nulls()}
    near = difflib.get_close_matches(name.casefold(), names, _SUGGESTIONS, cutoff=0.75)
    return [names[one] for one in near]


def _look_alikes(catalog: Catalog, service: str) -> str:
    import polars as pl

    found = catalog.search(service.replace("/", " "))["app"]
    last = service.lower().rpartition("/")[2]
    nearest = found.to_frame().sort(
        pl.col("app").str.contains(last, literal=True), pl.col("app").str.ends_with(f"/{last}"),
        descending=True, maintain_order=True,
    )["app"]  # fmt: skip
    near = ", ".join(nearest.head(_SUGGESTIONS))
    return f"did you mean {near}?" if near else "try `shadowai catalog search WORD`"


def _print_facts(service: dict[str, Any], version: str) -> None:
    vendor = service["vendor"] or "nobody's in particular"
    facts = [
        ("service", f"{service['service']} ({service['app']})"),
        ("vendor", vendor + (f", {service['country']}" if service["country"] else "")),
        ("category", service["category"]),
        ("homepage", service["homepage"] or ""),
        ("state", "experimental: not proven yet" if service["experimental"] else "proven by hits and misses"),
        ("risk", _risk(service)),
        ("catalog", version),
    ]
    for name, value in facts:
        typer.echo(f"{name:<18} {value}")
    typer.echo("")


def _risk(service: dict[str, Any]) -> str:
    known = f"{service['risk_known']} of {service['risk_asked']} facts known"
    return f"{_span(service['risk_low'], service['risk_high'])} of 100, {known}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"


def _print_verdict(explanation: Explanation, catalog: Catalog) -> None:
    if explanation.app is None:
        typer.echo(f"{explanation.question}: no service; {explanation.why}")
        return
    typer.echo(f"{explanation.question}: {explanation.app}")
    typer.echo(f"{explanation.signature} ({explanation.why})")
    typer.echo(f"access {explanation.access}, role {explanation.role}, confidence {explanation.confidence}")
    service = catalog.services.filter(app=explanation.app).row(0, named=True)
    typer.echo(f"risk {_risk(service)}")
    typer.echo("")
