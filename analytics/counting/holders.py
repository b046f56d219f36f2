"""Turns all leases into intervals that do not overlap: who held which address, from when to when.

In: a connection with the relations `every_leases` and `every_directory`. Out: its temporary view
`every_holders`, a row per address and interval with a known holder: user, device and static lease, each with
origin and confidence, the hardware address, and whether the address is shared. The view reads the tables
HELD. The order of the leases has no effect on the rows.

All leases are needed, not only those of one day: the lease that ends another may be much older.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import count
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from analytics.counting import intervals
from analytics.counting.frames import store_frame
from analytics.counting.intervals import DAY_US, Held, Ints, Leases, Statements
from analytics.counting.stations import join_stations
from analytics.counting.threads import processors
from analytics.steps import Steps

STEPS = Steps(Path(__file__).parent / "holder_sql")
#: A lease below this confidence is a hint, used only where no other lease names a user.
HINT = 0.5
#: End of a lease that is open (9999-12-31).
FOREVER_US = 253_402_214_400_000_000

#: The tables that `every_holders` reads.
HELD = ("held", "addresses", "statements")
#: Columns of `held` with ids, which are valid within one build only.
_NUMBERS = (
    "address_id", "nth", "is_shared", "taken_over", "same_device", "user_statement", "device_statement",
    "static_statement", "hint_statement", "share_statement", "station_statement",
)  # fmt: skip
#: Leases processed at a time (by address), so that their data stays in the processor's caches.
LEASES_A_PART = 100_000


def make_holders(
    connection: duckdb.DuckDBPyConnection, *, keep_steps: bool = False, for_all: bool = False
) -> None:
    """Makes the view `every_holders`.

    `keep_steps` (for the leases of few addresses) also keeps the tables `merged`, `intervals` and
    `device_until`, which explain the result (`intervals.Held.steps`). With `for_all`, the largest table,
    `held`, is not temporary, so that other connections see it (threads.py).
    """
    _code(connection)
    statements, leases = _statements(connection), _leases(connection)
    connection.execute("DROP VIEW encoded_leases; DROP TABLE raw_statements")

    def holding(some: Ints) -> Held:
        return intervals.resolve_leases(statements, leases.at(some))

    rows = []
    with ThreadPoolExecutor(processors(connection)) as pool:
        for part in pool.map(holding, _parts(leases.address_id, one=keep_steps)):
            rows.append(part.rows)
        held = join_stations(pl.concat(rows), statements, _sites(connection), pool)
    # Sorted by day, so that a query for one day reads few row groups.
    by_day = held.sort(pl.col("from_us") // DAY_US)
    store_frame(connection, "held", by_day, for_all=for_all)
    if keep_steps:
        for name, frame in part.steps().items():
            store_frame(connection, name, frame)
    connection.execute(named("named", "held"))
    columns = f"* EXCLUDE ({', '.join(_NUMBERS)})"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW every_holders AS SELECT {columns} FROM named")
    connection.execute("SET VARIABLE staff_version = NULL")  # days.py: statement ids have changed


def _code(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes `statements` and `encoded_leases`; retries with another salt if two contents share a hash."""
    values: dict[str, object] = {"forever": FOREVER_US, "hint": HINT}
    for salt in count():
        values["salt"] = salt
        STEPS.run(connection, "1_contents", values)
        if connection.execute("SELECT COALESCE(BOOL_OR(collides), false) FROM raw_statements").fetchone() == (
            False,
        ):
            break
    STEPS.run(connection, "2_encoded", values)


def _statements(connection: duckdb.DuckDBPyConnection) -> Statements:
    names = [field.name for field in fields(Statements)]
    numbers = ", ".join(f"CAST(COALESCE({name}, 0) AS BIGINT) AS {name}" for name in names)
    found = connection.execute(f"SELECT {numbers} FROM statements ORDER BY statement").fetchnumpy()
    return Statements(*(np.asarray(found[name]) for name in names))


def _sites(connection: duckdb.DuckDBPyConnection) -> Ints:
    """A number for the site of each address id; ids begin with 1."""
    found = connection.execute(
        "SELECT DENSE_RANK() OVER (ORDER BY site) AS site FROM addresses ORDER BY address_id"
    ).fetchnumpy()
    return np.append(0, np.asarray(found["site"]))


def _leases(connection: duckdb.DuckDBPyConnection) -> Leases:
    found = connection.execute("FROM encoded_leases").fetchnumpy()
    return Leases(*(np.asarray(found[field.name]) for field in fields(Leases)))


def _parts(address_id: Ints, *, one: bool) -> list[Ints]:
    """Row numbers of the leases in parts, at least one; all leases of an address are in the same part."""
    parts = 1 if one else 1 + len(address_id) // LEASES_A_PART
    part = address_id * np.int64(parts) // (address_id.max(initial=0) + 1)
    ends = np.cumsum(np.bincount(part, minlength=parts))
    return np.split(np.argsort(part.astype(np.uint16), kind="stable"), ends[:-1])


def leases_about(leases: str, places: str) -> str:
    """SQL: the rows of relation `leases` about `places` (SQL: sites and addresses), and about the addresses
    of the same hardware, which may lend them what is known (stations.py)."""
    return f"""
WITH places AS ({places}),
stations AS (SELECT DISTINCT site, mac FROM {leases} JOIN places USING (site, address) WHERE mac IS NOT NULL),
near AS (FROM places UNION SELECT site, address FROM {leases} JOIN stations USING (site, mac))
SELECT l.* FROM {leases} AS l SEMI JOIN near USING (site, address)
"""


def named(view: str, held: str) -> str:
    """SQL that creates `view`: the rows of relation `held`, with names in place of ids."""
    return STEPS.sql("3_named", {"named": view, "held": held})
