"""`shadowai sources`: which inputs are understood, and what each can and cannot prove."""

from __future__ import annotations

import typer


def command() -> None:
    """List the kinds of input and what each can prove."""
    from dataclasses import fields

    from sensor.sources.detect import known
    from sensor.sources.interface import Proof

    names = [field.name for field in fields(Proof)]
    for source in known():
        proves = [name.replace("_", " ") for name in names if getattr(source.proof, name)]
        lacks = [name.replace("_", " ") for name in names if not getattr(source.proof, name)]
        typer.echo(f"{source.name}: {source.help}")
        typer.echo(f"    can prove: {', '.join(proves)}")
        typer.echo(f"    cannot:    {', '.join(lacks) or '–'}")
    typer.echo("\nThe kind is told by content; .gz .zst .bz2 .xz are read directly; - is standard input.")
