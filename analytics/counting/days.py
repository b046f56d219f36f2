"""Counts UTC days: runs day_sql/*.sql over their sightings and those of the neighbouring days.

The steps are numbered in the order they run. Three steps are in Python: binding_join.py runs before 06,
attribution.py after it, and facets.py before 08. Steps 10 and 11 alternate, once per vantage rank.

Consecutive days are counted together, because planning some forty statements takes as long as running them on
a small day. The day is part of every key (02_days.sql).

In: a connection with the relations `sightings` (of consecutive days, and one more on either side),
`directory`, `sensors`, and the tables of holders.py. Out: its temporary relations `counted`, `corroborated`,
`server_requests`, `rhythm`, `model_requests` and `named_spans`, from which the day's marts are selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import duckdb

from analytics.counting.attribution import FIRST_PERSON, METHODS, attribute_facets
from analytics.counting.binding_join import join_bindings
from analytics.counting.facets import encode_facets
from analytics.counting.holders import named
from analytics.counting.intervals import SHARED_USERS
from analytics.steps import Steps

STEPS = Steps(Path(__file__).parent / "day_sql")
#: Two clocks, or the start of one connection as two sensors report it, may differ by this much.
TOLERANCE_US = 2_000_000
#: The clock of another vantage may be this far off: it missed summer time, and runs wrong besides. A client
#: takes longer, as a rule, to use a port again for the same server.
DRIFT_US = 3_900_000_000
#: Factor on the confidence of a login that is an hour old, if no device is known to have kept the address. In
#: generated networks whose addresses change hands within the hour, a third of such logins are still right; in
#: others, most are (test_calibration.py).
STALE = 0.4
#: Paths of AI software (signatures/behaviours/) that need no credentials even where all others do: a regular
#: expression.
PUBLIC_PATHS = (
    "health|heartbeat|login|version|config|setup|status|serviceinfo|telemetry|/(ready|live|metadata|meta|info)$$|"
    "^/[.]well-known|^/(dashboard|lab|tree|chatui|webui|form|rest/settings|public|hub/home)"
)
#: A request that sends less is no prompt, but a keep-alive or a list of conversations.
ASKED_BYTES = 1000
#: Most days counted together: a day number has three bits (binding_join.py).
MOST_DAYS = 7
#: Ranks of vantages that `sensors` does not list, as sensor/ingest/installation.py gives them: a sensor with
#: logs of several kinds is listed with one vantage only. All others are the last.
DEFAULT_RANKS = {"packets": 1, "proxy": 3, "firewall": 4, "flow": 5, "endpoint": 6, "dns": 7}
LAST = 1000
_DAY_US = 86_400_000_000


def read_days(connection: duckdb.DuckDBPyConnection, days: Sequence[date], *, zone: str) -> None:
    """Makes `every_event` of `days`, which must be consecutive; hours are those of time zone `zone`.

    Contexts and targets are joined by hash. If two collide, the step is repeated with another salt.
    """
    first_us = _midnight_us(days[0])
    values = {
        "before_us": first_us - _DAY_US,
        "first_us": first_us,
        "until_us": _midnight_us(days[-1]) + _DAY_US,
        "first_at": _midnight(days[0]),
        "until_at": _midnight(days[-1] + timedelta(days=1)),
        "days": len(days),
        "tolerance": TOLERANCE_US,
        "default_rank": default_rank_sql("vantage"),
        "zone": zone,
    }
    for salt in count():
        STEPS.run(connection, "01_events", values | {"salt": salt})
        collisions = "(SELECT COUNT(*) - COUNT(DISTINCT content_hash) FROM {})"
        query = f"SELECT {collisions.format('contexts')} + {collisions.format('targets')}"
        if not _number(connection, query):
            break


def default_rank_sql(vantage: str) -> str:
    """The rank of a `vantage` that `sensors` does not list, as an SQL expression."""
    cases = " ".join(f"WHEN '{name}' THEN {rank}" for name, rank in DEFAULT_RANKS.items())
    return f"CASE {vantage} {cases} ELSE {LAST} END"


def count_days(
    connection: duckdb.DuckDBPyConnection, days: Sequence[date], *, nth: int = 1, zone: str
) -> None:
    """Makes `counted` and the other relations that marts are selected from, for `days`.

    `days` must be consecutive and have the same directory (`of_one_directory`). The first of them is the
    `nth` day that was read.
    """
    values = _values(days, nth) | {"zone": zone}
    STEPS.run(connection, "02_days", values)
    attribute(connection, days, nth=nth)
    STEPS.run(connection, "09_records", values)
    for better, rank in pairwise(_ranks(connection)):
        STEPS.run(connection, "10_cover", values | {"rank": better})
        STEPS.run(connection, "11_covered", values | {"rank": rank})
    STEPS.run(connection, "12_counted", values)
    STEPS.run(connection, "13_servers", values)
    STEPS.run(connection, "14_rhythm", values)
    STEPS.run(connection, "15_models", values)
    STEPS.run(connection, "16_named", values)


def attribute_day(connection: duckdb.DuckDBPyConnection, day: date) -> None:
    """Makes `attributed` for `day`: who was behind each of its events."""
    read_days(connection, [day], zone="UTC")
    STEPS.run(connection, "02_days", _values([day]))
    attribute(connection, [day])


def attribute(connection: duckdb.DuckDBPyConnection, days: Sequence[date], *, nth: int = 1) -> None:
    """Makes `attributed` for `days`; needs `events`, `contexts`, `targets`, `vantages` and `bounds`."""
    values = _values(days, nth)
    _staff(connection, days[0], values)
    values["begin_us"] = _number(connection, "SELECT MIN(from_us) FROM bounds")
    values["end_us"] = _number(connection, "SELECT MAX(to_us) FROM bounds")
    values["window"] = values["end_us"] - values["begin_us"]
    STEPS.run(connection, "04_bindings", values | {"named_bindings": named("named_bindings", "bindings")})
    values |= {
        "binding_slots": 2 * (_number(connection, "SELECT MAX(bindings) FROM held_addresses") + 1),
        "targets": _number(connection, "SELECT COUNT(*) FROM targets") + 1,
        "day_pairs": 8 * (values["last_nth"] + 1),
    }
    numbers = {name: values[name] for name in ("binding_slots", "day_pairs", "targets")}
    STEPS.run(connection, "05_codes", values)
    facets = join_bindings(connection, first_day=values["first_us"] // _DAY_US - 4, **numbers)
    STEPS.run(connection, "06_shared", values)
    attributions = attribute_facets(connection, facets, stale=STALE, **numbers)
    STEPS.run(connection, "07_subjects", values)
    encode_facets(connection, attributions, targets=values["targets"])
    STEPS.run(connection, "08_facets", values)


def _staff(connection: duckdb.DuckDBPyConnection, day: date, values: dict[str, Any]) -> None:
    """Runs 03_staff.sql for a day, unless it last ran for a day with the same directory."""
    version = " || '/' || ".join(_valid_rows(day))
    connection.execute(f"SET VARIABLE directory_version = (SELECT {version} FROM every_directory)")
    changed = "SELECT getvariable('staff_version') IS DISTINCT FROM getvariable('directory_version')"
    if _number(connection, changed):
        STEPS.run(connection, "03_staff", values | {"noon": _noon(day)})
        connection.execute("SET VARIABLE staff_version = getvariable('directory_version')")


def _values(days: Sequence[date], nth: int = 1) -> dict[str, Any]:
    """Values of the placeholders in the SQL steps; `first_us` is the start of the first day that was read."""
    return {
        "first_us": _midnight_us(days[0]) - (nth - 1) * _DAY_US,
        "nth": nth,
        "last_nth": nth + len(days) - 1,
        "days": len(days),
        "tolerance": TOLERANCE_US,
        "drift": DRIFT_US,
        "shared_users": SHARED_USERS,
        "methods": ", ".join(map(repr, enumerate(METHODS))),
        "first_person_method": FIRST_PERSON,
        "origins": len(METHODS) - 1,
        "public": PUBLIC_PATHS,
        "asked": ASKED_BYTES,
    }


def on_day(day: date) -> str:
    """SQL condition on `directory`: rows that are valid on `day`."""
    return f"({_begun(day)}) AND ({_holding(day)})"


def of_one_directory(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> list[list[date]]:
    """The sorted `days`, split wherever the valid rows of `every_directory` change.

    Comparing counts is enough, because over time the number of rows that had begun only increases, and the
    number of rows that had not ended only decreases.
    """
    counts = [count for day in days for count in _valid_rows(day)]
    (found,) = connection.execute(f"SELECT {', '.join(counts)} FROM every_directory").fetchall()
    holding = dict(zip(days, zip(found[::3], found[1::3], found[2::3], strict=True), strict=True))
    runs: list[list[date]] = []
    for day in days:
        if runs and holding[day] == holding[runs[-1][-1]]:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _valid_rows(day: date) -> tuple[str, str, str]:
    """SQL counts of the rows that determine the directory of `day`."""
    by_noon = f"valid_from IS NULL OR valid_from < {_noon(day)}"
    counted = (_begun(day), by_noon, _holding(day))
    begun, early, holding = (f"COUNT(*) FILTER ({rows})" for rows in counted)
    return begun, early, holding


def _begun(day: date) -> str:
    return f"valid_from IS NULL OR valid_from < {_midnight(day + timedelta(days=1))}"


def _holding(day: date) -> str:
    return f"valid_to IS NULL OR valid_to > {_midnight(day)}"


def _midnight(day: date) -> str:
    return f"TIMESTAMPTZ '{day} 00:00:00+00'"


def _noon(day: date) -> str:
    return f"TIMESTAMPTZ '{day} 12:00:00+00'"


def _midnight_us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def neighbours(day: date) -> tuple[date, date, date]:
    """The days whose rows are needed to count `day`: the one before, itself, and the one after."""
    return day - timedelta(days=1), day, day + timedelta(days=1)


def _ranks(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """Ranks of the vantages that have records, the best first."""
    found = connection.execute(
        "SELECT DISTINCT vantage_day // 8 AS rank FROM records ORDER BY rank"
    ).fetchall()
    return [rank for (rank,) in found]


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0] or 0) if row else 0
