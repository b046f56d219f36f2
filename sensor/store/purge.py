"""Deleting rows for good: for retention and for erasure, with a proof of what went.

`purge` writes new cold files without the doomed rows and a manifest that names those; `remove` deletes
the old ones once the views are published, and every other copy of them in the lake (segments that were
compacted, cold files kept for older readers). A kill in between leaves files that no manifest names:
the next sweep takes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from sensor import schema
from sensor.durable import explained
from sensor.store.compaction import sweep
from sensor.store.lake import ZERO_PART, Lake, stored, write_parquet, write_text


@dataclass(frozen=True)
class Rule:
    """Which rows of a table go: `doomed` (frame → Boolean) is asked only of days that `may_hold` some.

    Of rows that stay but are `emptied` (frame → Boolean), these `columns` become NULL.
    """

    doomed: Callable[[pl.DataFrame], pl.Series]
    may_hold: Callable[[str], bool] = lambda day: True
    emptied: Callable[[pl.DataFrame], pl.Series] | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deleted:
    """A file that held doomed rows: its hash, its rows, how many of them go, and how many stay with less in
    them; path relative to the lake."""

    path: str
    sha256: str
    rows: int
    deleted: int
    emptied: int = 0


def purge(lake: Lake, rules: Mapping[str, Rule], *, now: datetime) -> list[Deleted]:
    """Let the manifest name only cold files without doomed rows; waits for a compaction. Raises LakeError."""
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
            manifest |= {"generation": generation, "compacted_at": now.astimezone(UTC).isoformat()}
            write_text(lake.path / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return gone


def remove(lake: Lake, gone: Iterable[Deleted], *, now: datetime) -> int:
    """Delete the files of `gone`, and every copy that was kept for older readers; returns how many went."""
    with explained(lake.path):
        count = 0
        for one in gone:
            path = lake.path / one.path
            count += path.exists()
            path.unlink(missing_ok=True)
    return count + sweep(lake, now=now, at_once=True)


def unreached(lake: Lake) -> int:
    """How many segments are not compacted yet: rows in them cannot be deleted before the next hour."""
    compacted = lake.manifest()["compacted"]
    count = 0
    for table in stored():
        for segment in lake.hot(table).glob("part=*/*.parquet"):
            part = segment.parent.name.removeprefix("part=")
            known = compacted.get(table.name, {}).get(part, ())
            count += table.zone == "restricted" and part != ZERO_PART and segment.name not in known
    return count


def _rewrite(
    lake: Lake, table: schema.Table, day: str, files: list[str], rule: Rule, generation: int
) -> tuple[list[str], list[Deleted]]:
    """The day's files without doomed rows, and what went."""
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
