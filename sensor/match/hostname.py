"""Host names as observed, brought to the one form the catalog uses. Pure."""

from __future__ import annotations

import polars as pl


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
