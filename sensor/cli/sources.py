"""`shadowai sources`: which inputs are understood, and what each can and cannot prove.

`shadowai sources try FILE` reads the first lines of a file and shows what becomes of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args

import typer

from sensor.cli.options import ConfigOption, CustomOption, add_formats, command_behind, settings_from

if TYPE_CHECKING:
    import polars as pl

    from sensor.sources.interface import Source
    from sensor.sources.trial import Trial

app = typer.Typer(help="List the kinds of input and what each can prove.", invoke_without_command=True)

#: Columns shown of the first rows, in this order, where any row has them.
_SHOWN = (
    "seen_at", "kind", "action", "client", "user_name", "device", "host", "path", "server", "bytes_up",
    "bytes_down", "duration_s",
)  # fmt: skip


@app.callback()
def command(context: typer.Context, config: ConfigOption = None, custom: CustomOption = None) -> None:
    """List the kinds of input and what each can prove."""
    if command_behind(context):
        return
    from sensor.sources.detect import known

    add_formats(settings_from(config), custom)
    for source in known():
        typer.echo(_described(source))
    typer.echo(
        "\nThe kind is seen from the content; .gz .zst .bz2 .xz are read directly; - is standard input."
    )


@app.command("try")
def try_(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A log file, or - for standard input.")],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="Read it as this kind, even if it looks different."),
    ] = None,
    custom: CustomOption = None,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="Rows to show.")] = 10,
    config: ConfigOption = None,
) -> None:
    """Show how the first lines of a file would be read, and what they lack."""
    from sensor.cli.scan import kind_named
    from sensor.errors import InputError
    from sensor.sources import open as opening
    from sensor.sources.detect import recognise
    from sensor.sources.evtx import EvtxSource
    from sensor.sources.family import Family
    from sensor.sources.trial import look

    settings = settings_from(config)
    add_formats(settings, custom)
    found = opening.find([path])
    if not found.files:
        raise InputError(found.problems[0] if found.problems else f"{path}: nothing to read")
    file, kind = found.files[0], kind_named(form)
    by_content = kind or recognise(file.head)[0]
    if by_content is not None and not issubclass(by_content, (Family, EvtxSource)):
        typer.echo(f"{file.name}: {by_content.name}, read as a whole by `shadowai scan`; no lines to try")
        typer.echo(_described(by_content))
        return
    for trial in look(file, settings, kind if kind is not None and issubclass(kind, Family) else None):
        _show(trial, rows)


def _described(source: type[Source]) -> str:
    from sensor.sources.interface import Proof

    proves = [what.replace("_", " ") for what in get_args(Proof) if what in source.proof]
    lacks = [what.replace("_", " ") for what in get_args(Proof) if what not in source.proof]
    return (
        f"{source.name}: {source.help}\n"
        f"    can prove: {', '.join(proves) or '–'}\n"
        f"    cannot:    {', '.join(lacks) or '–'}"
    )


def _show(trial: Trial, count: int) -> None:
    from rich.console import Console

    typer.echo(
        f"{trial.name}: {trial.lines:,} of the first {trial.looked_at:,} lines, {trial.used:,} rows used"
    )
    console = Console(width=None if Console().is_terminal else 200)
    if trial.rows.height:
        console.print(_table(trial.rows.head(count)))
    if trial.missing:
        typer.echo(f"    carries no {', '.join(trial.missing)}")
        if trial.advice:
            typer.echo(f"    {trial.advice}")
    for reason, number, sample in trial.reasons:
        typer.echo(f"    {number:,} × {reason}: {sample}")


def _table(rows: pl.DataFrame) -> object:
    from rich.table import Table
    from rich.text import Text

    from sensor.cli.results import printable

    shown = [name for name in _SHOWN if rows[name].null_count() < rows.height]
    table = Table(*shown, box=None, pad_edge=False)
    for row in rows.select(shown).rows():
        table.add_row(
            *(Text("" if value is None else printable(str(value)), overflow="ellipsis") for value in row)
        )
    return table
