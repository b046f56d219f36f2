"""Rows of views in the words of other tools: one file per format, found by walking the folder.

Each module has `write`, from rows to lines. A row is that of the view `usage_weekly` or `sightings`
(events) or `findings`; what a row does not say is left away, never filled in.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

Row = Mapping[str, Any]
#: (rows, events or findings) → text, in pieces
Write = Callable[[Iterable[Row], str], Iterator[str]]


@cache
def formats() -> dict[str, Write]:
    """Format name to its writer."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name != "row")
    return {name: import_module(f"{__name__}.{name}").write for name in names}
