"""Mistakes in the catalog: place, what is wrong, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sensor.errors import CatalogError

Level: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Problem:
    """A mistake at `path`:`line` (line 1 if a whole file or folder is meant).

    A warning points out something about an entry that may be right as it is.
    """

    path: str
    line: int
    what: str
    remedy: str
    level: Level = "error"

    def __str__(self) -> str:
        mark = "" if self.level == "error" else f"{self.level}: "
        return f"{self.path}:{self.line}: {mark}{self.what}; {self.remedy}"


class CatalogProblems(CatalogError):
    """All mistakes found together; the message has one line `path:line: what; remedy` for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
