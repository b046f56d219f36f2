"""Deletes rows for good, for retention and for erasure, and says what was deleted as proof.

It takes two steps. `purge` writes new cold files without the doomed rows, and a manifest that names them.
Once the views are published, `remove` deletes the old files and every other copy of the rows in the lake
(compacted segments, cold files kept for older readers). If the process is killed in between, files are left
that no manifest names; the next sweep deletes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from sensor import schema
from sensor.durable import explained
from sensor.store.compaction import sweep
from sensor.store.lake import ZERO_PART, Lake, stored, write_parquet


@dataclass(frozen=True)
class Rule:
    """Which rows of a table are deleted or emptied.

    `doomed` and `emptied` take a frame of the table and return a Boolean per row. Doomed rows are deleted; in
    emptied rows `columns` become NULL. Only event days (ISO dates) for which `may_hold` is true are read.
    """

    doomed: Callable[[pl.DataFrame], pl.Series]
    may_hold: Callable[[str], bool] = lambda day: True
    emptied: Callable[[pl.DataFrame], pl.Series] | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deleted:
    """A file that was replaced: path relative to the lake, SHA-256, and how many of its rows were deleted or
    emptied."""

    path: str
    sha256: str
    rows: int
    deleted: int
    emptied: int = 0


def purge(
    lake: Lake, rules: Mapping[str, Rule], *, now: datetime, before: Callable[[list[Deleted]], None]
) -> list[Deleted]:
    """Replace the cold files that hold doomed or emptied rows; return the files replaced, which still exist.

    `rules` by table name. `before` is called with these files while the manifest still names them: for what
    must hold even if the process is killed then. Waits while a compaction runs. Raises LakeError.
    """
    with explained(lake.path), lake.lock("compact", exclusive=True):
        manifest = lake.manifest()
        gone: list[Deleted] = []
        generation = int(manifest["generation"]) + 1
        for table in stored():
            rule = rules.get(table.name)
            cold = manifest["tables"].get(table.name, {}).get("cold", {})
            for day in [day for day in cold if rule and rule.may_hold(day)]:
                assert rule is not None
                cold[day], deleted = _rewrite(lake, table, day, cold[day], rule, generation)
                gone += deleted
                if not cold[day]:
                    del cold[day]
        if gone:
            before(gone)
            manifest |= {"generation": generation, "compacted_at": now.astimezone(UTC).isoformat()}
            lake.replace_manifest(manifest)
    return gone


def remove(lake: Lake, gone: Iterable[Deleted], *, now: datetime) -> int:
    """Delete the files in `gone` and every copy kept for older readers; return how many files were deleted.

    Raises LakeError.
    """
    with explained(lake.path):
        count = 0
        for one in gone:
            path = lake.path / one.path
            count += path.exists()
            path.unlink(missing_ok=True)
    return count + sweep(lake, now=now, at_once=True)


def leaves_some(lake: Lake) -> bool:
    """True if there are restricted rows that are not compacted yet: `purge` does not reach them before.

    What says who asked to be forgotten does not count: no rule deletes it.
    """
    compacted = lake.manifest()["compacted"]
    return any(
        _has_rows(segment)
        for table in stored()
        if table.zone == "restricted" and table is not schema.ERASURES
        for segment in lake.hot(table).glob("part=*/*.parquet")
        if (part := segment.parent.name.removeprefix("part=")) != ZERO_PART
        and segment.name not in compacted.get(table.name, {}).get(part, ())
    )


def _has_rows(segment: Path) -> bool:
    return bool(pl.scan_parquet(segment, hive_partitioning=False).select(pl.len()).collect().item())


def _rewrite(
    lake: Lake, table: schema.Table, day: str, files: list[str], rule: Rule, generation: int
) -> tuple[list[str], list[Deleted]]:
    """The files of an event day after `rule` was applied, and those that were replaced."""
    kept, gone = [], []
    for number, file in enumerate(files):
        path = lake.path / file
        frame = table.conform(pl.read_parquet(path, hive_partitioning=False))
        doomed = rule.doomed(frame).fill_null(False)
        emptied = (rule.emptied(frame) & ~doomed) if rule.emptied else doomed & ~doomed
        if not (doomed | emptied).any():
            kept.append(file)
            continue
        gone.append(Deleted(file, _sha256(path), frame.height, int(doomed.sum()), int(emptied.sum())))
        rest = frame.with_columns(
            pl.when(~emptied).then(pl.col(name)).alias(name) for name in rule.columns
        ).filter(~doomed)
        if rest.is_empty():
            continue
        target = lake.cold(table) / f"day={day}" / f"{generation:08d}-{number}.parquet"
        write_parquet(target, rest, {"generation": str(generation)}, zone=table.zone)
        kept.append(str(target.relative_to(lake.path)))
    return kept, gone


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
