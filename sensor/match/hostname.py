"""Normalises observed host names to the form of the catalog, and finds their registrable domains."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sensor.coded import Remembered

if TYPE_CHECKING:
    from tldextract import TLDExtract

#: An address in place of a name.
ADDRESS_LITERAL = r"^[0-9.]+$|:.*:"
#: Characters that the normal form does not have: capitals, white space, port, brackets, final dot, non-ASCII.
_NOT_NORMAL = r"[^!-9;-@\\^-~]|\.$"
#: Names that can be compared with suffix rules directly: lower case, no port, and no A-labels (RFC 5890).
_PLAIN = r"^(?:[a-z0-9_-]+\.)+[a-z0-9_-]+$"
_A_LABEL = r"(?:^|\.)xn--"
#: Labels of the longest rule (five today), plus one. Names that need more are looked up as a whole.
_LONGEST_RULE = 6


def normal_column(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with its column `host` in normal form (see `normal`)."""
    return frame.with_columns(normal(frame.get_column("host")))


def registrable(hosts: pl.Series) -> pl.DataFrame:
    """The distinct `hosts` and their registrable domains: columns host, domain.

    The domain of a name that has none (an address, a public suffix) is the name itself.
    """
    unique = hosts.drop_nulls().unique().rename("host")
    domains = _domains(unique, often=True)["domain"]  # the same names recur in other buckets
    return pl.DataFrame([unique, domains])


@Remembered
def _domains(hosts: pl.Series) -> pl.DataFrame:
    """The column domain for the distinct `hosts`, computed once per distinct deciding ending."""
    endings = _endings(hosts)
    asked = endings.select("ending", "plain").unique()
    domains_of = [
        _by_rules(ending) if plain else _by_extraction(ending) for ending, plain in asked.iter_rows()
    ]
    domains = asked.select("ending", domain=pl.Series(domains_of, dtype=pl.String))
    found = endings.join(domains, on="ending").select("host", domain=pl.coalesce("domain", "host"))
    return hosts.to_frame("host").join(found, on="host", how="left", maintain_order="left").select("domain")


def _endings(hosts: pl.Series) -> pl.DataFrame:
    """The unique `hosts` with their deciding ending, the shortest that determines the domain: host, ending,
    plain.

    That is the first ending that is not itself the ending of a rule. Names that are not plain stay whole.
    """
    rules, wild = _rule_endings()
    frame = hosts.rename("host").to_frame()
    is_plain = pl.col("host").str.contains(_PLAIN) & ~pl.col("host").str.contains(_A_LABEL)
    frame = frame.with_columns(plain=is_plain)
    decided = [frame.filter(~pl.col("plain")).select("host", "plain", ending="host")]
    left = frame.filter("plain")
    for depth in range(2, _LONGEST_RULE + 2):
        if left.is_empty():
            break
        asked = left.with_columns(
            ending=pl.col("host").str.extract(tail_expression(depth)),
            parent=pl.col("host").str.extract(tail_expression(depth - 1)),
        )
        undecided = pl.col("ending").is_in(rules.implode()) | pl.col("parent").is_in(wild.implode())
        asked = asked.select(
            "host", "plain", ending=pl.coalesce("ending", "host"), undecided=undecided.fill_null(False)
        )
        decided.append(asked.filter(~pl.col("undecided")).drop("undecided"))
        left = asked.filter("undecided").select("host", "plain")
    return pl.concat([*decided, left.with_columns(ending="host")])


def _by_rules(name: str) -> str | None:
    """The registrable domain of a plain name: its public suffix and one more label.

    The suffix is the longest matching rule, unless an exception rule applies.
    https://github.com/publicsuffix/list/wiki/Format
    """
    rules, labels, suffix = _rules(), name.split("."), 0
    for size in range(1, len(labels) + 1):
        tail = ".".join(labels[-size:])
        if f"!{tail}" in rules:
            suffix = size - 1
            break
        if tail in rules or f"*.{tail.partition('.')[2]}" in rules:
            suffix = size
    return ".".join(labels[-suffix - 1 :]) if 0 < suffix < len(labels) else None


def _by_extraction(text: str) -> str | None:
    """The registrable domain of a text that is not a plain name."""
    extracted = suffix_list().extract_str(text, include_psl_private_domains=False)
    return extracted.top_domain_under_public_suffix or None


@cache
def _rules() -> frozenset[str]:
    """The registry rules of the suffix list, without those that have non-ASCII letters, which no plain name
    has.

    Reading them takes a tenth of the time that loading tldextract takes.
    """
    registries = _listed().read_text("utf-8").partition("// ===END ICANN DOMAINS===")[0]
    lines = registries.split("\n")
    return frozenset(line for line in lines if line and line[0] != "/" and line.isascii())


@cache
def _rule_endings() -> tuple[pl.Series, pl.Series]:
    """All endings of the rules, and the endings of wildcard rules without their `*.`."""
    endings = set()
    for rule in _rules():
        while rule:
            endings.add(rule)
            rule = rule.partition(".")[2]
    wild = [ending.removeprefix("*.") for ending in endings if ending.startswith("*.")]
    return pl.Series(sorted(endings), dtype=pl.String), pl.Series(sorted(wild), dtype=pl.String)


def tail_expression(depth: int) -> str:
    """Regular expression that captures the last `depth` labels of a name that has at least so many."""
    return rf"(?:^|\.)((?:[^.]+\.){{{depth - 1}}}[^.]+)$"


@cache
def suffix_list() -> TLDExtract:
    """The public suffix list shipped with the package publicsuffixlist; no network access."""
    import tldextract

    return tldextract.TLDExtract(
        suffix_list_urls=(_listed().as_uri(),),
        cache_dir=None,
        fallback_to_snapshot=True,
        include_psl_private_domains=True,
    )


def _listed() -> Path:
    spec = find_spec("publicsuffixlist")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("publicsuffixlist", name="publicsuffixlist")
    return Path(spec.origin).with_name("public_suffix_list.dat")


def normal(hosts: pl.Series) -> pl.Series:
    """`hosts` (String) in lower case, without port and final dot, as A-labels (RFC 5890); same order.

    Values that are no host names (addresses, garbage) are only lower-cased; they match no name indicator.
    """
    # Nearly every name is normal already, so only the others are converted.
    odd = hosts.str.contains(_NOT_NORMAL).fill_null(False).arg_true()
    if odd.is_empty():
        return hosts
    plain = (
        pl.col("host")
        .str.strip_chars()
        .str.to_lowercase()
        .str.replace(r"^([^:]*):\d{1,5}$", "$1")
        .str.replace(r"^\[(.*)\](?::\d{1,5})?$", "$1")
        .str.strip_suffix(".")
    )
    found = hosts.gather(odd).rename("host").to_frame()
    foreign = pl.col("host").str.contains(r"[^\x00-\x7f]")
    a_labels = pl.col("plain").map_elements(_to_a_labels, return_dtype=pl.String)
    table = found.unique().with_columns(plain=plain)
    table = table.select("host", normal=pl.when(foreign).then(a_labels).otherwise("plain"))
    fixed = found.join(table, on="host", how="left", maintain_order="left")["normal"]
    return hosts.clone().scatter(odd, fixed)  # `scatter` changes the series it is called on


def _to_a_labels(host: str) -> str:
    """The IDNA form of a name with non-ASCII letters (RFC 3490); unchanged if that is not possible."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host
