"""Makes the daily marts: usage per person and hour.

The inputs of a day are its own sightings and those of its neighbours, the address holders and directory on
that day, the ranks of its vantages, the counting rules, and the zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import duckdb

from analytics.counting.build import Build
from analytics.counting.days import (
    DEFAULT_RANKS,
    LAST,
    MOST_DAYS,
    count_days,
    neighbours,
    of_one_directory,
    on_day,
    read_days,
)
from analytics.counting.holders import HELD, make_holders
from analytics.counting.inputs import (
    LASTING,
    day_fingerprints,
    days_with_sightings,
    directories,
    files_of,
    fingerprint,
    holders,
    rules,
)
from analytics.counting.threads import each, runs
from analytics.stored import cold_sql, restated_sql, unmerged_sql

#: Days that are read together: at most this many, with files of at most this size (about two million
#: sightings).
DAYS_A_RUN, BYTES_A_RUN = MOST_DAYS, 32_000_000
#: Days with smaller files in total are not distributed over threads, because planning would take longer.
SMALL_BYTES = 500_000


def make_days(build: Build) -> list[date]:
    """Counts every dirty day; returns them. Also makes the table `sensors`, which later steps read."""
    build.relation("TABLE", "sensors", build.cold("sensors"))
    held_by_day, are_made = _held_by_day(build)
    digests_by_day = day_fingerprints(build.sizes, build.manifest, (rules(), build.zone), held_by_day)
    ranks = _ranks(build)

    def digest_of(day: date) -> str:
        # Only the rank order of the vantages of that day matters: a new sensor elsewhere changes nothing.
        vantages = build.state.vantages.get(day.isoformat(), [])
        ranked = sorted(
            vantages, key=lambda vantage: (ranks.get(vantage) or DEFAULT_RANKS.get(vantage, LAST), vantage)
        )
        return fingerprint(digests_by_day[day], ranked)

    dirty = [day for day in digests_by_day if build.is_dirty(f"day/{day}", digest_of(day))]
    if dirty and not are_made:
        _make_every_holder(build)

    def make(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> None:
        beside = build.on(connection)
        _read(beside, days)
        vantages = connection.execute("SELECT DISTINCT vantage FROM vantages ORDER BY vantage").fetchall()
        for counted in counted_days(beside, days):
            _store(beside, counted)
            build.state.vantages |= {
                day.isoformat(): [name for (name,) in vantages] for day in counted.values()
            }
            build.state.inputs |= {f"day/{day}": digest_of(day) for day in counted.values()}

    shared = (*HELD, "every_directory", "sensors")
    together = runs(
        build.connection, dirty, apart=timedelta(days=1), most=DAYS_A_RUN,
        fit=lambda days: _bytes(build, days) <= BYTES_A_RUN, small=_bytes(build, dirty) <= SMALL_BYTES,
    )  # fmt: skip
    each(build.connection, together, make, shared=shared)
    return dirty


def counted_days(build: Build, days: Sequence[date]) -> Iterator[dict[int, date]]:
    """Counts `days`, which were read together; yields those just counted, by their numbers (`counted_day`).

    Days with the same directory are counted at the same time.
    """
    for alike in of_one_directory(build.connection, days):
        build.relation("VIEW", "directory", f"SELECT * FROM every_directory WHERE {on_day(alike[0])}")
        nth = 1 + days.index(alike[0])
        count_days(build.connection, alike, nth=nth, zone=build.zone)
        yield dict(enumerate(alike, nth))


def _store(build: Build, counted: Mapping[int, date]) -> None:
    """Writes the daily marts of the days just counted, mart by mart."""
    # On most days no request has details.
    detailed = build.connection.execute("SELECT 1 FROM details LIMIT 1").fetchone()
    for mart in (mart for mart in build.marts if mart.period == "day"):
        if mart.of == "details" and not detailed:
            with_rows = set()
        else:
            build.relation("TABLE", "made", mart.sql)
            found = build.connection.execute("SELECT DISTINCT counted_day FROM made").fetchall()
            with_rows = {nth for (nth,) in found}
        for nth, day in counted.items():
            if nth in with_rows:
                rows = f"SELECT {', '.join(mart.types)} FROM made WHERE counted_day = {nth}"
                build.store(mart, day.isoformat(), rows)
            else:
                build.state.replace(mart.name, day.isoformat(), None, build.now)


def _read(build: Build, days: Sequence[date]) -> None:
    """Makes `sightings` of these days and their neighbours, as restated, and what `read_days` adds."""
    sightings = build.manifest.tables["sightings"]
    near = sorted({other for day in days for other in neighbours(day)})
    restated = build.manifest.tables["restated"]
    restated_files = files_of(restated.cold, near)
    rows = unmerged_sql(sightings, files_of(sightings.cold, near), root=build.root)
    if restated_files:
        rows = restated_sql(sightings, rows, cold_sql(restated, restated_files, root=build.root))
    if _bytes(build, near) <= SMALL_BYTES:
        build.relation("TABLE", "small_sightings", rows)
        rows = "SELECT * FROM small_sightings"
    # Always a view: DuckDB does not replace a view by a table, and other days may be larger or smaller.
    build.relation("VIEW", "sightings", rows)
    read_days(build.connection, days, zone=build.zone)


def _ranks(build: Build) -> dict[str, int | None]:
    """The best (lowest) rank of each vantage that is listed."""
    return dict(
        build.connection.execute("SELECT vantage, MIN(rank) FROM sensors GROUP BY vantage").fetchall()
    )


def _bytes(build: Build, days: Sequence[date]) -> int:
    """Size of the files of these days' sightings, in bytes."""
    return build.sizes.total(files_of(build.manifest.tables["sightings"].cold, days))


def _held_by_day(build: Build) -> tuple[dict[date, str], bool]:
    """For each day with sightings, a digest of address holders and directory; and whether the holders had to
    be made for it.

    An existing digest is recomputed only if leases or the directory have changed.
    """
    lasting = [build.manifest.tables[name] for name in LASTING]
    digest = fingerprint(rules(), [build.sizes.of(table, table.cold_files) for table in lasting])
    days, known = days_with_sightings(build.manifest), build.state.inputs
    is_known = known.get("leases") == digest
    unknown = [day for day in days if not (is_known and f"held/{day}" in known)]
    if unknown:
        _make_every_holder(build)
        of_holders, of_directory = (digests(build.connection, unknown) for digests in (holders, directories))
        known |= {f"held/{day}": f"{of_holders[day]} {of_directory[day]}" for day in unknown}
        known["leases"] = digest
    return {day: known[f"held/{day}"] for day in days}, bool(unknown)


def _make_every_holder(build: Build) -> None:
    """Makes the view `every_holders` from all leases, and the table `every_directory`."""
    for name in LASTING:
        build.relation("TABLE", f"every_{name}", build.cold(name))
    make_holders(build.connection, for_all=True)
    build.connection.execute("DROP TABLE every_leases")
