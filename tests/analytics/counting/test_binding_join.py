"""Which binding an event falls into, held against a look at every binding, on random ones."""

from __future__ import annotations

import random
from itertools import pairwise

import duckdb
import numpy as np
import polars as pl

from analytics.counting.binding_join import EVENTS_A_PART, join_bindings
from analytics.counting.frames import store_frame
from analytics.counting.intervals import DAY_US, Ints

#: Two days are counted together; events of them lie around midnight of the first and the second.
FIRST_DAY = 20_000
BEGIN_US = FIRST_DAY * DAY_US
WINDOW_US = 2 * DAY_US
SHIFTS = 8 * 3
TARGETS = 3
#: Addresses have so many bindings; the last context has no address that anybody knows of.
PLACES = (1, 2, 7, 33)
TURNS = 2 * (max(PLACES) + 1)


def test_events_fall_into_the_last_binding_that_began() -> None:
    chance = random.Random(5)
    bindings, asked, last = [], [], 0
    for context, count in enumerate(PLACES, 1):
        edges = sorted(BEGIN_US + chance.randrange(-300, 1800) * 60_000_000 for _ in range(count + 1))
        base_binding, last = last, last + count
        asked.append((context, 1, context != 2, base_binding, last * WINDOW_US - BEGIN_US))
        for nth, (from_us, to_us) in enumerate(pairwise(edges), base_binding + 1):
            asof_key = last * WINDOW_US + max(from_us - BEGIN_US, 0)
            stale_us = chance.choice([to_us, (from_us + to_us) // 2])
            if chance.random() < 0.2:
                to_us -= 30_000_000  # then nobody says anything until the next begins
            bindings.append((nth, asof_key, from_us, to_us, min(stale_us, to_us)))
    asked.append((len(PLACES) + 1, 0, True, 0, -BEGIN_US))
    edges = [edge for _, _, from_us, to_us, stale_us in bindings for edge in (from_us, to_us, stale_us)]
    assert sum(to_us > BEGIN_US for _, _, _, to_us, _ in bindings) > 30
    at = [edge + beside for edge in edges for beside in (-1, 0, 1) if edge + beside >= BEGIN_US]
    events = [
        (day, context, chance.randint(1, TARGETS - 1), start_us)
        for context, *_ in asked
        for start_us in at
        for day in (1, 2)
    ]
    chance.shuffle(events)

    connection = _connection(bindings=bindings, asked=asked, events=events)
    facets = _place(connection, [1, 2])
    found = connection.execute(
        "SELECT nth, start_us, vantage_day, counts_as, binding, facet FROM attributed ORDER BY nth"
    ).fetchall()

    expected = []
    for number, (day, context, target, start_us) in enumerate(events):
        _, is_counted, needs_lease, base_binding, asof_offset = asked[context - 1]
        binding, binding_slot = 0, 0
        for nth, _, from_us, to_us, stale_us in bindings if asof_offset + BEGIN_US else []:
            mine = base_binding < nth <= base_binding + PLACES[context - 1]
            if mine and from_us <= start_us < to_us:
                binding, binding_slot = nth, 2 * (nth - base_binding) + (start_us >= stale_us)
        day_pair = 7 * day + start_us // DAY_US - FIRST_DAY + 4
        facet = ((context * TURNS + binding_slot * needs_lease) * SHIFTS + day_pair) * TARGETS + target
        expected.append((number, start_us, 8 * target + day, is_counted * target, binding, facet))
    assert found == expected
    assert len({row[4] for row in found}) > 20
    assert facets.tolist() == sorted({row[5] for row in found})


def test_events_keep_what_they_say_whatever_the_order_is_they_are_read_in() -> None:
    count = 10 * EVENTS_A_PART
    connection = _connection(bindings=[], asked=[(n, 1, True, 0, -BEGIN_US) for n in range(100)], events=[])
    number = np.arange(count)
    events = {"nth": number, "day": number % 2 + 1, "context": number % 100, "target": number % 2 + 1}
    store_frame(connection, "every_event", pl.DataFrame({**events, "start_us": BEGIN_US + number}))
    connection.execute("SET threads = 4; SET preserve_insertion_order = false")
    _place(connection, [2])
    rows = connection.execute(
        f"SELECT COUNT(*), COUNT(*) FILTER (facet // {TARGETS * SHIFTS * TURNS} = nth % 100) FROM attributed"
    ).fetchone()
    assert rows == (count // 2, count // 2)


def _place(connection: duckdb.DuckDBPyConnection, days: list[int]) -> Ints:
    connection.execute(f"CREATE TEMP VIEW events AS SELECT * FROM every_event WHERE day IN {(*days, 0)}")
    return join_bindings(
        connection, binding_slots=TURNS, day_pairs=SHIFTS, targets=TARGETS, first_day=FIRST_DAY - 4
    )


def _connection(
    *, bindings: list[tuple[int, ...]], asked: list[tuple[int, ...]], events: list[tuple[int, ...]]
) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    tables = {
        "bindings": (
            "binding BIGINT, asof_key BIGINT, from_us BIGINT, to_us BIGINT, stale_from_us BIGINT",
            bindings,
        ),
        "context_codes": (
            "context BIGINT, is_counted INTEGER, needs_lease BOOLEAN, base_binding BIGINT, "
            "asof_offset BIGINT",
            asked,
        ),
        "target_codes": (
            "target BIGINT, vantage_rank BIGINT, counts_as INTEGER",
            [(target, target, target) for target in range(1, TARGETS)],
        ),
        "every_event": (
            "nth BIGINT, day BIGINT, context BIGINT, target BIGINT, start_us BIGINT",
            [(nth, *event) for nth, event in enumerate(events)],
        ),
    }
    for name, (columns, rows) in tables.items():
        connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
        if rows:
            connection.execute(f"INSERT INTO {name} VALUES {', '.join(map(str, rows))}")
    return connection
