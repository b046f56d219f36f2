"""The catalog's indicators, laid out for lookup by host, URL, User-Agent, address and fingerprint. Pure.

Names are found by their *tail*: the last whole labels of a host. A `suffix` is its own tail, a
`pattern` is found by the labels after its last `*` and then verified by an expression, a `domain` by
the whole host. So a lookup is one join per tail length, over unique hosts, and never a scan over
indicators; `notopenai.com` has no tail `openai.com`.

Specificity decides between hits: url > domain > longer name. Names compare by labels, then by
literal characters, so that `eu.example.com` beats `*.example.com`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias

import polars as pl

from sensor.match.hostname import tail_expression

#: Access of agents that are libraries: their token tells how a host is called, not which product calls.
LIBRARY_ACCESS = "api"

_URL_BONUS = 1 << 32
_EXACT_BONUS = 1 << 28
_LABEL_WEIGHT = 1 << 12
_PATH_WEIGHT = 1 << 16


Networks: TypeAlias = tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, int], ...]


@dataclass(frozen=True)
class Index:
    """Indicator rows and the tables that find them; `row` is a position in `rows`."""

    #: what a hit says: row, signature, app, access, role, confidence, upload_baseline_bytes, prefix …
    rows: pl.DataFrame
    #: row, tail, depth (labels of the tail; 0 = whole host), verify (expression or NULL), prefix, specificity
    names: pl.DataFrame
    #: product (token in a User-Agent), row
    agents: pl.DataFrame
    networks: Networks
    #: ja4, app
    fingerprints: pl.DataFrame

    @classmethod
    def build(cls, indicators: pl.DataFrame) -> Index:
        """The index over `indicators` (columns of `sensor.catalog.index.INDICATORS`)."""
        rows = indicators.with_row_index("row").with_columns(
            pl.col("row").cast(pl.Int64),
            prefix=pl.when(pl.col("kind") == "url").then(pl.col("value").str.extract(r"^[^/]+(/.*)$")),
        )
        return cls(
            rows=rows,
            names=name_table(rows),
            agents=rows.filter(pl.col("kind") == "user_agent").select(product="value", row="row"),
            networks=network_table(rows),
            fingerprints=rows.filter(pl.col("kind") == "ja4").select(ja4="value", app="app").unique(),
        )

    def candidates(self, hosts: pl.Series) -> pl.DataFrame:
        """Every name indicator that fits each of the unique normalised `hosts`.

        Columns host, row, prefix (NULL unless the indicator also asks for a path), specificity.
        """
        return fitting_names(self.names, hosts)

    def by_agent(self, agents: pl.Series) -> pl.DataFrame:
        """The agent indicator in those unique User-Agent strings that have one: user_agent, agent_row."""
        if self.agents.is_empty():
            return pl.DataFrame(schema={"user_agent": pl.String, "agent_row": pl.Int64})
        longest_first = sorted(self.agents["product"].unique(), key=lambda product: (-len(product), product))
        tokens = "|".join(re.escape(product) for product in longest_first)
        return (
            agents.rename("user_agent")
            .to_frame()
            .with_columns(product=pl.col("user_agent").str.extract(rf"(?:^|[^A-Za-z0-9_-])({tokens})"))
            .join(self.agents.unique("product", keep="first", maintain_order=True), on="product")
            .select("user_agent", agent_row="row")
        )

    def by_address(self, addresses: pl.Series) -> pl.DataFrame:
        """The network indicator around each of the unique `addresses` that has one: address, address_row."""
        return surrounding_networks(self.networks, addresses)


def fitting_names(names: pl.DataFrame, hosts: pl.Series) -> pl.DataFrame:
    """Every row of `names` (as `name_table` makes it) that fits each of the unique normalised `hosts`.

    Columns host, row, prefix, specificity.
    """
    unique = hosts.rename("host").to_frame()
    found = []
    for depth in names["depth"].unique().sort():
        of_depth = names.filter(pl.col("depth") == depth)
        tail = pl.col("host") if depth == 0 else pl.col("host").str.extract(tail_expression(depth))
        found.append(unique.with_columns(tail=tail).join(of_depth, on="tail"))
    if not found:
        return unique.clear().with_columns(row=pl.lit(0, pl.Int64), prefix=pl.lit(""), specificity=0)
    fits = pl.col("verify").is_null() | pl.col("host").str.contains(pl.col("verify"))
    return pl.concat(found).filter(fits).select("host", "row", "prefix", "specificity")


def surrounding_networks(networks: Networks, addresses: pl.Series) -> pl.DataFrame:
    """The smallest of `networks` around each of the unique `addresses` that has one: address, address_row."""
    near = addresses.rename("address").to_frame()
    starts = {_text_start(network) for network, _ in networks}
    worth_parsing = pl.any_horizontal(pl.lit(False), *(pl.col("address").str.starts_with(s) for s in starts))

    def network_of(text: str) -> int | None:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return None
        around = [(network.prefixlen, row) for network, row in networks if address in network]
        return max(around)[1] if around else None

    return (
        near.filter(worth_parsing)
        .with_columns(address_row=pl.col("address").map_elements(network_of, return_dtype=pl.Int64))
        .drop_nulls("address_row")
    )


def name_table(rows: pl.DataFrame) -> pl.DataFrame:
    """Lookup rows of all of `rows` (row, kind, value, prefix) that name a host (see `Index.names`)."""
    named = rows.filter(pl.col("kind").is_in(["domain", "suffix", "pattern", "url"]))
    return pl.DataFrame(
        [_name(*row) for row in named.select("row", "kind", "value", "prefix").iter_rows()],
        schema={
            "row": pl.Int64, "tail": pl.String, "depth": pl.Int64, "verify": pl.String,
            "prefix": pl.String, "specificity": pl.Int64,
        },
        orient="row",
    )  # fmt: skip


def _name(
    row: int, kind: str, value: str, prefix: str | None
) -> tuple[int, str, int, str | None, str | None, int]:
    host = value.partition("/")[0]
    labels = host.split(".")
    bonus = _PATH_WEIGHT * len(prefix) + _URL_BONUS if prefix else 0
    specificity = bonus + _LABEL_WEIGHT * len(labels) + len(host.replace("*", ""))
    if "*" in host:
        tail = host.rpartition("*")[2].partition(".")[2]
        return row, tail, tail.count(".") + 1, pattern_expression(host), prefix, specificity
    if kind == "suffix":
        return row, host, len(labels), None, prefix, specificity
    return row, host, 0, None, prefix, specificity + _EXACT_BONUS


def pattern_expression(pattern: str) -> str:
    """The regular expression of a host pattern: `*` is one or more characters within one label."""
    return "^" + "[^.]+".join(re.escape(part) for part in pattern.split("*")) + "$"


def network_table(rows: pl.DataFrame) -> Networks:
    """The networks among `rows` (row, kind, value)."""
    wanted = rows.filter(pl.col("kind") == "address").select("value", "row")
    return tuple((ipaddress.ip_network(value), row) for value, row in wanted.iter_rows())


def _text_start(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    """How every address of the network begins as text: a cheap filter before parsing."""
    if isinstance(network, ipaddress.IPv6Network):
        first = f"{int(network.network_address) >> 112:x}:"
        return first if network.prefixlen >= 16 else ""
    octets = str(network.network_address).split(".")[: network.prefixlen // 8]
    return "".join(f"{octet}." for octet in octets) if len(octets) < 4 else ".".join(octets)
