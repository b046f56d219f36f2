"""How long it takes to say who was behind every sighting, with every lease there is.

    python -m tests.bench.bench_who [sightings] [leases] [days]

Makes leases of a network (addresses that change hands, renewals, logins, VPN sessions inside) and
sightings at those addresses, then times what a build does with them: every lease into intervals (once),
and for every day the as-of join and the choice of whom to believe. Two threads, 2 GB for DuckDB; the
process's peak memory is printed beside. The answers are counted, so that a join that loses rows shows.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import Template

import duckdb

from analytics.lake import connect, literal
from analytics.marts.days import STALE, STEPS
from analytics.marts.holders import CROWD, hold, near

FIRST = date(2026, 11, 2)
PEOPLE = 20_000

#: A quarter of the leases are logins, a twentieth VPN sessions, the rest DHCP leases of 8 h renewed at half.
LEASES = """
CREATE TABLE every_leases AS
SELECT 'hq' AS site, 'a' || (i % {addresses}) AS address,
       CASE WHEN i % 20 < 14 THEN 'm' || person END AS mac,
       CASE WHEN i % 20 >= 14 THEN 'u' || person END AS user_name,
       CASE WHEN i % 20 < 14 THEN 'd' || person END AS device,
       begins AS valid_from,
       begins + CASE WHEN i % 20 = 19 THEN INTERVAL 1 HOUR ELSE INTERVAL 8 HOUR END AS valid_to,
       CASE WHEN i % 20 < 14 THEN 'dhcp' WHEN i % 20 < 19 THEN 'directory' ELSE 'vpn' END AS origin,
       0.9 AS confidence, false AS shared
FROM (
  SELECT i, hash(i % {addresses}, (i // {addresses}) // 6) % {people} AS person,
         TIMESTAMPTZ '{first} 00:00:00+00'
           + to_microseconds(CAST((i // {addresses}) * {step_us} + hash(i) % {step_us} AS BIGINT)) AS begins
  FROM range({leases}) AS r (i)
) AS made
"""
SIGHTINGS = """
COPY (
  SELECT i AS event_id, day_start + CAST(hash(i, 1) % 86400000000 AS BIGINT) AS start_us,
         'hq' AS seen_site, 'a' || CAST(hash(i, 2) % {addresses} AS BIGINT) AS client,
         CASE WHEN i % 10 = 0 THEN 'u' || hash(i, 3) % {people} END AS user_name,
         CAST(NULL AS VARCHAR) AS device
  FROM range({begin}, {end}) AS r (i), (SELECT {day_start} AS day_start) AS d
) TO {file} (FORMAT parquet)
"""
#: What the rest of the count reads of an event plays no part here.
EVENTS = """
CREATE OR REPLACE TEMP TABLE contexts AS
SELECT ROW_NUMBER() OVER () AS context, 'packets' AS eye, 'tls' AS kind, 'lan' AS segment,
       'browser' AS client_class, 'internal' AS scope, 'host' AS host, 'app' AS app, 'web' AS access,
       'use' AS outcome, *
FROM (SELECT DISTINCT seen_site, client, user_name, device FROM read_parquet({file})) AS told;
CREATE OR REPLACE TEMP TABLE events AS
SELECT e.event_id, c.context, true AS in_day, e.start_us, e.start_us AS end_us, e.start_us AS began_us,
       e.event_id AS flow, 0 AS slice, 3 AS grade, 1 AS bytes_up, 1 AS bytes_down, 1 AS connections,
       0 AS requests, 0 AS lookups
FROM read_parquet({file}) AS e
JOIN contexts AS c
  ON c.seen_site = e.seen_site AND c.client = e.client AND c.user_name IS NOT DISTINCT FROM e.user_name
 AND c.device IS NOT DISTINCT FROM e.device
"""


def make(connection: duckdb.DuckDBPyConnection, folder: Path, sightings: int, leases: int, days: int) -> None:
    """Leases in the connection, a file of sightings a day."""
    addresses = max(1, leases // (days * 8))
    step = days * 86_400_000_000 // (leases // addresses + 1)
    connection.execute(
        LEASES.format(addresses=addresses, people=PEOPLE, first=FIRST, leases=leases, step_us=step)
    )
    connection.execute(
        f"CREATE TABLE every_directory AS SELECT 'u' || i AS user_name, 'd' || i AS device, 'm' || i AS mac, "
        f"'person' AS kind, 'dep' || i % 50 AS department, 'hq' AS site, "
        f"CAST(NULL AS TIMESTAMPTZ) AS valid_from, 'csv' AS origin, 0.9 AS confidence "
        f"FROM range({PEOPLE}) AS r (i)"
    )
    connection.execute("CREATE TABLE sensors AS SELECT 'packets' AS vantage, 1 AS rank")
    each = sightings // days
    for nth in range(days):
        start = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp()) + nth * 86_400
        connection.execute(
            SIGHTINGS.format(
                addresses=addresses, people=PEOPLE, begin=nth * each, end=(nth + 1) * each,
                day_start=start * 1_000_000, file=literal(folder / f"{nth}.parquet"),
            )
        )  # fmt: skip


def main(sightings: int = 5_000_000, leases: int = 500_000, days: int = 30) -> None:
    """Prints seconds, peak memory and how the sightings were attributed."""
    told: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as place, connect(memory="1500MB", spill=Path(place)) as connection:
        connection.execute("SET threads = 2; SET preserve_insertion_order = false")
        make(connection, Path(place), sightings, leases, days)
        begin, spent = time.perf_counter(), time.process_time()
        hold(connection)
        connection.execute("DROP TABLE every_leases")
        held = time.perf_counter() - begin
        connection.execute("CREATE OR REPLACE TEMP VIEW directory AS SELECT * FROM every_directory")
        for nth in range(days):
            connection.execute(EVENTS.format(file=literal(Path(place) / f"{nth}.parquet")))
            condition = near(FIRST + timedelta(days=nth))
            connection.execute(
                f"CREATE OR REPLACE TEMP VIEW holders AS SELECT * FROM every_holders WHERE {condition}"
            )
            for step in ("2_held", "3_attributed"):
                text = Template((STEPS / f"{step}.sql").read_text("utf-8"))
                connection.execute(text.substitute(crowd=CROWD, stale=STALE))
            rows = connection.execute(
                "SELECT f.attributed_by, COUNT(*) FROM attributed AS a JOIN facets AS f ON f.facet = a.facet "
                "GROUP BY ALL"
            ).fetchall()
            for who, count in rows:
                told[who] = told.get(who, 0) + count
        took, spent = time.perf_counter() - begin, time.process_time() - spent
    assert sum(told.values()) == sightings // days * days, told
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{sightings:,} sightings, {leases:,} leases, {days} days: {took:.1f} s, CPU {spent:.1f} s")
    print(f"of it leases {held:.1f} s")
    print(f"peak memory of the process {peak:,.0f} MB")
    print(", ".join(f"{who} {count / sightings:.0%}" for who, count in sorted(told.items())))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
