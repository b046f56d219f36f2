"""Host names as observed, brought to the one form the catalog uses; and the domain somebody registered."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from tldextract import TLDExtract


def normal_column(frame: pl.DataFrame, column: str = "host") -> pl.DataFrame:
    """`frame` with its host column in normal form, worked out once per unique name."""
    unique = frame.get_column(column).drop_nulls().unique()
    table = pl.DataFrame({column: unique, "_normal": normal(unique)})
    joined = frame.join(table, on=column, how="left", maintain_order="left")
    return joined.with_columns(pl.col("_normal").alias(column)).drop("_normal")


#: Names that the suffix list takes as they stand: no capitals, no ports, and no A-labels, which it decodes.
_PLAIN = r"^(?:[a-z0-9_-]+\.)+[a-z0-9_-]+$"
_A_LABEL = r"(?:^|\.)xn--"
#: Labels of the longest rules there are (five today); names that need more are asked as a whole.
_LONGEST_RULE = 6


def registrable(hosts: pl.Series) -> pl.DataFrame:
    """Each distinct host and its registrable domain (columns host, domain); a name without one stands for
    itself. The suffix list is asked once per distinct ending that decides."""
    endings = _endings(hosts.drop_nulls().unique())
    extract = suffix_list()
    asked = endings["ending"].unique().to_list()
    told = [extract.extract_str(e, include_psl_private_domains=False) for e in asked]
    domains = pl.DataFrame(
        {"ending": asked, "domain": [t.top_domain_under_public_suffix or None for t in told]},
        schema={"ending": pl.String, "domain": pl.String},
    )
    return endings.join(domains, on="ending").select("host", domain=pl.coalesce("domain", "host"))


def _endings(hosts: pl.Series) -> pl.DataFrame:
    """The unique `hosts` with the shortest ending of each that decides its domain: the first that is not
    itself the ending of a rule. Other than plain names stay whole. Columns host, ending."""
    rules, wild = _rules()
    frame = hosts.rename("host").to_frame()
    plain = pl.col("host").str.contains(_PLAIN) & ~pl.col("host").str.contains(_A_LABEL)
    decided = [frame.filter(~plain).with_columns(ending="host")]
    left = frame.filter(plain)
    for depth in range(2, _LONGEST_RULE + 2):
        asked = left.with_columns(
            ending=pl.col("host").str.extract(tail_expression(depth)),
            parent=pl.col("host").str.extract(tail_expression(depth - 1)),
        )
        goes_on = pl.col("ending").is_in(rules.implode()) | pl.col("parent").is_in(wild.implode())
        asked = asked.select("host", pl.coalesce("ending", "host"), goes_on=goes_on.fill_null(False))
        decided.append(asked.filter(~pl.col("goes_on")).drop("goes_on"))
        left = asked.filter("goes_on").select("host")
    return pl.concat([*decided, left.with_columns(ending="host")])


@cache
def _rules() -> tuple[pl.Series, pl.Series]:
    """All endings of the suffix list's rules, and those before which any label belongs to the suffix."""
    labels = [rule.split(".") for rule in suffix_list().tlds]
    endings = {".".join(rule[at:]) for rule in labels for at in range(len(rule))}
    wild = [ending.removeprefix("*.") for ending in endings if ending.startswith("*.")]
    return pl.Series(sorted(endings), dtype=pl.String), pl.Series(sorted(wild), dtype=pl.String)


def tail_expression(depth: int) -> str:
    """Captures the last `depth` whole labels of a name that has at least so many."""
    return rf"(?:^|\.)((?:[^.]+\.){{{depth - 1}}}[^.]+)$"


@cache
def suffix_list() -> TLDExtract:
    """The public suffix list as shipped by publicsuffixlist; the network is never asked."""
    # Takes a quarter of a second, which passes while the first packets are decoded.
    import publicsuffixlist
    import tldextract

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
