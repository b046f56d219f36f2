"""Writes rows of views in the formats of other tools; one module per format, found by walking the folder.

Each module has `write`, from rows to lines, and may name in `OF` what it is for. A row is that of the view
`usage_weekly` or `sightings` (events), `findings`, or `ai_assets_weekly` or `ai_assets` (assets); what a row
does not say is left out, never made up.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

Row = Mapping[str, Any]
#: (rows, what they are of) → text, in pieces
Write = Callable[[Iterable[Row], str], Iterator[str]]


@cache
def formats(what: str) -> dict[str, Write]:
    """The writers of the formats that can write rows of `what`, by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name != "row")
    modules = {name: import_module(f"{__name__}.{name}") for name in names}
    return {
        name: module.write
        for name, module in modules.items()
        if what in getattr(module, "OF", ("events", "findings"))
    }
