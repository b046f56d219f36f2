"""A year of an organisation: how fast it becomes marts, what a day costs then, how fast views answer.

    python -m tests.bench.bench_year [people] [days]

The design's year is 10,000 people and 100 million sightings of 600 services; the default is a tenth of the
people, each using AI as much. DuckDB writes the files that compaction would have left: sightings by day
(slices of connections seen by packets, some lines of a proxy about them, lookups), coverage, a directory.
Then the whole is built, a day is added to the first month and to the full year, and each view is asked, in a
new connection: open ones for everything, restricted ones for a week.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from analytics.definitions import load_views
from analytics.lake import literal, open_views
from analytics.refresh import refresh
from sensor import schema
from tests.analytics.handmade import SENSORS, TYPES, ZONE, HandmadeLake
from tests.bench import measure
from tests.bench.bench_marts import counted, latency, report_views

FIRST = date(2025, 11, 17)
APPS = 600
DEPARTMENTS = 40
#: Sightings a person causes in a day: 100 million of 10,000 people in 365 days.
A_DAY = 27
#: Of them lookups.
A_LOOKUP = 5

#: Of 27: a connection of 15 slices and one of 3, a proxy's lines about them, lookups. Few services have most
#: users.
SIGHTINGS = """
SELECT CAST(hash(d, person, nth) // 2 AS BIGINT) AS event_id, 'web' AS access, midnight, person, nth, session,
       CAST(pow(hash(person, session, 7) % 1000 / 1000.0, 3) * {apps} AS BIGINT) AS app_nth,
       midnight + to_seconds(CAST(25200 + hash(d, person, session) % 36000 AS BIGINT)) AS begun
FROM (
  SELECT {nth} AS d, TIMESTAMPTZ '{day} 00:00:00+00' AS midnight, p.i AS person, s.i AS nth,
         CASE WHEN s.i < 15 OR s.i IN (18, 20, 22, 23, 24) THEN 0 ELSE 1 END AS session
  FROM range({people}) AS p (i), range({a_day}) AS s (i)
) AS made
"""
COLUMNS = {
    "event_id": "event_id",
    "seen_at": "begun + to_seconds(CASE WHEN nth < 15 THEN 60 * nth "
    "WHEN nth < 18 THEN 60 * (nth - 15) ELSE 0 END)",
    "started_at": "CASE WHEN nth < 18 THEN begun END",
    "duration_s": "CASE WHEN nth < 18 THEN 60.0 WHEN nth < 22 THEN 30.0 ELSE 0.0 END",
    "sensor": "CASE WHEN nth < 18 THEN 'span' WHEN nth < 22 THEN 'squid' ELSE 'resolver' END",
    "vantage": "CASE WHEN nth < 18 THEN 'packets' WHEN nth < 22 THEN 'proxy' ELSE 'dns' END",
    "kind": "CASE WHEN nth < 18 THEN 'tls' WHEN nth < 22 THEN 'proxy' ELSE 'dns' END",
    "grade": "CASE WHEN nth < 18 THEN 4 WHEN nth < 22 THEN 5 ELSE 1 END",
    "flow": "CASE WHEN nth < 18 THEN CAST(hash(midnight, person, session) // 2 AS BIGINT) END",
    "connection": "CASE WHEN nth < 18 THEN CAST(hash(midnight, person, session) // 2 AS BIGINT) END",
    "slice": "CASE WHEN nth < 15 THEN nth WHEN nth < 18 THEN nth - 15 END",
    "connections": "CASE WHEN nth IN (0, 15) OR nth BETWEEN 18 AND 21 THEN 1 ELSE 0 END",
    "requests": "CASE WHEN nth BETWEEN 18 AND 21 THEN 1 ELSE 0 END",
    "lookups": "CASE WHEN nth >= 22 THEN 1 ELSE 0 END",
    "bytes_up": "CASE WHEN nth < 22 THEN 1000 + hash(nth, person) % 4000 END",
    "bytes_down": "CASE WHEN nth < 22 THEN 9000 END",
    "user_name": "'u' || person",
    "client": "'a' || person",
    "app": "'vendor/app' || app_nth",
    "host": "'host' || app_nth || '.test'",
    "site": "'hq'",
    "role": "'use'",
    "action": "'allowed'",
    "access": "access",
    "client_scope": "'internal'",
    "catalog_version": "'1'",
    "source": "'x'",
    "input": "'i'",
}
COVERAGE = """
SELECT {columns} FROM (
  SELECT TIMESTAMPTZ '{day} 00:00:00+00' + to_minutes(CAST(m.i AS BIGINT)) AS minute, sensor, source
  FROM range(1440) AS m (i),
       (VALUES ('span', 'pcap'), ('squid', 'squid'), ('resolver', 'zeek')) AS s (sensor, source)
) AS made
"""
WATCHED = {
    "minute": "minute", "first_seen": "minute", "last_seen": "minute + INTERVAL 59 SECOND",
    "sensor": "sensor", "site": "'hq'", "source": "source", "input": "'i'", "packets": "1000",
    "decoded": "990", "flows": "50", "named_flows": "48",
}  # fmt: skip


def columns(table: schema.Table, known: dict[str, str]) -> str:
    """Every column of the table in order, NULL where `known` has no expression for it."""
    return ", ".join(f"CAST({known.get(n, 'NULL')} AS {TYPES[d]}) AS {n}" for n, d in table.dtypes.items())


def add_day(connection: duckdb.DuckDBPyConnection, lake: HandmadeLake, nth: int, people: int) -> int:
    """Writes the files of a day, and names them in the manifest's lists; returns its sightings."""
    day = FIRST + timedelta(days=nth)
    made = SIGHTINGS.format(apps=APPS, nth=nth, day=day, people=people, a_day=A_DAY)
    seen = f"SELECT {columns(schema.SIGHTINGS, COLUMNS)} FROM ({made}) AS made ORDER BY app, client, seen_at"
    watched = COVERAGE.format(columns=columns(schema.COVERAGE, WATCHED), day=day)
    for table, sql in ((schema.SIGHTINGS, seen), (schema.COVERAGE, watched)):
        file = lake.path / table.zone / table.name / "cold" / f"day={day}" / "00000001.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        connection.execute(f"COPY ({sql}) TO {literal(file)} (FORMAT parquet, COMPRESSION zstd)")
        lake.files[table.name][day.isoformat()] = [str(file.relative_to(lake.path))]
    return people * A_DAY


def furnish(lake: HandmadeLake, people: int) -> None:
    """Sensors, catalog and directory."""
    lake.cold("sensors", SENSORS)
    lake.cold("catalog", [
        {"app": f"vendor/app{n}", "service": f"App {n}", "vendor": f"Vendor {n % 200}", "category": "chatbot",
         "country": "US", "upload_baseline_bytes": 2000}
        for n in range(APPS)
    ])  # fmt: skip
    lake.cold("directory", [
        {"user_name": f"u{n}", "department": f"Department {n % DEPARTMENTS}", "kind": "person",
         "valid_from": datetime(2025, 1, 1, tzinfo=UTC)}
        for n in range(people)
    ])  # fmt: skip


def built(lake: HandmadeLake) -> tuple[float, float]:
    """Seconds and processor seconds of a build of what is dirty."""
    lake.generation += 1
    lake.write_manifest()
    begin, spent = time.perf_counter(), time.process_time()
    refresh(lake.path, zone=ZONE, blanks=lake.path / "blanks")
    return time.perf_counter() - begin, time.process_time() - spent


def week_of(lake: Path, view: str, time_column: str, week: date) -> tuple[float, float, int]:
    """A week of a restricted view: seconds until every column of every row is counted, seconds for all rows
    as a Parquet file (`shadowai sql --format parquet`), and how many there are."""
    until = week + timedelta(days=7)
    of_week = f"FROM {view} WHERE {time_column} >= DATE '{week}' AND {time_column} < DATE '{until}'"
    begin = time.perf_counter()
    with open_views(lake, restricted=True) as connection:
        connection.execute(f"SELECT COUNT(COLUMNS(*)) {of_week}").fetchall()
    counted = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, open_views(lake, restricted=True) as connection:
        file = Path(folder) / "rows.parquet"
        connection.sql(f"SELECT * {of_week}").write_parquet(str(file))
        written = time.perf_counter()
        found = connection.execute(f"SELECT COUNT(*) FROM {literal(file)}").fetchone()
    return counted - begin, written - counted, found[0] if found else 0


def main(people: int = 1000, days: int = 365) -> None:
    """Prints the rate, the cost of a day, and every view's answer time."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        lake = HandmadeLake(Path(folder))
        furnish(lake, people)
        month = 28
        rows = sum(add_day(connection, lake, nth, people) for nth in range(month))
        took, spent = built(lake)
        rows_of_day = add_day(connection, lake, month, people)
        young, young_spent = built(lake)
        rest = sum(add_day(connection, lake, nth, people) for nth in range(month + 1, days - 1))
        more, more_spent = built(lake)
        add_day(connection, lake, days - 1, people)
        old, old_spent = built(lake)
        took, spent, rows = took + more, spent + more_spent, rows + rest
        # two connections a day and person; what the proxy saw of them is not counted again
        measure.require((found := counted(lake.path)) == (2 * people * days, A_LOOKUP * people * days), found)
        print(f"{people:,} people, {days} days, {rows:,} sightings: {took:.0f} s, CPU {spent:.0f} s, "
              f"{rows / took:,.0f}/s, peak memory {peak_mb():,.0f} MB")  # fmt: skip
        for name, wall, cpu in (("a month", young, young_spent), ("the year", old, old_spent)):
            print(f"a day of {rows_of_day:,} sightings added to {name}: {wall:.1f} s, CPU {cpu:.1f} s")
        for view in report_views():
            seconds, count = latency(lake.path, view)
            print(f"  open       {view:20} {seconds * 1000:7.0f} ms  {count:,} rows")
        week = FIRST + timedelta(days=7 * (days // 7 - 1))
        times = {
            "usage_hourly": "hour", "people": "week", "sessions": "started_at", "sightings": "seen_at",
            "sightings_named": "seen_at",
        }  # fmt: skip
        for view in (view for view in load_views() if view.name in times):
            try:
                read, written, count = week_of(lake.path, view.name, times[view.name], week)
            except duckdb.OutOfMemoryException:
                print(f"  restricted {view.name:20} takes more memory than open_views allows")
                continue
            print(f"  restricted {view.name:20} {read * 1000:7.0f} ms, "
                  f"as Parquet {written * 1000:7.0f} ms  {count:,} rows of a week")  # fmt: skip
        print(f"peak memory with the queries {peak_mb():,.0f} MB "
              f"(polars {pl.__version__}, duckdb {duckdb.__version__})")  # fmt: skip


def peak_mb() -> float:
    """The most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
