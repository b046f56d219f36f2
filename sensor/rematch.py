"""Applies today's catalog to what is stored: restates or withdraws sightings, matches names unknown before.

Nothing stored is rewritten. Changes are appended: to `restated` (sightings that today's catalog classifies
otherwise), to `name_hits` (names it knows), and to `sightings` (rows of `names_by_client` it knows). Readers
use the latest row. Work goes day by day in bounded memory, with one commit a day; after a kill, the next
rematch does the remaining days.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from sensor import schema
from sensor.catalog.load import Catalog
from sensor.match.by_client import WHO
from sensor.match.hunt import counted_once, hunted
from sensor.match.index import Index
from sensor.match.match import match
from sensor.match.reclassify import CLASSIFICATION, NEEDED, differs, reclassify, totals
from sensor.match.rollup import bucket_of
from sensor.store.lake import Lake
from sensor.store.segments import Commits

#: Rows of sightings held in memory at a time.
MAX_ROWS = 500_000
#: A connection without a row for this long has ended: longer than a slice and the idle limit of the flow
#: table.
_STILL_OPEN = timedelta(minutes=10)

_WHOSE = ("event_id", "seen_at", "site", "client", "user_name")
_AMOUNTS = ("bytes_up", "bytes_down", "connections", "lookups")
_COLUMNS = tuple(
    dict.fromkeys((*_WHOSE, *NEEDED, *_AMOUNTS, "sensor", "connection", "slice", "hunted", "catalog_version"))
)
#: Columns of sightings needed to count no use twice.
_BESIDE = ("event_id", "input", "site", "source", *WHO, "host", "seen_at", "hunted")
#: Names of the segments that a rematch writes begin with this.
_NAME = "rematch-"
_BEFORE = pl.Schema({"key": pl.UInt64, "before_bytes_up": pl.Int64, "before_bytes_down": pl.Int64})
#: What is said of a sighting …
_SAID = ("app", "role", "access")
#: … before and after; of one that only has another grade, the grades, too.
CHANGED = tuple(f"{when}{name}" for when in ("old_", "") for name in (*_SAID, "grade"))


@dataclass
class Findings:
    """What a rematch examined and found; `cli/rematch.py` prints it."""

    catalog_version: str
    days: int = 0
    sightings: int = 0
    names: int = 0
    #: CHANGED, day, sightings, bytes_up; one row per day and kind of change
    changes: list[pl.DataFrame] = field(default_factory=list)
    #: host, app, role, day, buckets, first_seen, last_seen, bytes_up, clients: what `names` holds of each day
    past: list[pl.DataFrame] = field(default_factory=list)
    #: days that would change, but whose figures are final, because rows they were made from are deleted
    final: list[date] = field(default_factory=list)
    #: rows of `restated` and of `name_hits`
    restated: int = 0
    hosts: int = 0
    #: rows of `names_by_client`, and how many of them became sightings
    by_client: int = 0
    hunted: int = 0


class Rematch:
    """One run over a lake."""

    def __init__(
        self, lake: Lake, catalog: Catalog, *, now: datetime, since: date | None = None,
        final: Collection[date] = (),
    ) -> None:  # fmt: skip
        """`now` is recorded as the time of the restatements, `since` the first event day to look at.

        `final`: event days whose figures are never counted again; they are not restated.
        """
        self._lake = lake
        self._catalog = catalog
        self._index = Index.build(catalog.indicators)
        self._now = now.astimezone(UTC)
        self._since = since or date.min
        self._final = frozenset(final)
        self._cold = lake.manifest()["tables"]

    def run(self, *, dry: bool) -> Findings:
        """Examine all days; store what changed unless `dry`. Raises LakeError."""
        found = Findings(self._catalog.version)
        if not dry:
            self._lake.create()
            self._commit("catalog", 0, {"catalog": self._catalog.frame()})
        for day, changes in self._restated(found):
            found.restated += changes.height
            found.changes.append(summary(day, changes))
            if not dry and changes.height:
                self._commit("sightings", day.toordinal(), {"restated": changes})
        known = [pl.DataFrame(schema={"host": pl.String, "bucket": schema.TIME})]
        for day, sightings in self._hunted(found):
            changes = self._as_new(sightings)
            found.hunted += changes.height
            found.changes.append(summary(day, changes))
            known.append(sightings.select("host", bucket=bucket_of()).unique())
            if not dry:
                self._commit("hunt", day.toordinal(), {"restated": changes, "sightings": sightings})
        hits = self._name_hits(found, pl.concat(known))
        found.hosts = hits.height
        if not dry and hits.height:
            self._commit("names", 0, {"name_hits": hits})
        return found

    def _commit(self, what: str, number: int, frames: dict[str, pl.DataFrame]) -> None:
        Commits(self._lake, f"{_NAME}{self._now:%Y%m%dT%H%M%S%f}-{what}").commit(number, number, frames)

    def _restated(self, found: Findings) -> Iterator[tuple[date, pl.DataFrame]]:
        """Event days and the rows of `restated` for the sightings that changed on them."""
        landed = self._landed(schema.RESTATED)
        before = pl.DataFrame(schema=_BEFORE)
        for day, files in self._days("sightings", lead=1):
            of_day = landed.filter(pl.col("seen_at").dt.date() == day)
            restated_before = self._latest(schema.RESTATED, [*self._compacted(schema.RESTATED, day), of_day])
            rows, changes = 0, [schema.RESTATED.empty()]
            for file in files:
                newest, open_ones = _newest(file), []
                for part in self._parts(file):
                    sliced = totals(part, before)
                    rows += part.height
                    open_ones.append(_open_at(newest, sliced))
                    before = pl.concat([before, _of_last_client(sliced)]).unique("key", keep="last")
                    if day >= self._since:
                        changes.append(self._changes(sliced, restated_before))
                before = pl.concat([before.clear(), *open_ones])
                before = before.unique("key", keep="last", maintain_order=True)
            if day < self._since:
                continue
            found.days, found.sightings = found.days + 1, found.sightings + rows
            restated = pl.concat(changes)
            if day in self._final and restated.height:
                found.final.append(day)
            elif restated.height:
                yield day, restated

    def _parts(self, file: Path) -> Iterator[pl.DataFrame]:
        """The rows of a file in their order (app, client, time), at most MAX_ROWS at a time."""
        wanted = _some(file, _COLUMNS)
        rows = int(wanted.select(pl.len()).collect().item())
        for begin in range(0, rows, MAX_ROWS):
            yield wanted.slice(begin, MAX_ROWS).collect()

    def _changes(self, sightings: pl.DataFrame, restated_before: pl.DataFrame) -> pl.DataFrame:
        """Rows of `restated` for the `sightings` that today's catalog classifies otherwise.

        `restated_before`: the latest restatements of that day's sightings.
        """
        again = (
            pl.col("event_id").is_in(restated_before["event_id"].implode())
            if restated_before.height
            else None
        )
        rows = reclassify(sightings, self._index, again).with_columns(
            pl.col(name).alias(f"until_{name}") for name in (*CLASSIFICATION, "catalog_version")
        )
        now = _as_restated(rows, restated_before).filter(differs("until_"))
        return schema.RESTATED.conform(
            now.select(
                *_WHOSE,
                *_AMOUNTS,
                pl.lit(self._now, schema.TIME).alias("restated_at"),
                pl.col("catalog_version").alias("stored_version"),
                pl.col("until_catalog_version").alias("old_version"),
                *(
                    pl.col(f"until_{n}").alias(f"old_{n}")
                    for n in ("signature", "app", "access", "role", "grade")
                ),
                *(pl.col(f"now_{name}").alias(name) for name in CLASSIFICATION),
                pl.lit(self._catalog.version).alias("catalog_version"),
            )
        )

    def _hunted(self, found: Findings) -> Iterator[tuple[date, pl.DataFrame]]:
        """Event days and the sightings that rows of `names_by_client` become.

        Column `until` is the version of the catalog that did not know them.
        """
        sighted = dict(self._days("sightings"))
        for day, files in self._days("names_by_client"):
            stored = pl.scan_parquet(files, hive_partitioning=False)
            found.by_client += int(stored.select(pl.len()).collect().item())
            hosts = self._matched(stored.select(pl.col("host").unique()).collect()["host"])["host"].implode()
            rows = schema.NAMES_BY_CLIENT.conform(stored.filter(pl.col("host").is_in(hosts)).collect())
            made = self._lake.hot(schema.SIGHTINGS).glob(f"part=*/{_NAME}*-hunt-*.parquet")
            beside = [
                _some(file, _BESIDE).filter(pl.col("host").is_in(hosts)).collect()
                for file in (*sighted.get(day, ()), *sorted(made))
            ]
            beside.append(schema.SIGHTINGS.empty().select(_BESIDE))
            rows = counted_once(rows, pl.concat(beside))
            until = rows.select("event_id", until="catalog_version")
            sightings = hunted(rows, self._index, self._catalog.version).join(until, on="event_id")
            if sightings.height and day in self._final:
                found.final.append(day)
            elif sightings.height:
                yield day, sightings

    def _as_new(self, sightings: pl.DataFrame) -> pl.DataFrame:
        """Rows of `restated` for new sightings: no indicator matched them until now."""
        return schema.RESTATED.conform(
            sightings.with_columns(
                restated_at=pl.lit(self._now, schema.TIME),
                stored_version="catalog_version",
                old_version="until",
            )
        )

    def _name_hits(self, found: Findings, hunted: pl.DataFrame) -> pl.DataFrame:
        """Rows of `name_hits` for names whose classification changed.

        Only times count for which a name has no sighting, stored or `hunted` (host, bucket) in this run.
        """
        unsighted: list[pl.DataFrame] = []
        sighted = dict(self._days("sightings"))
        for day, files in self._days("names"):
            names = schema.NAMES.conform(pl.read_parquet(files, hive_partitioning=False))
            found.names += names.height
            hits = self._matched(names["host"].unique())
            unseen = names.join(hits, on="host")
            if day in sighted:
                seen = pl.scan_parquet(sighted[day], hive_partitioning=False).select(
                    "host", bucket=bucket_of()
                )
                unseen = unseen.join(seen.unique().collect(), on=["host", "bucket"], how="anti")
            unseen = unseen.join(hunted, on=["host", "bucket"], how="anti")
            unsighted.append(unseen.select(hits.columns).unique("host", maintain_order=True))
            found.past.append(_past(day, unseen))
        days = self._cold.get("name_hits", {}).get("cold", {})
        compacted = [frame for day in days for frame in self._compacted(schema.NAME_HITS, day)]
        known = self._latest(schema.NAME_HITS, [*compacted, self._landed(schema.NAME_HITS)])
        words = ("signature", "app", "access", "role")
        now = pl.concat([schema.NAME_HITS.empty().select("host", *words, "confidence"), *unsighted]).unique(
            "host"
        )
        gone = known.filter(~pl.col("host").is_in(self._matched(known["host"])["host"].implode()))
        gone = gone.drop_nulls("app")
        now = pl.concat([now, gone.select("host").join(now.clear(), on="host", how="left")])
        old = known.select("host", *(pl.col(name).alias(f"old_{name}") for name in words), _known=True)
        compared = now.join(old, on="host", how="left", nulls_equal=True)
        differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"old_{name}")) for name in words)
        return schema.NAME_HITS.conform(
            compared.filter(pl.col("_known").is_null() | differs).with_columns(
                pl.lit(self._now, schema.TIME).alias("matched_at"),
                pl.lit(self._catalog.version).alias("catalog_version"),
            )
        )

    def _matched(self, hosts: pl.Series) -> pl.DataFrame:
        """Those of the unique `hosts` that match by name alone: host, signature, app, access, role,
        confidence."""
        asked = hosts.drop_nulls().alias("host").to_frame()
        asked = asked.with_columns(given="host", name_from=pl.lit("qname"))
        hits = match(asked, self._index)
        return hits.select(pl.col("given").alias("host"), "signature", "app", "access", "role", "confidence")

    def _days(self, table: str, *, lead: int = 0) -> Iterator[tuple[date, list[Path]]]:
        """Event days from `lead` days before `since` on, with the table's compacted files of each."""
        first = (
            self._since - timedelta(days=lead) if self._since > date.min + timedelta(days=lead) else date.min
        )
        for name, files in sorted(self._cold.get(table, {}).get("cold", {}).items()):
            try:
                day = date.fromisoformat(name)
            except ValueError:
                continue  # rows without a time lie elsewhere
            if day >= first:
                yield day, [self._lake.path / file for file in files]

    def _compacted(self, table: schema.Table, day: date | str) -> list[pl.DataFrame]:
        files = self._cold.get(table.name, {}).get("cold", {}).get(str(day), ())
        return [table.conform(pl.read_parquet(self._lake.path / f, hive_partitioning=False)) for f in files]

    def _landed(self, table: schema.Table) -> pl.DataFrame:
        """Rows in segments: those not compacted yet, and some that are."""
        files = sorted(self._lake.hot(table).glob("part=*/*.parquet"))
        return pl.concat(
            [table.empty(), *(table.conform(pl.read_parquet(f, hive_partitioning=False)) for f in files)]
        )

    def _latest(self, table: schema.Table, frames: list[pl.DataFrame]) -> pl.DataFrame:
        """The latest row of each key."""
        rows = pl.concat(frames).sort("landed_at", nulls_last=False, maintain_order=True)
        return rows.unique(list(table.key), keep="last", maintain_order=True)


