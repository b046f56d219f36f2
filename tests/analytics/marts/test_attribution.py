"""How much use is tied to a person: no figure of few without a name, and a bound where they are few."""

from __future__ import annotations

import itertools
import random
from string import Template

import pytest

from analytics.definitions import load_marts
from analytics.lake import connect

K = 4
#: subject, its row in the cubes, whether it has a name, connections, bytes sent
Person = tuple[int, str, bool, int, int]
Told = tuple[int | None, int | None, int | None, bool | None]


def told(people: list[Person], *, sums_hidden: bool = False) -> Told:
    """connections, those attributed, bytes attributed, exact."""
    (mart,) = (mart for mart in load_marts() if mart.name == "attribution_weekly")
    with connect() as connection:
        connection.execute(
            "CREATE TABLE uses AS SELECT *, bytes_up AS bytes_up_max FROM (SELECT 1 AS subject, '' AS label, "
            "'' AS subject_kind, 3 AS grade, CAST(1 AS BIGINT) AS connections, 1 AS bytes_up) WHERE false"
        )
        connection.executemany(
            "INSERT INTO uses VALUES (?, ?, ?, 3, ?, ?, ?)",
            [(who, row, "user" if named else "address", n, up, up) for who, row, named, n, up in people],
        )
        connection.execute(
            "CREATE TABLE weekly_cells AS SELECT 'all' AS label, 'all' AS app, $1 AS sums_hidden, "
            "false AS sent_hidden",
            [sums_hidden],
        )
        sql = Template(mart.sql).substitute(week="2026-11-16", k=K, dominance=0.8)
        connection.execute(f"CREATE TABLE told AS {sql}")
        found = connection.execute(
            "SELECT connections, attributed_connections, attributed_bytes_up, exact FROM told"
        ).fetchone()
    assert found is not None
    return found


def named(count: int, row: str, *, first: int = 0, connections: int = 10) -> list[Person]:
    return [(first + nth, row, True, connections, 100) for nth in range(count)]


def test_one_address_without_a_name_leaves_a_bound() -> None:
    """It hid the share of the week, just where nearly everything was attributed."""
    people = [*named(40, "Sales"), *named(20, "other", first=50), (99, "other", False, 7, 100)]
    assert told(people) == (607, 570, 5700, False)  # three of Sales are not counted: k together


def test_without_any_department_the_bound_is_as_near() -> None:
    assert told([*named(60, "unattributed"), (99, "unattributed", False, 7, 100)]) == (607, 570, 5700, False)


def test_the_row_of_the_unnamed_stands_apart_where_too_few_would_remain() -> None:
    few_named = [*named(40, "Sales"), *named(3, "other", first=50), (99, "other", False, 7, 100)]
    assert told(few_named) == (437, 400, 4000, False)
    small_rows = [*named(6, "Sales"), *named(5, "other", first=50), (99, "other", False, 7, 100)]
    assert told(small_rows) == (117, 60, 600, False)


def test_everybody_named_or_enough_without_a_name_is_exact() -> None:
    """Named people whom no directory knows are attributed, too, however few."""
    assert told([*named(9, "Sales"), *named(2, "other", first=50)]) == (110, 110, 1100, True)
    nameless = [(90 + nth, "unattributed", False, 5, 100) for nth in range(K)]
    assert told([*named(9, "Sales"), *nameless]) == (110, 90, 900, True)
    assert told([*named(9, "unattributed"), *nameless]) == (110, 90, 900, True)
    assert told([*named(2, "unattributed"), *nameless]) == (40, 0, None, False)


def test_bytes_of_a_part_that_one_dominates_are_hidden() -> None:
    people = [*named(60, "other"), (99, "other", False, 7, 9000)]
    assert told(people) == (607, 570, None, False)


def test_nothing_is_told_of_too_few_people() -> None:
    assert told(named(2, "other"), sums_hidden=True) == (None, None, 200, None)


@pytest.mark.parametrize("seed", range(40))
def test_no_sum_of_rows_and_bounds_is_about_a_few(seed: int) -> None:
    """Rows of the cubes, and those set apart, with any factors: what is left is nobody, or k and more."""
    draw = random.Random(seed)
    people: list[Person] = []
    for row in ("Sales", "Legal", "other"):
        size = draw.randrange(K, 14)
        few = draw.choice((0, 1, 2, K, K + 1)) if row == "other" else 0
        people += [(len(people) + n, row, n >= few, 2 ** (len(people) + n), 1) for n in range(size)]
    connections, attributed, _, exact = told(people)
    assert connections == sum(n for _, _, _, n, _ in people) and attributed is not None
    apart = {who for who, *_ in people if (connections - attributed) >> who & 1}  # each has a bit of its own
    nameless = {who for who, _, is_named, *_ in people if not is_named}
    assert nameless <= apart and exact == (nameless == apart)
    for factors in itertools.product((-1, 0, 1), repeat=4):
        of_row = dict(zip(("Sales", "Legal", "other"), factors, strict=False))
        left = [who for who, row, *_ in people if of_row[row] + factors[3] * (who in apart)]
        assert not left or len(left) >= K, factors
