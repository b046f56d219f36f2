"""Leases made into intervals that do not overlap: runs holding/*.sql over every lease there is.

In: a connection with the relations `every_leases` and `every_directory`. Out: its temporary view
`every_holders`, a row per address and while: the user, the device, the static word, whether it is shared,
each with origin and confidence; and what it is read from (`named`, `held`, `addresses`, `words`). Whatever
order leases arrived in, the same leases give the same rows.

All leases, not those of a day: what ends a lease can lie long before the day it would else hold on.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import Template

import duckdb

STEPS = Path(__file__).parent / "holding"
#: So many people logged in at one address within an hour of each other share it.
CROWD = 3
#: Surer evidence names the holder; weaker is a hint, believed where nothing else speaks.
HINT = 0.5
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
#: End of a lease that is open (9999-12-31).
FOREVER_US = 253_402_214_400_000_000

#: What `every_holders` is read from.
HELD = ("held", "addresses", "words")
#: Columns of `held` that mean nothing outside of one build.
_NUMBERS = (
    "place", "nth", "is_said", "is_shared", "taken_over", "same_device", "user_word", "device_word",
    "static_word", "hint_word", "share_word",
)  # fmt: skip
#: Leases are taken by address, so many at once: what they need then fits into memory.
LEASES_A_PART = 500_000
#: Users and devices, as 2_claims.sql numbers them, and days with too many users (32).
SLOTS = (11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 32)
_SAYS = "LAST_VALUE(CASE WHEN slot = {slot} THEN code END IGNORE NULLS) OVER so_far AS s{slot}"
_SILENT = "CAST(NULL AS BIGINT) AS s{slot}"
#: Leases that say an address is shared may overlap.
_SHARED = (
    "LAST_VALUE(CASE WHEN slot = 31 AND code % 2 = 0 THEN code END IGNORE NULLS) OVER so_far AS s31, "
    "SUM(CASE WHEN slot = 31 THEN 1 - 2 * (code % 2) ELSE 0 END) OVER so_far AS sharers"
)
_NOT_SHARED = "CAST(NULL AS BIGINT) AS s31, 0 AS sharers"


def hold(connection: duckdb.DuckDBPyConnection, *, keep_steps: bool = False) -> None:
    """Makes `every_holders`; `keep_steps` leaves the tables it was made by, of few leases."""
    values: dict[str, object] = {
        "forever": FOREVER_US, "hint": HINT, "crowd": CROWD, "hour": HOUR_US, "day": DAY_US
    }  # fmt: skip
    connection.execute(_step("1_coded", values))
    found = connection.execute("SELECT COUNT(*) FROM coded").fetchone()
    parts = 1 + (int(found[0]) if found else 0) // LEASES_A_PART
    into = "CREATE OR REPLACE TEMP TABLE held AS"
    for part in range(parts):
        values["part"] = f"place % {parts} = {part}"
        for step in ("2_claims", "3_tenures", "4_intervals"):
            connection.execute(_step(step, values))
        connection.execute(_step("5_holders", values | {"slots": _slots(connection), "into": into}))
        into = "INSERT INTO held"
    connection.execute(named("named", "held"))
    columns = f"* EXCLUDE ({', '.join(_NUMBERS)})"
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW every_holders AS SELECT {columns} FROM named WHERE is_said"
    )
    connection.execute("SET VARIABLE staffed = NULL")  # days.py: words have other numbers now
    if not keep_steps:
        for name in ("crowds", "intervals", "vouched", "tenures", "claims", "told", "coded"):
            connection.execute(f"DROP TABLE {name}")


def named(view: str, held: str) -> str:
    """SQL of the view `view`: rows of `held`, or of a relation like it, in the words of the leases."""
    return _step("6_named", {"named": view, "held": held})


def _slots(connection: duckdb.DuckDBPyConnection) -> str:
    """What each slot says so far; most networks have few kinds of leases, and looking back costs."""
    found = {
        slot
        for (slot,) in connection.execute(
            "SELECT DISTINCT slot FROM intervals UNION SELECT 31 FROM told WHERE shared "
            "UNION SELECT 32 FROM crowds"
        ).fetchall()
    }
    says = [(_SAYS if slot in found else _SILENT).format(slot=slot) for slot in SLOTS]
    return ", ".join([*says, _SHARED if 31 in found else _NOT_SHARED])


def _step(name: str, values: dict[str, object]) -> str:
    return Template((STEPS / f"{name}.sql").read_text("utf-8")).substitute(values)


def near(day: date) -> str:
    """Condition on `every_holders`: rows that reach into `day` or a neighbour of it."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    begin, end = (
        int(moment.timestamp()) * 1_000_000
        for moment in (midnight - timedelta(days=1), midnight + timedelta(days=2))
    )
    return f"from_us < {end} AND to_us > {begin}"


def digest(connection: duckdb.DuckDBPyConnection, day: date) -> str:
    """Says whether what is known about the holders of `day` and its neighbours is still the same."""
    row = connection.execute(
        f"SELECT CAST(BIT_XOR(HASH(every_holders)) AS VARCHAR), COUNT(*) FROM every_holders WHERE {near(day)}"
    ).fetchone()
    return f"{row[0]}/{row[1]}" if row else ""
