"""Builds marts: `Builder` has a method per kind that finds dirty periods and rebuilds them.

A period is dirty if its inputs have changed. The inputs of a day are its own sightings and those of its
neighbours, the address holders and directory on that day, the ranks of its vantages, the counting rules, and
the zone. A dirty day is recounted from base rows, a dirty week from the marts of its days. A mart that does
not change keeps its file, so that nothing built from it becomes dirty.

So marts always equal those of a complete rebuild, whatever the order in which segments arrive. Days whose
sightings are no longer in the lake keep their marts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Protocol
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from analytics.counting.days import (
    LAST,
    MOST_DAYS,
    count_days,
    neighbours,
    of_one_directory,
    on_day,
    read_days,
    steps,
)
from analytics.counting.files import is_same, write_rows
from analytics.counting.holders import HELD, make_holders
from analytics.counting.inputs import (
    LASTING,
    Sizes,
    content,
    day_fingerprints,
    days_with_sightings,
    directories,
    files_of,
    fingerprint,
    holders,
    is_day,
    rules,
)
from analytics.counting.state import MartState
from analytics.counting.threads import each, runs
from analytics.counting.weeks import DAILY, days_of, prepare_week, store_frame, weeks_of
from analytics.definitions import Mart
from analytics.lake import LakeUnreadable, Manifest, StoredTable, connect, literal, most_memory
from analytics.policy.judge import judge, prepare, sum_up
from analytics.policy.rows import Compiled
from analytics.policy.weeks import POLICY_MARTS, Weeks, rule_frames
from analytics.stored import (
    LANDED,
    PREFERENCE,
    cold_sql,
    files_sql,
    memory_sql,
    narrowed,
    restated_sql,
    settled_sql,
    unmerged_sql,
)

#: Days that are read together: at most this many, with files of at most this size (about two million
#: sightings).
DAYS_A_RUN, BYTES_A_RUN = MOST_DAYS, 32_000_000
#: The same for rows in memory only, where the neighbouring days take room, too.
DAYS_IN_MEMORY = 2
#: Days with smaller files in total are not distributed over threads, because planning would take longer.
SMALL_BYTES = 500_000
#: Weeks judged together, so that their comparison weeks are summed only once.
WEEKS_A_RUN = 7

#: Values of the placeholders in the SQL of a mart.
Values = Mapping[str, str | int | float]


class Counting(Protocol):
    """Counts people over several weeks, by tokens outside of the lake (`sensor.privacy.counting`)."""

    def known(self) -> set[date]:
        """Mondays of the weeks counted so far."""
        ...

    def count(self, used: pl.DataFrame, weeks: Sequence[date]) -> pl.DataFrame:
        """Exact numbers of people: period, first_day, last_day, app, people, weeks_counted.

        `used` (week, app, user_name, sealed) are the users in `weeks`, which are counted again; for other
        weeks the earlier count stands.
        """
        ...

    def count_then(self, used: pl.DataFrame, weeks: Sequence[date], until: date) -> pl.DataFrame:
        """As `count` for weeks that began by the day `until`, without storing the count."""
        ...


class Unstored(Protocol):
    """Rows that must not lie in the lake; implemented by `sensor.store.sealed.SealedRows`."""

    def rows(self, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of the base table sightings, names, leases or directory; with `columns`, only these."""
        ...


