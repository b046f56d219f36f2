"""`shadowai sources`: which inputs are understood, and what each can and cannot prove."""

from __future__ import annotations

import typer

_MARK = {True: "●", False: "–"}


def command() -> None:
    """List the kinds of input and what each can prove."""
    from dataclasses import fields

    from rich.console import Console
    from rich.table import Table

    from sensor.sources.detect import known
    from sensor.sources.interface import Proof

    names = [field.name for field in fields(Proof)]
    table = Table(
        "source", *(name.replace("_", " ") for name in names), "what it is", box=None, pad_edge=False
    )
    for source in known():
        marks = [_MARK[getattr(source.proof, name)] for name in names]
        table.add_row(source.name, *marks, source.help)
    Console().print(table)
    typer.echo("● it can prove this   – it cannot. Compressed files (.gz .zst .bz2 .xz) are read directly.")
