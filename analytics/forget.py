"""Deletes from the marts: periods past their retention, and rows about an erased person.

The published figures of past weeks are never made again afterwards: two versions that differ by one person
would reveal that person's figures. Such days and weeks are recorded as final (`MartState.final`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from analytics.counting.days import neighbours
from analytics.counting.files import write_rows
from analytics.counting.state import MartState, locked, read_state, write_state
from analytics.counting.weeks import weeks_of
from analytics.definitions import Mart, load_marts
from analytics.lake import connect, literal, spill_of
from analytics.policy.judge import HISTORY_WEEKS
from analytics.subject import Times


@dataclass(frozen=True)
class Forgotten:
    """A mart file that was deleted or replaced: path relative to the lake, SHA-256, and how many of its rows
    were deleted, or emptied of a server address."""

    path: str
    sha256: str
    rows: int
    deleted: int
    emptied: int = 0


#: Called with the files before they are out of use.
Announce = Callable[[list[Forgotten]], None]


def _unannounced(gone: list[Forgotten]) -> None:
    """The default for `announce`: does nothing."""


def keep_figures(
    lake: Path,
    *,
    zone: str,
    sightings: Iterable[date] = (),
    names: Iterable[date] = (),
    coverage: Iterable[date] = (),
    before: date = date.max,
) -> None:
    """Makes final the periods whose base rows are deleted, so that their figures stay as they are.

    `sightings`, `names` and `coverage` are the UTC days that rows were deleted of; weeks are those of `zone`.
    Days from `before` on are not made final, but counted again without the rows. Raises LakeUnreadable.
    """
    with locked(lake):
        state = read_state(lake)
        counted = {near for day in sightings for near in neighbours(day) if near < before}
        days_by_table = {"names": names, "coverage": coverage}
        weeks = {
            f"{name}/{week}"
            for name, days in days_by_table.items()
            for day in days
            for week in weeks_of(day, zone)
        }
        _finalise(state, *(f"day/{day}" for day in counted), *weeks)
        write_state(lake, state)


def expire(
    lake: Path, *, restricted: date, published: date, running: date, announce: Announce = _unannounced
) -> list[Forgotten]:
    """Drops the restricted marts of days before `restricted` and the open ones of weeks before `published`.

    Weeks that were made from them become final, except those from Monday `running` on, which are still built
    from what is left. Returns the files, which `remove` deletes;
    `announce` is called with them first. Raises LakeUnreadable.
    """
    gone = []
    with locked(lake):
        state = read_state(lake)
        for mart in (mart for mart in load_marts() if mart.period != "once"):
            limit = restricted if mart.zone == "restricted" else published
            old = [period for period in state.files.get(mart.name, {}) if date.fromisoformat(period) < limit]
            for period in old:
                gone.append(_forgotten(lake, state.files[mart.name].pop(period)))
                if mart.period == "day":
                    _finalise(state, *_built_from(date.fromisoformat(period), running))
        announce(gone)
        write_state(lake, state)
    return gone


def erase(
    lake: Path, tokens: Sequence[str], times: Times, *, before: date, announce: Announce = _unannounced
) -> list[Forgotten]:
    """Rewrites restricted marts without the rows of the subjects `tokens`; days before `before` become final,
    and the weeks made from them that begin before it: the running week is counted on, without these rows.

    In rows of others, server addresses that were theirs at the time (`times`) become NULL. `announce` is
    called with the files that were rewritten, while they are still in use.
    """
    gone = []
    with locked(lake), connect(spill=spill_of(lake)) as connection:
        connection.execute(
            "CREATE TABLE served "
            "(site VARCHAR, address VARCHAR, valid_from TIMESTAMPTZ, valid_to TIMESTAMPTZ)"
        )
        if times.held:
            connection.executemany("INSERT INTO served VALUES (?, ?, ?, ?)", times.held)
        state = read_state(lake)
        state.build += 1
        for mart in load_marts():
            if mart.zone != "restricted" or not {"subject", "user_name"} & set(mart.columns):
                continue
            for period, path in list(state.files.get(mart.name, {}).items()):
                found, state.files[mart.name][period] = _without(
                    connection, lake, mart, (period, path), tokens, state.build
                )
                if found is None:
                    continue
                gone.append(found)
                if not (lake / state.files[mart.name][period]).exists():
                    del state.files[mart.name][period]
                if mart.period == "once":
                    continue
                if (day := date.fromisoformat(period)) < before:
                    _finalise(state, *_built_from(day, before))
        announce(gone)
        write_state(lake, state)
    return gone


def remove(lake: Path, gone: Iterable[Forgotten]) -> None:
    """Deletes the files in `gone`, and those kept for older readers. Call it once new views are published."""
    with locked(lake):
        state = read_state(lake)
        for path in [*(one.path for one in gone), *state.retired]:
            (lake / path).unlink(missing_ok=True)
        state.retired = {}
        write_state(lake, state)


def _finalise(state: MartState, *periods: str) -> None:
    """Note periods as final where they were built."""
    state.final = sorted({*state.final, *(period for period in periods if period in state.inputs)})


def _built_from(day: date, before: date) -> list[str]:
    """The periods that begin before `before` and whose figures are made from a day's restricted marts."""
    weeks = list(weeks_of(day))
    judged = {week + timedelta(days=7 * later) for week in weeks for later in range(HISTORY_WEEKS + 1)}
    made = [
        ("day", day),
        *(("week", week) for week in weeks),
        *(("findings", week) for week in sorted(judged)),
    ]
    return [f"{kind}/{begin}" for kind, begin in made if begin < before]


