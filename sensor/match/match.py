"""Matches observations with the catalog, column by column, once per distinct value.

A row matches, in order of precedence, by its URL, its host, the last name of its CNAME chain, the address of
its server (only if no name is known), what self-hosted software reports about itself, its port and path, the
first label of its host, or its User-Agent or browser extension alone. The last two also *refine* a match by
name: `claude-cli/` on api.anthropic.com is Claude Code, not just the API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from sensor.match.hostname import ADDRESS_LITERAL, normal
from sensor.match.index import LIBRARY_ACCESS, Index, is_below
from sensor.match.lookup import PATH_ONLY
from sensor.match.side_doors import at_side_doors
from sensor.schema import SENDS, SENT_KEY, SPEAKS_MCP

#: Added by `match` to the columns of the observations.
ADDED: dict[str, pl.DataType] = {
    "signature": pl.String(),
    "app": pl.String(),
    "access": pl.String(),
    "role": pl.String(),
    "confidence": pl.Float64(),
    "upload_baseline_bytes": pl.Int64(),
}

#: Access classes of tool servers, and of what is recognised by its behaviour only.
MCP, CANDIDATE = "mcp", "candidate"
#: Confidence in a name by its source; 1 if it was read from the traffic itself.
NAME_CONFIDENCE = {"dns_answer": 0.9, "certificate": 0.9, "ech_dns": 0.8, "address": 0.7}
#: Factor for a match by CNAME: the service is only a supplier of the name that was queried.
CNAME_CONFIDENCE = 0.8
#: Factor for a known agent on an unknown host: the tool runs there, but its destination is not known.
AGENT_ALONE_CONFIDENCE = 0.5
#: Share of the remaining doubt that a matching client fingerprint removes.
FINGERPRINT_DOUBT = 0.5

_NEEDED = (
    "host", "name_from", "cname", "method", "path", "user_agent", "origin", "software", "server", "ja4",
)  # fmt: skip
_NUMBERS: dict[str, pl.DataType] = {"name_confidence": pl.Float64(), "server_port": pl.Int64()}
#: Methods of HTTP that send nothing.
_READING = ("GET", "HEAD", "OPTIONS")
#: Columns of the observations that `match` overwrites.
_CHANGED = ("host", "name_from", "path")
#: Columns by which a row can match, in order of precedence.
_MATCH_COLUMNS = ("url_row", "host_row", "cname_row", "address_row", "software_row", "port_row", "label_row")
_HIT = ("signature", "app", "access", "role", "confidence", "upload_baseline_bytes", "prefix")
#: Columns that match by their value alone, so that values without a match can be cached.
_CACHED = ("host", "cname", "user_agent", "origin", "software")


def match(observations: pl.DataFrame, index: Index) -> pl.DataFrame:
    """The rows of `observations` (table OBSERVATIONS) that match, in order, with the columns `ADDED`.

    Normalises `host`. Replaces `path` by the prefix of the catalog (NULL unless a URL or a self-hosted
    product matched), so that no observed path is stored. Sets `name_from` to `address`, `banner` or `path` if
    only that matched.
    """
    frame = _may_match(observations, index)
    if frame.is_empty():
        return frame.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in ADDED.items())
    missing = [name for name in _NEEDED if name not in frame.columns]
    frame = frame.with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in missing),
        *(pl.lit(None, dtype).alias(name) for name, dtype in _NUMBERS.items() if name not in frame.columns),
    )
    found = _Found.of(frame, index)
    for name, missed in found.misses():
        index.misses.learn(name, missed, observations.height)
    kept = frame.filter(found.worth_joining())
    hits = _resolved(_with_urls(found.joined(kept), index), index).select("nth", *_CHANGED, *ADDED)
    return kept[hits["nth"]].with_columns(hits.drop("nth")).select(*observations.columns, *ADDED)


@dataclass(frozen=True)
class _Found:
    """What the catalog knows of the distinct values of some observations: each a frame of a value and the row
    of its indicator."""

    values: dict[str, pl.Series]
    #: hosts that are addresses
    literals: pl.Series
    names: pl.DataFrame
    cnames: pl.DataFrame
    agents: pl.DataFrame
    origins: pl.DataFrame
    addresses: pl.DataFrame
    software: pl.DataFrame
    labels: pl.DataFrame
    ports: pl.DataFrame

    @classmethod
    def of(cls, frame: pl.DataFrame, index: Index) -> _Found:
        """Looks up the values of `frame`, which has the columns `_NEEDED` and `_NUMBERS`."""
        values = {name: frame[name].drop_nulls().unique() for name in _CACHED}
        literals = values["host"].filter(values["host"].str.contains(ADDRESS_LITERAL))
        nameless = pl.col("host").is_null() | pl.col("host").is_in(literals.implode())
        servers = frame.select(pl.col("server").filter(nameless))["server"].drop_nulls()
        return cls(
            values,
            literals,
            names=match_hosts(values["host"], index),
            cnames=match_hosts(values["cname"], index),
            agents=index.by_agent(values["user_agent"]),
            origins=index.by_origin(values["origin"]),
            addresses=index.by_address(pl.concat([servers, literals.str.strip_chars("[]")]).unique()),
            software=index.by_software(values["software"]),
            labels=index.by_label(values["host"]),
            ports=index.by_port(frame.select("server_port", "path").drop_nulls("path").unique()),
        )

    @property
    def _by_column(self) -> dict[str, pl.Series]:
        """The values that may match, by column."""
        return {
            "host": pl.concat([self.names["host"], self.literals, self.labels["host"]]),
            "cname": self.cnames["host"],
            "user_agent": self.agents["user_agent"],
            "origin": self.origins["origin"],
            "software": self.software["software"],
        }

    def misses(self) -> Iterator[tuple[str, pl.Series]]:
        """The values that match nothing, by column."""
        for name, hits in self._by_column.items():
            values = self.values[name]
            yield name, values.filter(~values.is_in(hits.implode()))

    def worth_joining(self) -> pl.Expr:
        """True for rows with at least one value that may match."""
        return pl.any_horizontal(
            *(pl.col(name).is_in(hits.implode()) for name, hits in self._by_column.items()),
            pl.col("host").is_null() & pl.col("server").is_in(self.addresses["address"].implode()),
            pl.col("path").is_in(self.ports["path"].implode()),
        )

    def joined(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows` with the indicators of their values: nth, the needed columns, `_MATCH_COLUMNS` but url_row,
        agent_row.

        Joins copy every column, so only those that matter are joined; the others are fetched at the end.
        """
        cnames = self.cnames.select(cname="host", cname_row="host_row")
        joined = rows.select(pl.int_range(pl.len()).alias("nth"), *_NEEDED, *_NUMBERS, address=_address())
        for found, on in (
            (self.names, "host"), (cnames, "cname"), (self.agents, "user_agent"), (self.origins, "origin"),
            (self.addresses, "address"), (self.software, "software"), (self.labels, "host"),
        ):  # fmt: skip
            joined = joined.join(found, on=on, how="left", maintain_order="left")
        by_port = ["server_port", "path"]
        joined = joined.join(self.ports, on=by_port, how="left", maintain_order="left", nulls_equal=True)
        return joined.with_columns(agent_row=pl.coalesce("origin_row", "agent_row"))


