"""access_weekly splits a published figure by access class and grade: in full, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.analytics.handmade import HandmadeLake, Row, at, counted, sighting

PEOPLE = [f"u{n}" for n in range(24)]


def split(
    folder: Path, api_users: list[str], bytes_of: str = "bytes_up", first: int = 1000
) -> list[tuple[Any, ...]]:
    """Rows of access_weekly where everybody uses the service by web, and `api_users` by its API, too.

    Half of the people are in Legal, half in Sales. Each sends and receives 1000 bytes; the first of
    `api_users` sends or receives (`bytes_of`) `first` bytes by API.
    """
    rows: list[Row] = [
        sighting("2026-11-17 10:00", user_name=name, client=f"a{name}", bytes_down=1000) for name in PEOPLE
    ]
    rows += [
        sighting("2026-11-17 11:00", user_name=name, client=f"a{name}", access="api",
                 **({"bytes_down": 1000} | ({} if nth else {bytes_of: first})))
        for nth, name in enumerate(api_users)
    ]  # fmt: skip
    lake = HandmadeLake.furnished(folder, *rows)
    start = at("2026-09-28 00:00")
    lake.cold("directory", [
        {"user_name": name, "department": "Legal" if n < 12 else "Sales", "valid_from": start}
        for n, name in enumerate(PEOPLE)
    ])  # fmt: skip
    with counted(lake, "access_weekly", "usage_weekly", weeks=True) as marts:
        columns = f"department, access, people, {bytes_of}"
        found = marts.execute(f"SELECT {columns} FROM access_weekly ORDER BY department, access").fetchall()
        whole = marts.execute(
            f"SELECT department, {bytes_of} FROM usage_weekly WHERE app = 'acme/chat'"
        ).fetchall()
    assert whole
    for department, total in whole:
        parts = [row[3] for row in found if row[0] == department]
        assert not parts or None in parts or sum(parts) == total, "a split adds up to what it splits"
    return found


def test_a_split_of_large_parts_is_told_for_everyone_and_every_department(tmp_path: Path) -> None:
    assert split(tmp_path, PEOPLE[7:17]) == [
        ("Legal", "api", 5, 5000), ("Legal", "web", 12, 12_000),
        ("Sales", "api", 5, 5000), ("Sales", "web", 12, 12_000),
        ("all", "api", 10, 10_000), ("all", "web", 24, 24_000),
    ]  # fmt: skip


def test_a_small_part_in_one_department_leaves_only_everyone(tmp_path: Path) -> None:
    assert split(tmp_path, PEOPLE[4:16]) == [("all", "api", 12, 12_000), ("all", "web", 24, 24_000)]


def test_people_of_parts_leave_no_few_who_did_only_one_or_both(tmp_path: Path) -> None:
    """Everybody used the web; all but three its API, too."""
    assert split(tmp_path, PEOPLE[3:]) == [
        ("Legal", "api", None, 9000), ("Legal", "web", 12, 12_000),
        ("Sales", "api", 12, 12_000), ("Sales", "web", 12, 12_000),
        ("all", "api", None, 21_000), ("all", "web", 24, 24_000),
    ]  # fmt: skip


def test_nor_few_who_did_two_of_three_things(tmp_path: Path) -> None:
    """One person is in two of three parts: 12 + 7 + 6 people are 24."""
    parts = {"web": PEOPLE[:12], "api": PEOPLE[11:18], "cli": PEOPLE[18:]}
    rows = [
        sighting("2026-11-17 10:00", user_name=name, client=f"a{name}", access=access)
        for access, names in parts.items()
        for name in names
    ]
    with counted(HandmadeLake.furnished(tmp_path, *rows), "access_weekly", weeks=True) as marts:
        columns = "access, people, connections"
        found = marts.execute(f"SELECT {columns} FROM access_weekly WHERE department = 'all'").fetchall()
    assert sorted(found) == [("api", None, 7), ("cli", None, 6), ("web", None, 12)]


@pytest.mark.parametrize("users", [PEOPLE[:4], [PEOPLE[0]]])
def test_a_small_part_of_everyone_leaves_nothing(tmp_path: Path, users: list[str]) -> None:
    assert split(tmp_path, users) == []


@pytest.mark.parametrize("bytes_of", ["bytes_up", "bytes_down"])
def test_where_one_sends_or_receives_nearly_all_of_a_part_no_part_says_bytes(
    tmp_path: Path, bytes_of: str
) -> None:
    rows = split(tmp_path, PEOPLE[7:17], bytes_of, 90_000)
    assert [row[3] for row in rows] == [None] * len(rows) and len(rows) == 6
