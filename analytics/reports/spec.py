"""Reads the folder of a report: report.yml with its questions, and an SQL file per figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from analytics.definitions import read_yaml

#: Figures that several reports have: a .yml and .sql each; a report says `same: NAME`.
COMMON = files("analytics.reports") / "common"
_KEYS = {"id", "heading", "question", "row", "columns", "given", "expect", "needs"}
_PERIODS = ("day", "week", "month", "quarter")
_ABOUT = ("", "app", "department", "person")
_REQUIRED = {"id", "question", "row", "columns"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A question, and the SQL that answers it."""

    id: str
    question: str
    row: str  # what one row is
    columns: Mapping[str, str]  # name -> meaning
    sql: str
    given: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)  # view -> rows, for the test
    expect: tuple[dict[str, Any], ...] = ()
    needs: str = ""  # a view that older lakes do not have; then the figure has no rows
    heading: str = ""  # of its table on the default page; '' for a figure that is only in the annex

    @property
    def statement(self) -> str:
        """The SQL without its leading comment, because pages show the translated `question` instead."""
        lines = self.sql.splitlines()
        first = next(n for n, line in enumerate(lines) if not line.startswith("--"))
        return "\n".join(lines[first:])


@dataclass(frozen=True, slots=True)
class Spec:
    """A report: its question, and its figures in the order they run."""

    name: str
    title: str
    question: str
    figures: tuple[Figure, ...]
    period: str = "week"  # day, week, month or quarter
    about: str = ""  # app, department or person: the argument of the report
    claim: str = ""  # the sentence of the default page, with columns of the figure `summary` in braces

    @property
    def restricted(self) -> bool:
        """True if it reads rows about persons: then every run is logged, and it is never sent."""
        return self.about == "person"


def read(folder: Traversable, other: Callable[[str], Traversable] | None = None) -> Spec:
    """The report described in `folder`. Raises ValueError with the figure that is wrong.

    A report that `extends` another one begins with the figures of that; `other` gives the folder of a report.
    """
    text = folder.joinpath("report.yml").read_text(encoding="utf-8")
    raw = read_yaml(text)
    extended = read(other(raw["extends"])).figures if "extends" in raw and other else ()
    figures = (*extended, *(_figure(folder, entry) for entry in raw["figures"]))
    ids = [figure.id for figure in figures]
    if repeated := sorted({i for i in ids if ids.count(i) > 1}):
        raise ValueError(f"report.yml: figure ids given twice: {', '.join(repeated)}")
    spec = Spec(
        raw["name"],
        raw["title"],
        raw["question"],
        figures,
        raw.get("period", "week"),
        raw.get("about", ""),
        raw.get("claim", ""),
    )
    if spec.period not in _PERIODS or spec.about not in _ABOUT:
        raise ValueError(f"report.yml: period is one of {_PERIODS}, about one of {_ABOUT[1:]}")
    return spec


def _figure(folder: Traversable, entry: dict[str, Any]) -> Figure:
    if "same" in entry:
        folder, name = COMMON, entry["same"]
        text = folder.joinpath(f"{name}.yml").read_text(encoding="utf-8")
        entry = {"id": name} | read_yaml(text)
    name = entry.get("id", "?")
    if unknown := set(entry) - _KEYS:
        raise ValueError(f"report.yml: figure {name}: unknown fields {sorted(unknown)}")
    if missing := _REQUIRED - set(entry):
        raise ValueError(f"report.yml: figure {name}: missing fields {sorted(missing)}")
    return Figure(
        id=name,
        question=entry["question"],
        row=entry["row"],
        columns=entry["columns"],
        sql=folder.joinpath(f"{name}.sql").read_text(encoding="utf-8").strip(),
        given=entry.get("given", {}),
        expect=tuple(entry.get("expect", ())),
        heading=entry.get("heading", ""),
        needs=entry.get("needs", ""),
    )
