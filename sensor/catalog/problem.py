"""One mistake in the catalog: where it stands, what it is, what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sensor.errors import CatalogError

Level: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Problem:
    """A mistake at `path`:`line` (line 1 where a whole file or folder is meant).

    A warning is something to know about an entry that is right as it stands.
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
    """Every mistake found in one pass, one `path:line: what; remedy` per line of the message."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
