"""Encrypted Client Hello: which names in hellos only cover the true one. Pure.

Clients without an ECH configuration send an extension that looks the same (GREASE) beside the true
name, and RFC 9849 §10.10.4 means the two to be told apart by nobody who does not know the
configuration. A sensor that sees DNS does know it. A name covers another if

- it is one of `PUBLIC_NAMES`, which serve nothing else; or
- the hello uses a configuration (id and public name) that its client was told for a name at this
  address; or
- the hello uses a configuration that any client was told, and its client was not told this address
  for the covering name itself. (A configuration is anybody's to publish: without this, a page could
  hide what its visitors do elsewhere.)
"""

from __future__ import annotations

import polars as pl

from sensor.match.answers import MAX_AGE

#: Public names that only ever stand in front of others (Cloudflare's documentation of ECH).
PUBLIC_NAMES = ("cloudflare-ech.com",)


def suspects(rows: pl.DataFrame, public_names: pl.Series) -> pl.DataFrame:
    """Those of `rows` (row, host, client, address, at, ech_config) whose name may cover another: it is a
    known public name, and the hello carries ECH or the name says enough. `outer` is that name."""
    known = pl.concat([pl.Series(PUBLIC_NAMES, dtype=pl.String), public_names])
    certain = pl.col("host").is_in(PUBLIC_NAMES)
    possible = pl.col("host").is_in(known.implode()) & pl.col("ech_config").is_not_null()
    return rows.filter(certain | possible).select(
        "row", "client", "address", "at", "ech_config", outer="host"
    )


def using(answers: pl.DataFrame, configs: pl.DataFrame) -> pl.DataFrame:
    """The `answers` whose client was also told an ECH configuration for the name, with it and its public
    name (`ech_config`, `outer`; another than the name itself), from when on both are known until either
    is no longer."""
    both = answers.drop("ech_config").join(_spans(configs, "client", "host"), on=["client", "host"])
    return (
        both.filter(pl.col("host") != pl.col("outer"))
        .with_columns(
            answered_at=pl.max_horizontal("answered_at", "since"),
            until=pl.min_horizontal("until", "last"),
        )
        .sort("answered_at", maintain_order=True)
    )


def covered(suspects: pl.DataFrame, answers: pl.DataFrame, configs: pl.DataFrame) -> pl.DataFrame:
    """Those of `suspects` whose name covers another by itself or by a configuration anyone was told."""
    told = suspects.join(_spans(configs), on=["outer", "ech_config"]).filter(
        pl.col("at").is_between("since", "last")
    )
    own = answers.select("client", "address", "answered_at", "until", outer="host")
    asked = (
        told.drop_nulls(["client", "address"])
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
    certain = suspects.filter(pl.col("outer").is_in(PUBLIC_NAMES))
    return pl.concat([certain.select("row"), told.join(asked, on="row", how="anti").select("row")]).unique(
        maintain_order=True
    )


def _spans(configs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Each configuration (of each `by`) once, and between which times it is taken to be in use."""
    named = configs.rename({"ech_public_name": "outer"})
    return named.group_by(*by, "outer", "ech_config", maintain_order=True).agg(
        since=pl.col("answered_at").min(), last=pl.col("answered_at").max() + MAX_AGE
    )
