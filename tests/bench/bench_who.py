"""How long it takes to say who was behind every sighting, with every lease there is.

    python -m tests.bench.bench_who [sightings] [leases] [days]

Makes leases of a network (addresses that change hands, renewals, logins, VPN sessions inside) and sightings
at those addresses, all in tokens and in the order a lake holds them, then times what a build does with them,
a day a thread: every lease into intervals (once), and for every day the as-of join and the choice of whom to
believe. The peer is one plain ASOF JOIN of the same files in DuckDB, which believes the last lease that began
and knows no kinds, ends, owners or shared addresses. Two threads, 2 GB for DuckDB at most; the process's peak
memory is printed beside. Every day has as many answers as sightings, or it stops; those of the last day are
told by whose word named somebody, and held against who truly sat there.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from analytics.counting.days import attribute as attribute_events
from analytics.counting.holders import HELD, make_holders
from analytics.counting.threads import each
from analytics.lake import connect, literal

FIRST = date(2026, 11, 2)
PEOPLE = 20_000

#: What a token looks like (sensor/privacy/pseudonyms.py).
TOKEN = "CREATE MACRO token(kind, value) AS kind || '7-' || to_base(CAST(hash(value) >> 1 AS BIGINT), 32, 16)"
#: Whoever has an address has it for six leases in a row.
PERSON = "hash(address_nth, nth // 6) % {people}"
#: A quarter of the leases are logins, a twentieth VPN sessions, the rest DHCP leases of 8 h renewed at half.
LEASES = """
COPY (
  SELECT 'hq' AS site, token('a', address_nth) AS address,
         CASE WHEN kind < 14 THEN token('m', person) END AS mac,
         CASE WHEN kind >= 14 THEN token('u', person) END AS user_name,
         CASE WHEN kind < 14 THEN token('d', person) END AS device,
         begins AS valid_from,
         begins + CASE WHEN kind = 19 THEN INTERVAL 1 HOUR ELSE INTERVAL 8 HOUR END AS valid_to,
         CASE WHEN kind < 14 THEN 'dhcp' WHEN kind < 19 THEN 'directory' ELSE 'vpn' END AS origin,
         0.9 AS confidence, false AS shared
  FROM (
    SELECT *, {person} AS person,
           TIMESTAMPTZ '{first} 00:00:00+00'
             + to_microseconds(CAST(nth * {step_us} + hash(i) % {step_us} AS BIGINT)) AS begins
    FROM (
      SELECT i, i % {addresses} AS address_nth, i // {addresses} AS nth, i % 20 AS kind
      FROM range({leases}) AS r (i)
    ) AS numbered
  ) AS made
) TO {file} (FORMAT parquet)
"""
#: A tenth comes from a proxy that names the account. In the order compaction leaves (of one service).
SIGHTINGS = """
COPY (
  SELECT i AS event_id, {first_us} + since AS start_us, 'hq' AS seen_site, token('a', address_nth) AS client,
         CASE WHEN i % 10 = 0 THEN token('u', {person}) END AS user_name, CAST(NULL AS VARCHAR) AS device,
         token('u', {person}) AS truth
  FROM (
    SELECT *, since // {step_us}
             - CASE WHEN since % {step_us} < hash(since // {step_us} * {addresses} + address_nth) % {step_us}
                    THEN 1 ELSE 0 END AS nth
    FROM (
      SELECT i, {day_us} + CAST(hash(i, 1) % 86400000000 AS BIGINT) AS since,
             CAST(hash(i, 2) % {addresses} AS BIGINT) AS address_nth
      FROM range({begin}, {end}) AS r (i)
    ) AS seen
  ) AS made
  ORDER BY client, start_us, event_id
) TO {file} (FORMAT parquet)
"""
#: What the rest of the count reads of an event plays no part here: all sightings have one target.
EVENTS = """
CREATE OR REPLACE TEMP TABLE contexts AS
SELECT ROW_NUMBER() OVER () AS context, HASH(seen_site, client, user_name, device) AS content_hash,
       'lan' AS segment,
       'browser' AS client_class, 'internal' AS scope, *
FROM (SELECT DISTINCT seen_site, client, user_name, device FROM read_parquet({file})) AS who;
CREATE OR REPLACE TEMP TABLE events AS
SELECT e.event_id, 1 AS day, e.start_us, c.context, 1 AS target
FROM read_parquet({file}) AS e
JOIN contexts AS c ON c.content_hash = HASH(e.seen_site, e.client, e.user_name, e.device);
CREATE OR REPLACE TEMP TABLE targets AS
SELECT 1 AS target, 0 AS content_hash, 'packets' AS vantage, '' AS made_by, 'tls' AS kind, 'host' AS host,
       'app' AS app, 'web' AS access,
       'use' AS outcome;
CREATE OR REPLACE TEMP TABLE vantages AS SELECT 'packets' AS vantage, '' AS made_by, 1 AS vantage_rank;
CREATE OR REPLACE TEMP TABLE bounds AS
SELECT 1 AS day, {day_start} AS from_us, {day_start} + 86400000000 AS to_us
"""
COUNTS = "SELECT (SELECT COUNT(*) FROM attributed), (SELECT COUNT(*) FROM read_parquet({file}))"
TOLD = """
SELECT b.attributed_by, SUM(a.events)
FROM (SELECT facet, COUNT(*) AS events FROM attributed GROUP BY facet) AS a
JOIN facet_codes AS n ON n.facet = a.facet
JOIN subject_profiles AS b ON b.subject_profile = n.subject_profile
GROUP BY b.attributed_by
"""


#: The peer: whoever the last lease before it names.
ASOF = """
SELECT COUNT(*) FROM (
  SELECT s.event_id, l.user_name, l.device, l.mac
  FROM read_parquet({sightings}) AS s
  ASOF LEFT JOIN read_parquet({leases}) AS l
    ON l.site = s.seen_site AND l.address = s.client AND l.valid_from <= make_timestamptz(s.start_us)
) AS told
WHERE hash(event_id, user_name, device, mac) >= 0
"""


def make(connection: duckdb.DuckDBPyConnection, folder: Path, sightings: int, leases: int, days: int) -> None:
    """A file of leases, a file of sightings a day, and the directory."""
    addresses = max(1, leases // (days * 8))
    values: dict[str, object] = {
        "addresses": addresses,
        "people": PEOPLE,
        "person": PERSON.format(people=PEOPLE),
        "first": FIRST,
        "first_us": _microseconds(FIRST),
        "leases": leases,
        "step_us": days * 86_400_000_000 // (leases // addresses + 1),
    }
    connection.execute(TOKEN)
    connection.execute(LEASES.format(**values, file=literal(folder / "leases.parquet")))
    connection.execute(
        "CREATE TEMP TABLE every_directory AS SELECT token('u', i) AS user_name, token('d', i) AS device, "
        "token('m', i) AS mac, 'person' AS kind, 'dep' || i % 50 AS department, 'hq' AS site, "
        "CAST(NULL AS TIMESTAMPTZ) AS valid_from, CAST(NULL AS TIMESTAMPTZ) AS valid_to, "
        "'csv' AS origin, 0.9 AS confidence "
        f"FROM range({PEOPLE}) AS r (i)"
    )
    connection.execute("CREATE TEMP TABLE sensors AS SELECT 'packets' AS vantage, 1 AS rank")
    each = sightings // days
    for nth in range(days):
        file = literal(folder / f"{nth}.parquet")
        part = {"begin": nth * each, "end": (nth + 1) * each, "day_us": nth * 86_400_000_000, "file": file}
        connection.execute(SIGHTINGS.format(**values, **part))


def attribute(
    connection: duckdb.DuckDBPyConnection, folder: Path, days: int
) -> tuple[float, Counter[str], float]:
    """CPU seconds of it the leases took; of the last day the sightings by whose word named them, and of the
    persons named the share of those who truly sat there."""
    told: Counter[str] = Counter()
    rightly: list[float] = []
    spent = time.process_time()
    connection.execute(
        "CREATE VIEW every_leases AS SELECT *, CAST(NULL AS TIMESTAMPTZ) AS landed_at "
        f"FROM read_parquet({literal(folder / 'leases.parquet')})"
    )
    make_holders(connection, for_all=True)
    held = time.process_time() - spent
    last = FIRST + timedelta(days=days - 1)

    def make(own: duckdb.DuckDBPyConnection, day: date) -> None:
        file = literal(folder / f"{(day - FIRST).days}.parquet")
        own.execute("CREATE OR REPLACE TEMP VIEW directory AS SELECT * FROM every_directory")
        own.execute(EVENTS.format(file=file, day_start=_microseconds(day)))
        attribute_events(own, [day])
        answers, asked = own.execute(COUNTS.format(file=file)).fetchall()[0]
        assert answers == asked, (day, answers, asked)
        if day == last:
            told.update(dict(own.execute(TOLD).fetchall()))
            rightly.append(_right(own, file))

    shared = (*HELD, "every_directory", "sensors")
    each(connection, [FIRST + timedelta(days=nth) for nth in range(days)], make, shared=shared)
    return held, told, rightly[0]


def _microseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def _right(connection: duckdb.DuckDBPyConnection, file: str) -> float:
    row = connection.execute(
        "SELECT AVG(CASE WHEN f.user_name = s.truth THEN 1.0 ELSE 0.0 END) FROM attributed AS a "
        "JOIN facets AS f ON f.facet = a.facet "
        f"JOIN read_parquet({file}) AS s ON s.event_id = a.event_id WHERE f.user_name IS NOT NULL"
    ).fetchone()
    return float(row[0]) if row else 0.0


def main(sightings: int = 5_000_000, leases: int = 500_000, days: int = 30) -> None:
    """Prints seconds, rows a second, peak memory, how sightings were attributed, and the peer's seconds."""
    with tempfile.TemporaryDirectory() as place, connect(memory="1500MB", spill=Path(place)) as connection:
        folder = Path(place)
        connection.execute("SET threads = 2; SET preserve_insertion_order = false")
        connection.execute("SET disabled_optimizers = 'compressed_materialization'")  # as a build does
        make(connection, folder, sightings, leases, days)
        begin, spent = time.perf_counter(), time.process_time()
        held, told, right = attribute(connection, folder, days)
        took, spent = time.perf_counter() - begin, time.process_time() - spent
        rows = sightings // days * days
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{sightings:,} sightings, {leases:,} leases, {days} days: {took:.1f} s, CPU {spent:.1f} s")
        print(f"of it leases CPU {held:.1f} s")
        print(f"{rows / took:,.0f} sightings a second, {rows / spent:,.0f} a CPU-s")
        print(f"peak memory of the process {peak:,.0f} MB")
        shares = ", ".join(f"{who} {count / told.total():.0%}" for who, count in sorted(told.items()))
        print(f"named by on the last day: {shares}")
        print(f"named rightly on the last day: {right:.1%}")
        begin, spent = time.perf_counter(), time.process_time()
        files = {
            "sightings": literal(folder / "[0-9]*.parquet"),
            "leases": literal(folder / "leases.parquet"),
        }
        connection.execute(ASOF.format(**files)).fetchall()
        took, spent = time.perf_counter() - begin, time.process_time() - spent
        print(f"peer, one ASOF JOIN: {took:.1f} s, CPU {spent:.1f} s, {rows / spent:,.0f} a CPU-s")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
