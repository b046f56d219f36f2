"""Encrypted Client Hello (ECH): finds ClientHellos whose visible (outer) name hides the true one.

Clients without an ECH configuration send an extension that looks the same (GREASE) next to the true name. By
RFC 9849 §10.10.4 only those who know the configuration can distinguish the two. A sensor that sees DNS knows
it. The name in a ClientHello is an outer name if

- it is one of `PUBLIC_NAMES`, which serve nothing else; or
- the ClientHello uses a configuration (id and public name) that its client received for a name at this
  address; or
- the ClientHello uses a configuration that any client received for a name, any client received this address
  for the same name, and its own client did not receive this address for the outer name itself.
  (Anyone can publish any configuration for a domain of their own. Without the last condition, one web page
  could hide what everybody does elsewhere. An attacker who also points the domain at the address of another
  still can, but only for clients whose own queries are not seen.)

Answers later than a ClientHello never count for it, so that results do not depend on batch boundaries.
"""

from __future__ import annotations

import polars as pl

from sensor.match.answers import MAX_AGE

#: Public names that are used as outer names only (Cloudflare's documentation of ECH).
PUBLIC_NAMES = ("cloudflare-ech.com",)


def is_certain() -> pl.Expr:
    """True for suspects whose name (`outer`) is one of `PUBLIC_NAMES`."""
    return pl.col("outer").is_in(PUBLIC_NAMES)


def suspects(rows: pl.DataFrame, public_names: pl.Series) -> pl.DataFrame:
    """The `rows` (row, host, client, address, at, ech_config) whose name may be an outer name, as `outer`.

    It is in `PUBLIC_NAMES`, or in `public_names` and the ClientHello has the ECH extension.
    """
    known = pl.concat([pl.Series(PUBLIC_NAMES, dtype=pl.String), public_names])
    certain = pl.col("host").is_in(PUBLIC_NAMES)
    possible = pl.col("host").is_in(known.implode()) & pl.col("ech_config").is_not_null()
    return rows.filter(certain | possible).select(
        "row", "client", "address", "at", "ech_config", outer="host"
    )


def using(answers: pl.DataFrame, configs: pl.DataFrame) -> pl.DataFrame:
    """The `answers` whose client also received an ECH configuration for the same name.

    Adds `ech_config` and its public name `outer`, which differs from the name itself. A row is valid from the
    time both are known until either expires.
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
    """The `row` of each suspect whose name is in PUBLIC_NAMES or is proved outer by any client's
    configuration.

    `answers` are those that the suspects' own clients received for the addresses, `anyone` those of all
    clients.
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
    proved = by_configuration.join(asked, on="row", how="anti")
    return pl.concat([suspects.filter(is_certain()).select("row"), proved.select("row")]).unique(
        maintain_order=True
    )


def _in_use(configs: pl.DataFrame, anyone: pl.DataFrame) -> pl.DataFrame:
    """The times (`since`, `last`) during which each configuration was that of a name at each address."""
    offered = _union(_offers(configs), "host", "outer", "ech_config")
    there = _union(anyone.select("host", "address", since="answered_at", last="until"), "host", "address")
    both = there.join(offered, on="host", suffix="_offered").with_columns(
        since=pl.max_horizontal("since", "since_offered"), last=pl.min_horizontal("last", "last_offered")
    )
    return _union(both.filter(pl.col("since") <= pl.col("last")), "address", "outer", "ech_config")


def _offers(configs: pl.DataFrame) -> pl.DataFrame:
    """When clients received each configuration, and until when it is assumed to be in use."""
    until = pl.col("answered_at") + MAX_AGE
    return configs.select(
        "client", "host", "ech_config", outer="ech_public_name", since="answered_at", last=until
    )


def _union(spans: pl.DataFrame, *by: str) -> pl.DataFrame:
    """The union of the `spans` (since, last) of each `by`, as non-overlapping spans."""
    ordered = spans.sort("since")
    covered_until = pl.col("last").cum_max().shift().over(by)
    begins = (pl.col("since") > covered_until).fill_null(True)
    return (
        ordered.with_columns(span=begins.cum_sum().over(by))
        .group_by(*by, "span", maintain_order=True)
        .agg(pl.col("since").min(), pl.col("last").max())
        .drop("span")
    )
