"""Counts UTC days: runs counting/*.sql over their sightings and those of the neighbouring days.

The steps are numbered in the order they run. placing.py runs before 06, belief.py after it, facets.py before
08; 10 and 11 take turns, once per vantage rank.

Consecutive days are counted together, because planning some forty statements takes as long as running them on
a small day. The day is part of every key (02_days.sql).

In: a connection with the relations `sightings` (of days that follow each other, which are read together, and
of one more on either side), `directory`, `sensors`, and what `hold` made (holders.py).
Out: its temporary relations `counted`, `eyes`, `at_servers`, `rhythm`, `at_models` and `named_whiles`, from
which the day's marts are selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from string import Template
from typing import Any

import duckdb

from analytics.marts.belief import PERSONS, WAYS, believe
from analytics.marts.facets import number
from analytics.marts.holders import named
from analytics.marts.intervals import CROWD
from analytics.marts.placing import place

STEPS = Path(__file__).parent / "counting"
#: Two clocks, or two sensors naming one connection's start, may differ by this much.
TOLERANCE_US = 2_000_000
#: A login that nothing vouches for is believed so much after an hour. Of generated networks where addresses
#: change hands within the hour a third of such logins are still right, of others most (test_calibration.py).
STALE = 0.4
#: Paths of AI software that answer everybody even where everything else asks for credentials (signatures/
#: behaviours/, as a regular expression).
PUBLIC_PATHS = (
    "health|heartbeat|login|version|config|setup|status|serviceinfo|telemetry|/(ready|live|metadata|meta|info)$$|"
    "^/[.]well-known|^/(dashboard|lab|tree|chatui|webui|form|rest/settings|public|hub/home)"
)
#: A request that sends less is not a question: keep-alives, lists of conversations.
ASKED_BYTES = 1000
#: Most days that are counted together: their numbers take three bits (placing.py).
MOST_DAYS = 7
#: Rank of a vantage that no sensor names.
LAST = 1000
_DAY_US = 86_400_000_000


def read_days(connection: duckdb.DuckDBPyConnection, days: Sequence[date], *, zone: str) -> None:
    """Makes `every_event` of `days`, which must be consecutive; hours are those of time zone `zone`.

    Contexts and targets are joined by hash; if two of them collide, it is done again with another salt.
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
        "last": LAST,
        "zone": zone,
    }
    for salt in count():
        connection.execute(_step("01_events", values | {"salt": salt}))
        alike = "(SELECT COUNT(*) - COUNT(DISTINCT told) FROM {})"
        if not _number(connection, f"SELECT {alike.format('contexts')} + {alike.format('targets')}"):
            break


def count_days(
    connection: duckdb.DuckDBPyConnection, days: Sequence[date], *, nth: int = 1, zone: str
) -> None:
    """Makes `counted` and the other relations marts are selected from, for `days`.

    `days` must be consecutive and have one directory (`of_one_directory`); the first of them is the `nth` of
    the days that were read.
    """
    values = _values(days, nth) | {"zone": zone}
    connection.execute(_step("02_days", values))
    attribute(connection, days, nth=nth)
    connection.execute(_step("09_records", values))
    for better, rank in pairwise(_ranks(connection)):
        connection.execute(_step("10_cover", values | {"rank": better}))
        connection.execute(_step("11_covered", values | {"rank": rank}))
    connection.execute(_step("12_counted", values))
    connection.execute(_step("13_servers", values))
    connection.execute(_step("14_rhythm", values))
    connection.execute(_step("15_models", values))
    connection.execute(_step("16_named", values))


def steps() -> str:
    """All SQL that counts days, as it is written: whatever columns of sightings it needs stand there."""
    return "\n".join(path.read_text("utf-8") for path in sorted(STEPS.glob("*.sql")))


def attribute_day(connection: duckdb.DuckDBPyConnection, day: date) -> None:
    """Makes `attributed` for `day`: who was behind each of its events."""
    read_days(connection, [day], zone="UTC")
    connection.execute(_step("02_days", _values([day])))
    attribute(connection, [day])


