"""Hands Polars frames to DuckDB as tables."""

from __future__ import annotations

import duckdb
import polars as pl


class _Capsule:
    """Passes a Polars frame to DuckDB without pyarrow, by the Arrow C stream interface."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


def store_frame(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    frame: pl.DataFrame,
    *,
    beside: str | None = None,
    for_all: bool = False,
) -> None:
    """Makes the temporary table `name` from the rows of `frame`.

    With `beside`, the columns of that relation come first, joined by position. With `for_all`, the table is
    not temporary, so that other connections see it.
    """
    capsule = _Capsule(frame)  # noqa: F841  read by name in the statement below
    rows = "capsule" if beside is None else f"{beside} AS beside POSITIONAL JOIN capsule"
    table = f"TABLE main.{name}" if for_all else f"TEMP TABLE {name}"
    connection.execute(f"CREATE OR REPLACE {table} AS SELECT * FROM {rows}")
