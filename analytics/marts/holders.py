"""Turns all leases into intervals that do not overlap: who held which address, from when to when.

In: a connection with the relations `every_leases` and `every_directory`. Out: its temporary view
`every_holders`, with a row per address and interval in which anything is known of it: user, device, static
lease, and whether it is shared, each with origin and confidence. The view reads the tables HELD. The same
leases give the same rows, in whatever order they arrived.

All leases are needed, not only those of a day: what ends a lease may lie long before the day.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import count
from pathlib import Path
from string import Template

import duckdb
import numpy as np
import polars as pl

from analytics.marts import intervals
from analytics.marts.intervals import DAY_US, Held, Ints, Leases, Words
from analytics.marts.threads import processors
from analytics.marts.weeks import store_frame

STEPS = Path(__file__).parent / "holding"
#: Surer evidence names the holder; weaker is a hint, believed where nothing else speaks.
HINT = 0.5
#: End of a lease that is open (9999-12-31).
FOREVER_US = 253_402_214_400_000_000

#: What `every_holders` is read from.
HELD = ("held", "addresses", "words")
#: Columns of `held` that mean nothing outside of one build.
_NUMBERS = (
    "place", "nth", "is_shared", "taken_over", "same_device", "user_word", "device_word",
    "static_word", "hint_word", "share_word",
)  # fmt: skip
#: Leases processed at a time (by address), so that their data stays in the processor's caches.
LEASES_A_PART = 100_000


def hold(connection: duckdb.DuckDBPyConnection, *, keep_steps: bool = False, for_all: bool = False) -> None:
    """Makes the view `every_holders`: who held which address, from when to when.

    `keep_steps`, which only works for the leases of one address, also leaves the tables `merged`,
    `intervals` and `vouched` (`intervals.Held.steps`), from which the result can be explained. With
    `for_all` the largest table, `held`, is not temporary, so that other connections see it (threads.py).
    """
    _code(connection)
    words, leases = _words(connection), _leases(connection)
    connection.execute("DROP VIEW coded; DROP TABLE phrases")

    def holding(some: Ints) -> Held:
        return intervals.hold(words, leases.at(some))

    rows = []
    with ThreadPoolExecutor(processors(connection)) as pool:
        for part in pool.map(holding, _parts(leases.place)):
            rows.append(part.rows)
    # By day: whoever asks about one reads little else.
    by_day = pl.concat(rows, rechunk=True).sort(pl.col("from_us") // DAY_US)
    store_frame(connection, "held", by_day, for_all=for_all)
    if keep_steps:
        for name, frame in part.steps().items():
            store_frame(connection, name, frame)
    connection.execute(named("named", "held"))
    columns = f"* EXCLUDE ({', '.join(_NUMBERS)})"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW every_holders AS SELECT {columns} FROM named")
    connection.execute("SET VARIABLE staffed = NULL")  # days.py: words have other numbers now


def _code(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes `words` and `coded`; with another salt where two phrases share a hash."""
    values: dict[str, object] = {"forever": FOREVER_US, "hint": HINT}
    for salt in count():
        values["salt"] = salt
        connection.execute(_step("1_phrases", values))
        if connection.execute("SELECT COALESCE(BOOL_OR(clashes), false) FROM phrases").fetchone() == (False,):
            break
    connection.execute(_step("2_coded", values))


def _words(connection: duckdb.DuckDBPyConnection) -> Words:
    names = [field.name for field in fields(Words)]
    numbers = ", ".join(f"CAST(COALESCE({name}, 0) AS BIGINT) AS {name}" for name in names)
    found = connection.execute(f"SELECT {numbers} FROM words ORDER BY word").fetchnumpy()
    return Words(*(np.asarray(found[name]) for name in names))


def _leases(connection: duckdb.DuckDBPyConnection) -> Leases:
    found = connection.execute("FROM coded").fetchnumpy()
    return Leases(*(np.asarray(found[field.name]) for field in fields(Leases)))


def _parts(place: Ints) -> list[Ints]:
    """Rows of all leases, those of an address in one part; one part at least."""
    parts = 1 + len(place) // LEASES_A_PART
    part = place * np.int64(parts) // (place.max(initial=0) + 1)
    ends = np.cumsum(np.bincount(part, minlength=parts))
    return np.split(np.argsort(part.astype(np.uint16), kind="stable"), ends[:-1])


def named(view: str, held: str) -> str:
    """SQL that creates `view`: the rows of relation `held`, with names in place of numbers."""
    return _step("3_named", {"named": view, "held": held})


def _step(name: str, values: dict[str, object]) -> str:
    return Template((STEPS / f"{name}.sql").read_text("utf-8")).substitute(values)