def attribute(connection: duckdb.DuckDBPyConnection, days: Sequence[date], *, nth: int = 1) -> None:
    """The same for `days`, of which `events`, `contexts`, `targets`, `vantages` and `bounds` exist
    already."""
    values = _values(days, nth)
    _staff(connection, days[0], values)
    values["begin_us"] = _number(connection, "SELECT MIN(from_us) FROM bounds")
    values["end_us"] = _number(connection, "SELECT MAX(to_us) FROM bounds")
    values["window"] = values["end_us"] - values["begin_us"]
    connection.execute(_step("04_held", values | {"said": named("said", "bindings")}))
    values |= {
        "turns": 2 * (_number(connection, "SELECT MAX(bindings) FROM places") + 1),
        "targets": _number(connection, "SELECT COUNT(*) FROM targets") + 1,
        "shifts": 8 * (values["last_nth"] + 1),
    }
    numbers = {name: values[name] for name in ("turns", "shifts", "targets")}
    connection.execute(_step("05_numbers", values))
    facets = place(connection, first_day=values["first_us"] // _DAY_US - 4, **numbers)
    connection.execute(_step("06_crowded", values))
    beliefs = believe(connection, facets, stale=STALE, **numbers)
    connection.execute(_step("07_subjects", values))
    number(connection, beliefs, targets=values["targets"])
    connection.execute(_step("08_facets", values))


def _staff(connection: duckdb.DuckDBPyConnection, day: date, values: dict[str, Any]) -> None:
    """Makes who is who on a day, unless it was made last for a day with the same directory."""
    connection.execute(
        f"SET VARIABLE staff_now = (SELECT COUNT(*) FILTER ({_begun(day)}) || '/' || "
        f"COUNT(*) FILTER ({_holding(day)}) FROM every_directory)"
    )
    if _number(connection, "SELECT getvariable('staffed') IS DISTINCT FROM getvariable('staff_now')"):
        connection.execute(_step("03_staff", values))
        connection.execute("SET VARIABLE staffed = getvariable('staff_now')")


def _values(days: Sequence[date], nth: int = 1) -> dict[str, Any]:
    """What the steps are completed with: `first_us` is when the first of the days begins that were read."""
    return {
        "first_us": _midnight_us(days[0]) - (nth - 1) * _DAY_US,
        "nth": nth,
        "last_nth": nth + len(days) - 1,
        "days": len(days),
        "tolerance": TOLERANCE_US,
        "crowd": CROWD,
        "ways": ", ".join(map(repr, enumerate(WAYS))),
        "persons": PERSONS,
        "origins": len(WAYS) - 1,
        "public": PUBLIC_PATHS,
        "asked": ASKED_BYTES,
    }


def on_day(day: date) -> str:
    """SQL condition on `directory`: rows that are valid on `day`."""
    return f"({_begun(day)}) AND ({_holding(day)})"


def of_one_directory(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> list[list[date]]:
    """The sorted `days`, split where other rows of `every_directory` are valid.

    It suffices to compare how many rows had begun and how many had not ended: over time, the former only
    increases and the latter only decreases.
    """
    counts = [f"COUNT(*) FILTER ({_begun(day)}), COUNT(*) FILTER ({_holding(day)})" for day in days]
    (found,) = connection.execute(f"SELECT {', '.join(counts)} FROM every_directory").fetchall()
    holding = dict(zip(days, zip(found[::2], found[1::2], strict=True), strict=True))
    alike: list[list[date]] = []
    for day in days:
        if alike and holding[day] == holding[alike[-1][-1]]:
            alike[-1].append(day)
        else:
            alike.append([day])
    return alike


def _begun(day: date) -> str:
    return f"valid_from IS NULL OR valid_from < {_midnight(day + timedelta(days=1))}"


def _holding(day: date) -> str:
    return f"valid_to IS NULL OR valid_to > {_midnight(day)}"


def _midnight(day: date) -> str:
    return f"TIMESTAMPTZ '{day} 00:00:00+00'"


def _midnight_us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def neighbours(day: date) -> tuple[date, date, date]:
    """The days whose rows `day` is counted from: the one before, itself, and the one after."""
    return day - timedelta(days=1), day, day + timedelta(days=1)


def _ranks(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """Ranks of the vantages that have records, the best first."""
    found = connection.execute("SELECT DISTINCT watch // 8 AS rank FROM records ORDER BY rank").fetchall()
    return [rank for (rank,) in found]


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0] or 0) if row else 0


def _step(name: str, values: dict[str, Any]) -> str:
    return Template((STEPS / f"{name}.sql").read_text("utf-8")).substitute(values)
