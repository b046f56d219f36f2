"""hours_weekly and concentration_weekly: what the pictures of the open zone may and may not tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from analytics.build import build
from analytics.lake import open_views
from tests.analytics.handmade import ZONE, HandmadeLake, Row, at, sighting

K = 5
START = at("2026-09-28 00:00")


def lake_of(folder: Path, rows: list[Row], machines: tuple[str, ...] = ()) -> Path:
    names = sorted({row["user_name"] for row in rows})
    lake = HandmadeLake.furnished(folder, *rows)
    lake.cold("directory", [
        {"user_name": name, "department": "Sales", "kind": "machine" if name in machines else "person",
         "valid_from": START}
        for name in names
    ])  # fmt: skip
    build(lake.path, zone=ZONE, k=K)
    return lake.path


def seen(hour: str, *names: str, **more: object) -> list[Row]:
    return [sighting(hour, user_name=name, client=f"a{name}", **more) for name in names]


def query(lake: Path, sql: str) -> list[tuple[object, ...]]:
    with open_views(lake) as views:
        return views.execute(sql).fetchall()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
    return lake_of(tmp_path_factory.mktemp("hours"), rows, machines=("robot",))


def test_an_hour_of_fewer_than_k_has_no_row_and_counts_are_rounded_down(lake: Path) -> None:
    found = query(lake, "SELECT days, hour_of_day, subjects_least FROM hours_weekly WHERE kind = 'people'")
    assert found == [("tue", 11, 5), ("workdays", 11, 5), ("workdays", 16, 5)]


def test_programs_of_few_are_not_told_and_machines_are_nobody(lake: Path) -> None:
    assert query(lake, "SELECT DISTINCT days, hour_of_day FROM hours_weekly WHERE kind = 'programs'") == []
    machines = "SELECT days, hour_of_day, subjects_least FROM hours_weekly WHERE kind = 'machines'"
    assert query(lake, machines) == [("wed", 3, 1), ("workdays", 3, 1)]


def test_hours_hold_no_few_who_used_only_what_is_hidden_that_day(tmp_path: Path) -> None:
    """Twelve people in an hour, nine of a shown service on that day: three of the other one, else."""
    people = [f"u{n:02d}" for n in range(12)]
    rows = [
        *seen("2026-11-16 10:05", *people[:6], app="bolt/code"),
        *seen("2026-11-17 10:05", *people[:9]),
        *seen("2026-11-17 10:05", *people[9:], app="bolt/code"),
    ]
    lake = lake_of(tmp_path, rows)
    shown = "SELECT app, people FROM usage_daily WHERE day = DATE '2026-11-17'"
    assert query(lake, shown) == [("acme/chat", 9), ("bolt/code", None)]
    hours = "SELECT subjects_least FROM hours_weekly WHERE kind = 'people' AND days = 'tue'"
    assert query(lake, hours) == [(5,)]


def test_the_few_whose_bytes_are_unknown_do_not_follow_from_those_who_are_counted(tmp_path: Path) -> None:
    assert sent(tmp_path / "few", [1000] * 12 + [None] * 2) == []
    assert sent(tmp_path / "many", [1000] * 12 + [None] * 5)[-1] == (2, 12, 100)


def sent(folder: Path, amounts: Sequence[int | None]) -> list[tuple[object, ...]]:
    rows = [
        sighting("2026-11-17 10:00", user_name=f"u{n:02d}", client=f"a{n}", bytes_up=amount)
        for n, amount in enumerate(amounts)
    ]
    return query(lake_of(folder, rows), "SELECT band, people, bytes_up_percent FROM concentration_weekly")


def test_bands_hold_k_people_and_percents_are_rounded_down(tmp_path: Path) -> None:
    assert sent(tmp_path, [1000] * 5 + [100] * 6) == [(1, 6, 91), (2, 11, 100)]


@pytest.mark.parametrize("amounts", [[100_000] + [100] * 11, [10_000] + [500] * 4 + [400] * 10, [1000] * 4],
                         ids=["one dominates", "one dominates a band", "too few"])  # fmt: skip
def test_who_dominates_a_band_or_a_few_are_not_told(tmp_path: Path, amounts: list[int]) -> None:
    assert sent(tmp_path, amounts) == []
