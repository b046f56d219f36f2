"""Host names as observed, brought to the one form the catalog uses; and the domain somebody registered."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl
import publicsuffixlist
import tldextract


def normal_column(frame: pl.DataFrame, column: str = "host") -> pl.DataFrame:
    """`frame` with its host column in normal form, worked out once per unique name."""
    unique = frame.get_column(column).drop_nulls().unique()
    table = pl.DataFrame({column: unique, "_normal": normal(unique)})
    joined = frame.join(table, on=column, how="left", maintain_order="left")
    return joined.with_columns(pl.col("_normal").alias(column)).drop("_normal")


def registrable(hosts: pl.Series) -> dict[str, str]:
    """Each distinct host and its registrable domain; a name without one stands for itself."""
    extract = suffix_list()
    return {
        host: extract.extract_str(host, include_psl_private_domains=False).top_domain_under_public_suffix
        or host
        for host in hosts.drop_nulls().unique().to_list()
    }


@cache
def suffix_list() -> tldextract.TLDExtract:
    """The public suffix list as shipped by publicsuffixlist; the network is never asked."""
    listed = Path(publicsuffixlist.__file__).with_name("public_suffix_list.dat")
    return tldextract.TLDExtract(
        suffix_list_urls=(listed.as_uri(),),
        cache_dir=None,
        fallback_to_snapshot=True,
        include_psl_private_domains=True,
    )


def normal(hosts: pl.Series) -> pl.Series:
    """`hosts` (String) in lower case, without port and final dot, as A-labels; same length and order.

    What is no host name (an address, rubbish) comes back in lower case: it will hit nothing by name.
    """
    plain = (
        pl.col("host")
        .str.strip_chars()
        .str.to_lowercase()
        .str.replace(r"^([^:]*):\d{1,5}$", "$1")
        .str.replace(r"^\[(.*)\](?::\d{1,5})?$", "$1")
        .str.strip_suffix(".")
    )
    frame = hosts.rename("host").to_frame().select(plain)
    foreign = pl.col("host").str.contains(r"[^\x00-\x7f]")
    if not frame.select(foreign.any()).item():
        return frame["host"]
    a_labels = pl.col("host").map_elements(_to_a_labels, return_dtype=pl.String)
    return frame.select(pl.when(foreign).then(a_labels).otherwise("host").alias("host"))["host"]


def _to_a_labels(host: str) -> str:
    """The IDNA form of a name with letters outside ASCII (RFC 3490); unchanged where it has none."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host
