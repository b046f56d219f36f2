"""docs/cookbook.md answers what it asks, by figures computed by hand; docs/views.md is fresh."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics.definitions import load_views
from analytics.dictionary import page
from analytics.lake import open_views
from analytics.policy.read import read
from analytics.policy.rows import compiled
from analytics.refresh import refresh
from tests.analytics.handmade import CATALOG, ZONE, HandmadeLake, Row, at, lookup, proxied, sighting

DOCS = Path(__file__).parents[1] / "docs"
QUESTION = re.compile(
    r"^## (\d+)\. (.+?)\n\n(Open|Restricted)\..*?^```sql\n(.+?)^```$", re.DOTALL | re.MULTILINE
)
RECIPES = {
    int(number): (title, zone, sql)
    for number, title, zone, sql in QUESTION.findall((DOCS / "cookbook.md").read_text("utf-8"))
}
POLICY = """version: 1
status: [{app: acme/chat, status: unsanctioned, owner: ciso}]
exceptions: [{id: EX-1, app: bolt/code, people: [u1], owner: ada, reason: trial, expires: 2026-11-30}]
"""
W46, W47 = date(2026, 11, 9), date(2026, 11, 16)


def test_the_page_of_views_is_fresh() -> None:
    stale = "docs/views.md is stale: shadowai sql --schema > docs/views.md"
    assert (DOCS / "views.md").read_text("utf-8") == page(load_views()), stale


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve people, six in each department, two weeks; k is 3.

    acme/chat: in W46 six people send 1000 bytes each; in W47 all twelve 2000 each, which the proxy saw too,
    of which it counts 2500. bolt/code: in W47 programs of all twelve send 500 each at 23:30 local time.
    """
    people = [f"u{n}" for n in range(12)]
    code: Row = {"app": "bolt/code", "host": "code.bolt.test", "access": "api", "client_class": "program"}
    rows: list[Row] = []
    for n, name in enumerate(people):
        who: Row = {"user_name": name, "client": f"a{n}"}
        rows += [
            *([sighting("2026-11-10 10:00", **who)] if n < 6 else []),
            sighting("2026-11-17 09:00", bytes_up=2000, **who),
            proxied("2026-11-17 09:00", bytes_up=2500, **who),
            sighting("2026-11-18 22:30", grade=3, bytes_up=500, **who, **code),
            sighting("2026-11-19 10:00", action="blocked", **who),
            sighting("2026-11-19 11:00", role="embedded", app="bolt/code", **who),
            lookup("2026-11-20 10:00", app="cody/see", host="cody.test", **who),
        ]
    made = HandmadeLake.furnished(tmp_path_factory.mktemp("cookbook"), *rows)
    made.files["catalog"] = {}
    made.cold("catalog", [row | {"trains_by_default": row["app"] == "acme/chat"} for row in CATALOG])
    start = at("2026-09-28 00:00")
    made.cold("directory", [
        {"user_name": name, "department": "Sales" if n % 2 else "Legal", "valid_from": start}
        for n, name in enumerate(people)
    ])  # fmt: skip
    seen = {"first_seen": at("2026-11-17 09:00"), "last_seen": at("2026-11-17 09:02"), "input": "i"}
    place = {"sensor": "span", "site": "hq", "source": "pcap"}
    flows = {"flows": 4, "named_flows": 3, "ech": 1}
    made.cold("coverage", [
        place | seen | flows | {"minute": at(f"2026-11-17 09:0{n}"), "packets": packets}
        for n, packets in enumerate((5, 5, 0))
    ])  # fmt: skip
    near = {"bucket": at("2026-11-17 09:00"), "host": "new.test", "near_app": "acme/chat", "near_clients": 3}
    made.cold("names", [place | seen | near | {"clients": 4, "bytes_up": 700}])
    refresh(made.path, zone=ZONE, k=3, policy=compiled(read(POLICY, "policy.yml", "a1"), lambda name: [name]))
    return made.path


