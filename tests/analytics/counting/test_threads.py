"""Periods made side by side: what one says when it fails, and what a Ctrl-C breaks off."""

from __future__ import annotations

import _thread
import threading
import time

import duckdb
import pytest

from analytics.counting.threads import each

#: Minutes of work for DuckDB.
ENDLESS = "SELECT SUM(HASH(i)) FROM range(100_000_000_000) AS r (i)"


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    found = duckdb.connect()
    found.execute("SET threads = 2")
    return found


def test_ctrl_c_breaks_off_what_is_made(connection: duckdb.DuckDBPyConnection) -> None:
    made: list[int] = []

    def make(own: duckdb.DuckDBPyConnection, period: int) -> None:
        made.append(period)
        if period == 0:
            threading.Timer(0.2, _thread.interrupt_main).start()
        own.execute(ENDLESS).fetchall()

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        each(connection, range(9), make)
    assert time.monotonic() - began < 30
    assert sorted(made) == [0, 1]
    assert connection.execute("SELECT current_setting('threads')").fetchall() == [(2,)]


def test_the_first_error_is_told_and_nothing_more_is_begun(connection: duckdb.DuckDBPyConnection) -> None:
    begun = threading.Barrier(2)
    made: list[int] = []

    def make(own: duckdb.DuckDBPyConnection, period: int) -> None:
        made.append(period)
        begun.wait(10)
        if period == 0:
            raise ValueError("no such period")
        time.sleep(0.2)

    with pytest.raises(ValueError, match="no such period"):
        each(connection, range(9), make)
    assert sorted(made) == [0, 1]