def _may_match(observations: pl.DataFrame, index: Index) -> pl.DataFrame:
    """`observations` without rows that cannot match, because all their values are known misses."""
    worth = index.misses.may_hit(observations, _CACHED)
    if "server" in observations.columns:
        worth |= pl.col("host").is_null() if "host" in observations.columns else pl.lit(True)
    if "path" in observations.columns:
        firsts = "|".join(re.escape(first) for first in index.products["first"].unique().sort())
        if firsts:
            worth |= pl.col("path").str.contains(f"^(?:{firsts})")
    return observations.filter(worth)


def match_hosts(hosts: pl.Series, index: Index) -> pl.DataFrame:
    """The unique `hosts` that match a name indicator: host (as given), name (normalised), host_row.

    `host_row` is the most specific indicator that requires no path; NULL if all require one.
    """
    if hosts.is_empty():
        return pl.DataFrame(schema={"host": pl.String, "name": pl.String, "host_row": pl.Int64})
    names = pl.DataFrame({"host": hosts, "name": normal(hosts)})
    rows = names.with_columns(host_row=index.lookup.rows(names["name"])).drop_nulls("host_row")
    return rows.with_columns(host_row=pl.when(pl.col("host_row") != PATH_ONLY).then("host_row"))


def _address() -> pl.Expr:
    """The address of the server if no name is known; an address in place of a name counts as none."""
    nameless = pl.col("host").is_null() | pl.col("host").str.contains(ADDRESS_LITERAL)
    return pl.when(nameless).then(pl.coalesce("server", pl.col("host").str.strip_chars("[]")))


