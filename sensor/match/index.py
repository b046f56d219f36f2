"""The indicators of the catalog, indexed by host, URL, User-Agent, address, port and fingerprint.

Names are looked up by their *tail*: the last whole labels of a host. The tail of a `suffix` is the suffix
itself, that of a `pattern` the labels after its last `*` (the rest is then verified), that of a `domain` the
whole host. So a lookup is one join per tail length over distinct hosts, never a scan of all indicators.
`notopenai.com` does not have the tail `openai.com`.

Specificity decides between matches: url > domain > longer name. Names compare by labels, then by literal
characters, so that `eu.example.com` beats `*.example.com`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import polars as pl

from sensor.match.hostname import tail_expression
from sensor.match.lookup import Lookup
from sensor.match.misses import Misses
from sensor.schema import SPEAKS_MCP

#: Access class of client libraries: they show how a host is called, not by which product.
LIBRARY_ACCESS = "api"
#: Origin header of requests of browser extensions.
EXTENSION_ORIGIN = r"^[a-z-]+-extension://([a-p]{32})(?:/|$)"

_URL_BONUS = 1 << 32
_EXACT_BONUS = 1 << 28
_LABEL_WEIGHT = 1 << 12
_PATH_WEIGHT = 1 << 16
#: First segment of a path; the lookup key for paths of self-hosted products.
_FIRST_PART = r"^(/[^/]*)"
#: One of these words, alone or delimited by hyphens, in the first label of a name of three or more labels.
_FIRST_LABEL = r"^(?i:(?:[^.]+-)?({})(?:-[^.]+)?)\.[^.]+\.[^.]"


Networks: TypeAlias = tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, int], ...]


@dataclass(frozen=True)
class Index:
    """The indicators (`rows`) and the lookup tables. Columns `row` and `…_row` are positions in `rows`."""

    #: row, signature, app, access, role, confidence, upload_baseline_bytes, prefix …
    rows: pl.DataFrame
    names: Names
    #: product (token in a User-Agent), row
    agents: pl.DataFrame
    #: extension (id), row
    extensions: pl.DataFrame
    networks: Networks
    #: ja4, app
    fingerprints: pl.DataFrame
    #: server_port (NULL: any), prefix, first (first segment of the prefix), row
    products: pl.DataFrame
    #: product (a line of the software a server reports), row
    software: pl.DataFrame
    #: label (word in the first label of a host name), row
    labels: pl.DataFrame
    #: values known to match nothing
    misses: Misses = field(default_factory=Misses, compare=False, repr=False)

    @classmethod
    def build(cls, indicators: pl.DataFrame) -> Index:
        """The index of `indicators` (columns of `sensor.catalog.index.INDICATORS`)."""
        has_path = pl.col("kind").is_in(["url", "port"])
        rows = indicators.with_row_index("row").with_columns(
            pl.col("row").cast(pl.Int64),
            prefix=pl.when(has_path).then(pl.col("value").str.extract(r"^[^/]*(/.*)$")),
        )
        return cls(
            rows=rows,
            names=Names.of(rows),
            agents=rows.filter(pl.col("kind") == "user_agent").select(product="value", row="row"),
            extensions=rows.filter(pl.col("kind") == "extension_id").select(extension="value", row="row"),
            networks=network_table(rows),
            fingerprints=rows.filter(pl.col("kind") == "ja4").select(ja4="value", app="app").unique(),
            products=_products(rows),
            software=rows.filter(pl.col("kind") == "software").select(product="value", row="row"),
            labels=rows.filter(pl.col("kind") == "label").select(label="value", row="row"),
        )

    @cached_property
    def lookup(self) -> Lookup:
        """The name indicators, for lookups of single hosts."""
        return Lookup(self.names.table)

    def candidates(self, hosts: pl.Series) -> pl.DataFrame:
        """All name indicators that match the unique, normalised `hosts`, one row per host and indicator.

        Columns host, row, prefix (NULL unless the indicator requires a path), specificity.
        """
        return self.names.fitting(hosts)

    def by_agent(self, agents: pl.Series) -> pl.DataFrame:
        """user_agent, agent_row for the unique User-Agents that contain an agent indicator."""
        found = _by_token(agents, self.agents, "(?:^|[^A-Za-z0-9_-])", "")
        return found.rename({"text": "user_agent", "row": "agent_row"})

    def by_software(self, answers: pl.Series) -> pl.DataFrame:
        """software, software_row for the unique `answers` that name a self-hosted product."""
        found = _by_token(answers, self.software, r"(?m)^", r"(?:$|[^a-z0-9-])")
        return found.rename({"text": "software", "row": "software_row"})

    @cached_property
    def posted(self) -> pl.Series:
        """Rows of the paths that count only when something is sent there: those of MCP servers."""
        speaks = self.rows.filter(kind="software", value=SPEAKS_MCP)["app"]
        return self.rows.filter(pl.col("kind") == "port", pl.col("app").is_in(speaks.implode()))["row"]

    def by_label(self, hosts: pl.Series) -> pl.DataFrame:
        """host, label_row for the unique `hosts` whose first label contains the word of a product."""
        if self.labels.is_empty() or hosts.is_empty():
            return pl.DataFrame(schema={"host": pl.String, "label_row": pl.Int64})
        return (
            hosts.rename("host")
            .to_frame()
            .with_columns(label=pl.col("host").str.extract(self._first_label).str.to_lowercase())
            .join(self.labels, on="label")
            .select("host", label_row="row")
        )

    @cached_property
    def _first_label(self) -> str:
        words = "|".join(re.escape(label) for label in self.labels["label"].unique().sort())
        return _FIRST_LABEL.format(words)

    def by_origin(self, origins: pl.Series) -> pl.DataFrame:
        """origin, origin_row for the unique Origin headers that are browser extensions in the catalog."""
        if origins.is_empty():
            return pl.DataFrame(schema={"origin": pl.String, "origin_row": pl.Int64})
        return (
            origins.rename("origin")
            .to_frame()
            .with_columns(extension=pl.col("origin").str.extract(EXTENSION_ORIGIN))
            .join(self.extensions, on="extension")
            .select("origin", origin_row="row")
        )

    def by_address(self, addresses: pl.Series) -> pl.DataFrame:
        """address, address_row for the unique `addresses` that lie in a network indicator."""
        return surrounding_networks(self.networks, addresses)

    def by_port(self, requests: pl.DataFrame) -> pl.DataFrame:
        """server_port, path, port_row for the unique `requests` (server_port, path) of self-hosted products.

        Of several products, the one with the longest path wins.
        """
        if requests.is_empty():
            return requests.with_columns(port_row=pl.lit(None, pl.Int64))
        plain = pl.col("path").str.extract(r"^([^?#]*)")
        asked = requests.with_columns(plain=plain, first=plain.str.extract(_FIRST_PART))
        on_its_port = pl.col("port").is_null() | (pl.col("port") == pl.col("server_port"))
        return (
            asked.join(self.products.rename({"server_port": "port"}), on="first")
            .filter(on_its_port & is_below("plain", "prefix"))
            .sort(
                [pl.col("port").is_null(), pl.col("prefix").str.len_chars(), "row"],
                descending=[False, True, False],
            )
            .unique(["server_port", "path"], keep="first", maintain_order=True)
            .select("server_port", "path", port_row="row")
        )


def _by_token(texts: pl.Series, products: pl.DataFrame, before: str, after: str) -> pl.DataFrame:
    """The row of `products` whose token stands in each of the unique `texts` that has one: text, row."""
    if products.is_empty() or texts.is_empty():
        return pl.DataFrame(schema={"text": pl.String, "row": pl.Int64})
    longest_first = sorted(products["product"].unique(), key=lambda product: (-len(product), product))
    tokens = "|".join(re.escape(product) for product in longest_first)
    return (
        texts.rename("text")
        .to_frame()
        .with_columns(product=pl.col("text").str.extract(rf"{before}({tokens}){after}"))
        .join(products.unique("product", keep="first", maintain_order=True), on="product")
        .select("text", "row")
    )


def is_below(path: str, prefix: str) -> pl.Expr:
    """True where the column `path` is the path in column `prefix` or lies below it."""
    start = pl.col(prefix).str.strip_suffix("/")
    return (pl.col(path) == start) | pl.col(path).str.starts_with(pl.concat_str(start, pl.lit("/")))


def _products(rows: pl.DataFrame) -> pl.DataFrame:
    """Ports and paths of self-hosted products, without those that two products claim."""
    return (
        rows.filter((pl.col("kind") == "port") & (pl.len().over("kind", "value") == 1))
        .with_columns(server_port=pl.col("value").str.extract(r"^(\d+)/").cast(pl.Int64))
        .select("server_port", "prefix", "row", first=pl.col("prefix").str.extract(_FIRST_PART))
    )


#: The last two labels. Anchored by `$` only, so that the search runs from the end.
_ENDING = r"([^.]+\.[^.]+)$"


@dataclass(frozen=True)
class Names:
    """Indicators that name a host, and lookup tables derived from `table` on first use."""

    #: row, tail, its ending, depth (labels of the tail; 0 = whole host), prefix, specificity; for a pattern
    #: also verify (its expression), start (its letters before the first `*`) and labels (of a host that fits)
    table: pl.DataFrame

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Names:
        """The indicators among `rows` (row, kind, value, prefix) that name a host."""
        host = pl.col("value").str.extract(r"^([^/]+)")
        named = rows.filter(pl.col("kind").is_in(["domain", "suffix", "pattern", "url", "extension_id"]))
        wild, suffix = pl.col("host").str.contains("*", literal=True), pl.col("kind") == "suffix"
        dots = pl.col("host").str.count_matches(".", literal=True).cast(pl.Int64)
        tail = pl.when(wild).then(pl.col("host").str.extract(r"\*[^.*]*\.([^*]*)$")).otherwise("host")
        literal = pl.col("host").str.replace_all("*", "", literal=True).str.len_bytes().cast(pl.Int64)
        path = pl.col("prefix").str.len_chars().cast(pl.Int64) * _PATH_WEIGHT + _URL_BONUS
        exact = pl.when(~wild & ~suffix).then(_EXACT_BONUS).otherwise(0)
        table = (
            named.with_columns(host=host)
            .with_columns(tail=tail)
            .select(
                "row",
                "tail",
                "prefix",
                ending=pl.col("tail").str.extract(_ENDING),
                depth=pl.when(wild | suffix)
                .then(pl.col("tail").str.count_matches(".", literal=True).cast(pl.Int64) + 1)
                .otherwise(0),
                verify=pl.when(wild).then(pattern_expression("host")),
                start=pl.when(wild).then(pl.col("host").str.extract(r"^([^*]*)")),
                labels=pl.when(wild).then(dots + 1),
                specificity=path.fill_null(0) + (dots + 1) * _LABEL_WEIGHT + literal + exact,
            )
        )
        return cls(table)

    def fitting(self, hosts: pl.Series) -> pl.DataFrame:
        """All rows that match the unique, normalised `hosts`: host, row, prefix, specificity."""
        unique = self._that_may_fit(hosts).rename("host").to_frame()
        columns = ("host", "row", "prefix", "specificity")
        if unique.is_empty():
            return unique.hstack(self.table.clear().select(columns[1:]))
        found = []
        for depth, of_depth in self._by_depth.items():
            tail = pl.col("host") if depth == 0 else pl.col("host").str.extract(tail_expression(depth))
            found.append(unique.with_columns(tail=tail).join(of_depth, on="tail"))
        candidates = pl.concat(found)
        # Dozens of patterns share the tail of a cloud provider, so cheap comparisons come first.
        labels = pl.col("host").str.count_matches(".", literal=True).cast(pl.Int64) + 1
        asked = candidates.filter(
            pl.col("verify").is_not_null(),
            pl.col("host").str.starts_with(pl.col("start")),
            labels == pl.col("labels"),
        )
        verified = [
            part.filter(pl.col("host").str.contains(part["verify"][0]))
            for part in asked.partition_by("verify")
        ]
        return pl.concat([candidates.filter(pl.col("verify").is_null()), *verified]).select(columns)

    def _that_may_fit(self, hosts: pl.Series) -> pl.Series:
        """The normalised `hosts` that share an ending with an indicator; usually few do."""
        if hosts.is_empty() or 1 in self._by_depth:
            return hosts
        ending = hosts.str.extract(_ENDING)
        return hosts.filter(ending.is_in(self._endings) | (ending.is_null() & hosts.is_in(self._whole)))

    @cached_property
    def _by_depth(self) -> dict[int, pl.DataFrame]:
        return {
            int(depth): self.table.filter(pl.col("depth") == depth)
            for depth in self.table["depth"].unique().sort()
        }

    @cached_property
    def _endings(self) -> pl.Series:
        return self.table["ending"].drop_nulls().unique().implode()

    @cached_property
    def _whole(self) -> pl.Series:
        return self.table["tail"].filter(self.table["depth"] == 0).implode()


def surrounding_networks(networks: Networks, addresses: pl.Series) -> pl.DataFrame:
    """address, address_row for the unique `addresses` in any of `networks`; the smallest network wins."""
    near = addresses.rename("address").to_frame()
    if near.is_empty():
        return near.with_columns(address_row=pl.lit(None, pl.Int64))
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


def pattern_expression(column: str) -> pl.Expr:
    """Regular expressions for the host patterns in `column`; `*` is one or more characters of a label."""
    escaped = pl.col(column).str.escape_regex().str.replace_all(r"\*", "[^.]+", literal=True)
    return pl.concat_str(pl.lit("^"), escaped, pl.lit("$"))


def network_table(rows: pl.DataFrame) -> Networks:
    """The networks among `rows` (row, kind, value), by address family and prefix length."""
    wanted = rows.filter(pl.col("kind") == "address").select("value", "row")
    return tuple((ipaddress.ip_network(value), row) for value, row in wanted.iter_rows())


def _text_start(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    """The text that every address of the network starts with: a cheap filter before parsing."""
    if isinstance(network, ipaddress.IPv6Network):
        first = f"{int(network.network_address) >> 112:x}:"
        return first if network.prefixlen >= 16 else ""
    octets = str(network.network_address).split(".")[: network.prefixlen // 8]
    return "".join(f"{octet}." for octet in octets) if len(octets) < 4 else ".".join(octets)
