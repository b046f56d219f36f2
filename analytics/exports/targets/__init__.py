"""One file per target, each with its `TARGET`; a new file here is a new target of `shadowai export`."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from analytics.exports.interface import Target


@cache
def targets() -> dict[str, Target]:
    """Name to target, in order of names."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {target.name: target for target in sorted((m.TARGET for m in modules), key=lambda t: t.name)}
