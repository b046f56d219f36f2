"""Finds connections behind which the sensor is blind: encrypted DNS, VPNs, relays and proxies.

A connection is recognised by the name of its server, else by its port, else by the server's address (only if
no name is known). Work is done once per distinct server.
"""

from __future__ import annotations

import polars as pl

from sensor.match.hostname import normal
from sensor.match.index import Names, network_table, surrounding_networks
from sensor.match.misses import Misses

_END = ("host", "server", "port", "transport")
_TEXTS = {"end": pl.UInt32, "host": pl.String, "server": pl.String}
_LITERAL = r"^[0-9.]+$|:.*:"

#: Order of trust: a name, then a port, then an address; longer names before shorter.
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

        `ends` has the columns host, server, port and transport, any of which may be NULL. The spot's own port
        and transport are `spot_port` and `spot_transport`.
        """
        numbered = ends.with_row_index("end")
        hits = pl.concat([self._by_name(numbered), self._by_port(numbered), self._by_address(numbered)])
        says = self.spots.rename({"port": "spot_port", "transport": "spot_transport"})
        joined = hits.join(numbered, on="end").join(
            says.with_columns(row=pl.col("spot").cast(pl.Int64)), on="row"
        )
        return (
            joined.filter(_agree("port"), _agree("transport"))
            .sort(["end", "weight", "row"], descending=[False, True, False])
            .unique("end", keep="first", maintain_order=True)
        )

    def counts(self, observations: pl.DataFrame) -> pl.DataFrame:
        """Connections to blind spots, counted on their first slice: minute, encrypted_dns, vpn_relay."""
        begun = observations.filter(pl.col("kind") != "dns", pl.col("slice").fill_null(0) == 0).select(
            "host",
            "server",
            "transport",
            minute=pl.coalesce("started_at", "seen_at").dt.truncate("1m"),
            port="server_port",
        )
        minutes, worth = begun.select("minute").unique(), self._worth_a_look(begun)
        if worth.is_empty():
            return minutes.with_columns(encrypted_dns=pl.lit(0, pl.Int64), vpn_relay=pl.lit(0, pl.Int64))
        ends = worth.group_by("minute", *_END).len("connections")
        found = self.find(ends.select(_END).unique()).select(*_END, "counted")
        counted = minutes.join(ends.join(found, on=list(_END), nulls_equal=True), on="minute", how="left")
        return counted.group_by("minute").agg(
            pl.col("connections").filter(pl.col("counted") == column).sum().cast(pl.Int64).alias(column)
            for column in ("encrypted_dns", "vpn_relay")
        )

    def _worth_a_look(self, begun: pl.DataFrame) -> pl.DataFrame:
        """The few of `begun` that one column alone does not rule out; `server` is NULL beside a name."""
        may_hit = self._misses.may_hit(begun, ("host",))
        hosts = begun.select(pl.col("host").filter(may_hit))["host"].drop_nulls().unique()
        literals = hosts.filter(hosts.str.contains(_LITERAL))
        names = self._names.fitting(hosts)["host"]
        missed = hosts.filter(~hosts.is_in(pl.concat([names, literals]).implode()))
        self._misses.learn("host", missed, begun.height)
        nameless = pl.col("host").is_null() | pl.col("host").is_in(literals.implode())
        rows = begun.with_columns(
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

    def about(self, host: str | None, address: str | None) -> pl.DataFrame:
        """The blind spots that list a host or an address, whatever the port: columns of `BLIND_SPOTS`."""
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
    """The end is where the spot is, as far as both say so."""
    return (pl.col(column) == pl.col(f"spot_{column}")).fill_null(True)
