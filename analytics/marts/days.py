"""Counts one UTC day: runs counting/*.sql over its sightings and those around it, once per vantage rank.

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
from analytics.marts.holders import named
from analytics.marts.intervals import CROWD

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
#: A request that sends less asks nothing: keep-alives, lists of conversations.
ASKED_BYTES = 1000
_DAY_US = 86_400_000_000


def read_days(connection: duckdb.DuckDBPyConnection, days: Sequence[date], *, zone: str) -> None:
    """Makes `every_event` of `days`, which follow each other; hours follow the clock of `zone`.

    Words are joined by their hash: with another salt where two contexts or targets share one.
    """
    first, last = _values(days[0]), _values(days[-1])
    values = {
        "before_us": first["day_start"] - _DAY_US,
        "first_us": first["day_start"],
        "until_us": last["day_end"],
        "first_at": first["day_at"],
        "until_at": last["next_at"],
        "days": len(days),
        "tolerance": TOLERANCE_US,
        "zone": zone,
    }
    for salt in count():
        connection.execute(_step("1_events", values | {"salt": salt}))
        alike = "(SELECT COUNT(*) - COUNT(DISTINCT told) FROM {})"
        if not _number(connection, f"SELECT {alike.format('contexts')} + {alike.format('targets')}"):
            break


def count_day(connection: duckdb.DuckDBPyConnection, day: date, *, nth: int = 1, zone: str) -> None:
    """Makes `counted` and `eyes` for `day`, the `nth` of the days that were read."""
    values = _values(day) | {"zone": zone}
    connection.execute(_step("1_day", values | {"nth": nth}))
    attribute(connection, day)
    connection.execute(_step("4_records", values))
    for better, rank in pairwise(_ranks(connection)):
        connection.execute(_step("6_cover", values | {"rank": better}))
        connection.execute(_step("5_covered", values | {"rank": rank}))
    connection.execute(_step("7_counted", values))
    connection.execute(_step("8_servers", values))
    connection.execute(_step("9_rhythm", values))
    connection.execute(_step("10_models", values))
    connection.execute(_step("11_named", values))


def attribute_day(connection: duckdb.DuckDBPyConnection, day: date) -> None:
    """Makes `attributed` for `day`: who was behind each event."""
    read_days(connection, [day], zone="UTC")
    connection.execute(_step("1_day", _values(day) | {"nth": 1}))
    attribute(connection, day)


def attribute(connection: duckdb.DuckDBPyConnection, day: date) -> None:
    """The same where `events`, `contexts`, `targets`, `vantages` and `bounds` are there already."""
    values = _values(day)
    _staff(connection, values)
    values["begin_us"] = _number(connection, "SELECT from_us FROM bounds")
    values["end_us"] = _number(connection, "SELECT to_us FROM bounds")
    connection.execute(_step("2_held", values | {"said": named("said", "spells")}))
    spells = _number(connection, "SELECT MAX(spells) FROM places")
    values |= {
        "window": values["end_us"] - values["begin_us"],
        "turns": 2 * (spells + 1),
        "aims": _number(connection, "SELECT COUNT(*) FROM targets") + 1,
        "first_day": values["day_start"] // _DAY_US - 3,
        "found": _found(spells),
    }
    connection.execute(_step("2_asked", values))
    connection.execute(_step("3_attributed", values))
    believe(
        connection, turns=values["turns"], aims=values["aims"], first_day=values["first_day"], stale=STALE
    )
    connection.execute(_step("3_facets", values))


def _staff(connection: duckdb.DuckDBPyConnection, values: dict[str, Any]) -> None:
    """Makes who is who on a day, unless the directory's rows that hold are those of the day made before.

    They are where as many had begun and as many had not ended: with time those only get more, these fewer.
    """
    begun = f"valid_from IS NULL OR valid_from < {values['next_at']}"
    holding = f"valid_to IS NULL OR valid_to > {values['day_at']}"
    connection.execute(
        f"SET VARIABLE staff_now = (SELECT COUNT(*) FILTER ({begun}) || '/' || COUNT(*) FILTER ({holding}) "
        "FROM every_directory)"
    )
    if _number(connection, "SELECT getvariable('staffed') IS DISTINCT FROM getvariable('staff_now')"):
        connection.execute(_step("2_staff", values))
        connection.execute("SET VARIABLE staffed = getvariable('staff_now')")


def _found(spells: int) -> str:
    """SQL for the rows of `asking` with the last of at most so many spells that began before each.

    Each join looks at one spell further on, half as far as the join before. To it spells are an array: their
    numbers have no gaps, and none that is asked for lies beyond.
    """
    rows = "asking"
    for power in reversed(range(spells.bit_length())):
        rows = (
            f"(SELECT a.* REPLACE (a.spell + {2**power} * CAST(t.moment <= a.moment AS BIGINT) AS spell)\n"
            f"FROM {rows} AS a JOIN times AS t ON t.spell = a.spell + {2**power})"
        )
    return rows


def _values(day: date) -> dict[str, Any]:
    """What the steps are completed with."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    return {
        "day_start": start,
        "day_end": start + _DAY_US,
        "day_at": f"TIMESTAMPTZ '{day} 00:00:00+00'",
        "next_at": f"TIMESTAMPTZ '{day + timedelta(days=1)} 00:00:00+00'",
        "horizon": start + 2 * _DAY_US,
        "tolerance": TOLERANCE_US,
        "crowd": CROWD,
        "ways": ", ".join(map(repr, enumerate(WAYS))),
        "persons": PERSONS,
        "origins": len(WAYS) - 1,
        "public": PUBLIC_PATHS,
        "asked": ASKED_BYTES,
    }


def on_day(day: date) -> str:
    """Condition on `directory`: rows that can say who was who on `day`."""
    after = day + timedelta(days=1)
    return (
        f"(valid_from IS NULL OR valid_from < TIMESTAMPTZ '{after} 00:00:00+00') "
        f"AND (valid_to IS NULL OR valid_to > TIMESTAMPTZ '{day} 00:00:00+00')"
    )


def neighbours(day: date) -> tuple[date, date, date]:
    """The days whose rows decide how `day` is counted."""
    return day - timedelta(days=1), day, day + timedelta(days=1)


def _ranks(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """Ranks of the vantages that have records, the best first."""
    found = connection.execute("SELECT DISTINCT vantage_rank FROM records ORDER BY vantage_rank").fetchall()
    return [rank for (rank,) in found]


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0] or 0) if row else 0


def _step(name: str, values: dict[str, Any]) -> str:
    return Template((STEPS / f"{name}.sql").read_text("utf-8")).substitute(values)
