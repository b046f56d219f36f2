"""Compaction: merges the segments of closed parts into cold files by event day, and rewrites the manifest.

The steps are ordered so that a kill between any two of them neither loses nor doubles a row:

    1. close the parts; writers move on to later ones
    2. write cold files under new names
    3. replace the manifest by rename
    4. publish the views (the caller does)
    5. after 12 h (`GRACE`): publish `low_water`, then delete the merged segments and the cold files that no
       manifest names (`sweep`)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from sensor import schema
from sensor.durable import explained
from sensor.store.lake import FORMAT, ZERO_PART, Lake, stored, write_parquet
from sensor.store.segments import forget_replaced, recorded, remember

#: An hour is compacted once it has been over for this long, so that remote writers have finished.
SETTLE = timedelta(minutes=10)
#: Files that a compaction replaced are kept for this long, for readers that opened the views before: over a
#: day's work. A log that is followed leaves 7,000 files an hour.
GRACE = timedelta(hours=12)
#: In place of an event day: for tables without a time, and for rows whose time is NULL.
NO_DAY, _TIMELESS = "all", "unknown"

#: Rows sorted and written at a time (0.3 GB of sightings), if a day of the table may be split by time.
PIECE_ROWS = 100_000
#: Files opened at a time. One by one takes three times as long, and there may be thousands of segments.
FILES_TOGETHER = 100

#: Tables of which all rows are kept, because readers add them up.
_ADDED_UP = (schema.NAMES, schema.COVERAGE, schema.REJECTS)

#: Where temporary files of the store lie (`lake.py`, `durable.py`).
_HALVES = (".*.tmp", "sources/.*.tmp", "*/*/*/*/.*.tmp")

_T = TypeVar("_T")
_DUCKDB_TYPES: dict[Any, str] = {
    schema.TIME: "TIMESTAMP WITH TIME ZONE",
    pl.String(): "VARCHAR",
    pl.Int64(): "BIGINT",
    pl.Int16(): "SMALLINT",
    pl.Float64(): "DOUBLE",
    pl.Boolean(): "BOOLEAN",
}


@dataclass(frozen=True)
class Terms:
    """The settings that go into the manifest, because every report made from the lake needs them."""

    #: report zone (IANA)
    zone: str
    #: smallest group of people a published figure may describe
    k: int = 5
    privacy: schema.Level = "pseudonymous"
    #: fingerprints of the keys that tokens are made with (`Keys.prints`)
    keys: Mapping[str, str] = field(default_factory=dict)


def compact(lake: Lake, terms: Terms, *, now: datetime, settle: timedelta = SETTLE) -> bool:
    """Compact the hours that have been over for `settle`; False if another compaction is running.

    With a `settle` of zero the current hour is compacted, too: after a scan, if this machine is the only
    writer. Raises LakeError.
    """
    with explained(lake.path), lake.lock("compact", exclusive=True, wait=False) as locked:
        if not locked:
            return False
        watermark = _close_parts(lake, now, settle)
        old = lake.manifest()
        replaced = _replacing(lake)
        tables: dict[str, Any] = {}
        compacted: dict[str, dict[str, list[str]]] = {}
        for table in stored():
            before = old["tables"].get(table.name, {}).get("cold", {})
            merged_before = old["compacted"].get(table.name, {})
            new, compacted[table.name] = _segments(lake, table, watermark, merged_before)
            cold = _merge(lake, table, before, new, replaced, old["generation"] + 1)
            tables[table.name] = _entry(table, cold)
            if old["tables"].get(table.name, tables[table.name])["columns"] != tables[table.name]["columns"]:
                lake.renew(table)
        manifest = {
            "format": FORMAT,
            "generation": old["generation"] + 1,
            "watermark": watermark,
            "compacted_at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "zone": terms.zone,
            "k": terms.k,
            # the most open level ever used: once data was stored in clear, every later report must say so
            "privacy": max(terms.privacy, old.get("privacy", terms.privacy), key=schema.LEVELS.index),
            "keys": {**old.get("keys", {}), **terms.keys},
            "parts": _parts_since(old, compacted, now),
            "retired": _retired(old, tables, now),
            "compacted": compacted,
            "tables": tables,
        }
        lake.replace_manifest(manifest)
        forget_replaced(lake, replaced)
    return True


def sweep(lake: Lake, *, now: datetime, at_once: bool = False) -> int:
    """Delete segments merged, and cold files replaced, more than GRACE ago; return how many files.

    With `at_once` there is no grace, because rows in them must be deleted. `low_water`, the newest part
    deleted, is published first: readers with older views then fail instead of returning fewer rows.
    Returns 0 if a compaction is running. Raises LakeError.
    """
    with explained(lake.path), lake.lock("compact", exclusive=True, wait=False) as locked:
        if not locked:
            return 0
        manifest = lake.manifest()
        grace = timedelta() if at_once else GRACE
        parts = [part for part, since in manifest.get("parts", {}).items() if _is_over(since, now, grace)]
        doomed = [
            lake.hot(table) / f"part={part}" / name
            for table in stored()
            for part in parts
            for name in manifest["compacted"].get(table.name, {}).get(part, ())
        ]
        retired = manifest.get("retired", {}).items()
        doomed += [lake.path / file for file, since in retired if _is_over(since, now, grace)]
        doomed += _orphans(lake, manifest, now, grace)
        doomed = [file for file in doomed if file.exists()]
        remember(lake, [file for file in doomed if file.is_relative_to(lake.hot(schema.SIGHTINGS))])
        if parts:
            mark = pl.DataFrame({"low_water": [max(parts)]})
            write_parquet(lake.path / "low_water.parquet", mark, {})
        for file in doomed:
            file.unlink(missing_ok=True)
        _remove_empty_parts(lake)
    return len(doomed)


def waiting(lake: Lake) -> list[str]:
    """The parts that are not closed yet, and so not compacted, the oldest first."""
    return sorted(part for part in _parts(lake) if part > lake.closed)


def _parts(lake: Lake) -> set[str]:
    """Names of the hot parts of all tables."""
    return {path.name.removeprefix("part=") for table in stored() for path in lake.hot(table).glob("part=*")}


def _close_parts(lake: Lake, now: datetime, settle: timedelta) -> str:
    """Close the parts that are due, so that writers move on, and return the newest closed part."""
    with lake.lock("commit", exclusive=True):
        newest = lake.open_part(now)
        settled = f"{(now - settle).astimezone(UTC):%Y-%m-%dT%H}.0000" if settle else newest + "~"
        # Parts of hours to come are due to a clock that was ahead; so are those that follow when they close.
        coming = f"{(now + timedelta(hours=1)).astimezone(UTC):%Y-%m-%dT%H}~"
        due = [part for part in _parts(lake) if part < settled or part > coming]
        watermark = max([*due, lake.closed])
        if watermark > lake.closed:
            lake.close(watermark)
    return watermark


def _segments(
    lake: Lake, table: schema.Table, watermark: str, merged_before: dict[str, list[str]]
) -> tuple[list[Path], dict[str, list[str]]]:
    """Segments in closed parts that are not compacted yet, late ones too; and the names of all by part.

    `merged_before` holds the names already compacted, by part. Segments of a commit that was killed halfway
    (its `sightings` are missing) are left to the scan that repeats it: rows of `_ADDED_UP` would count twice.
    """
    new: list[Path] = []
    account: dict[str, list[str]] = {}
    for folder in sorted(lake.hot(table).glob("part=*")):
        part = folder.name.removeprefix("part=")
        if part == ZERO_PART or part > watermark:
            continue
        names = sorted(f.name for f in folder.glob("*.parquet"))
        known = set(merged_before.get(part, ()))
        if table in _ADDED_UP and not known.issuperset(names):
            commits = lake.hot(schema.SIGHTINGS) / folder.name
            whole = known.union(file.name for file in commits.glob("*.parquet"))
            names = [name for name in names if name in whole]
        new += [folder / name for name in names if name not in known]
        account[part] = names
    return new, account


def _merge(
    lake: Lake,
    table: schema.Table,
    before: dict[str, list[str]],
    segments: list[Path],
    replaced: frozenset[str],
    generation: int,
) -> dict[str, list[str]]:
    """The table's cold files by event day, after the rows of `segments` were merged into them.

    Only days with new rows, or with rows of inputs that are being `replaced`, get new files, and only where
    these change something. Paths are relative to the lake.
    """
    after = dict(before)
    arrivals = _by_day(table, segments)
    touched = set(arrivals)
    withdrawn = replaced if "input" in table.dtypes else frozenset()
    if withdrawn:
        touched |= {day for day, files in before.items() if _holds(lake, files, withdrawn)}
    for day in sorted(touched):
        files, arrived = before.get(day, []), arrivals.get(day, {})
        within = _within(table, day)  # once: making it takes as long as reading a segment
        old = [_rows(lake.path / file).filter(within) for file in files]
        if withdrawn:
            old = [frame.filter(~pl.col("input").is_in(list(withdrawn))) for frame in old]
        new = [_rest(segment, _rows(segment).filter(within), withdrawn) for segment in arrived]
        parts = [*old, *new]
        known = sum(_height(lake.path / file) for file in files)
        is_whole = known + sum(arrived.values()) <= PIECE_ROWS or day == _TIMELESS
        written: list[str] = []
        for piece in [pl.lit(True)] if is_whole else _pieces(table, parts):
            rows = _settle(table, _read(table, [part.filter(piece) for part in parts]))
            if rows.is_empty():
                continue
            if rows.height == known and rows.equals(_read(table, old)):  # nothing new, as is usual for people
                written = files
                break
            written.append(_write_piece(lake, table, day, rows, generation, len(written)))
        after[day] = written  # none where all rows were withdrawn: the day is counted again, as empty
    return after


def _write_piece(
    lake: Lake, table: schema.Table, day: str, rows: pl.DataFrame, generation: int, nth: int
) -> str:
    """Write the `nth` cold file of a day; its path, relative to the lake."""
    number = f"-{nth}" if nth else ""
    path = lake.cold(table) / f"day={day}" / f"{generation:08d}{number}.parquet"
    write_parquet(path, rows, {"generation": str(generation)}, zone=table.zone)
    return str(path.relative_to(lake.path))


def _rest(segment: Path, rows: pl.LazyFrame, withdrawn: frozenset[str]) -> pl.LazyFrame:
    """The rows of a segment, without those a rematch derived from inputs that are being replaced."""
    if not withdrawn or segment.name.startswith(tuple(f"{name}-" for name in withdrawn)):
        return rows
    return rows.filter(~pl.col("input").is_in(list(withdrawn)))


def _by_day(table: schema.Table, segments: list[Path]) -> dict[str, dict[Path, int]]:
    """By event day: the segments with rows of that day, in the order given, and how many rows."""
    days: dict[str, dict[Path, int]] = defaultdict(dict)
    name = pl.col("_day").dt.strftime("%Y-%m-%d").fill_null(_TIMELESS)
    for some in _portions(segments):
        held = pl.scan_parquet(
            some, hive_partitioning=False, include_file_paths="_path",
            missing_columns="insert", extra_columns="ignore",
        )  # fmt: skip
        by = [pl.col(table.time).dt.truncate("1d").alias("_day")] if table.time else []
        counts = held.group_by("_path", *by).agg(rows=pl.len())
        counts = counts.select("_path", day=name if table.time else pl.lit(NO_DAY), rows="rows")
        found: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for segment, day, rows in counts.sort("day").collect().iter_rows():
            found[segment].append((day, rows))
        for path in some:
            for day, rows in found[str(path)]:
                days[day][path] = rows
    return days


def _height(file: Path) -> int:
    """Number of rows in a file."""
    return int(pl.scan_parquet(file, hive_partitioning=False).select(pl.len()).collect().item())


def _read(table: schema.Table, parts: list[pl.LazyFrame]) -> pl.DataFrame:
    """The rows of all `parts`, in their order."""
    return pl.concat([_joined(table, pl.collect_all(some)) for some in _portions(parts)])


def _joined(table: schema.Table, frames: list[pl.DataFrame]) -> pl.DataFrame:
    try:
        return table.conform(pl.concat(frames, rechunk=True))
    except (pl.exceptions.ShapeError, pl.exceptions.SchemaError):  # some are of another release
        return pl.concat([table.conform(frame) for frame in frames], rechunk=True)


def _portions(items: list[_T]) -> Iterator[list[_T]]:
    for begin in range(0, len(items), FILES_TOGETHER):
        yield items[begin : begin + FILES_TOGETHER]


def _rows(file: Path) -> pl.LazyFrame:
    return pl.scan_parquet(file, hive_partitioning=False)


def _within(table: schema.Table, day: str) -> pl.Expr:
    """The condition for rows of one event day."""
    if day == NO_DAY or not table.time:
        return pl.lit(True)
    time = pl.col(table.time)
    if day == _TIMELESS:
        return time.is_null()
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    # as a range, which Parquet statistics can exclude without reading
    return (time >= begin) & (time < begin + timedelta(days=1))


def _pieces(table: schema.Table, parts: list[pl.LazyFrame]) -> list[pl.Expr]:
    """Filters that split the rows of a day into pieces of about PIECE_ROWS, each sorted and written by
    itself.

    Only possible where rows with the same key have the same time; otherwise one filter that keeps all rows.
    """
    if table.key[:1] != (table.time,) and table not in (schema.NAMES_BY_CLIENT, schema.SIGHTINGS):
        return [pl.lit(True)]
    time = pl.col(table.time)
    counts = [part.group_by(table.time).agg(rows=pl.len()) for part in parts]
    counted = pl.concat([pl.concat(pl.collect_all(some)) for some in _portions(counts)])
    by_time = counted.group_by(table.time).agg(pl.col("rows").sum()).sort(table.time)
    spans = by_time.group_by(piece=(pl.col("rows").cum_sum() - pl.col("rows")) // PIECE_ROWS).agg(
        begin=time.min(), end=time.max()
    )
    return [time.is_between(begin, end) for _, begin, end in spans.sort("piece").iter_rows()]


def _settle(table: schema.Table, rows: pl.DataFrame) -> pl.DataFrame:
    """One row per key, in the order that makes lookups fast.

    Which row is kept depends on the table: for a sighting, the one by the newest catalog, then the one with
    the most bytes (a slice that continues in the next file of a capture); for a lease, the closed one;
    otherwise the one that landed last. Names, coverage and rejects keep all rows, because readers
    add them up. A row that lands again keeps the `landed_at` of the first time.
    """
    key = list(table.key)
    if table in schema.HISTORIES:
        return _changes(table, rows)
    if table is schema.SIGHTINGS:
        rows = rows.sort(
            "event_id", "catalog_version", "lookups", _volume(), "landed_at",
            descending=[False, False, False, False, True], nulls_last=[False, False, False, False, True],
            maintain_order=True,
        )  # fmt: skip
        rows = rows.unique("event_id", keep="last", maintain_order=True)
        return rows.sort("app", "client", "seen_at", "event_id", nulls_last=True)
    if table is schema.LEASES:
        rows = rows.sort("closed", "valid_to", nulls_last=False, maintain_order=True)
    if table is schema.SENSORS:  # a run that does not read the inputs of one knows less of it
        rows = rows.with_columns(pl.all().exclude(key).forward_fill().over(key))
    if table in _ADDED_UP:
        # most key columns hold one value all day, and comparing them would take most of the time
        differs = rows.select(pl.col(key).ne_missing(pl.col(key).first()).any()).row(0, named=True)
        by = [name for name in key if differs[name]] or key[:1]
        return rows.sort(by, nulls_last=True, maintain_order=True)
    if table is schema.NAMES_BY_CLIENT:
        return rows.unique(key, keep="last", maintain_order=True).sort("seen_at", *key)
    if "landed_at" in table.dtypes:  # decisions have none: `decided_at` is theirs
        first = pl.when(pl.col("landed_at").is_not_null().all()).then(pl.col("landed_at").min())
        rows = rows.with_columns(first.over(key))
    return rows.unique(key, keep="last", maintain_order=True).sort(*key, nulls_last=True)


def _volume() -> pl.Expr:
    return pl.col("bytes_up").fill_null(0) + pl.col("bytes_down").fill_null(0)


def _changes(table: schema.Table, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a history (HISTORIES) by key and in the order they landed, without repetitions."""
    rows = rows.sort(*table.key, "landed_at", nulls_last=False, maintain_order=True)
    compared = [name for name in table.dtypes if name != "landed_at"]
    is_new = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in compared)
    return rows.filter(is_new | (pl.int_range(pl.len()) == 0))


