"""What happens to rows that were taken in (`intake.py`): match → roll up → tokenise.

`Pipeline.add` matches and counts rows, `Pipeline.flush` returns the tables of everything added since the last
flush, ready to be stored. Each step is implemented in a package of its own (`match`, `identity`, `privacy`);
`one_input.py` is the loop that reads batches and stores tables. Nothing here knows a file format, a protocol
or a service.

A pipeline is for one format of one sensor. Rows of several inputs may go through it together; each keeps the
identity of its `input`, and rows of different inputs are never added up.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from sensor import schema
from sensor.identity.scope import Scopes
from sensor.ingest.intake import Origin, Taken, set_aside
from sensor.ingest.people import People
from sensor.match.blindness import Blindness
from sensor.match.bursts import LookupBursts
from sensor.match.by_client import LEFT_OUT, NamesByClient
from sensor.match.coverage import added, connection_counts
from sensor.match.grade import grade
from sensor.match.hostname import normal_column, registrable
from sensor.match.index import Index
from sensor.match.match import match
from sensor.match.near import Near
from sensor.match.pulls import describe
from sensor.match.repeats import Repeats
from sensor.match.rollup import NamesRollup, begins, newest_seen
from sensor.privacy.community import community_ids
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import Pseudonyms

#: Columns that identify a row of `names_by_client`: rows equal in all of them get one `event_id`.
_IDENTITY_BY_CLIENT = (
    "seen_at", "duration_s", "source", "kind", "action", "site", "client", "user_name", "device", "host",
    "lookups", "connections", "bytes_up", "bytes_down",
)  # fmt: skip
#: Columns that identify a sighting, wherever it was read. Nothing the catalog says is among them, so that a
#: new catalog does not make new sightings of old traffic.
_IDENTITY = (
    "seen_at", "duration_s", "source", "kind", "action", "site", "client", "client_port", "user_name",
    "device", "host", "url_path", "method", "status", "server", "server_port", "transport", "tunnel", "slice",
    "bytes_up", "bytes_down",
)  # fmt: skip
#: Of those, columns that do not identify a slice of a connection: they grow if a capture is continued.
_GROWING = ("duration_s", "action", "status", "bytes_up", "bytes_down")
#: Columns that identify a flow.
_TUPLE = ("site", "transport", "tunnel", "client", "client_port", "server", "server_port")


@dataclass(frozen=True)
class CatalogInUse:
    """A catalog as pipelines use it."""

    version: str
    index: Index
    #: counts what leads to services behind which the sensor is blind; None: that is not counted
    blindness: Blindness | None = None


@dataclass
class _Pending:
    """What was added since the last flush. Of the observations only those that matched are kept."""

    hits: list[pl.DataFrame] = field(default_factory=list)
    leases: list[pl.DataFrame] = field(default_factory=list)
    coverage: list[pl.DataFrame] = field(default_factory=list)
    #: counts by minute that naming and matching add to coverage
    counts: list[pl.DataFrame] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    epochs: set[int] = field(default_factory=set)
    #: newest `seen_at` so far
    newest: datetime | None = None


class Pipeline:
    """Turns the rows of one format of one sensor into tables ready to be stored.

    It keeps state between calls: open lookup bursts and rollups, open leases.
    """

    def __init__(
        self,
        origin: Origin,
        catalog: CatalogInUse,
        scopes: Scopes,
        keys: Keys,
        pseudonyms: Pseudonyms,
        people: People,
        *,
        names_by_client: bool = False,
        on_hits: Callable[[pl.DataFrame], None] | None = None,
    ) -> None:
        """Everything but the origin and `people` may be shared with other pipelines.

        `names_by_client`: also fill the table of that name. `on_hits` is called with the matched observations
        of each `add`, before their addresses become tokens.
        """
        self._on_hits = on_hits
        self._origin = origin
        self._catalog = catalog
        self._scopes = scopes
        self._keys = keys
        self._pseudonyms = pseudonyms
        self._people = people
        self._names = NamesRollup()
        self._by_client = NamesByClient() if names_by_client else None
        self._near = Near()
        self._bursts = LookupBursts()
        self._repeats = Repeats()
        self._pending = _Pending()

    def use(self, catalog: CatalogInUse) -> None:
        """Use another catalog from the next batch on."""
        self._catalog = catalog

    @property
    def waiting(self) -> int:
        """Number of matched observations that wait for `flush`."""
        return sum(hits.height for hits in self._pending.hits)

    def add(self, taken: Sequence[Taken]) -> None:
        """Match and count the rows taken of one batch or of several; keep what matched until `flush`."""
        named = normal_column(pl.concat(one.observations for one in taken))
        self._names.add(named)
        hits = self._matched(named)
        if self._on_hits is not None:
            self._on_hits(hits)
        self._near.add(named, hits)
        pending = self._pending
        # Lookups may wait in a burst until a later catalog is in use: they keep the version that matched.
        pending.hits.append(hits.with_columns(pl.lit(self._catalog.version).alias("catalog_version")))
        pending.epochs.update(self._keys.epochs_in(named.get_column("seen_at")))
        pending.newest = newest_seen(named) or pending.newest
        if self._catalog.blindness is not None:
            pending.counts.append(self._catalog.blindness.counts(named))
        pending.counts.append(connection_counts(named, self._scopes.is_server_inside))
        for one in taken:
            pending.counts += [] if one.naming is None else [one.naming]
            pending.coverage.append(one.coverage)
            pending.leases.append(one.leases)
            pending.rejects.append(one.rejects)

    def flush(self, position: int, *, last: bool) -> dict[str, pl.DataFrame]:
        """The tables of what was added since the last flush, by name: conformed, tokenised, to be stored.

        `position` is how far the input has been read, in its own units. Lookup bursts and rollups that later
        batches may still extend are held back unless this is the `last` flush.
        """
        if not self._pending.hits:
            if not last:
                return self._nothing()
            self.add([Taken()])
        pending, self._pending = self._pending, _Pending()
        newest, hits = pending.newest, pl.concat(pending.hits)
        sightings = self._bursts.merge(hits, newest=newest, last=last)
        names = self._near.label(self._names.flush(newest=newest, final=last))
        leases, directory = self._people.tables(
            pl.concat(pending.leases), sorted(pending.epochs), hits, last=last
        )
        rejects = pending.rejects
        tables = {
            "sightings": self._sightings_table(sightings),
            "names": self._names_table(names),
            "coverage": self._coverage_table(pending),
            "leases": leases,
            "directory": directory,
        }
        if self._by_client is not None:
            browsing, left_out = self._by_client.flush(newest=newest, final=last)
            tables["names_by_client"] = self._names_by_client_table(browsing)
            if left_out.height:
                rejects = [*rejects, self._left_out(left_out, position, newest)]
        if self._pseudonyms.counts:  # after everything that has accounts
            tables["counting"] = self._pseudonyms.counted()
        return tables | {"rejects": pl.concat([schema.REJECTS.empty(), *rejects])}

    def _matched(self, named: pl.DataFrame) -> pl.DataFrame:
        """The observations that match the catalog; the others go to `names_by_client`, if that is on."""
        asked = named.with_columns(pl.col("path").alias("url_path"))
        if self._by_client is None:
            return match(asked, self._catalog.index)
        hits = match(asked.with_row_index("_row"), self._catalog.index)
        unknown = named.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(hits["_row"].implode()))
        self._by_client.add(
            unknown.with_columns(connections=_connections(), requests=_requests()), self._catalog.version
        )
        return hits.drop("_row")

    def _names_by_client_table(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of `names_by_client`. Internal names are left out: no catalog will ever know them."""
        if rows.is_empty():
            return schema.NAMES_BY_CLIENT.empty()
        hosts = rows["host"].unique()
        rows = rows.filter(~pl.col("host").is_in(hosts.filter(self._scopes.is_internal(hosts)).implode()))
        lasted = (pl.col("ended") - pl.col("seen_at")).dt.total_microseconds() / 1e6
        rows = rows.with_columns(*self._origin.columns(), lasted.alias("duration_s"))
        rows = self._scopes.add(rows.with_columns(server=pl.lit(None, pl.String)))
        identity = pl.concat_str(pl.lit("names"), *_text(_IDENTITY_BY_CLIENT), separator="|")
        rows = rows.with_columns(self._pseudonyms.row_ids(rows, identity, "seen_at").alias("event_id"))
        table = schema.NAMES_BY_CLIENT
        return self._pseudonyms.protect(table.conform(rows), table, site=self._origin.site)

    def _nothing(self) -> dict[str, pl.DataFrame]:
        """The tables `flush` returns, without rows."""
        names = ["sightings", "names", "coverage", "leases", "directory", "rejects"]
        names += ["names_by_client"] if self._by_client is not None else []
        names += ["counting"] if self._pseudonyms.counts else []
        return {name: schema.TABLES[name].empty() for name in names}

    def _sightings_table(self, hits: pl.DataFrame) -> pl.DataFrame:
        if hits.is_empty():
            return schema.SIGHTINGS.empty()
        rows = self._scopes.add(describe(hits)).with_columns(grade(hits).alias("grade"))
        rows = rows.with_columns(
            _connections().alias("connections"),
            _requests().alias("requests"),
            pl.col("user_agent")
            .str.extract(r"^([A-Za-z0-9._+-]{1,40}(?:/[0-9]+(?:\.[0-9]+)?)?)")
            .alias("user_agent"),
        )
        rows = rows.with_columns(*self._ids(rows))
        if self._pseudonyms.writes_clear:
            rows = rows.with_columns(community_ids(rows))
        return self._pseudonyms.protect(
            schema.SIGHTINGS.conform(rows), schema.SIGHTINGS, site=self._origin.site
        )

    def _ids(self, rows: pl.DataFrame) -> list[pl.Series]:
        """The columns event_id, connection and flow: hashes of clear values, keyed by the row's epoch."""
        # A lookup has the same id whether or not the line with its answer was read along with it.
        answered = pl.when(pl.col("kind") == "dns").then(pl.col("action").fill_null("allowed"))
        identity = _text(_IDENTITY, unless_sliced=_GROWING)
        rows = rows.with_columns(
            pl.coalesce("started_at", "seen_at").alias("_began"),
            rows.with_columns(action=answered.otherwise("action"))
            .select(pl.concat_str(identity, separator="|"))
            .to_series()
            .alias("_identity"),
        )
        nth = self._repeats.number(rows.select("input", "seen_at", identity="_identity"))
        numbered = pl.concat_str("_identity", pl.lit("|"), nth)
        tuple_text = pl.concat_str(_text(_TUPLE), separator="|")
        has_tuple = pl.col("started_at").is_not_null() & pl.col("client_port").is_not_null()
        flow = pl.when(has_tuple).then(tuple_text)
        began = pl.col("started_at").dt.epoch("us").cast(pl.String)
        ids = self._pseudonyms.row_ids
        return [
            ids(rows, numbered, "seen_at").alias("event_id"),
            ids(rows, pl.concat_str(flow, pl.lit("|"), began), "_began").alias("connection"),
            ids(rows, flow, "_began").alias("flow"),
        ]

    def _names_table(self, names: pl.DataFrame) -> pl.DataFrame:
        rows = names.with_columns(self._origin.columns())
        rows = rows.join(registrable(rows.get_column("host")), on="host", maintain_order="left")
        return self._pseudonyms.protect(schema.NAMES.conform(rows), schema.NAMES, site=self._origin.site)

    def _coverage_table(self, pending: _Pending) -> pl.DataFrame:
        """The source's coverage, plus what only naming and matching can count: connections named by DNS,
        hidden by ECH, leading inside, or to services behind which the sensor is blind."""
        coverage = added(pl.concat(pending.coverage), pending.counts)
        return schema.COVERAGE.conform(coverage.with_columns(self._origin.columns()))

    def _left_out(self, counts: pl.DataFrame, position: int, at: datetime | None) -> pl.DataFrame:
        """Rejects for rows that `names_by_client` left out; `counts` has the columns input and count."""
        rows = pl.concat(
            set_aside(position, {LEFT_OUT: count}).with_columns(input=pl.lit(of))
            for of, count in counts.iter_rows()
        )
        at_time = pl.lit(at, dtype=schema.TIME).alias("rejected_at")
        return schema.REJECTS.conform(rows.with_columns(*self._origin.columns(), at_time))


def _text(columns: Iterable[str], *, unless_sliced: Container[str] = ()) -> list[pl.Expr]:
    """The columns as text, '' where NULL; those of `unless_sliced` also in slices of connections."""
    is_whole = pl.col("slice").is_null()
    return [
        (pl.when(is_whole).then(name) if name in unless_sliced else pl.col(name))
        .cast(pl.String)
        .fill_null("")
        for name in columns
    ]


def _connections() -> pl.Expr:
    """1 for the first slice of a connection, a later request in it, a logged request or a tunnel; 0 for later
    slices and for lookups."""
    return (begins() & (pl.col("kind") != "dns")).cast(pl.Int64)


def _requests() -> pl.Expr:
    """1 for an HTTP request; NULL where requests are encrypted, and for CONNECT, which asks for a tunnel."""
    asked = pl.col("method").is_not_null() & (pl.col("method") != "CONNECT")
    return pl.when(asked & begins()).then(pl.lit(1, dtype=pl.Int64))
