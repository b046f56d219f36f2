"""Over the boundary of two epochs nothing is new, nothing is counted twice, and nobody can be followed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analytics.definitions import load_views
from analytics.reports.prepare import page_of
from sensor import schema
from sensor.privacy.keys import Keys
from tests.product import query, shadowai, squid

#: Monday on which an epoch begins (week 13 × 228 after 1970-01-05)
BOUNDARY = datetime(2026, 10, 26, tzinfo=UTC)
PEOPLE = [f"person{n}" for n in range(8)]


def _requests(*moments: datetime) -> list[tuple[datetime, str, str]]:
    return [(at + timedelta(seconds=n), f"10.0.0.{n}", PEOPLE[n]) for at in moments for n in range(8)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people: a week before the boundary, in the last and the first minute around it, a week after."""
    folder = tmp_path_factory.mktemp("epochs")
    around = (
        timedelta(days=-7, hours=9), timedelta(minutes=-1), timedelta(minutes=1), timedelta(days=7, hours=9)
    )  # fmt: skip
    log = squid(folder / "access.log", _requests(*(BOUNDARY + shift for shift in around)))
    people = [f"10.0.0.{n},{PEOPLE[n]},laptop{n},{'Sales' if n < 6 else 'Board'},main" for n in range(8)]
    (folder / "people.csv").write_text(
        "\n".join(["address,user_name,device,department,site", *people]) + "\n"
    )
    shadowai(folder, "scan", log, "--people", folder / "people.csv", "-q")
    return folder


def test_the_boundary_is_where_this_test_thinks(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    (epoch,) = keys.epochs_in(pl.Series([BOUNDARY], dtype=schema.TIME))
    assert keys.bounds(epoch)[0] == BOUNDARY


def test_everybody_has_another_token_afterwards(lake: Path) -> None:
    tokens = query(
        lake, "SELECT DISTINCT user_name, seen_at >= TIMESTAMPTZ '2026-10-26 00:00:00+00' FROM sightings"
    )
    before, after = ({t for t, later in tokens if later is side} for side in (False, True))
    assert len(before) == len(after) == 8 and not before & after


def test_a_service_is_first_seen_once_and_no_week_calls_it_new(lake: Path) -> None:
    first = query(
        lake, "SELECT site, first_week FROM first_seen WHERE app = 'openai/chatgpt'", restricted=False
    )
    assert first == [("all", date(2026, 10, 19)), ("main", date(2026, 10, 19))]
    for week in ("2026-W44", "2026-W45"):
        page = page_of(lake / "lake", week=week)
        numbers = {number.label: number.value for number in page.numbers}
        assert (numbers["People using AI"], numbers["First seen"]) == ("8", "0")
        assert all(service.change != "new" for service in page.services)


def test_each_week_counts_each_person_once_in_the_same_department(lake: Path) -> None:
    sql = "SELECT week, department, people FROM usage_weekly WHERE app = 'all' ORDER BY ALL"
    weeks = [date(2026, 10, 19), date(2026, 10, 26), date(2026, 11, 2)]
    assert [row for row in query(lake, sql) if row[1] == "all"] == [(week, "all", 8) for week in weeks]
    attributed = query(lake, "SELECT connections = attributed_connections FROM attribution_weekly")
    assert attributed == [(True,)] * 3


def test_reading_it_again_after_the_rotation_changes_no_number(lake: Path) -> None:
    before = query(lake, "FROM usage_weekly"), query(lake, "SELECT count(*) FROM sightings")
    shadowai(lake, "scan", lake / "access.log", "--replace", "--people", lake / "people.csv", "-q")
    assert (query(lake, "FROM usage_weekly"), query(lake, "SELECT count(*) FROM sightings")) == before


def test_no_open_figure_counts_people_over_more_than_a_week() -> None:
    """Tokens change with the epoch: such a count would count people twice, and nobody holds a key for it."""
    counted = {
        (view.name, name)
        for view in load_views()
        if view.zone == "open"
        for name, column in view.columns.items()
        if column.unit == "people"
    }
    assert counted == {
        ("access_weekly", "people"),
        ("ai_assets_weekly", "people_at_least"),
        ("apps", "people_peak"),  # the greatest of the weeks, no count over them
        ("concentration_weekly", "people"),
        ("departments", "headcount"),  # the most of the days of a week
        ("departments", "people"),
        ("findings", "people_at_least"),  # of the last week
        ("people_periods", "people_at_least"),  # by the count-only key, or not at all
        ("sensors", "population"),  # from the settings
        ("uploads", "people"),
        ("usage_daily", "headcount"),
        ("usage_daily", "people"),
        ("usage_daily", "people_watched"),  # from the settings
        ("usage_weekly", "headcount"),
        ("usage_weekly", "people"),
        ("usage_weekly", "people_any_grade"),
        ("usage_weekly", "people_watched"),
        ("vendors", "people_at_least"),
    }


def test_a_shredded_epoch_cannot_be_linked_and_takes_no_more_rows(lake: Path) -> None:
    """The last test of this lake: it destroys a key."""
    (old,) = Keys(lake / "state", "UTC").epochs_in(
        pl.Series([BOUNDARY - timedelta(days=1)], dtype=schema.TIME)
    )
    rows = query(lake, "SELECT count(*) FROM sightings")
    shadowai(lake, "keys", "shred", old, "--reason", "thirteen weeks are over", "--yes")
    assert not list((lake / "state").rglob(f"*{old}.key"))
    assert "shredded" in shadowai(lake, "keys", "list")
    more = squid(lake / "late.log", _requests(BOUNDARY - timedelta(days=2), BOUNDARY + timedelta(days=2)))
    said = shadowai(lake, "scan", more)
    assert "set aside: 8 × its week is closed, or its key was shredded" in said
    assert query(lake, "SELECT count(*) FROM sightings") == [(rows[0][0] + 8,)]  # type: ignore[operator]
    shadowai(lake, "export-subject", "person3", "--out", lake / "given")
    assert f'"epochs_without_a_key": [\n  {old}\n ]' in (lake / "given" / "subject.json").read_text()
    assert shadowai(lake, "audit", "show").count("keys.shred") == 1