def _holds(lake: Lake, files: list[str], inputs: frozenset[str]) -> bool:
    found = pl.scan_parquet([lake.path / f for f in files], hive_partitioning=False)
    return found.filter(pl.col("input").is_in(list(inputs))).head(1).collect().height > 0


def _replacing(lake: Lake) -> frozenset[str]:
    return frozenset(name for name, progress in recorded(lake) if progress.replacing)


def _entry(table: schema.Table, cold: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "zone": table.zone,
        "time": table.time,
        "key": list(table.key),
        "columns": {name: _DUCKDB_TYPES[dtype] for name, dtype in table.dtypes.items()},
        "cold": dict(sorted(cold.items())),
    }


def _cold(manifest: dict[str, Any], table: schema.Table) -> dict[str, list[str]]:
    return dict(manifest["tables"].get(table.name, {}).get("cold", {}))


def _is_over(since: str, now: datetime, grace: timedelta = GRACE) -> bool:
    return datetime.fromisoformat(since) < now - grace


def _parts_since(
    old: dict[str, Any], compacted: dict[str, dict[str, list[str]]], now: datetime
) -> dict[str, str]:
    """For each compacted part still on disk, since when it has been compacted."""
    known = old.get("parts", {})
    present = {part for account in compacted.values() for part in account}
    return {part: known.get(part, now.astimezone(UTC).isoformat()) for part in sorted(present)}