def ask(lake: Path, number: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows of a recipe, through the zone it says."""
    _, zone, sql = RECIPES[number]
    with open_views(lake, restricted=zone == "Restricted") as connection:
        cursor = connection.execute(sql.replace("TOKEN", "u1"))
        return [column[0] for column in cursor.description or ()], cursor.fetchall()


def test_recipes_are_numbered() -> None:
    assert list(RECIPES) == list(range(1, 43))


@pytest.mark.parametrize("number", RECIPES)
def test_every_recipe_runs_and_names_its_columns(lake: Path, number: int) -> None:
    names, _ = ask(lake, number)
    assert len(names) == len(set(names)) >= 3
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names), names
    assert "ORDER BY" in RECIPES[number][2]


ANSWERS: dict[int, list[tuple[Any, ...]]] = {
    1: [("Acme Chat", 12, 24_000, 108_000, "uploaded"), ("Bolt Code", 12, 6000, 108_000, "exchanged")],
    2: [
        ("Legal", "Acme Chat", 6, 12_000), ("Legal", "Bolt Code", 6, 3000),
        ("Sales", "Acme Chat", 6, 12_000), ("Sales", "Bolt Code", 6, 3000),
    ],
    3: [(W47, "Acme Chat", "Acme", "US", 12, 24_000, 2000)],
    6: [("Acme Chat", 6, 12, 6), ("Bolt Code", None, 12, None), ("cody/see", None, 0, None)],
    10: [
        (W46, "Legal", 3, 1, 3000), (W46, "Sales", 3, 1, 3000),
        (W47, "Legal", 6, 3, 15_000), (W47, "Sales", 6, 3, 15_000),
    ],
    11: [(date(2026, 11, 17), "span", "pcap", 2, 1, 1438)],
    12: [("resolver", "hq", "dns"), ("span2", "hq", "packets"), ("squid", "hq", "proxy")],
    13: [("span", 12, 9, 3, None, None, None)],
    15: [(W47, "Bolt Code", 12)],
    16: [(W47, "Acme Chat", 12)],
    17: [("US", 1, 30_000, 0), ("DE", 1, 6000, 0)],
    18: [(W46, "Acme Chat", 6, 6000, True), (W47, "Acme Chat", 12, 24_000, True)],
    19: [(W47, "Acme Chat", 24_000, 54_000)],
    22: [("EX-1", "bolt/code", "all", "ada", date(2026, 11, 30))],
    23: [("new.test", "acme/chat", 3, 4, 700)],
    33: [
        (W46, "Legal", 3, 6, 50.0), (W46, "Sales", 3, 6, 50.0),
        # Of departments in which fewer than k used nothing no headcount is shown.
        (W47, "Legal", 6, None, None), (W47, "Sales", 6, None, None),
    ],
    38: [(W46, "workdays", 11, 6), (W47, "workdays", 10, 12), (W47, "workdays", 23, 12)],
    39: [(W46, 3, 50), (W46, 6, 100), (W47, 3, 25), (W47, 6, 50), (W47, 9, 75), (W47, 12, 100)],
    40: [(W46, "hq", 6, 6000, 6), (W47, "hq", 12, 30_000, 24)],
    41: [
        ("Acme Chat", "packets", 18, 2000, 2000, 60.0), ("Acme Chat", "proxy", 12, 2500, 2500, 60.0),
        ("Bolt Code", "packets", 12, 500, 500, 60.0),
    ],
    42: [(W46, 6, 6), (W47, 12, 0)],
}  # fmt: skip


@pytest.mark.parametrize("number", ANSWERS)
def test_answers_are_those_computed_by_hand(lake: Path, number: int) -> None:
    assert ask(lake, number)[1] == ANSWERS[number]


def test_new_this_week(lake: Path) -> None:
    assert [row[0] for row in ask(lake, 4)[1]] == ["Bolt Code", "cody/see"]


def test_bytes_by_status_and_of_a_finding_are_ranges(lake: Path) -> None:
    _, rows = ask(lake, 37)
    assert rows == [("unreviewed", 1, 0, 6000, 6000), ("unsanctioned", 1, 0, 24_000, 54_000)]
    with open_views(lake) as connection:
        found = "SELECT bytes_up, bytes_up_max FROM findings WHERE rule = 'unsanctioned_use'"
        assert connection.execute(found).fetchall() == [(24_000, 54_000)]


def test_unsanctioned_use_by_department(lake: Path) -> None:
    rows = ask(lake, 5)[1]
    assert [row[:4] for row in rows] == [("Acme Chat", "Legal", 6, 12_000), ("Acme Chat", "Sales", 6, 12_000)]


@pytest.mark.parametrize("rule", ["unsanctioned_use", "never_use"])
def test_ruled_out_use_that_no_department_shows_is_told_too(rule: str) -> None:
    with duckdb.connect() as views:
        views.execute(
            "CREATE TABLE usage_weekly (week DATE, department VARCHAR, app VARCHAR, people INT, bytes_up INT)"
        )
        views.execute("INSERT INTO usage_weekly VALUES ('2026-11-16', 'all', 'a/few', NULL, NULL)")
        views.execute(
            "CREATE TABLE findings AS SELECT 'Few' AS service, 'a/few' AS app, CAST(? AS VARCHAR) AS rule, "
            "'all' AS scope, 'open' AS status, DATE '2026-11-16' AS last_seen, DATE '2026-12-01' AS due",
            [rule],
        )
        found = views.execute(RECIPES[5][2]).fetchall()
    assert found == [("Few", None, None, None, "open", date(2026, 12, 1))]


def test_a_day_of_which_a_sensor_has_no_row_was_not_watched_either() -> None:
    """Only days with some minute were listed: a sensor that was off for days looked like one that was on."""
    with duckdb.connect() as views:
        views.execute(
            "CREATE TABLE coverage_daily (day DATE, sensor VARCHAR, site VARCHAR, source VARCHAR, "
            "minutes_seen BIGINT, minutes_silent BIGINT)"
        )
        views.execute(
            "INSERT INTO coverage_daily VALUES ('2026-11-16', 'span', 'hq', 'pcap', 1440, 0), "
            "('2026-11-18', 'span', 'hq', 'pcap', 1000, 5), ('2026-11-19', 'squid', 'hq', 'squid', 1440, 0)"
        )
        found = views.execute(RECIPES[11][2]).fetchall()
    assert found == [
        (date(2026, 11, 17), "span", "pcap", 0, 0, 1440),
        (date(2026, 11, 19), "span", "pcap", 0, 0, 1440),
        (date(2026, 11, 18), "span", "pcap", 1000, 5, 440),
    ]


def test_what_must_never_be_used_is_unsanctioned_as_in_the_weekly_report() -> None:
    with duckdb.connect() as views:
        views.execute(
            "CREATE TABLE usage_weekly AS SELECT DATE '2026-11-16' AS week, 'all' AS department, "
            "'a/a' AS app, 4 AS grade, 10 AS bytes_up, 10 AS bytes_up_max"
        )
        views.execute(
            "CREATE TABLE service_status AS SELECT 'a/a' AS app, 'unreviewed' AS status, true AS never"
        )
        found = views.execute(RECIPES[37][2]).fetchall()
    assert found == [("unsanctioned", 1, 0, 10, 10)]


def test_sessions_of_a_person_list_both_vantages_and_the_refusal(lake: Path) -> None:
    rows = ask(lake, 24)[1]
    told = [(row[1], row[2], row[5], row[6]) for row in rows]
    assert told == [
        ("packets", "Acme Chat", "allowed", 1000), ("packets", "Acme Chat", "allowed", 2000),
        ("proxy", "Acme Chat", "allowed", 2500), ("packets", "Bolt Code", "allowed", 500),
        ("packets", "Acme Chat", "blocked", 1000),
    ]  # fmt: skip


def test_who_tried_what_is_blocked(lake: Path) -> None:
    rows = ask(lake, 35)[1]
    assert rows[0][:5] == ("u0", "Legal", "Acme Chat", 1, 1)
    assert [row[0] for row in rows] == sorted(f"u{n}" for n in range(12))


def test_sightings_behind_a_finding_are_those_it_was_found_by(lake: Path) -> None:
    names, rows = ask(lake, 36)
    use = [dict(zip(names, row, strict=True)) for row in rows if row[1] == "Unsanctioned service in use"]
    assert {row["subject"] for row in use} == {f"u{n}" for n in range(12)}
    assert {(row["vantage"], row["bytes_up"]) for row in use} == {("packets", 2000), ("proxy", 2500)}
    # However many days of a person are evidence, each sighting stands once.
    assert len(use) == 24 and {row["days"] for row in use} == {1}


def test_programs_at_night(lake: Path) -> None:
    rows = ask(lake, 25)[1]
    assert len(rows) == 12 and {row[3:] for row in rows} == {("Bolt Code", 1, 1, 500)}
