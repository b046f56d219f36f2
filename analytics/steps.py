"""SQL that is run in steps: a folder of templates, each a file whose `$names` are filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import duckdb


@dataclass(frozen=True)
class Steps:
    """The steps in a folder, by their files' names without `.sql`."""

    folder: Path

    def sql(self, step: str, values: Mapping[str, object]) -> str:
        """The SQL of `step` with `values` filled in."""
        return Template((self.folder / f"{step}.sql").read_text("utf-8")).substitute(values)

    def run(
        self, connection: duckdb.DuckDBPyConnection, step: str, values: Mapping[str, object]
    ) -> duckdb.DuckDBPyConnection:
        """Executes `step`; returns what `connection.execute` does."""
        return connection.execute(self.sql(step, values))

    def text(self) -> str:
        """The text of all steps, in order, with nothing filled in."""
        return "\n".join(path.read_text("utf-8") for path in sorted(self.folder.glob("*.sql")))