def _retired(old: dict[str, Any], tables: dict[str, Any], now: datetime) -> dict[str, str]:
    """Cold files that were replaced, and when: readers with older views may still be using them."""
    named = {file for entry in tables.values() for files in entry["cold"].values() for file in files}
    before = {file for entry in old["tables"].values() for files in entry["cold"].values() for file in files}
    kept = {file: since for file, since in old.get("retired", {}).items() if not _is_over(since, now)}
    return kept | {file: now.astimezone(UTC).isoformat() for file in sorted(before - named)}


def _orphans(lake: Lake, manifest: dict[str, Any], now: datetime, grace: timedelta) -> list[Path]:
    """Cold files that no manifest names (a compaction was killed), and abandoned temporary files."""
    named = {file for table in stored() for files in _cold(manifest, table).values() for file in files}
    known = {lake.path / file for file in (*named, *manifest.get("retired", {}))}
    cold = [f for t in stored() for f in lake.cold(t).glob("*/*.parquet") if f not in known]
    halves = (f for pattern in _HALVES for f in lake.path.glob(pattern))
    # those never at once: they may be being written
    found = [*((file, grace) for file in cold), *((file, GRACE) for file in halves)]
    return [file for file, age in found if file.stat().st_mtime < (now - age).timestamp()]


def _remove_empty_parts(lake: Lake) -> None:
    for table in stored():
        for folder in lake.hot(table).glob("part=*"):
            if folder.name != f"part={ZERO_PART}" and not any(folder.iterdir()):
                folder.rmdir()
