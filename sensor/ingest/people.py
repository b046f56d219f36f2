"""The tables about people, `leases` and `directory`: what a source reports, what files and settings say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import polars as pl

from sensor import schema
from sensor.identity.known import Known
from sensor.identity.scope import Scopes
from sensor.privacy.canonical import canonical
from sensor.privacy.departments import without_small
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import Pseudonyms
from sensor.privacy.rotation import LeaseRotation

#: Origin and confidence of a lease made of a line of a gateway, a proxy or firewall on site; it ends when
#: another account's begins.
_ORIGIN, _CONFIDENCE = "gateway", 0.8
#: Such a lease begins a little before the use, because clocks differ, and lasts for a time after its end.
#: Both are rounded: the lines of a few minutes make one, whatever batches they come in.
_BEFORE, _AFTER, _ROUNDED = timedelta(minutes=1), timedelta(hours=1), "5m"
#: No use is taken to have lasted longer.
_LONGEST_S = 86_400
#: Accounts and addresses remembered as already emitted. Emitting one again is harmless: keys are unique.
_MAX_MARKED = 500_000


class People:
    """Makes the tables about people of one origin; remembers what it has emitted."""

    def __init__(
        self,
        site: str,
        keys: Keys,
        pseudonyms: Pseudonyms,
        known: Known,
        lease_rotation: LeaseRotation,
        scopes: Scopes | None = None,
        k: int = 1,
        news: Callable[[schema.Table, pl.DataFrame], pl.DataFrame] | None = None,
    ) -> None:
        """`site`: where leases hold that name no site. `k`: departments with fewer accounts are left out of
        `directory`. `scopes` is given for a gateway: accounts it names were at its clients' addresses.
        `news` gives those rows of a table that the lake does not hold: files rarely say anything new."""
        self._site = site
        self._keys = keys
        self._pseudonyms = pseudonyms
        self._known = known
        self._lease_rotation = lease_rotation
        self._scopes = scopes
        self._k = k
        self._news = news
        self._emitted: set[int] = set()
        self._marked: set[tuple[int, str, str]] = set()

    def tables(
        self, reported: pl.DataFrame, epochs: Sequence[int], hits: pl.DataFrame, *, last: bool
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The tables leases and directory, tokenised: from the leases a source `reported`, the `epochs`
        in which there was traffic, and the matched observations `hits`.

        Leases the source reported come first. Who used a service through a gateway was at that address:
        packets and other logs name the address alone. What files and settings say is emitted once per epoch,
        because tokens change with it; what they say of single accounts and addresses, once these are seen.
        `last`: no more of the input follows.
        """
        leases = [self._lease_rotation.carry(reported, epochs, last=last), *self._behind_gateway(hits)]
        directory = [schema.DIRECTORY.empty()]
        new = set(epochs) - self._emitted
        for epoch in sorted(new):
            begin, end = self._keys.bounds(epoch)
            leases.append(canonical(self._known.leases(begin, end)))
            directory.append(without_small(canonical(self._known.directory(begin, end)), self._k))
        self._emitted |= new
        mentions = pl.concat(
            [
                hits.select("user_name", "client", at="seen_at"),
                reported.select("user_name", pl.lit(None, dtype=pl.String).alias("client"), at="valid_from"),
            ]
        )
        for epoch, accounts, addresses in self._unmarked(mentions):
            begin, end = self._keys.bounds(epoch)
            directory.append(self._known.marks(accounts, begin, end))
            leases.append(self._known.sharing(addresses, begin, end))
        by_site = pl.concat(leases).with_columns(pl.col("site").fill_null(self._site)).partition_by("site")
        protected = [
            self._pseudonyms.protect(rows, schema.LEASES, site=rows.item(0, "site")) for rows in by_site
        ]
        # Two rows about one account would take turns, as if its department had changed.
        said = pl.concat(directory).unique(schema.DIRECTORY.key, keep="last", maintain_order=True)
        directory_rows = self._pseudonyms.protect(said, schema.DIRECTORY, site=self._site)
        leases_rows = pl.concat([schema.LEASES.empty(), *protected])
        if new and self._news is not None:
            leases_rows = self._news(schema.LEASES, leases_rows)
            directory_rows = self._news(schema.DIRECTORY, directory_rows)
        # Ordered by token: the order of the files would link the tokens of one epoch to those of the next.
        return (
            leases_rows.sort("valid_from", "address", maintain_order=True),
            directory_rows.sort("user_name", "device", maintain_order=True),
        )

    def _behind_gateway(self, hits: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The leases that follow from the lines of a gateway, by epoch."""
        if (scopes := self._scopes) is None:
            return
        stays = ~pl.col("roams").fill_null(False)
        named = hits.filter(stays, pl.col("user_name", "client").is_not_null())
        ours = [one for one in named["client"].unique() if scopes.scope(one) == "internal"]
        lasted = pl.duration(microseconds=(pl.col("duration_s").clip(0, _LONGEST_S) * 1e6).fill_null(0))
        held = named.filter(pl.col("client").is_in(ours)).select(
            "user_name",
            address="client",
            begun=pl.col("seen_at").dt.truncate(_ROUNDED),
            ended=(pl.col("seen_at") + lasted).dt.truncate(_ROUNDED),
            epoch=self._keys.epoch_of(pl.col("seen_at")),
        )
        for (epoch,), rows in held.unique(maintain_order=True).group_by("epoch", maintain_order=True):
            begin, end = self._keys.bounds(epoch)
            yield schema.LEASES.conform(
                rows.select(
                    "user_name",
                    "address",
                    valid_from=pl.max_horizontal(pl.lit(begin), pl.col("begun") - _BEFORE),
                    valid_to=pl.min_horizontal(pl.lit(end), pl.col("ended") + _AFTER),
                    origin=pl.lit(_ORIGIN),
                    confidence=pl.lit(_CONFIDENCE),
                )
            )

    def _unmarked(self, mentions: pl.DataFrame) -> Iterator[tuple[int, list[str], list[str]]]:
        """Epoch, accounts and addresses of `mentions` (user_name, client, at) that are new in their epoch.

        What the settings say about an account or address is emitted once per epoch.
        """
        rows = mentions.with_columns(self._keys.epoch_of(pl.col("at").cast(schema.TIME)).alias("epoch"))
        found = {
            (int(epoch), what, str(value))
            for what in ("user_name", "client")
            for epoch, value in rows.select("epoch", what).drop_nulls().unique().iter_rows()
        }
        new = found - self._marked
        if len(self._marked) > _MAX_MARKED:
            self._marked.clear()
        self._marked |= new
        for epoch in sorted({epoch for epoch, _, _ in new}):
            accounts, addresses = (
                [value for one, what, value in new if (one, what) == (epoch, kind)]
                for kind in ("user_name", "client")
            )
            yield epoch, accounts, addresses
