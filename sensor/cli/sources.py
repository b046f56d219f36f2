"""`shadowai sources`: the supported kinds of input, and what each can and cannot prove.

`shadowai sources zscaler` describes those that have the word in their name or description,
`shadowai sources try FILE` reads the first lines of a file and shows what becomes of them,
`shadowai sources addon` prints what runs inside mitmproxy.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from typer.core import TyperGroup

from sensor.cli.options import (
    ConfigOption,
    CustomOption,
    OutOption,
    add_formats,
    command_behind,
    kind_named,
    settings_from,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import polars as pl
    from typer._click.core import Command, Context

    from sensor.sources.interface import Source
    from sensor.sources.trial import Trial


class _Words(TyperGroup):
    """Takes an argument that is no subcommand as a search word."""

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:  # the signature of the overridden method
        return super().resolve_command(ctx, args if args[0] in self.commands else [_ABOUT, *args])


#: The command behind `shadowai sources WORD`.
_ABOUT = "about"
app = typer.Typer(cls=_Words, invoke_without_command=True, subcommand_metavar="[WORD... | try FILE | addon]")

#: Headings of the list, by `Source.vantage`.
_HEADINGS = {
    "packets": "Packets, and sensors that read them",
    "proxy": "Proxies, web gateways and cloud access",
    "firewall": "Firewalls",
    "dns": "Resolvers",
    "flow": "Flow records",
    "endpoint": "Endpoints",
    "identity": "Who held an address",
}
_OTHER = "Others"

#: Columns shown by `sources try`, in this order, if any row has a value.
_SHOWN = (
    "seen_at", "kind", "action", "client", "user_name", "device", "host", "path", "server", "bytes_up",
    "bytes_down", "duration_s",
)  # fmt: skip


@app.callback()
def command(context: typer.Context, config: ConfigOption = None, custom: CustomOption = None) -> None:
    """List the kinds of input, one per line. With words, show what the kinds that match can prove."""
    if context.invoked_subcommand == _ABOUT:
        context.obj = (config, custom)  # for the user a word is no subcommand: options before it apply
        return
    if command_behind(context):
        return
    for heading, kinds in _grouped(_known(config, custom)).items():
        typer.echo(f"{heading}:")
        for kind in kinds:
            typer.echo(_cut(f"  {kind.name:<22} {kind.help}"))
        typer.echo("")
    typer.echo(
        "What one can prove: `shadowai sources WORD`, such as zscaler or dhcp. The kind is seen from the\n"
        "content, also in .gz .zst .bz2 .xz .zip .parquet; how a log would be read, from `shadowai sources\n"
        "try FILE`."
    )


@app.command(_ABOUT, hidden=True)
def about(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORD", help="Part of a name or a description.")],
    config: ConfigOption = None,
    custom: CustomOption = None,
) -> None:
    """Show what the kinds of input with all these words in their name or description can prove."""
    from sensor.errors import UsageError

    looked_for = [word.casefold() for word in words]
    found = [
        kind
        for kind in _known(config or context.obj[0], custom or context.obj[1])
        if all(word in f"{kind.name} {kind.help}".casefold() for word in looked_for)
    ]
    if not found:
        raise UsageError(
            f"no kind of input has {' and '.join(map(repr, words))} in its name or description",
            hint="`shadowai sources` lists all, `shadowai sources try FILE` looks at a log",
        )
    for kind in found:
        typer.echo(_described(kind))


@app.command("try")
def try_(
    path: Annotated[
        str, typer.Argument(metavar="FILE", help="A log file, a folder of Zeek's, or - for standard input.")
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="Try this kind first; it reads only its own lines."),
    ] = None,
    custom: CustomOption = None,
    rows: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Rows to show.")] = 10,
    config: ConfigOption = None,
) -> None:
    """Show how the first lines of a file would be read, and what is missing in them."""
    from sensor.errors import InputError
    from sensor.sources.detect import recognise
    from sensor.sources.evtx import EvtxSource
    from sensor.sources.inputs import open as opening
    from sensor.sources.logs.log_format import LogFormat
    from sensor.sources.trial import look, look_together
    from sensor.sources.zeek import ZeekSource

    settings = settings_from(config)
    add_formats(settings, custom)
    found = opening.find([path])
    if not found.files:
        raise InputError(found.problems[0] if found.problems else f"{path}: nothing to read")
    kind = kind_named(form)
    file = next((one for one in found.files if kind or recognise(one.head)[0]), found.files[0])
    by_content = kind or recognise(file.head)[0]
    if by_content is ZeekSource:
        _show(look_together(found.files, settings), rows)
        return
    if len(found.files) > 1:
        typer.echo(f"{file.name}, of {len(found.files):,} files:")
    if by_content is not None and not issubclass(by_content, (LogFormat, EvtxSource)):
        typer.echo(f"{file.name}: {by_content.name}, read as a whole by `shadowai scan`; no lines to try")
        typer.echo(_described(by_content))
        return
    for trial in look(file, settings, kind if kind is not None and issubclass(kind, LogFormat) else None):
        _show(trial, rows)


@app.command()
def addon(out: OutOption = None) -> None:
    """Print our addon for mitmproxy, a Python file that `mitmdump -s` loads."""
    from pathlib import Path

    from sensor.cli.exports_shared import put
    from sensor.sources.mitmproxy import shadowai_mitmproxy

    put([Path(shadowai_mitmproxy.__file__).read_text(encoding="utf-8")], out)


def _known(config: Path | None, custom: list[Path] | None) -> Iterable[type[Source]]:
    from sensor.sources.detect import known

    add_formats(settings_from(config), custom)
    return known()


def _grouped(kinds: Iterable[type[Source]]) -> dict[str, list[type[Source]]]:
    groups: dict[str, list[type[Source]]] = {heading: [] for heading in (*_HEADINGS.values(), _OTHER)}
    for kind in kinds:
        groups[_HEADINGS.get(kind.vantage, _OTHER)].append(kind)
    return {heading: kinds for heading, kinds in groups.items() if kinds}


def _cut(line: str) -> str:
    """`line`, cut to the width of the terminal; not cut in a pipe."""
    width = shutil.get_terminal_size().columns
    return line if len(line) <= width or not sys.stdout.isatty() else f"{line[: width - 1]}…"


def _described(source: type[Source]) -> str:
    from sensor.sources.interface import Proof

    proves = [what.replace("_", " ") for what in get_args(Proof) if what in source.proof]
    lacks = [what.replace("_", " ") for what in get_args(Proof) if what not in source.proof]
    text = (
        f"{source.name}: {source.help}\n"
        f"    can prove: {', '.join(proves) or '–'}\n"
        f"    cannot:    {', '.join(lacks) or '–'}"
    )
    return f"{text}\n    {source.advice}" if source.advice else text


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
    if trial.zone:
        other = "another zone: `timezone` of its sensor in the settings"
        typer.echo(f"    its times have no offset; read as {trial.zone} ({other})")
        if trial.shift:
            typer.echo(f"    that is {trial.shift} than its lines were received: set another zone")
    for reason, number, sample in trial.reasons:
        typer.echo(f"    {number:,} × {reason}: {sample}")


def _table(rows: pl.DataFrame) -> object:
    from rich.table import Table
    from rich.text import Text

    from sensor.cli.query_results import printable

    shown = [name for name in _SHOWN if rows[name].null_count() < rows.height]
    table = Table(*shown, box=None, pad_edge=False)
    for row in rows.select(shown).rows():
        table.add_row(
            *(Text("" if value is None else printable(str(value)), overflow="ellipsis") for value in row)
        )
    return table
