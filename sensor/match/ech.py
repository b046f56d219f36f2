"""Encrypted Client Hello (ECH): which names in hellos only cover the true one.

Clients without an ECH configuration send an extension that looks the same (GREASE) beside the true name. By
RFC 9849 §10.10.4 nobody who does not know the configuration can distinguish the two; a sensor that sees DNS
does know it. A name covers another if

- it is one of `PUBLIC_NAMES`, which serve nothing else; or
- the hello uses a configuration (id and public name) that its client was told for a name at this
  address; or
- the hello uses a configuration that any client was told for a name, any client was told this address
  for the same name, and its own client was not told this address for the covering name itself.
  (A configuration is anybody's to publish, for a domain of theirs: without this, one page could hide
  what everybody does elsewhere. Whoever also points the domain at the other's address still can, but
  only for clients whose own questions are not seen.)

Answers later than a hello never count for it, so that results do not depend on where batches are cut.
"""

from __future__ import annotations

import polars as pl

from sensor.match.answers import MAX_AGE

#: Public names that only ever stand in front of others (Cloudflare's documentation of ECH).
PUBLIC_NAMES = ("cloudflare-ech.com",)


def is_certain() -> pl.Expr:
    """True for suspects whose name (`outer`) is one of `PUBLIC_NAMES`."""
    return pl.col("outer").is_in(PUBLIC_NAMES)


def suspects(rows: pl.DataFrame, public_names: pl.Series) -> pl.DataFrame:
    """Those of `rows` (row, host, client, address, at, ech_config) whose name may cover another one.

    It is in `PUBLIC_NAMES`, or in `public_names` and the hello carries ECH. Column `outer` is that name.
    """
    known = pl.concat([pl.Series(PUBLIC_NAMES, dtype=pl.String), public_names])
    certain = pl.col("host").is_in(PUBLIC_NAMES)
    possible = pl.col("host").is_in(known.implode()) & pl.col("ech_config").is_not_null()
    return rows.filter(certain | possible).select(
        "row", "client", "address", "at", "ech_config", outer="host"
    )


def using(answers: pl.DataFrame, configs: pl.DataFrame) -> pl.DataFrame:
    """The `answers` whose client also got an ECH configuration for the same name.

    Adds `ech_config` and `outer`, its public name, which differs from the name itself. A row holds from the
    time both are known until either has expired.
    """
    spans = _union(_offers(configs), "client", "host", "outer", "ech_config")
    both = answers.drop("ech_config").join(spans, on=["client", "host"], maintain_order="left")
    return (
        both.filter(pl.col("host") != pl.col("outer"))
        .with_columns(
            answered_at=pl.max_horizontal("answered_at", "since"),
            until=pl.min_horizontal("until", "last"),
        )
        .filter(pl.col("answered_at") <= pl.col("until"))
        .sort("answered_at", maintain_order=True)
    )


def covered(
    suspects: pl.DataFrame, answers: pl.DataFrame, configs: pl.DataFrame, anyone: pl.DataFrame
) -> pl.DataFrame:
    """Those of `suspects` whose name covers another, by itself or by a configuration any client got: `row`.

    `answers` are those the suspects' own clients got for the addresses, `anyone` those that any client got.
    """
    by_configuration = (
        suspects.filter(~is_certain())
        .join(_in_use(configs, anyone), on=["address", "outer", "ech_config"])
        .filter(pl.col("at").is_between("since", "last"))
    )
    own = answers.select("client", "address", "answered_at", "until", outer="host")
    asked = (
        by_configuration.drop_nulls(["client", "address"])
        .sort("at")
        .join_asof(
            own,
            left_on="at",
            right_on="answered_at",
            by=["client", "address", "outer"],
            strategy="backward",
            check_sortedness=False,
        )
        .filter(pl.col("at") <= pl.col("until"))
    )
    believed = by_configuration.join(asked, on="row", how="anti")
    return pl.concat([suspects.filter(is_certain()).select("row"), believed.select("row")]).unique(
        maintain_order=True
    )


def _in_use(configs: pl.DataFrame, anyone: pl.DataFrame) -> pl.DataFrame:
    """Between which times (`since`, `last`) each configuration was that of a name at each address."""
    offered = _union(_offers(configs), "host", "outer", "ech_config")
    there = _union(anyone.select("host", "address", since="answered_at", last="until"), "host", "address")
    both = there.join(offered, on="host", suffix="_offered").with_columns(
        since=pl.max_horizontal("since", "since_offered"), last=pl.min_horizontal("last", "last_offered")
    )
    return _union(both.filter(pl.col("since") <= pl.col("last")), "address", "outer", "ech_config")


def _offers(configs: pl.DataFrame) -> pl.DataFrame:
    """When clients got configurations, and until when these are taken to be in use."""
    until = pl.col("answered_at") + MAX_AGE
    return configs.select(
        "client", "host", "ech_config", outer="ech_public_name", since="answered_at", last=until
    )


def _union(spans: pl.DataFrame, *by: str) -> pl.DataFrame:
    """The times that `spans` (since, last) of each `by` cover together, as few spans as there are gaps."""
    ordered = spans.sort("since")
    covered_until = pl.col("last").cum_max().shift().over(by)
    begins = (pl.col("since") > covered_until).fill_null(True)
    return (
        ordered.with_columns(span=begins.cum_sum().over(by))
        .group_by(*by, "span", maintain_order=True)
        .agg(pl.col("since").min(), pl.col("last").max())
        .drop("span")
    )