@dataclass
class Builder:
    """One build: the lake with its manifest, the state to update, the database to count in, all marts.

    Every `make_…` method returns the periods it made: days, or Mondays of weeks. `make_days` comes first, the
    others read what it made.
    """

    lake: Path
    manifest: Manifest
    state: MartState
    connection: duckdb.DuckDBPyConnection
    zone: str
    k: int
    now: datetime
    marts: Sequence[Mart]
    #: folder for the marts, relative to the lake and ending in `/`; '' is where readers find them
    place: str = ""
    _is_held: bool = False

    def make_days(self) -> list[date]:
        """Counts every dirty day. Also makes the table `sensors`, which the other steps read."""
        self._relation("TABLE", "sensors", self._cold("sensors"))
        digests_by_day = day_fingerprints(
            self.sizes, self.manifest, (rules(), self.zone), self._held_by_day()
        )
        ranks = self._ranks()

        def digest_of(day: date) -> str:
            # Only the rank order of the vantages of that day matters: a new sensor elsewhere changes nothing.
            vantages = self.state.vantages.get(day.isoformat(), [])
            ranked = sorted(vantages, key=lambda vantage: (ranks.get(vantage, LAST), vantage))
            return fingerprint(digests_by_day[day], ranked)

        dirty = [day for day in digests_by_day if self._is_dirty(f"day/{day}", digest_of(day))]
        if dirty:
            self._make_holders()

        def make(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> None:
            builder = replace(self, connection=connection)
            builder._read(days)
            vantages = connection.execute("SELECT DISTINCT vantage FROM vantages ORDER BY vantage").fetchall()
            for counted in builder._count(days):
                builder._store_days(counted)
                self.state.vantages |= {
                    day.isoformat(): [name for (name,) in vantages] for day in counted.values()
                }
                self.state.inputs |= {f"day/{day}": digest_of(day) for day in counted.values()}

        shared = (*HELD, "every_directory", "sensors")
        together = runs(
            self.connection, dirty, apart=timedelta(days=1), most=DAYS_A_RUN,
            fit=lambda days: self._bytes(days) <= BYTES_A_RUN, small=self._bytes(dirty) <= SMALL_BYTES,
        )  # fmt: skip
        each(self.connection, together, make, shared=shared)
        return dirty

    def _count(self, days: Sequence[date]) -> Iterator[dict[int, date]]:
        """Counts `days`, which were read together; yields those just counted, by their numbers
        (`counted_day`).

        Days with the same directory are counted at the same time.
        """
        for alike in of_one_directory(self.connection, days):
            self._relation("VIEW", "directory", f"SELECT * FROM every_directory WHERE {on_day(alike[0])}")
            nth = 1 + days.index(alike[0])
            count_days(self.connection, alike, nth=nth, zone=self.zone)
            yield dict(enumerate(alike, nth))

    def _store_days(self, counted: Mapping[int, date]) -> None:
        """Writes the daily marts of the days just counted, mart by mart."""
        # On most days no request has details.
        detailed = self.connection.execute("SELECT 1 FROM details LIMIT 1").fetchone()
        for mart in (mart for mart in self.marts if mart.period == "day"):
            if mart.of == "details" and not detailed:
                with_rows = set()
            else:
                self._relation("TABLE", "made", mart.sql)
                found = self.connection.execute("SELECT DISTINCT counted_day FROM made").fetchall()
                with_rows = {nth for (nth,) in found}
            for nth, day in counted.items():
                if nth in with_rows:
                    rows = f"SELECT {', '.join(mart.types)} FROM made WHERE counted_day = {nth}"
                    self._write(mart, day.isoformat(), rows)
                else:
                    self.state.replace(mart.name, day.isoformat(), None, self.now)

    def _ranks(self) -> dict[str, int]:
        """The best (lowest) rank of each vantage."""
        rows = self.connection.execute("SELECT vantage, MIN(rank) FROM sensors GROUP BY vantage").fetchall()
        return {vantage: LAST if rank is None else rank for vantage, rank in rows}

    def _bytes(self, days: Sequence[date]) -> int:
        """Size of the files of these days' sightings, in bytes."""
        return self.sizes.total(files_of(self.manifest.tables["sightings"].cold, days))

    def _held_by_day(self) -> dict[date, str]:
        """For each day with sightings, a digest of address holders and directory.

        An existing digest is recomputed only if leases or the directory have changed.
        """
        lasting = [self.manifest.tables[name] for name in LASTING]
        digest = fingerprint(rules(), [self.sizes.of(table, table.cold_files) for table in lasting])
        days, known = days_with_sightings(self.manifest), self.state.inputs
        is_known = known.get("leases") == digest
        unknown = [day for day in days if not (is_known and f"held/{day}" in known)]
        if unknown:
            self._make_holders()
            of_holders, of_directory = (
                digests(self.connection, unknown) for digests in (holders, directories)
            )
            known |= {f"held/{day}": f"{of_holders[day]} {of_directory[day]}" for day in unknown}
            known["leases"] = digest
        return {day: known[f"held/{day}"] for day in days}

    def _make_holders(self) -> None:
        """Makes the view `every_holders` from all leases, once per build."""
        if self._is_held:
            return
        for name in LASTING:
            self._relation("TABLE", f"every_{name}", self._cold(name))
        make_holders(self.connection, for_all=True)
        self.connection.execute("DROP TABLE every_leases")
        self._is_held = True

    def make_weeks(self) -> list[date]:
        """Makes the cubes of every dirty week from the marts of its days."""
        built = [date.fromisoformat(key[4:]) for key in self.state.inputs if key.startswith("day/")]
        daily = [mart for mart in self.marts if mart.name in DAILY]
        constants = (rules(), self.zone, self.k)
        restated = self.manifest.tables["restated"]
        dirty = {}
        for week in self._weeks("week", built):
            days = days_of(week, self.zone)
            files = {mart.name: self._files(mart, days) for mart in daily}
            restated_files = files_of(restated.cold, days)
            digest = fingerprint(*constants, files, self.sizes.of(restated, restated_files))
            if self._is_dirty(f"week/{week}", digest):
                dirty[week] = digest

        def make(connection: duckdb.DuckDBPyConnection, week: date) -> None:
            builder, days = replace(self, connection=connection), days_of(week, self.zone)
            for mart in daily:
                rows = files_sql(mart.types, self._files(mart, days), root=self.root)
                builder._relation("VIEW", f"week_{mart.name}", rows)
            restated_files = files_of(restated.cold, days)
            builder._relation("VIEW", "week_restated", cold_sql(restated, restated_files, root=self.root))
            builder._store_week(week, prepare_week(connection, week, zone=self.zone, k=self.k))
            self.state.inputs[f"week/{week}"] = dirty[week]

        each(self.connection, list(dirty), make)
        return list(dirty)

    def make_names(self) -> list[date]:
        """Makes the marts of all names, known to the catalog or not, for every dirty week.

        Rows are read as stored: those with the same key add up.
        """
        return self._of_table("names", unmerged_sql)

    def make_coverage(self) -> list[date]:
        """Makes the marts of coverage for every dirty week."""
        return self._of_table("coverage", cold_sql)

    def _of_table(self, name: str, rows_sql: Callable[..., str]) -> list[date]:
        """Makes the marts of base table `name` for every dirty week; `rows_sql` selects its rows from
        files."""
        table = self.manifest.tables[name]
        needed = narrowed(table, [mart.sql for mart in self.marts if mart.of == name])
        dirty = {}
        for week in self._weeks(name, [date.fromisoformat(day) for day in table.cold if is_day(day)]):
            files = files_of(table.cold, days_of(week, self.zone))
            digest = fingerprint(rules(), self.zone, self.k, self.sizes.of(table, files))
            if self._is_dirty(f"{name}/{week}", digest):
                dirty[week] = digest

        def make(connection: duckdb.DuckDBPyConnection, week: date) -> None:
            builder = replace(self, connection=connection)
            rows = rows_sql(needed, files_of(table.cold, days_of(week, self.zone)), root=self.root)
            builder._relation("VIEW", f"week_{name}", rows)
            builder._store_week(week, builder._values(week), of=name)
            self.state.inputs[f"{name}/{week}"] = dirty[week]

        each(self.connection, list(dirty), make)
        return list(dirty)

    def _weeks(self, kind: str, days: Iterable[date]) -> list[date]:
        """Mondays of the weeks that `days` touch, and of all made before: with another zone they may be empty
        now."""
        made = {
            date.fromisoformat(key.partition("/")[2])
            for key in self.state.inputs
            if key.startswith(f"{kind}/")
        }
        return sorted(made | {week for day in days for week in weeks_of(day, self.zone)})

    def store_policy(self, policy: Compiled | None) -> None:
        """Writes the rules, and `policy` unless it is None, to where the views read them."""
        frames = rule_frames() | (policy.frames() if policy else {})
        for name, frame in frames.items():
            digest = fingerprint(rules(), frame.write_json())
            if self.state.inputs.get(name) != digest:
                store_frame(self.connection, f"compiled_{name}", frame)
                (mart,) = (mart for mart in self.marts if mart.name == name)
                self._write(mart, "all", mart.sql)
                self.state.inputs[name] = digest

    def count_people(self, counting: Counting | None, fresh: Sequence[date]) -> None:
        """Writes how many people used what in a month, quarter or year to where the views read it.

        `fresh` are the weeks just made again.
        """
        if counting is None:
            return
        built = {date.fromisoformat(key[5:]) for key in self.state.inputs if key.startswith("week/")}
        weeks = sorted({*fresh, *(built - counting.known())})
        self._store_people(counting.count(self._users(weeks), weeks))

    def count_people_then(self, counting: Counting | None) -> None:
        """Writes the same as it was known at `now`; weeks whose rows were deleted are left out."""
        if counting is None:
            self.state.files.pop("people_periods", None)  # published is today's count
            return
        built = [key for key in self.state.inputs if key.startswith("week/") and key not in self.state.final]
        weeks = sorted(date.fromisoformat(key[5:]) for key in built)
        until = self.now.astimezone(ZoneInfo(self.zone)).date()
        self._store_people(counting.count_then(self._users(weeks), weeks, until))

    def _store_people(self, counts: pl.DataFrame) -> None:
        digest = fingerprint(rules(), self.k, counts.write_json())
        if self.state.inputs.get("people") == digest:
            return
        (mart,) = (mart for mart in self.marts if mart.of == "people")
        store_frame(self.connection, "counted_people", counts)
        self._write(mart, "all", Template(mart.sql).substitute(k=self.k))
        self.state.inputs["people"] = digest

    def _users(self, weeks: Sequence[date]) -> pl.DataFrame:
        """Who used what in each of `weeks`: week, app, user_name, and `sealed` of the table counting."""
        (hourly,) = (mart for mart in self.marts if mart.name == "usage_hourly")
        second = self._cold("counting")
        found: list[tuple[object, ...]] = []
        for week in weeks:
            hours = files_sql(hourly.types, self._files(hourly, days_of(week, self.zone)), root=self.root)
            found += self.connection.execute(
                f"SELECT DISTINCT DATE '{week}', h.app, h.user_name, c.sealed FROM ({hours}) AS h "
                f"LEFT JOIN ({second}) AS c ON c.user_name = h.user_name "
                f"WHERE h.subject_kind = 'user' AND h.grade >= 3 AND "
                f"CAST(DATE_TRUNC('week', h.hour AT TIME ZONE '{self.zone}') AS DATE) = DATE '{week}'"
            ).fetchall()
        types = {"week": pl.Date(), "app": pl.String(), "user_name": pl.String(), "sealed": pl.String()}
        return pl.DataFrame(found, schema=types, orient="row")

    def make_findings(self) -> list[date]:
        """Judges every dirty week by the policy; another policy makes all weeks dirty."""
        marts = {mart.name: mart for mart in self.marts}
        weeks = Weeks(self.lake, self.manifest, self.state.files, marts, self.zone)
        today = self.now.astimezone(ZoneInfo(self.zone)).date()
        inputs = [self.state.inputs.get(name) for name in POLICY_MARTS]
        clocks = "SELECT site, MIN(zone) AS zone FROM sensors GROUP BY site"
        elsewhere = f"SELECT * FROM ({clocks}) AS clocks WHERE zone <> {literal(self.zone)}"
        for rows in (f"SELECT * EXCLUDE ({LANDED}) FROM ({self._cold('catalog')}) AS known", elsewhere):
            inputs.append(content(self.connection, rows))
        horizons = {week: min(today, week + timedelta(days=6)) for week in weeks.known()}
        dirty = {}
        for week, horizon in horizons.items():
            digest = fingerprint(rules(), self.zone, self.k, inputs, str(horizon), weeks.fingerprint(week))
            if self._is_dirty(f"findings/{week}", digest):
                dirty[week] = digest

        def make(connection: duckdb.DuckDBPyConnection, run: Sequence[date]) -> None:
            weeks.lay_out(connection, run[0], run[-1])
            sum_up(connection, run[0], run[-1], zone=self.zone)
            for week in run:
                watched = weeks.lay_out_week(connection, week)
                judge(connection, week, horizons[week], zone=self.zone, k=self.k, summed_up=True)
                values: Values = {
                    "week": week.isoformat(),
                    "horizon": horizons[week].isoformat(),
                    "watched_minutes": watched,
                    "policy_version": weeks.policy_version(connection),
                }
                replace(self, connection=connection)._store_week(week, values, of="findings")
                self.state.inputs[f"findings/{week}"] = dirty[week]

        def begin(connection: duckdb.DuckDBPyConnection) -> None:
            prepare(connection)
            weeks.lay_out_policy(connection)

        together = runs(self.connection, sorted(dirty), apart=timedelta(days=7), most=WEEKS_A_RUN)
        each(self.connection, together, make, begin=begin)
        return list(dirty)

    def make_in_memory(self, unstored: Unstored) -> list[date]:
        """Makes the open marts of the weeks of the `unstored` rows.

        Nothing about a person is written: restricted marts stay temporary tables of a database that has no
        room on disk. Raises LakeUnreadable if the rows do not fit into memory.
        """
        try:
            with connect(memory=most_memory()) as connection:
                return replace(self, connection=connection)._make_in_memory(unstored)
        except duckdb.OutOfMemoryException as error:
            what = f"the rows of the weeks that are not over need more than {most_memory()} of memory"
            remedy = "at privacy level aggregate nothing of them is put on disk; use a machine with more"
            raise LakeUnreadable(f"{self.lake}: {what}; {remedy}") from error

    def _make_in_memory(self, unstored: Unstored) -> list[date]:
        needed = narrowed(self.manifest.tables["sightings"], [steps(), *PREFERENCE["sightings"]])
        sightings, names = unstored.rows("sightings", list(needed.columns)), unstored.rows("names")
        if sightings.is_empty() and names.is_empty():
            return []
        self._relation("TABLE", "sensors", self._cold("sensors"))
        for name in LASTING:
            store_frame(self.connection, f"memory_{name}", unstored.rows(name))
            self._relation("TABLE", f"every_{name}", memory_sql(self.manifest.tables[name], f"memory_{name}"))
        make_holders(self.connection)
        nothing = cold_sql(self.manifest.tables["restated"], [], root=self.root)
        self._relation("VIEW", "week_restated", nothing)
        self._count_in_memory(sightings, needed)
        weeks = _weeks_in(sightings["seen_at"], self.zone)
        del sightings
        for week in sorted(weeks):
            self._store_week(week, prepare_week(self.connection, week, zone=self.zone, k=self.k))
        store_frame(self.connection, "week_names", names)
        weeks_of_names = _weeks_in(names["bucket"], self.zone)
        for week in sorted(weeks_of_names):
            self._store_week(week, self._values(week), of="names")
        return sorted(weeks | weeks_of_names)

    def _count_in_memory(self, sightings: pl.DataFrame, needed: StoredTable) -> None:
        """Counts all days of `sightings` (columns of `needed`) into temporary tables `week_<mart>`."""
        day = pl.col("seen_at").dt.date()
        days = sightings.select(day.unique().drop_nulls()).to_series().sort().to_list()
        daily = [mart for mart in self.marts if mart.name in DAILY]
        for mart in daily:
            self._relation("TABLE", f"week_{mart.name}", files_sql(mart.types, [], root=self.root))
        for run in runs(self.connection, days, apart=timedelta(days=1), most=DAYS_IN_MEMORY):
            near = day.is_between(run[0] - timedelta(days=1), run[-1] + timedelta(days=1))
            store_frame(self.connection, "near", sightings.filter(near))
            self._relation("TABLE", "sightings", memory_sql(needed, "near"))
            self.connection.execute("DROP TABLE near")
            read_days(self.connection, run, zone=self.zone)
            for _ in self._count(run):
                for mart in daily:
                    rows = f"SELECT {', '.join(mart.types)} FROM (\n{mart.sql}\n) AS days"
                    self.connection.execute(f"INSERT INTO week_{mart.name} {rows}")

    @cached_property
    def sizes(self) -> Sizes:
        """Describes files in fingerprints."""
        return Sizes(self.connection, self.lake)

    @property
    def root(self) -> str:
        """The lake's folder as an SQL literal."""
        return literal(self.lake.absolute())

    def _read(self, days: Sequence[date]) -> None:
        """Makes `sightings` of these days and their neighbours, as restated, and what `read_days` adds."""
        sightings = self.manifest.tables["sightings"]
        near = sorted({other for day in days for other in neighbours(day)})
        restated = self.manifest.tables["restated"]
        restated_files = files_of(restated.cold, near)
        rows = settled_sql(sightings, [files_of(sightings.cold, [day]) for day in near], root=self.root)
        if restated_files:
            rows = restated_sql(sightings, rows, cold_sql(restated, restated_files, root=self.root))
        if self._bytes(near) <= SMALL_BYTES:
            self._relation("TABLE", "small_sightings", rows)
            rows = "SELECT * FROM small_sightings"
        # Always a view: DuckDB does not replace a view by a table, and other days may be larger or smaller.
        self._relation("VIEW", "sightings", rows)
        read_days(self.connection, days, zone=self.zone)

    def _is_dirty(self, period: str, digest: str) -> bool:
        """True if `period` (a key of `MartState.inputs`) was made from something else, and is not final."""
        return period not in self.state.final and self.state.inputs.get(period) != digest

    def _values(self, week: date) -> Values:
        return {"week": week.isoformat(), "zone": self.zone, "k": self.k}

    def _store_week(self, week: date, values: Values, *, of: str = "usage") -> None:
        """Writes the weekly marts of one kind; `values` complete their SQL."""
        for mart in self.marts:
            if (mart.period, mart.of) == ("week", of):
                self._write(mart, week.isoformat(), Template(mart.sql).substitute(values))

    def _write(self, mart: Mart, period: str, sql: str) -> None:
        """Writes the rows of `sql` as the file of a period of the mart; an unchanged file stays."""
        folder = f"{self.place}{mart.zone}/marts/{mart.name}/{mart.period}={period}"
        path = f"{folder}/{self.state.build:08d}.parquet"
        zone = "restricted" if self.place else mart.zone
        rows = write_rows(self.connection, sql, self.lake, path, zone=zone)
        known = self.state.files.get(mart.name, {}).get(period)
        if rows and known and is_same(self.lake / known, self.lake / path):
            (self.lake / path).unlink()
        else:
            self.state.replace(mart.name, period, path if rows else None, self.now)

    def _files(self, mart: Mart, days: Sequence[date]) -> list[str]:
        """The mart's files of these days, relative to the lake."""
        known = self.state.files.get(mart.name, {})
        return [known[day.isoformat()] for day in days if day.isoformat() in known]

    def _cold(self, name: str) -> str:
        """SQL that selects a base table, one row per key."""
        table = self.manifest.tables[name]
        return cold_sql(table, table.cold_files, root=self.root)

    def _relation(self, kind: str, name: str, sql: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {sql}")


def _weeks_in(times: pl.Series, zone: str) -> set[date]:
    """Mondays of the weeks, by the clock of `zone`, that these UTC times lie in."""
    local = times.drop_nulls().dt.convert_time_zone(zone).dt.truncate("1w").dt.date()
    return set(local.unique())