def _with_urls(rows: pl.DataFrame, index: Index) -> pl.DataFrame:
    """`rows` with url_row: the indicator with the longest path that is a prefix up to a `/`."""
    asked = (
        rows.select("name", "path")
        .drop_nulls()
        .unique()
        .with_columns(plain=pl.col("path").str.extract(r"^([^?#]*)"))
    )
    candidates = index.candidates(asked["name"].unique()).drop_nulls("prefix")
    best = (
        asked.join(candidates, left_on="name", right_on="host")
        .filter(is_below("plain", "prefix"))
        .sort(["specificity", "row"], descending=[True, False])
        .unique(["name", "path"], keep="first", maintain_order=True)
        .select("name", "path", url_row="row")
    )
    return rows.join(best, on=["name", "path"], how="left", maintain_order="left")


def _resolved(rows: pl.DataFrame, index: Index) -> pl.DataFrame:
    """`rows` with the indicator of the highest precedence; rows without any are dropped."""
    # Every message to an MCP server is a POST. Who only reads `/mcp` has opened a page about such a server.
    is_page = pl.col("method").is_in(_READING) & pl.col("port_row").is_in(index.posted.implode())
    rows = rows.with_columns(port_row=pl.when(~is_page.fill_null(False)).then("port_row"))
    # A product on its port and path is more specific than "speaks MCP", "received a key" or "sends a model";
    # a path that is only a reason to look is not.
    product = pl.col("product")
    is_unspecific = product.is_in([SPEAKS_MCP, SENT_KEY]) | product.str.starts_with(SENDS)
    unspecific = index.software.filter(is_unspecific)["row"]
    is_product = ~pl.col("port_row").is_in(index.rows.filter(access=CANDIDATE)["row"].implode())
    is_unspecific_hit = is_product & pl.col("software_row").is_in(unspecific.implode())
    rows = rows.with_columns(software_row=pl.when(~is_unspecific_hit.fill_null(False)).then("software_row"))
    matched = rows.with_columns(
        matched_row=pl.coalesce(*_MATCH_COLUMNS),
        by_cname=_decided_by("cname_row"),
        by_address=_decided_by("address_row"),
        by_software=_decided_by("software_row"),
        by_port=_decided_by("port_row"),
    )
    details = index.rows.select("row", *_HIT)
    joined = matched.join(details, left_on="matched_row", right_on="row", how="left", maintain_order="left")
    named = _named(at_side_doors(joined))
    if named["agent_row"].null_count() == named.height:
        return _confirmed_by_fingerprint(named.drop_nulls("app"), index)
    of_agent = details.select(agent_row="row", **{f"agent_{name}": name for name in _HIT})
    with_agent = named.join(of_agent, on="agent_row", how="left", maintain_order="left")
    return _confirmed_by_fingerprint(_refined(with_agent), index)


