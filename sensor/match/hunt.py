"""Makes sightings of rows of `names_by_client` whose name a later catalog knows.

Such a row records what a client did at a name within 15 minutes: looked it up, connected, exchanged data. The
sighting claims no more than that. It carries the sums of the 15 minutes and is marked `hunted`.
"""

from __future__ import annotations

import polars as pl

from sensor import schema
from sensor.match.by_client import WHO
from sensor.match.index import Index
from sensor.match.match import ADDED, match
from sensor.match.rollup import bucket_of, lasted

#: Key of the activity of one client at one name. The marts remove duplicates of several sensors.
_SAME = ("site", "sensor", "source", *WHO, "host", "kind", "action")


def hunted(rows: pl.DataFrame, index: Index, catalog_version: str) -> pl.DataFrame:
    """Sightings (table SIGHTINGS) of the `rows` (NAMES_BY_CLIENT) that match `index`.

    Skips rows that the same catalog version did not match when it saw them in full.
    """
    others = rows.filter(pl.col("catalog_version").ne_missing(catalog_version))
    asked = others.select("host", "name_from").unique().with_columns(asked="host")
    verdict = [name for name in ADDED if name in schema.SIGHTINGS.dtypes]
    says = match(asked, index).select("name_from", *verdict, host="asked")
    known = others.join(says, on=["host", "name_from"], nulls_equal=True)
    return schema.SIGHTINGS.conform(
        known.with_columns(
            server_scope=pl.lit("unknown"), hunted=pl.lit(True), catalog_version=pl.lit(catalog_version)
        )
    )


def counted_once(rows: pl.DataFrame, sightings: pl.DataFrame) -> pl.DataFrame:
    """`rows` without those that are sightings already, or that another read of the same traffic counted.

    `sightings` are those of the same day and hosts (event_id, input, site, source, WHO, host, seen_at,
    hunted). Of overlapping reads, the one hunted before is kept, else the one with the highest counts.
    """
    made = sightings.filter(pl.col("hunted").fill_null(False))["event_id"]
    rows = rows.with_columns(
        _made=pl.col("event_id").is_in(made.implode()),
        _bucket=bucket_of(),
        _end=pl.col("seen_at") + lasted(),
    )
    return (
        _of_one_read(_unseen_elsewhere(rows, sightings))
        .filter(~pl.col("_made"))
        .select(list(schema.NAMES_BY_CLIENT.dtypes))
    )


def _unseen_elsewhere(rows: pl.DataFrame, sightings: pl.DataFrame) -> pl.DataFrame:
    """`rows` without those that overlap a sighting of the same client and name from another input."""
    stored = sightings.filter(~pl.col("hunted").fill_null(False))
    key = ["site", "source", *WHO, "host"]
    beside = rows.select(*key, "event_id", "input", "seen_at", "_end").join(
        stored.select(*key, of="input", at="seen_at"), on=key, nulls_equal=True
    )
    duplicates = beside.filter(
        pl.col("input") != pl.col("of"), pl.col("at").is_between(pl.col("seen_at"), pl.col("_end"))
    )
    return rows.filter(~pl.col("event_id").is_in(duplicates["event_id"].implode()))


def _of_one_read(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` of one input only where several inputs overlap within a bucket."""
    key = [*_SAME, "_bucket"]
    reads = rows.group_by(*key, "input").agg(
        pl.col("seen_at").min(), pl.col("_end").max(), pl.col("_made").any(),
        pl.col("connections", "lookups", "bytes_up").sum(),
    )  # fmt: skip
    ordered = reads.sort("seen_at", "_end", "input")
    reached = pl.col("_end").cum_max().shift(1).over(key)
    overlap = ordered.with_columns(
        _overlap=((pl.col("seen_at") < reached) | (pl.col("seen_at") == pl.col("seen_at").shift(1).over(key)))
        .fill_null(False).any().over(key)
    )  # fmt: skip
    most = ["_made", "connections", "lookups", "bytes_up"]
    best = overlap.sort(*most, "input", descending=[*[True] * len(most), False], maintain_order=True)
    kept = best.filter(~pl.col("_overlap") | (pl.int_range(pl.len()).over(key) == 0))
    return rows.join(kept.select(*key, "input"), on=[*key, "input"], how="semi", nulls_equal=True)
