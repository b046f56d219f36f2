"""Brings the marts up to date with the lake, then publishes the views: what the CLI calls.

A day is dirty when what it was counted from is not what the manifest names: its own sightings and
its neighbours', who held which address and who was who on it, how its vantages rank, the counting rules,
the zone. A dirty day is counted anew from its base rows, a dirty week's cubes from its days' marts.
A mart that comes out the same keeps its file, and what was made of it stands.
So a mart always equals a rebuild, in whatever order segments arrived. Days whose sightings are no
longer in the lake keep the mart they had.
"""

from __future__ import annotations

import fcntl
import filecmp
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Protocol
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from analytics.definitions import Mart, load_marts
from analytics.lake import K, LakeUnreadable, Manifest, checked_zone, connect, literal, read_manifest
from analytics.marts.days import LAST, MOST_DAYS, count_days, neighbours, of_one_directory, on_day, read_days
from analytics.marts.holders import HELD as HELD_TABLES
from analytics.marts.holders import digests, hold
from analytics.marts.inputs import (
    LASTING,
    Sizes,
    content,
    day_fingerprints,
    days_with_sightings,
    directories,
    files_of,
    fingerprint,
    is_day,
    rules,
)
from analytics.marts.state import MartState, read_state, sweep, write_state
from analytics.marts.threads import each, runs
from analytics.marts.weeks import DAILY, days_of, prepare_week, store_frame, weeks_of
from analytics.policy.judge import judge, prepare, sum_up
from analytics.policy.rows import Compiled
from analytics.policy.weeks import POLICY_MARTS, Weeks, rule_frames
from analytics.publish import publish
from analytics.stored import (
    LANDED,
    cold_sql,
    files_sql,
    memory_sql,
    narrowed,
    restated_sql,
    settled_sql,
    unmerged_sql,
)

#: Who may read: the restricted zone is the owner's and its group's.
_FOLDER_MODES = {"restricted": 0o750, "open": 0o755}
_FILE_MODES = {"restricted": 0o640, "open": 0o644}
#: Base tables that may be handed over in memory, because their rows must not lie in the lake.
HELD = ("sightings", "names", *LASTING)
#: Days that are read together: so many, of files so large (of 16 bytes a sighting some two million).
DAYS_A_RUN, BYTES_A_RUN = MOST_DAYS, 32_000_000
#: Days with files no larger altogether are not divided among processors: to plan the count takes longer.
SMALL_BYTES = 500_000
#: Weeks whose use, and that of the weeks before the first, is summed up together.
WEEKS_A_RUN = 7
#: Base tables the marts are made of.
NEEDED = ("sightings", "names", "coverage", "sensors", "restated", *LASTING)


class Counting(Protocol):
    """Counts people over weeks, by tokens that are not in the lake."""

    def known(self) -> set[date]:
        """Mondays of the weeks that were counted."""
        ...

    def count(self, used: pl.DataFrame, weeks: Sequence[date]) -> pl.DataFrame:
        """Rows for `people_periods`, exact: period, first_day, last_day, app, people, weeks_counted; from the
        users (week, app, user_name, sealed) of some `weeks`, and of others as they were counted before."""
        ...

    def count_then(self, used: pl.DataFrame, weeks: Sequence[date], until: date) -> pl.DataFrame:
        """The same of the weeks that had begun on the day `until`, without keeping what was counted."""
        ...


@dataclass(frozen=True)
class Built:
    """What a build did: periods made anew, and the views files it published."""

    days: tuple[date, ...]
    weeks: tuple[date, ...]
    open_views: Path
    restricted_views: Path


