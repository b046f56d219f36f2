"""Finds connections that hide their content from the sensor: encrypted DNS, VPNs, relays and proxies.

A connection is recognised by the name of its server, else by its port, else by the address of its server
(only if no name is known). Each distinct server is looked up once.
"""

from __future__ import annotations

import polars as pl

from sensor.match.hostname import ADDRESS_LITERAL, normal
from sensor.match.index import Names, network_table, surrounding_networks
from sensor.match.misses import Misses

_END = ("host", "server", "port", "transport")
_TEXTS = {"end": pl.UInt32, "host": pl.String, "server": pl.String}

#: Precedence: name, port, address. Longer names precede shorter ones.
_BY_NAME, _BY_PORT = 1 << 40, 1 << 39


class Blindness:
    """The catalog's blind spots (columns of `sensor.catalog.blind.BLIND_SPOTS`), indexed for lookup."""

    def __init__(self, blind_spots: pl.DataFrame) -> None:
        self.spots = blind_spots.with_row_index("spot")
        kinds = self.spots.select(
            pl.col("spot").cast(pl.Int64).alias("row"), "value", kind="form", prefix=pl.lit(None, pl.String)
        )
        self._names = Names.of(kinds)
        network = pl.col("value").str.contains("/", literal=True)
        self._networks = network_table(kinds.filter(network))
        self._addresses = kinds.filter(~network, pl.col("kind") == "address").select("row", server="value")
        self._ports = self.spots.filter(pl.col("form") == "port").select(
            pl.col("spot").cast(pl.Int64).alias("row"), "port", "transport"
        )
        self._misses = Misses()

    def find(self, ends: pl.DataFrame) -> pl.DataFrame:
        """The rows of the unique `ends` that are blind spots, joined with the columns of the spot.

        `ends` has the columns host, server, port and transport, each of which may be NULL. The port and
        transport of the spot are `spot_port` and `spot_transport`.
        """
        numbered = ends.with_row_index("end")
        hits = pl.concat([self._by_name(numbered), self._by_port(numbered), self._by_address(numbered)])
        details = self.spots.rename({"port": "spot_port", "transport": "spot_transport"})
        joined = hits.join(numbered, on="end").join(
            details.with_columns(row=pl.col("spot").cast(pl.Int64)), on="row"
        )
        return (
            joined.filter(_agree("port"), _agree("transport"))
            .sort(["end", "weight", "row"], descending=[False, True, False])
            .unique("end", keep="first", maintain_order=True)
        )

    def counts(self, observations: pl.DataFrame) -> pl.DataFrame:
        """Connections to blind spots, counted on their first slice: input, minute, encrypted_dns,
        vpn_relay."""
        key = ("input", "minute")
        started = observations.filter(pl.col("kind") != "dns", pl.col("slice").fill_null(0) == 0).select(
            "input",
            "host",
            "server",
            "transport",
            minute=pl.coalesce("started_at", "seen_at").dt.truncate("1m"),
            port="server_port",
        )
        minutes, candidates = started.select(key).unique(), self._candidates(started)
        if candidates.is_empty():
            return minutes.with_columns(encrypted_dns=pl.lit(0, pl.Int64), vpn_relay=pl.lit(0, pl.Int64))
        ends = candidates.group_by(*key, *_END).len("connections")
        found = self.find(ends.select(_END).unique()).select(*_END, "counted")
        counted = minutes.join(ends.join(found, on=list(_END), nulls_equal=True), on=key, how="left")
        return counted.group_by(key).agg(
            pl.col("connections").filter(pl.col("counted") == column).sum().cast(pl.Int64).alias(column)
            for column in ("encrypted_dns", "vpn_relay")
        )

    def _candidates(self, started: pl.DataFrame) -> pl.DataFrame:
        """The few rows of `started` that may match; `server` is NULL where a name is known."""
        may_hit = self._misses.may_hit(started, ("host",))
        hosts = started.select(pl.col("host").filter(may_hit))["host"].drop_nulls().unique()
        literals = hosts.filter(hosts.str.contains(ADDRESS_LITERAL))
        names = self._names.fitting(hosts)["host"]
        missed = hosts.filter(~hosts.is_in(pl.concat([names, literals]).implode()))
        self._misses.learn("host", missed, started.height)
        nameless = pl.col("host").is_null() | pl.col("host").is_in(literals.implode())
        rows = started.with_columns(
            server=pl.when(nameless).then(pl.coalesce("server", "host")),
            host=pl.when(~nameless).then("host"),
        )
        servers = rows["server"].drop_nulls().unique()
        around = surrounding_networks(self._networks, servers)["address"]
        return rows.filter(
            pl.col("host").is_in(names.implode())
            | pl.col("port").is_in(self._ports["port"].implode())
            | pl.col("server").is_in(pl.concat([around, self._addresses["server"]]).implode())
        )

    def listing(self, host: str | None, address: str | None) -> pl.DataFrame:
        """The blind spots (columns of `BLIND_SPOTS`) that list a host or an address, on any port."""
        asked = pl.DataFrame({"end": [0], "host": [host], "server": [address]}, schema_overrides=_TEXTS)
        asked = asked.with_columns(normal(asked["host"]))
        hits = pl.concat([self._by_name(asked), self._by_address(asked)])
        listed = pl.col("spot").cast(pl.Int64).is_in(hits["row"].implode())
        return self.spots.filter(listed).drop("spot")

    def _by_name(self, ends: pl.DataFrame) -> pl.DataFrame:
        hosts = ends["host"].drop_nulls().unique()
        fits = self._names.fitting(hosts)
        return ends.join(fits, on="host").select("end", "row", weight=pl.col("specificity") + _BY_NAME)

    def _by_port(self, ends: pl.DataFrame) -> pl.DataFrame:
        return ends.join(self._ports, on=["port", "transport"]).select(
            "end", "row", weight=pl.lit(_BY_PORT, pl.Int64)
        )

    def _by_address(self, ends: pl.DataFrame) -> pl.DataFrame:
        servers = ends["server"].drop_nulls().unique()
        around = surrounding_networks(self._networks, servers).select(server="address", row="address_row")
        known = pl.concat([around, self._addresses.select("server", "row")])
        return ends.join(known, on="server").select("end", "row", weight=pl.lit(0, pl.Int64))


def _agree(column: str) -> pl.Expr:
    """True where connection and spot have the same `column`, or one of them is NULL."""
    return (pl.col(column) == pl.col(f"spot_{column}")).fill_null(True)
