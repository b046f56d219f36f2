"""Generated rows of addresses against the rule itself, asked moment by moment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.counting.intervals import Statements
from analytics.counting.stations import MOST_ADDRESSES, join_stations

#: Statement 0 is empty; 1 to 4 name the persons 1, 1, 2, 3; 5 to 7 tell the hardware addresses 1, 2, 3.
PERSON = np.array([0, 1, 1, 2, 3, 0, 0, 0])
MAC = np.array([0, 0, 0, 0, 0, 1, 2, 3])
LAST = 30


class Row(NamedTuple):
    """Statements by number; `apart` is an address in a VPN session."""

    address_id: int
    begin: int
    end: int
    user: int
    link: int
    apart: bool = False
    stale: int | None = None


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Rows of up to five addresses, without overlaps at each of them."""
    rows = []
    for address_id in range(1, draw(st.integers(2, 6))):
        cuts = sorted(draw(st.sets(st.integers(0, LAST), min_size=2, max_size=5)))
        for begin, end in pairwise(cuts):
            user, link = draw(st.sampled_from([0, 0, 1, 2, 3, 4])), draw(st.sampled_from([0, 5, 5, 6, 7]))
            if draw(st.booleans()):
                rows.append(Row(address_id, begin, end, user, link, draw(st.integers(0, 9)) == 0))
    return rows


def joined(rows: list[Row], sites: int = 1) -> pl.DataFrame:
    """The rows after `join_stations`; addresses alternate between `sites`."""
    nothing = np.zeros(len(PERSON), np.int64)
    statements = Statements(nothing, nothing, nothing > 0, PERSON, MAC, nothing, MAC, nothing)
    zeros = pl.Series([0] * len(rows), dtype=pl.Int32)
    types = dict.fromkeys(Row._fields, pl.Int64) | {"apart": pl.Boolean}
    counted = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("address_id")
    frame = pl.DataFrame(rows, schema=types, orient="row").select(
        pl.col("address_id").cast(pl.Int32), nth=counted, from_us="begin", to_us="end",
        is_shared=pl.lit(False), taken_over="apart", user_statement=pl.col("user").cast(pl.Int32),
        same_device=pl.lit(False), stale_from_us=pl.col("stale").fill_null(pl.col("end")),
        device_statement=zeros, static_statement=zeros, hint_statement=zeros, share_statement=zeros,
        link_statement=pl.col("link").cast(pl.Int32),
    )  # fmt: skip
    with ThreadPoolExecutor(1) as pool:
        return join_stations(frame, statements, np.arange(100) % sites, pool)


def moments(rows: list[Row]) -> Iterator[tuple[int, dict[int, Row]]]:
    for at in range(LAST):
        yield at, {row.address_id: row for row in rows if row.begin <= at < row.end}


@given(histories())
@settings(max_examples=60, deadline=None)
def test_an_address_borrows_the_person_that_all_others_of_its_machine_name(rows: list[Row]) -> None:
    made = joined(rows)
    found = {
        (address, at): user
        for address, begin, end, user in made.select(
            "address_id", "from_us", "to_us", "user_statement"
        ).rows()
        for at in range(begin, end)
    }
    assert sum(end - begin for begin, end in made.select("from_us", "to_us").rows()) == len(found)
    assert len(found) == sum(row.end - row.begin for row in rows)
    disputed = set()
    for at, held in moments(rows):
        for address, row in held.items():
            others = {
                PERSON[other.user]
                for other in held.values()
                if other.user and row.link and other.link == row.link and not (row.apart or other.apart)
            }
            disputed |= {row.link} if len(others) > 1 else set()
            user = found[address, at]
            if row.user:
                assert user == row.user
            elif user:
                assert others == {PERSON[user]}
            else:
                assert not others or row.link in disputed
    for _, some in made.group_by("address_id"):
        assert some.sort("from_us")["nth"].to_list() == list(range(1, some.height + 1))


def test_a_borrowed_sign_in_grows_old_as_the_lent_one_does() -> None:
    made = joined([Row(1, 0, 20, 1, 5, stale=8), Row(2, 5, 30, 0, 5)])
    rows = made.filter(pl.col("address_id") == 2)
    assert rows.select("from_us", "to_us", "user_statement", "stale_from_us").rows() == [
        (5, 20, 1, 8),
        (20, 30, 0, 30),
    ]
    assert rows["station_statement"].to_list() == [5, 5]


@pytest.mark.parametrize("addresses", [MOST_ADDRESSES, MOST_ADDRESSES + 1])
def test_a_router_is_no_machine(addresses: int) -> None:
    rows = [Row(nth, 0, 20, int(nth == 1), 5) for nth in range(1, addresses + 1)]
    made = joined([*rows, Row(50, 20, 30, 0, 5), Row(51, 20, 30, 2, 5)])
    users = dict(made.select("address_id", "user_statement").rows())
    assert users[2] == (1 if addresses == MOST_ADDRESSES else 0)
    assert users[50] == 2  # at another time
    assert set(made.filter(address_id=2)["station_statement"]) == {5 if addresses == MOST_ADDRESSES else 0}


def test_the_same_hardware_address_at_another_site_is_another_machine() -> None:
    rows = [Row(1, 0, 20, 1, 5), Row(2, 0, 20, 0, 5), Row(3, 0, 20, 0, 5)]
    assert dict(joined(rows, sites=2).select("address_id", "user_statement").rows()) == {1: 1, 2: 0, 3: 1}
