"""hours_weekly and concentration_weekly: what the pictures of the open zone may and may not tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.analytics.handmade import HandmadeLake, Row, at, counted, sighting

START = at("2026-09-28 00:00")


def lake_of(folder: Path, rows: list[Row], machines: tuple[str, ...] = ()) -> HandmadeLake:
    names = sorted({row["user_name"] for row in rows})
    lake = HandmadeLake.furnished(folder, *rows)
    lake.cold("directory", [
        {"user_name": name, "department": "Sales", "kind": "machine" if name in machines else "person",
         "valid_from": START}
        for name in names
    ])  # fmt: skip
    return lake


def seen(hour: str, *names: str, **more: object) -> list[Row]:
    return [sighting(hour, user_name=name, client=f"a{name}", **more) for name in names]


Query = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Hours of UTC, told by the clock of Berlin: one later. Two days have the same four-people hour."""
    people = [f"u{n:02d}" for n in range(12)]
    rows = [
        *seen("2026-11-17 10:05", *people[:7], client_class="browser"),
        *seen("2026-11-17 10:20", *people[:4], client_class="program"),
        *seen("2026-11-17 15:00", *people[:4]),
        *seen("2026-11-18 15:00", *people[4:8]),
        *seen("2026-11-18 01:30", people[0], client_class="program"),
        *seen("2026-11-18 02:30", "robot"),
    ]
    lake = lake_of(tmp_path_factory.mktemp("hours"), rows, machines=("robot",))
    with counted(lake, "hours_weekly", weeks=True) as marts:
        yield lambda query: marts.execute(f"{query} ORDER BY ALL").fetchall()


def test_an_hour_of_fewer_than_k_has_no_row_and_counts_are_rounded_down(hours: Query) -> None:
    found = hours("SELECT days, hour_of_day, subjects_least FROM hours_weekly WHERE kind = 'people'")
    assert found == [("tue", 11, 5), ("workdays", 11, 5), ("workdays", 16, 5)]


def test_programs_of_few_are_not_told_and_machines_are_nobody(hours: Query) -> None:
    assert hours("SELECT DISTINCT days, hour_of_day FROM hours_weekly WHERE kind = 'programs'") == []
    machines = "SELECT days, hour_of_day, subjects_least FROM hours_weekly WHERE kind = 'machines'"
    assert hours(machines) == [("wed", 3, 1), ("workdays", 3, 1)]


def test_hours_hold_no_few_who_used_only_what_is_hidden_that_day(tmp_path: Path) -> None:
    """Twelve people in an hour, nine of a shown service on that day: three of the other one, else."""
    people = [f"u{n:02d}" for n in range(12)]
    rows = [
        *seen("2026-11-16 10:05", *people[:6], app="bolt/code"),
        *seen("2026-11-17 10:05", *people[:9]),
        *seen("2026-11-17 10:05", *people[9:], app="bolt/code"),
    ]
    shown = "SELECT app, people FROM usage_daily WHERE day = DATE '2026-11-17' ORDER BY app"
    hours = "SELECT subjects_least FROM hours_weekly WHERE kind = 'people' AND days = 'tue'"
    with counted(lake_of(tmp_path, rows), "usage_daily", "hours_weekly", weeks=True) as marts:
        assert marts.execute(shown).fetchall() == [("acme/chat", 9), ("bolt/code", None)]
        assert marts.execute(hours).fetchall() == [(5,)]


def test_the_few_whose_bytes_are_unknown_do_not_follow_from_those_who_are_counted(tmp_path: Path) -> None:
    assert sent(tmp_path / "few", [1000] * 12 + [None] * 2) == []
    assert sent(tmp_path / "many", [1000] * 12 + [None] * 5)[-1] == (2, 12, 100)


def sent(folder: Path, amounts: Sequence[int | None]) -> list[tuple[object, ...]]:
    rows = [
        sighting("2026-11-17 10:00", user_name=f"u{n:02d}", client=f"a{n}", bytes_up=amount)
        for n, amount in enumerate(amounts)
    ]
    with counted(lake_of(folder, rows), "concentration_weekly", weeks=True) as marts:
        bands = "SELECT band, people, bytes_up_percent FROM concentration_weekly ORDER BY band"
        return marts.execute(bands).fetchall()


def test_bands_hold_k_people_and_percents_are_rounded_down(tmp_path: Path) -> None:
    assert sent(tmp_path, [1000] * 5 + [100] * 6) == [(1, 6, 91), (2, 11, 100)]


@pytest.mark.parametrize("amounts", [[100_000] + [100] * 11, [10_000] + [500] * 4 + [400] * 10, [1000] * 4],
                         ids=["one dominates", "one dominates a band", "too few"])  # fmt: skip
def test_who_dominates_a_band_or_a_few_are_not_told(tmp_path: Path, amounts: list[int]) -> None:
    assert sent(tmp_path, amounts) == []
