"""Adds the counts of naming and matching to the coverage of a source: named connections, ECH, blind spots,
servers inside, readable requests."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sensor import schema
from sensor.match.rollup import begins


def naming_counts(observations: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """The effect of naming on the connections that began in each minute: minute, named_flows, ech.

    `named_flows` is negative if naming removed more ECH outer names than it added names.
    """
    begun = pl.col("started_at").is_not_null() & (pl.col("slice") == 0)
    was_named = observations.get_column("host").is_not_null().cast(pl.Int64)
    return (
        named.lazy()
        .select(
            "started_at", "slice", was_named.alias("was_named"),
            named=pl.col("host").is_not_null().cast(pl.Int64),
            ech=pl.col("ech").fill_null(False).cast(pl.Int64),
        )
        .filter(begun)
        .group_by(minute=pl.col("started_at").dt.truncate("1m"))
        .agg(named_flows=pl.col("named").sum() - pl.col("was_named").sum(), ech=pl.col("ech").sum())
        .collect()
    )  # fmt: skip


def connection_counts(
    observations: pl.DataFrame, is_internal: Callable[[pl.Series], pl.Series]
) -> pl.DataFrame:
    """What could be seen of servers, by the minute in which connections and requests began: input, minute,
    internal_connections, requests_read.

    `is_internal` maps unique addresses and hosts to Booleans. UDP is no sign of servers: gateways answer it.
    """
    begun = observations.select(
        "input",
        minute=pl.coalesce("started_at", "seen_at").dt.truncate("1m"),
        server=pl.when(pl.col("transport").ne_missing("udp")).then(pl.coalesce("server", "host")),
        is_read=pl.col("path").is_not_null(),
        counts=begins() & (pl.col("kind") != "dns"),
    ).filter("counts")
    servers = begun["server"].drop_nulls().unique()
    internal = servers.filter(is_internal(servers))
    return begun.group_by("input", "minute").agg(
        internal_connections=pl.col("server").is_in(internal.implode()).sum().cast(pl.Int64),
        requests_read=pl.col("is_read").sum().cast(pl.Int64),
    )


def added(coverage: pl.DataFrame, counts: list[pl.DataFrame]) -> pl.DataFrame:
    """`coverage` plus `counts`: frames with the columns input and minute and some of those of coverage."""
    key = ["input", "minute"]
    more = pl.concat(counts, how="diagonal").group_by(key).agg(pl.exclude(key).sum())
    rows = schema.COVERAGE.conform(coverage).with_columns(is_first=pl.struct(key).is_first_distinct())
    joined = rows.join(
        more.with_columns(is_first=True), on=[*key, "is_first"], how="full", coalesce=True, suffix="_more"
    )
    sums = [
        pl.when(pl.col(f"{name}_more").is_not_null())
        .then(pl.col(name).fill_null(0) + pl.col(f"{name}_more"))
        .otherwise(name)
        .alias(name)
        for name in more.columns
        if name not in key
    ]
    return schema.COVERAGE.conform(joined.sort(key, maintain_order=True).with_columns(sums))
