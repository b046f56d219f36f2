"""Lints over the whole catalog: one small class each, with the reason it exists and what to do. Pure.

`check(draft, today)` runs every `Check` in the files of this folder; a new lint is a new class.
"""

from __future__ import annotations

import datetime
import importlib
import pkgutil

from sensor.catalog.checks.interface import Check, Subject
from sensor.catalog.problem import Problem
from sensor.catalog.read import Draft


def check(draft: Draft, today: datetime.date) -> list[Problem]:
    """What all lints find in `draft`, in file order."""
    subject = Subject(draft, today)
    return sorted(problem for lint in lints() for problem in lint().find(subject))


def lints() -> list[type[Check]]:
    """Every lint, by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return sorted(Check.__subclasses__(), key=lambda lint: lint.__name__)
