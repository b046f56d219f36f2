"""Prints rows: as a table on a terminal, as tab-separated lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import typer


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print `rows` below the names `columns`; nothing if there are none. None is an empty cell."""
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

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")  # a cut id cannot be copied
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
