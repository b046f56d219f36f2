"""Definitions of views and marts: an .sql and a .yml file each, read from their folders.

The .yml file says what a row is, in which zone it lies and which columns it has; that of a view also holds
example rows and the rows expected from them. Unknown keys are errors, so that a typo does not become a silent
default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from string import Template
from typing import Any, Literal

import yaml

#: A safe loader, in C where there is one: libyaml reads eight times as fast as PyYAML's own parser.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

VIEWS = Path(__file__).parent / "views"
MARTS = Path(__file__).parent / "marts"

Zone = Literal["open", "restricted"]
_COMMENT = re.compile(r"--[^\n]*")
_STORED = re.compile(r"\bstored\.([a-z_]+)")


@dataclass(frozen=True)
class Column:
    """One column: DuckDB type, meaning and unit."""

    type: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class Example:
    """A test of a view: rows of stored relations, and the rows the view must make of them."""

    given: dict[str, list[dict[str, Any]]]
    expect: list[dict[str, Any]]


@dataclass(frozen=True)
class View:
    """A view of the analysts' interface. Its SQL reads only the schema `stored`."""

    name: str
    zone: Zone
    row: str
    columns: dict[str, Column]
    template: str
    #: its examples as YAML
    examples_text: str = field(default="", repr=False)

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """Its examples, parsed. Only tests need them, and parsing takes as long as reading all the rest."""
        return tuple(Example(**example) for example in read_yaml(self.examples_text) or ())

    @property
    def reads(self) -> frozenset[str]:
        """Names of the relations in `stored` that it reads."""
        return frozenset(_STORED.findall(_COMMENT.sub("", self.template)))

    def sql(self, zone: str) -> str:
        """Its SQL, with `zone` (IANA) as the time zone of reports."""
        return Template(self.template).substitute(zone=zone)


@dataclass(frozen=True)
class Mart:
    """A materialised table, made per UTC `day`, per `week` of the report zone, or `once` for all time.

    `of` tells what it is made from: usage, details (what requests said of servers and models), names,
    coverage, findings, the policy, or people (counted over several weeks).
    """

    name: str
    zone: Zone
    period: Literal["day", "week", "once"]
    row: str
    columns: dict[str, Column]
    sql: str
    of: Literal["usage", "details", "names", "coverage", "findings", "policy", "people"] = "usage"

    @property
    def types(self) -> dict[str, str]:
        """Column names to DuckDB type names, in order."""
        return {name: column.type for name, column in self.columns.items()}


@cache
def load_views() -> tuple[View, ...]:
    """All views, ordered by name; read once per process."""
    views = []
    for path in sorted(VIEWS.glob("*.yml")):
        head, _, examples = path.read_text("utf-8").partition("\nexamples:\n")  # the last key
        entry = read_yaml(head)
        entry["columns"] = _columns(entry["columns"])
        views.append(View(name=path.stem, template=read_sql(path), examples_text=examples, **entry))
    return tuple(views)


@cache
def load_marts() -> tuple[Mart, ...]:
    """All marts, ordered by name; read once per process."""
    marts = []
    for path in sorted(MARTS.glob("*.yml")):
        entry = read_yaml(path.read_text("utf-8"))
        entry["columns"] = _columns(entry["columns"])
        marts.append(Mart(name=path.stem, sql=read_sql(path), **entry))
    return tuple(marts)


def read_yaml(text: str) -> Any:
    """The content of a YAML document."""
    return yaml.load(text, _LOADER)  # noqa: S506 - a safe loader


def read_sql(path: Path) -> str:
    """The statement that a .yml file describes, without the semicolon at its end."""
    return path.with_suffix(".sql").read_text("utf-8").strip().rstrip(";")


def _columns(entry: dict[str, dict[str, str]]) -> dict[str, Column]:
    return {name: Column(**column) for name, column in entry.items()}