def _decided_by(column: str) -> pl.Expr:
    """True where a row matches by `column`, and by none of higher precedence."""
    surer = _MATCH_COLUMNS[: _MATCH_COLUMNS.index(column)]
    return pl.coalesce(*surer).is_null() & pl.col(column).is_not_null()


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with normalised host, matched prefix, and confidence by the source of the name."""
    name_from = (
        pl.when("by_address")
        .then(pl.lit("address"))
        .when("by_software")
        .then(pl.lit("banner"))
        .when("by_port")
        .then(pl.lit("path"))
        .otherwise("name_from")
    )
    return rows.with_columns(
        host=pl.coalesce("name", pl.col("host").str.to_lowercase().str.strip_suffix(".")),
        path=pl.col("prefix"),
        name_from=name_from,
        signature=pl.when("by_cname").then(pl.col("signature") + "@cname").otherwise("signature"),
        confidence=pl.col("confidence")
        * pl.coalesce(
            "name_confidence",
            name_from.replace_strict(NAME_CONFIDENCE, default=1.0, return_dtype=pl.Float64),
        )
        * pl.when("by_cname").then(CNAME_CONFIDENCE).otherwise(1.0),
    )


def _refined(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` refined by their User-Agent or browser extension, and matches by these alone.

    The token of a product renames a match that is use, or any match of the same vendor (telemetry keeps its
    role), but no MCP server of another vendor: the agent uses that, too. A request that is only a candidate
    by its path becomes use: an agent that asks an unknown host for `/v1/messages` has its model there. The
    token of a library renames nothing, because OpenAI's client library calls a hundred other vendors. It only
    shows that a program called the host of the same vendor.
    """
    product = pl.col("agent_row").is_not_null() & (pl.col("agent_access") != LIBRARY_ACCESS)
    matched = pl.col("app").is_not_null()
    same_vendor = _vendor("app") == _vendor("agent_app")
    is_use = pl.col("role") == "use"
    asks_model = product & pl.col("by_port") & (pl.col("access") == CANDIDATE)
    is_model = is_use & (pl.col("access") != MCP)
    renames = product & matched & (is_model | same_vendor | asks_model)
    alone = product & ~matched
    by_library = (pl.col("agent_access") == LIBRARY_ACCESS) & same_vendor & is_use
    own_access = (renames & (is_use | asks_model)) | by_library | alone

    def from_agent(name: str, when: pl.Expr) -> pl.Expr:
        return pl.when(when).then(f"agent_{name}").otherwise(name).alias(name)

    return rows.with_columns(
        from_agent("signature", renames | alone),
        from_agent("app", renames | alone),
        from_agent("access", own_access),
        from_agent("upload_baseline_bytes", own_access),
        role=pl.when(alone).then(pl.lit("support")).when(asks_model).then("agent_role").otherwise("role"),
        confidence=pl.when(alone)
        .then(pl.col("agent_confidence") * AGENT_ALONE_CONFIDENCE)
        .when(asks_model)
        .then("agent_confidence")
        .otherwise("confidence"),
    ).drop_nulls("app")


def _confirmed_by_fingerprint(rows: pl.DataFrame, index: Index) -> pl.DataFrame:
    """`rows` with higher confidence where the catalog lists the JA4 of the client for the same service."""
    if index.fingerprints.is_empty():
        return rows
    known = index.fingerprints.with_columns(fits=pl.lit(True))
    joined = rows.join(known, on=["ja4", "app"], how="left", maintain_order="left")
    doubt = 1 - pl.col("confidence")
    surer = 1 - doubt * FINGERPRINT_DOUBT
    return joined.with_columns(confidence=pl.when("fits").then(surer).otherwise("confidence"))


def _vendor(column: str) -> pl.Expr:
    return pl.col(column).str.extract(r"^([^/]+)/")
