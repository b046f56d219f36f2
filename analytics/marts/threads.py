"""Makes several periods at once: a thread a processor, each with its own connection to the same database.

A day's statements are too small for DuckDB to share one among processors, and days do not wait for each
other. Temporary relations belong to one connection; what all threads read must lie in the database's own
schema. The database's memory limit holds for all of them together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date, timedelta
from typing import TypeVar

import duckdb

#: No more at once: each holds a day in memory.
MOST = 4
#: How often it is looked whether a Ctrl-C came.
_LOOKED_S = 0.1


Period = TypeVar("Period")


def each(
    connection: duckdb.DuckDBPyConnection,
    periods: Sequence[Period],
    make: Callable[[duckdb.DuckDBPyConnection, Period], None],
    *,
    begin: Callable[[duckdb.DuckDBPyConnection], object] = lambda connection: None,
    shared: Iterable[str] = (),
) -> None:
    """Calls `make` for every period, in any order and several at a time, with a connection that `begin` has
    prepared. `shared` are tables that all read. The first error is raised when what was begun has
    ended; what a Ctrl-C meets is broken off."""
    if not periods:
        return
    threads = processors(connection)
    at_once = min(threads, MOST, len(periods))
    if at_once < 2:
        begin(connection)
        for period in periods:
            make(connection, period)
        return
    _share(connection, shared)
    waiting = deque(periods)
    own_connections: list[duckdb.DuckDBPyConnection] = []

    def work() -> None:
        with beside(connection) as own:
            own_connections.append(own)
            begin(own)
            try:
                while waiting:
                    make(own, waiting.popleft())
            except BaseException:
                waiting.clear()
                raise

    connection.execute("SET threads = 1")
    try:
        with ThreadPoolExecutor(at_once) as pool:
            working = [pool.submit(work) for _ in range(at_once)]
            try:
                while wait(working, timeout=_LOOKED_S).not_done:
                    pass  # a Ctrl-C is noticed between two waits
            except KeyboardInterrupt:
                waiting.clear()
                for own in own_connections:
                    own.interrupt()
                raise
            for done in working:
                done.result()
    finally:
        connection.execute(f"SET threads = {threads}")


def runs(
    connection: duckdb.DuckDBPyConnection,
    periods: Sequence[date],
    *,
    apart: timedelta,
    most: int,
    fit: Callable[[Sequence[date]], bool] = lambda periods: True,
    small: bool = False,
) -> list[list[date]]:
    """Sorted `periods` in runs that are made together; no fewer runs than processors, unless `small`.

    Those of a run begin `apart` from each other, are at most so many, and `fit`.
    """
    if not small:
        most = min(most, -(-len(periods) // min(processors(connection), MOST)))
    found: list[list[date]] = []
    for period in periods:
        run = found[-1] if found else []
        if run and period == run[-1] + apart and len(run) < most and fit([*run, period]):
            run.append(period)
        else:
            found.append([period])
    return found


def processors(connection: duckdb.DuckDBPyConnection) -> int:
    """How many threads the database may use."""
    found = connection.execute("SELECT CAST(current_setting('threads') AS INTEGER)").fetchone()
    return int(found[0]) if found else 1


def beside(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Another connection to the same database, in UTC too: settings of a session are not passed on."""
    own = connection.cursor()
    own.execute("SET TimeZone = 'UTC'")
    return own


def _share(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Moves tables to where `beside` sees them, if they are temporary ones."""
    temporary = connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    for name in {name for (name,) in temporary}.intersection(tables):
        connection.execute(f"CREATE OR REPLACE TABLE main.{name} AS SELECT * FROM temp.{name}")
        connection.execute(f"DROP TABLE temp.{name}")