def _some(file: Path, columns: Iterable[str]) -> pl.LazyFrame:
    """Columns of a file of sightings; NULL if the release that wrote it did not have the column yet."""
    stored = pl.scan_parquet(file, hive_partitioning=False)
    have, types = stored.collect_schema().names(), schema.SIGHTINGS.dtypes
    return stored.select(
        pl.col(name) if name in have else pl.lit(None, types[name]).alias(name) for name in columns
    )


def _as_restated(rows: pl.DataFrame, restated_before: pl.DataFrame) -> pl.DataFrame:
    """`rows` with their classification in force in `until_…`: the restated one, where it is of that very
    row."""
    words = (*CLASSIFICATION, "catalog_version")
    of_row = restated_before.select(
        "event_id", "stored_version", *(pl.col(name).alias(f"_{name}") for name in words)
    )
    rows = rows.join(of_row, on="event_id", how="left", maintain_order="left").with_columns(
        _restated=pl.col("stored_version").is_not_null()
        & pl.col("stored_version").eq_missing(pl.col("catalog_version"))
    )
    return rows.with_columns(
        pl.when("_restated").then(f"_{name}").otherwise(f"until_{name}").alias(f"until_{name}")
        for name in words
    ).drop("stored_version", *(f"_{name}" for name in words))


