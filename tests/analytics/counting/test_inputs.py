"""Digests of what a day is made from: equal exactly where the rows that matter on the day are equal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.counting import inputs
from analytics.counting.days import on_day
from analytics.counting.frames import store_frame
from analytics.counting.inputs import content, directories, holders, rules

FIRST = date(2026, 3, 1)
TIME = pl.Datetime("us", "UTC")
DAY_US = 86_400_000_000

Moment = datetime | None
#: half days, so that many lie on a midnight
moments = st.integers(-6, 20).map(
    lambda halves: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=12 * halves)
)
spells = st.lists(st.tuples(st.none() | moments, st.none() | moments, st.sampled_from("abc")), max_size=12)
days = st.sets(st.integers(0, 8), min_size=1).map(lambda some: [FIRST + timedelta(n) for n in sorted(some)])


def connected(table: str, rows: Sequence[tuple[Moment, Moment, str]]) -> duckdb.DuckDBPyConnection:
    """A database in UTC with `table`: valid_from, valid_to, user_name, landed_at (different in each row)."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    frame = pl.DataFrame(
        rows, schema={"valid_from": TIME, "valid_to": TIME, "user_name": pl.String}, orient="row"
    )
    landed = pl.Series("landed_at", [datetime(2026, 1, 1, tzinfo=UTC)] * len(rows), dtype=TIME)
    store_frame(connection, table, frame.with_columns(landed))
    return connection


@given(spells, days)
def test_a_directory_counts_on_the_days_it_is_valid(
    rows: list[tuple[Moment, Moment, str]], asked: list[date]
) -> None:
    with connected("every_directory", rows) as connection:
        found = directories(connection, asked)
        valid = {
            day: content(connection, f"SELECT * EXCLUDE (landed_at) FROM every_directory WHERE {on_day(day)}")
            for day in asked
        }
    assert list(found) == asked
    # `content` says "" where there is no row
    assert found == {day: digest or "0/0" for day, digest in valid.items()}


@given(spells, days)
def test_a_holder_matters_on_its_days_and_their_neighbours(
    rows: list[tuple[Moment, Moment, str]], asked: list[date]
) -> None:
    whole = [(begin, end, who) for begin, end, who in rows if begin and end]
    with connected("told", whole) as connection:
        connection.execute(
            "CREATE VIEW every_holders AS SELECT epoch_us(valid_from) AS from_us, "
            "epoch_us(valid_to) AS to_us, user_name FROM told WHERE valid_from < valid_to"
        )
        found = holders(connection, asked)
        near = {}
        for day in asked:
            begin = (day - date(1970, 1, 2)).days * DAY_US
            overlaps = f"from_us < {begin + 3 * DAY_US} AND to_us > {begin}"
            near[day] = content(connection, f"FROM every_holders WHERE {overlaps}")
    assert found == {day: digest or "0/0" for day, digest in near.items()}


def test_rows_alike_in_number_differ() -> None:
    day = [FIRST]
    digests = set()
    for who in "ab":
        with connected("every_directory", [(None, None, who)]) as connection:
            digests.add(directories(connection, day)[FIRST])
    assert len(digests) == 2


@pytest.mark.parametrize(
    "name",
    ["counting/ksafe.py", "counting/day_sql/01_events.sql", "marts/usage_daily.yml", "policy/judge.py",
     "policy/rules/probing.sql", "stored.py"],
)  # fmt: skip
def test_a_release_that_counts_otherwise_makes_everything_anew(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = shutil.copytree(inputs.ANALYTICS, tmp_path / "analytics", ignore=lambda *_: ["__pycache__"])
    rules.cache_clear()
    before = rules()
    monkeypatch.setattr(inputs, "ANALYTICS", code)
    rules.cache_clear()
    assert rules() == before, "where the code lies does not matter"
    with (code / name).open("a") as file:
        file.write("\n")
    rules.cache_clear()
    changed = rules()
    rules.cache_clear()
    assert changed != before