def _without(
    connection: duckdb.DuckDBPyConnection,
    lake: Path,
    mart: Mart,
    file: tuple[str, str],
    tokens: Sequence[str],
    build: int,
) -> tuple[Forgotten | None, str]:
    """The rows deleted from one file (period, path), and the file that replaces it."""
    period, path = file
    marks = ", ".join(literal(token) for token in tokens)
    columns = [name for name in ("subject", "user_name") if name in mart.columns]
    theirs = " OR ".join(f"COALESCE({column}, '') IN ({marks})" for column in columns)
    served = _served(mart, period) if "server" in mart.columns else "false"
    rows = f"FROM read_parquet({literal(lake / path)}, hive_partitioning = false) AS mart"
    found = connection.execute(
        f"SELECT COUNT(*), COUNT(*) FILTER ({theirs}), COUNT(*) FILTER (NOT ({theirs}) AND {served}) {rows}"
    ).fetchone()
    if not tokens or not found or not (found[1] or found[2]):
        return None, path
    target = str(Path(path).with_name(f"{build:08d}.parquet"))
    less = f"* REPLACE (CASE WHEN NOT {served} THEN server END AS server)" if found[2] else "*"
    write_rows(connection, f"SELECT {less} {rows} WHERE NOT ({theirs})", lake, target, zone="restricted")
    return Forgotten(path, _sha256(lake / path), int(found[0]), int(found[1]), int(found[2])), target


def _served(mart: Mart, period: str) -> str:
    """Condition on a mart's rows: the server's address was the person's at some time of the period."""
    begin = date.fromisoformat(period)
    end = begin + timedelta(days=2 if mart.period == "day" else 8)  # zones begin their days elsewhere
    at_site = "s.site = mart.site AND " if "site" in mart.columns else ""
    return (
        f"EXISTS (SELECT 1 FROM served AS s WHERE {at_site}s.address = mart.server "
        f"AND s.valid_from < TIMESTAMPTZ '{end} 00:00:00+00' "
        f"AND (s.valid_to IS NULL OR s.valid_to > TIMESTAMPTZ '{begin - timedelta(days=1)} 00:00:00+00'))"
    )


def _forgotten(lake: Path, path: str) -> Forgotten:
    with connect() as connection:
        found = connection.execute(f"SELECT COUNT(*) FROM read_parquet({literal(lake / path)})").fetchone()
    rows = int(found[0]) if found else 0
    return Forgotten(path, _sha256(lake / path), rows, rows)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