def build(
    lake: Path,
    *,
    zone: str,
    k: int = K,
    now: datetime | None = None,
    held: Mapping[str, pl.DataFrame] | None = None,
    policy: Compiled | None = None,
    counting: Counting | None = None,
    blanks: Path | None = None,
) -> Built:
    """Builds the marts of dirty days and weeks of `lake` and publishes both views files; idempotent.

    `zone` is the IANA time zone reports are kept in, `k` the smallest group shown. `held` are rows of
    the tables HELD that must not lie in the lake: the cubes of their weeks are made in memory. `policy`
    takes the place of the one published, `counting` counts people over weeks; None leaves what was published
    as it is. `blanks` is a folder for what `publish`
    keeps from time to time.
    """
    checked_zone(zone)
    moment = now or datetime.now(UTC)
    with alone(lake):
        manifest = complete_manifest(lake)
        state = read_state(lake)
        state.build += 1
        with workshop(lake) as connection:
            work = Work(lake, manifest, state, connection, zone, k, moment, load_marts())
            days = work.days()
            fresh = work.weeks()
            work.people(counting, fresh)
            weeks = sorted({*fresh, *work.names(), *work.coverage(), *work.held(held or {})})
            work.policy(policy)
            work.findings()
            write_state(lake, state)
            open_views, restricted_views = publish(
                lake, manifest, state.files, zone=zone, connection=connection, blanks=blanks
            )
        sweep(lake, state, moment)
        write_state(lake, state)
    return Built(tuple(days), tuple(weeks), open_views, restricted_views)


def complete_manifest(lake: Path) -> Manifest:
    """The manifest of a lake that has all tables marts are made of; else LakeUnreadable."""
    manifest = read_manifest(lake)
    missing = [name for name in NEEDED if name not in manifest.tables]
    if missing:
        raise LakeUnreadable(f"{lake}: manifest.json knows no {', '.join(missing)}; compact the lake")
    return manifest