def _newest(file: Path) -> datetime:
    """The time of the newest row of a file of sightings. The next file, of this day or a later one, begins
    after it."""
    newest = pl.scan_parquet(file, hive_partitioning=False).select(pl.col("seen_at").max()).collect().item()
    assert isinstance(newest, datetime)  # the files of a day have rows, and those a time
    return newest


def _open_at(newest: datetime, sliced: pl.DataFrame) -> pl.DataFrame:
    """What the connections that may go on in the next file carried so far, with the columns of `_BEFORE`."""
    return _so_far(sliced, pl.col("seen_at") >= pl.lit(newest - _STILL_OPEN, schema.TIME))


def _of_last_client(sliced: pl.DataFrame) -> pl.DataFrame:
    """Bytes so far of the connections that may continue in the next part."""
    last = sliced.select(pl.col("app", "client").last()).row(0)
    return _so_far(
        sliced,
        pl.all_horizontal(pl.col(n).eq_missing(v) for n, v in zip(("app", "client"), last, strict=True)),
    )


def _so_far(sliced: pl.DataFrame, some: pl.Expr) -> pl.DataFrame:
    """Bytes so far (`_BEFORE`) of the connections that `some` rows belong to, if known from their start."""
    totals_so_far = ("total_bytes_up", "total_bytes_down")
    narrow = sliced.select("key", "whole", *totals_so_far, some=some).filter(pl.col("key").is_not_null())
    keys = narrow.filter("some")["key"].unique()
    known = narrow.filter(pl.col("key").is_in(keys.implode()), pl.col("whole"))
    sums = known.group_by("key").agg(pl.col(*totals_so_far).max())
    return sums.rename(dict(zip(sums.columns, _BEFORE, strict=True))).cast(_BEFORE)


