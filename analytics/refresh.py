"""Brings the marts up to date with the lake, then publishes the views: what the command line calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from analytics.counting.build import Build
from analytics.counting.day_marts import make_days
from analytics.counting.inputs import LASTING
from analytics.counting.memory_marts import Unstored, make_in_memory
from analytics.counting.people_marts import Counting, count_people
from analytics.counting.policy_marts import make_findings, store_policy
from analytics.counting.state import locked, read_state, sweep, write_state
from analytics.counting.week_marts import make_coverage, make_names, make_weeks
from analytics.definitions import load_marts
from analytics.lake import K, LakeUnreadable, Manifest, checked_zone, read_manifest
from analytics.policy.rows import Compiled
from analytics.publish import publish
from analytics.scratch import scratch_database

#: Base tables that marts are made from.
NEEDED = ("sightings", "names", "coverage", "sensors", "restated", *LASTING)


@dataclass(frozen=True)
class Refreshed:
    """Result of a refresh: the days and weeks made again (weeks by their Mondays)."""

    days: tuple[date, ...]
    weeks: tuple[date, ...]


def refresh(
    lake: Path,
    *,
    zone: str,
    k: int = K,
    now: datetime | None = None,
    unstored: Unstored | None = None,
    policy: Compiled | None = None,
    counting: Counting | None = None,
    blanks: Path | None = None,
) -> Refreshed:
    """Builds the marts of dirty days and weeks of `lake` and publishes both views files. Idempotent.

    `zone` is the IANA time zone of reports, `k` the smallest group shown. `unstored` are rows that must not
    lie in the lake: the marts of their weeks are made in memory. `policy` replaces the published policy,
    `counting` counts people over weeks; None leaves what is published as it is. `blanks` is a folder in which
    `publish` caches empty views files.

    Raises LakeUnreadable.
    """
    checked_zone(zone)
    moment = now or datetime.now(UTC)
    with locked(lake):
        manifest = complete_manifest(lake)
        state = read_state(lake)
        state.build += 1
        with scratch_database(lake) as connection:
            build = Build(lake, manifest, state, connection, zone, k, moment, load_marts())
            days = make_days(build)
            fresh = make_weeks(build)
            count_people(build, counting, fresh)
            others = {*make_names(build), *make_coverage(build)}
            if unstored is not None:
                others |= {*make_in_memory(build, unstored)}
            store_policy(build, policy)
            make_findings(build)
            write_state(lake, state)
            publish(lake, manifest, state.files, zone=zone, connection=connection, blanks=blanks)
        sweep(lake, state, moment)
        write_state(lake, state)
    return Refreshed(tuple(days), tuple(sorted({*fresh, *others})))


def complete_manifest(lake: Path) -> Manifest:
    """The manifest of `lake`. Raises LakeUnreadable if it lacks a table that marts are made from."""
    manifest = read_manifest(lake)
    missing = [name for name in NEEDED if name not in manifest.tables]
    if missing:
        raise LakeUnreadable(f"{lake}: manifest.json knows no {', '.join(missing)}; compact the lake")
    return manifest
