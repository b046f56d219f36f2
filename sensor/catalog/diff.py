"""Compares two catalogs: indicators added, removed and changed."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from sensor.catalog.files import VOCABULARY_FILE
from sensor.catalog.index import INDICATORS
from sensor.catalog.load import BUILT_IN, compiled
from sensor.errors import UsageError

#: Facts about an indicator that are compared.
FACTS = ("access", "role", "confidence", "certainty")
COMPARED = ("signature", "app", "kind", "value", *FACTS)


def snapshot(place: Path) -> pl.DataFrame:
    """The indicators (columns of `COMPARED`) of a catalog folder, an overlay, or an exported JSON or CSV
    file. Raises UsageError for anything else, and CatalogProblems."""
    if place.is_dir():
        folders = (place,) if (place / VOCABULARY_FILE).is_file() else (BUILT_IN, place)
        return compiled(folders).indicators.select(COMPARED)
    try:
        if place.suffix == ".json":
            rows = json.loads(place.read_text(encoding="utf-8"))["indicators"]
            frame = pl.DataFrame(rows, infer_schema_length=None)
        else:
            frame = pl.read_csv(place, infer_schema=False)
        return frame.select(pl.col(name).cast(INDICATORS[name]) for name in COMPARED)
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        hint = "give a folder, or a file made with `shadowai catalog export --format json`"
        raise UsageError("no catalog in this file", place=str(place), hint=hint) from error


def diff(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The differences, by app: change (added, removed, changed), app, kind, value, what.

    Both frames need the columns of `COMPARED`. An indicator that moved to another service counts as removed
    and added.
    """
    facts = pl.concat_str(*(pl.col(name).cast(pl.String) for name in FACTS), separator=" ")
    before = old.select("signature", "app", "kind", "value", before=facts)
    after = new.select("signature", "app", "kind", "value", after=facts)
    both = before.join(after, on=["signature", "app", "kind", "value"], how="full", coalesce=True)
    return (
        both.filter(pl.col("before").ne_missing(pl.col("after")))
        .select(
            "app",
            "kind",
            "value",
            change=pl.when(pl.col("before").is_null())
            .then(pl.lit("added"))
            .when(pl.col("after").is_null())
            .then(pl.lit("removed"))
            .otherwise(pl.lit("changed")),
            what=pl.concat_str("before", "after", separator=" → ", ignore_nulls=True),
        )
        .select("change", "app", "kind", "value", "what")
        .sort("app", "change", "kind", "value")
    )