@dataclass
class Work:
    """One build: the lake as its manifest says, the state it changes, a connection to count in, all marts."""

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

    def days(self) -> list[date]:
        """Counts every dirty day; returns them. Makes `sensors`, which the other steps read too."""
        self._relation("TABLE", "sensors", self._cold("sensors"))
        prints = day_fingerprints(self.sizes, self.manifest, (rules(), self.zone), self._held_by_day())
        ranks = self._ranks()

        def print_of(day: date) -> str:
            # Of ranks only how they order those who saw the day: a sensor new elsewhere changes nothing.
            eyes = self.state.eyes.get(day.isoformat(), [])
            return fingerprint(prints[day], sorted(eyes, key=lambda eye: (ranks.get(eye, LAST), eye)))

        dirty = [
            day
            for day in prints
            if f"day/{day}" not in self.state.final and self.state.inputs.get(f"day/{day}") != print_of(day)
        ]
        if dirty:
            self._hold()

        def make(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> None:
            work = replace(self, connection=connection)
            work._read(days)
            eyes = [eye for (eye,) in connection.execute("SELECT vantage FROM vantages").fetchall()]
            for counted in work._count(days):
                work._store_days(counted)
                self.state.eyes |= {day.isoformat(): sorted(eyes) for day in counted.values()}
                self.state.inputs |= {f"day/{day}": print_of(day) for day in counted.values()}

        shared = (*HELD_TABLES, "every_directory", "sensors")
        together = runs(
            self.connection, dirty, apart=timedelta(days=1), most=DAYS_A_RUN,
            fit=lambda days: self._bytes(days) <= BYTES_A_RUN, small=self._bytes(dirty) <= SMALL_BYTES,
        )  # fmt: skip
        each(self.connection, together, make, shared=shared)
        return dirty

    def _count(self, days: Sequence[date]) -> Iterator[dict[int, date]]:
        """Counts days that were read together, those of one directory at a time; yields which are counted, by
        their numbers (`counted_day`)."""
        for alike in of_one_directory(self.connection, days):
            self._relation("VIEW", "directory", f"SELECT * FROM every_directory WHERE {on_day(alike[0])}")
            nth = 1 + days.index(alike[0])
            count_days(self.connection, alike, nth=nth, zone=self.zone)
            yield dict(enumerate(alike, nth))

    def _store_days(self, counted: Mapping[int, date]) -> None:
        """Makes the marts of the days just counted, each of all days at once."""
        # On most days of most networks no request says anything of details.
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
        """The best rank of each vantage."""
        rows = self.connection.execute("SELECT vantage, MIN(rank) FROM sensors GROUP BY vantage").fetchall()
        return {eye: LAST if rank is None else rank for eye, rank in rows}

    def _bytes(self, days: Sequence[date]) -> int:
        """How large the files of these days' sightings are."""
        return self.sizes.total(files_of(self.manifest.tables["sightings"].cold, days))

    def _held_by_day(self) -> dict[date, str]:
        """Who held which address and who was who on the days with sightings, as digests; worked out only for
        new leases or another directory."""
        lasting = [self.manifest.tables[name] for name in LASTING]
        print_ = fingerprint(rules(), [self.sizes.of(table, table.cold_files) for table in lasting])
        days, known = days_with_sightings(self.manifest), self.state.inputs
        if days and (known.get("leases") != print_ or any(f"held/{day}" not in known for day in days)):
            self._hold()
            directory = directories(self.connection, days)
            for day, digest in digests(self.connection, days).items():
                known[f"held/{day}"] = f"{digest} {directory[day]}"
            known["leases"] = print_
        return {day: known[f"held/{day}"] for day in days}

    def _hold(self) -> None:
        """Makes `every_holders` of all leases, once a build."""
        if self._is_held:
            return
        for name in LASTING:
            self._relation("TABLE", f"every_{name}", self._cold(name))
        hold(self.connection, for_all=True)
        self.connection.execute("DROP TABLE every_leases")
        self._is_held = True

    def weeks(self) -> list[date]:
        """Makes the cubes of every dirty week; returns them."""
        built = [date.fromisoformat(key[4:]) for key in self.state.inputs if key.startswith("day/")]
        daily = [mart for mart in self.marts if mart.name in DAILY]
        constants = (rules(), self.zone, self.k)
        restated = self.manifest.tables["restated"]
        dirty = {}
        for week in self._weeks("week", built):
            days = days_of(week, self.zone)
            files = {mart.name: self._files(mart, days) for mart in daily}
            restated_files = files_of(restated.cold, days)
            print_ = fingerprint(*constants, files, self.sizes.of(restated, restated_files))
            if f"week/{week}" not in self.state.final and self.state.inputs.get(f"week/{week}") != print_:
                dirty[week] = print_

        def make(connection: duckdb.DuckDBPyConnection, week: date) -> None:
            work, days = replace(self, connection=connection), days_of(week, self.zone)
            for mart in daily:
                rows = files_sql(mart.types, self._files(mart, days), root=self.root)
                work._relation("VIEW", f"week_{mart.name}", rows)
            restated_files = files_of(restated.cold, days)
            work._relation("VIEW", "week_restated", cold_sql(restated, restated_files, root=self.root))
            work._store("week", week, prepare_week(connection, week, zone=self.zone, k=self.k))
            self.state.inputs[f"week/{week}"] = dirty[week]

        each(self.connection, list(dirty), make)
        return list(dirty)

    def names(self) -> list[date]:
        """Makes the marts of names of every dirty week; returns them.

        They hang on no sighting: names are kept whether or not the catalog knows them. Read as stored.
        """
        return self._of_table("names", unmerged_sql)

    def coverage(self) -> list[date]:
        """Makes the marts of coverage of every dirty week; returns them."""
        return self._of_table("coverage", cold_sql)

    def _of_table(self, name: str, rows_sql: Callable[..., str]) -> list[date]:
        """Makes the marts `of` a base table of every dirty week, from its rows of UTC days that touch it."""
        table = self.manifest.tables[name]
        needed = narrowed(table, [mart.sql for mart in self.marts if mart.of == name])
        dirty = {}
        for week in self._weeks(name, [date.fromisoformat(day) for day in table.cold if is_day(day)]):
            files = files_of(table.cold, days_of(week, self.zone))
            print_ = fingerprint(rules(), self.zone, self.k, self.sizes.of(table, files))
            key = f"{name}/{week}"
            if key not in self.state.final and self.state.inputs.get(key) != print_:
                dirty[week] = print_

        def make(connection: duckdb.DuckDBPyConnection, week: date) -> None:
            work = replace(self, connection=connection)
            rows = rows_sql(needed, files_of(table.cold, days_of(week, self.zone)), root=self.root)
            work._relation("VIEW", f"week_{name}", rows)
            values: dict[str, str | int | float] = {"week": week.isoformat(), "zone": self.zone, "k": self.k}
            work._store("week", week, values, of=name)
            self.state.inputs[f"{name}/{week}"] = dirty[week]

        each(self.connection, list(dirty), make)
        return list(dirty)

    def _weeks(self, kind: str, days: Iterable[date]) -> list[date]:
        """Mondays of the weeks that `days` touch, and of those made before: another zone moves rows away."""
        made = {
            date.fromisoformat(key.partition("/")[2])
            for key in self.state.inputs
            if key.startswith(f"{kind}/")
        }
        return sorted(made | {week for day in days for week in weeks_of(day, self.zone)})

    def policy(self, policy: Compiled | None) -> None:
        """Puts the rules, and `policy` unless it is None, where the views read them."""
        frames = rule_frames() | (policy.frames() if policy else {})
        for name, frame in frames.items():
            print_ = fingerprint(rules(), frame.write_json())
            if self.state.inputs.get(name) != print_:
                store_frame(self.connection, f"compiled_{name}", frame)
                (mart,) = (mart for mart in self.marts if mart.name == name)
                self._write(mart, "all", mart.sql)
                self.state.inputs[name] = print_

    def people(self, counting: Counting | None, fresh: Sequence[date]) -> None:
        """Puts how many people used what in a month, quarter or year where the views read it; `fresh` weeks
        were made anew."""
        if counting is None:
            return
        built = {date.fromisoformat(key[5:]) for key in self.state.inputs if key.startswith("week/")}
        weeks = sorted({*fresh, *(built - counting.known())})
        self._store_people(counting.count(self._users(weeks), weeks))

    def people_then(self, counting: Counting | None) -> None:
        """The same as it was known at `now`, counted anew but for weeks whose rows were deleted."""
        if counting is None:
            self.state.files.pop("people_periods", None)  # published is today's count
            return
        built = [key for key in self.state.inputs if key.startswith("week/") and key not in self.state.final]
        weeks = sorted(date.fromisoformat(key[5:]) for key in built)
        until = self.now.astimezone(ZoneInfo(self.zone)).date()
        self._store_people(counting.count_then(self._users(weeks), weeks, until))

    def _store_people(self, counts: pl.DataFrame) -> None:
        print_ = fingerprint(rules(), self.k, counts.write_json())
        if self.state.inputs.get("people") == print_:
            return
        (mart,) = (mart for mart in self.marts if mart.of == "people")
        store_frame(self.connection, "counted_people", counts)
        self._write(mart, "all", Template(mart.sql).substitute(k=self.k))
        self.state.inputs["people"] = print_

    def _users(self, weeks: Sequence[date]) -> pl.DataFrame:
        """Who used what in each of these weeks: week, app, user_name, and `sealed` of the table counting."""
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

    def findings(self) -> list[date]:
        """Judges every week that is dirty, or that another policy was judged by; returns them."""
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
            print_ = fingerprint(rules(), self.zone, self.k, inputs, str(horizon), weeks.fingerprint(week))
            key = f"findings/{week}"
            if key not in self.state.final and self.state.inputs.get(key) != print_:
                dirty[week] = print_

        def make(connection: duckdb.DuckDBPyConnection, run: Sequence[date]) -> None:
            weeks.lay_out(connection, run[0], run[-1])
            sum_up(connection, run[0], run[-1], zone=self.zone)
            for week in run:
                watched = weeks.lay_out_week(connection, week)
                judge(connection, week, horizons[week], zone=self.zone, k=self.k, summed_up=True)
                values: dict[str, str | int | float] = {
                    "week": week.isoformat(),
                    "horizon": horizons[week].isoformat(),
                    "watched_minutes": watched,
                    "policy_version": weeks.policy_version(connection),
                }
                replace(self, connection=connection)._store("week", week, values, of="findings")
                self.state.inputs[f"findings/{week}"] = dirty[week]

        def begin(connection: duckdb.DuckDBPyConnection) -> None:
            prepare(connection)
            weeks.lay_out_policy(connection)

        together = runs(self.connection, sorted(dirty), apart=timedelta(days=7), most=WEEKS_A_RUN)
        each(self.connection, together, make, begin=begin)
        return list(dirty)

    def held(self, frames: Mapping[str, pl.DataFrame]) -> list[date]:
        """Makes the open marts of the weeks that rows in memory lie in; returns these weeks.

        Nothing about a person is written: restricted marts stay temporary tables, and what does not fit
        into memory is spilled encrypted.
        """
        if all(frame.is_empty() for frame in frames.values()):
            return []
        self.connection.execute("SET temp_file_encryption = true")
        for name in HELD:
            store_frame(self.connection, f"held_{name}", frames[name])
        for name in (name for name in HELD if name != "names"):
            self._relation("TABLE", f"every_{name}", memory_sql(self.manifest.tables[name], f"held_{name}"))
        hold(self.connection)
        nothing = cold_sql(self.manifest.tables["restated"], [], root=self.root)
        self._relation("VIEW", "week_restated", nothing)
        self._count_held(sorted(frames["sightings"]["seen_at"].dt.date().unique().drop_nulls()))
        weeks = {of: _weeks_in(frames[of][time], self.zone) for of, time in _TIMES.items()}
        for week in sorted(weeks["sightings"]):
            self._store("week", week, prepare_week(self.connection, week, zone=self.zone, k=self.k))
        self._relation("VIEW", "week_names", "SELECT * FROM held_names")
        for week in sorted(weeks["names"]):
            values: dict[str, str | int | float] = {"week": week.isoformat(), "zone": self.zone, "k": self.k}
            self._store("week", week, values, of="names")
        return sorted(weeks["sightings"] | weeks["names"])

    def _count_held(self, days: Sequence[date]) -> None:
        """Counts each day into temporary tables `week_<mart>`."""
        daily = [mart for mart in self.marts if mart.name in DAILY]
        for mart in daily:
            self._relation("TABLE", f"week_{mart.name}", files_sql(mart.types, [], root=self.root))
        for run in runs(self.connection, days, apart=timedelta(days=1), most=DAYS_A_RUN):
            begin, end = run[0] - timedelta(days=1), run[-1] + timedelta(days=1)
            near = f"CAST(seen_at AS DATE) BETWEEN DATE '{begin}' AND DATE '{end}'"
            self._relation("TABLE", "sightings", f"SELECT * FROM every_sightings WHERE {near}")
            read_days(self.connection, run, zone=self.zone)
            for _ in self._count(run):
                for mart in daily:
                    rows = f"SELECT {', '.join(mart.types)} FROM (\n{mart.sql}\n) AS days"
                    self.connection.execute(f"INSERT INTO week_{mart.name} {rows}")

    @cached_property
    def sizes(self) -> Sizes:
        """What tells files apart in fingerprints."""
        return Sizes(self.connection, self.lake)

    @property
    def root(self) -> str:
        """The lake's folder as SQL."""
        return literal(self.lake.absolute())

    def _read(self, days: Sequence[date]) -> None:
        sightings = self.manifest.tables["sightings"]
        near = sorted({other for day in days for other in neighbours(day)})
        restated = self.manifest.tables["restated"]
        restated_files = files_of(restated.cold, near)
        rows = settled_sql(sightings, [files_of(sightings.cold, [day]) for day in near], root=self.root)
        if restated_files:
            rows = restated_sql(sightings, rows, cold_sql(restated, restated_files, root=self.root))
        self._relation("TABLE" if self._bytes(near) <= SMALL_BYTES else "VIEW", "sightings", rows)
        read_days(self.connection, days, zone=self.zone)

    def _store(
        self, kind: str, period: date, values: Mapping[str, str | int | float], *, of: str = "usage"
    ) -> None:
        for mart in self.marts:
            if (mart.period, mart.of) == (kind, of):
                self._write(mart, period.isoformat(), Template(mart.sql).substitute(values))

    def _write(self, mart: Mart, period: str, sql: str) -> None:
        folder = f"{self.place}{mart.zone}/marts/{mart.name}/{mart.period}={period}"
        path = f"{folder}/{self.state.build:08d}.parquet"
        zone = "restricted" if self.place else mart.zone
        _folders(self.lake, Path(path).parent, mode=_FOLDER_MODES[zone])
        rows = write_rows(self.connection, sql, self.lake / path, mode=_FILE_MODES[zone])
        known = self.state.files.get(mart.name, {}).get(period)
        if rows and known and _alike(self.lake / known, self.lake / path):
            (self.lake / path).unlink()
        else:
            self.state.replace(mart.name, period, path if rows else None, self.now)

    def _files(self, mart: Mart, days: Sequence[date]) -> list[str]:
        known = self.state.files.get(mart.name, {})
        return [known[day.isoformat()] for day in days if day.isoformat() in known]

    def _cold(self, name: str) -> str:
        """SQL of a base table, one row per key."""
        table = self.manifest.tables[name]
        return cold_sql(table, table.cold_files, root=self.root)

    def _relation(self, kind: str, name: str, sql: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {sql}")


#: The column that says which week a held row belongs to.
_TIMES = {"sightings": "seen_at", "names": "bucket"}


def _weeks_in(times: pl.Series, zone: str) -> set[date]:
    """Mondays, on the clock of `zone`, of the weeks these UTC times lie in."""
    local = times.drop_nulls().dt.convert_time_zone(zone).dt.truncate("1w").dt.date()
    return set(local.unique())


def _alike(one: Path, other: Path) -> bool:
    """Whether two files are there and the same."""
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def _folders(lake: Path, folder: Path, *, mode: int) -> None:
    """Makes `folder` (relative to the lake) and its parents; all of them get `mode`.

    Each for itself, not only the zone's: a copy of a part of the lake must not be readable by all.
    """
    for path in (*reversed(folder.parents[:-1]), folder):
        (lake / path).mkdir(exist_ok=True)
        if (lake / path).stat().st_mode & 0o777 != mode:
            (lake / path).chmod(mode)


def write_rows(connection: duckdb.DuckDBPyConnection, sql: str, target: Path, *, mode: int) -> int:
    """Writes the rows of `sql` to `target`, whole or not at all; returns how many. None: no file."""
    temporary = target.with_suffix(".tmp")
    copied = connection.execute(f"COPY ({sql}) TO {literal(temporary)} (FORMAT parquet, COMPRESSION zstd)")
    row = copied.fetchone()
    if not row or not row[0]:
        temporary.unlink()
        return 0
    temporary.chmod(mode)
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.replace(target)
    return int(row[0])


@contextmanager
def alone(lake: Path) -> Iterator[None]:
    """Holds the lock that keeps two builds of one lake apart."""
    try:
        handle = (lake / "marts.lock").open("w")
    except OSError as error:
        raise LakeUnreadable(f"{lake}: {error.strerror}; the lake must exist and be writable") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def workshop(lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose spilled pages lie inside the restricted zone, and are gone afterwards.

    A column that the lake's description does not name yet raises LakeUnreadable.
    """
    restricted = lake / "restricted"
    restricted.mkdir(mode=0o750, exist_ok=True)
    for left_behind in restricted.glob("spill-*"):
        shutil.rmtree(left_behind)
    with (
        tempfile.TemporaryDirectory(dir=restricted, prefix="spill-") as spill,
        connect(spill=Path(spill)) as connection,
    ):
        # Packing keys before each sort and group costs more than the memory it saves.
        connection.execute("SET disabled_optimizers = 'compressed_materialization'")
        # Tables follow each other: a part of the memory is kept for the next one, not given back in between.
        connection.execute("SET block_allocator_memory = '256MB'")
        try:
            yield connection
        except duckdb.BinderException as error:
            what = str(error).partition("\n")[0]
            raise LakeUnreadable(
                f"{lake}: manifest.json is of another release ({what}); compact the lake"
            ) from error