def summary(day: date, changes: pl.DataFrame) -> pl.DataFrame:
    """Rows of `restated` of a day, as those of `Findings.changes`."""
    is_same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"old_{name}")) for name in _SAID)
    is_regraded = is_same & pl.col("grade").ne_missing(pl.col("old_grade"))
    return (
        changes.with_columns(pl.when(is_regraded).then(pl.col("old_grade", "grade")))
        .group_by(CHANGED)
        .agg(sightings=pl.len().cast(pl.Int64), bytes_up=pl.col("bytes_up").sum().cast(pl.Int64))
        .with_columns(day=pl.lit(day))
    )


def _past(day: date, names: pl.DataFrame) -> pl.DataFrame:
    """What a day's names show of services that the catalog did not know then, by the sensor that saw most."""
    each = names.group_by("app", "role", "sensor", "source").agg(
        buckets=pl.col("bucket").n_unique().cast(pl.Int64),
        first_seen=pl.col("first_seen").min(),
        last_seen=pl.col("last_seen").max(),
        bytes_up=pl.col("bytes_up").sum(),
        clients=pl.col("clients").max(),
    )
    most = each.sort("buckets", "bytes_up", "sensor", "source", descending=[True, True, False, False])
    return most.unique(["app", "role"], keep="first", maintain_order=True).with_columns(day=pl.lit(day))
