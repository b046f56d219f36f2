"""Makes several periods at the same time, on threads with their own connections to one database.

The statements for a day are too small for DuckDB to run one on several processors, and days are independent.
Temporary relations belong to one connection, so what all threads read must lie in the schema `main`. The
memory limit of the database applies to all of them together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date, timedelta
from typing import TypeVar

import duckdb

#: Most threads: each holds a period in memory.
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

    Each thread has a connection, on which `begin` is called first. `shared` are the tables that all of them
    read. After an error no period is begun any more, and it is raised once those begun have ended. Ctrl-C
    interrupts what is running.
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

    The periods of a run are `apart` from each other, at most `most`, and `fit`. Unless the work is `small`,
    there are at least as many runs as processors, if possible.
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
    """Another connection to the same database. It is set to UTC again, because settings are per
    connection."""
    own = connection.cursor()
    own.execute("SET TimeZone = 'UTC'")
    return own


def _share(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Moves those of `tables` that are temporary to the schema `main`, where other connections see them."""
    temporary = connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    for name in {name for (name,) in temporary}.intersection(tables):
        connection.execute(f"CREATE OR REPLACE TABLE main.{name} AS SELECT * FROM temp.{name}")
        connection.execute(f"DROP TABLE temp.{name}")
