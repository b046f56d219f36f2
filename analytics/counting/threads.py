"""Makes several periods in parallel, on threads with a connection each to the same database.

Days are independent, and the statements for one day are too small for DuckDB to parallelise. Temporary
relations belong to one connection, so tables that all threads read must be in the schema `main`. The threads
share the memory limit of the database.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date, timedelta
from typing import TypeVar

import duckdb

#: Maximum number of threads. Each holds a period in memory.
MOST = 4
#: How often the main thread checks for Ctrl-C, in seconds.
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
    """Calls `make(connection, period)` for every period, in any order and several at the same time.

    Each thread calls `begin` on its own connection first. `shared` are the tables that all threads read.
    After an error no further period starts, and the error is raised when the running ones have ended. Ctrl-C
    interrupts the running statements.
    """
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
                    pass  # Ctrl-C raises between two waits
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
    """The sorted `periods`, split into runs that are made together.

    A run has at most `most` periods, each `apart` from the one before, and satisfies `fit`. Unless the work
    is `small`, there are at least as many runs as processors, if possible.
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
    """Number of threads the database may use."""
    found = connection.execute("SELECT CAST(current_setting('threads') AS INTEGER)").fetchone()
    return int(found[0]) if found else 1


def beside(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Another connection to the same database, set to UTC, because settings are per connection."""
    own = connection.cursor()
    own.execute("SET TimeZone = 'UTC'")
    return own


def _share(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Moves the temporary ones of `tables` to the schema `main`, where other connections see them."""
    temporary = connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    for name in {name for (name,) in temporary}.intersection(tables):
        connection.execute(f"CREATE OR REPLACE TABLE main.{name} AS SELECT * FROM temp.{name}")
        connection.execute(f"DROP TABLE temp.{name}")
