"""Weeks, their limits, and figures that no setting of the machine can change."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from analytics.lake import open_views
from analytics.reports import run
from analytics.reports.prepare import prepare
from analytics.reports.result import Facts, Result
from analytics.reports.spec import read

from .lakes import WEEK, make, plain
from .test_spec import FOLDERS

WEEKLY = next(folder for folder in FOLDERS if folder.name == "weekly")
FACTS = Facts("Europe/Berlin", 5, "pseudonymous", None)


def test_a_week_begins_at_local_midnight_also_when_clocks_change() -> None:
    scope = run.scope_of(date(2026, 10, 19), [], "Europe/Berlin")  # summer time ends on Sunday the 25th
    assert scope.starts_at == datetime(2026, 10, 18, 22, tzinfo=UTC)
    assert scope.ends_at == datetime(2026, 10, 25, 23, tzinfo=UTC)


def test_weeks_with_only_coverage_count_as_data(tmp_path: Path) -> None:
    rows = plain()
    lake = make(tmp_path, {"coverage_daily": rows["coverage_daily"]})
    with open_views(lake) as connection:
        assert run.weeks(connection) == [date(2026, 11, 2), WEEK]


def digests(result: Result) -> dict[str, str]:
    return {figure: table.digest for figure, table in result.tables.items()}


@pytest.mark.parametrize("setting", ["SET threads = 1", "SET threads = 2", "SET threads = 8"])
@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kolkata"])
def test_session_zone_and_threads_change_no_figure(story: Path, setting: str, zone: str) -> None:
    expected = digests(prepare(story).result)
    scope = run.scope_of(WEEK, [date(2026, 8, 24)], "Europe/Berlin")
    with open_views(story) as connection:
        connection.execute(setting)
        connection.execute(f"SET TimeZone = '{zone}'")
        assert digests(run.run(connection, read(WEEKLY), FACTS, scope)) == expected


def test_the_hash_follows_the_rows(tmp_path: Path) -> None:
    before = digests(prepare(make(tmp_path / "a", plain())).result)
    rows = plain()
    rows["blocked_weekly"][0]["attempts"] += 1
    after = digests(prepare(make(tmp_path / "b", rows)).result)
    assert {figure for figure in before if before[figure] != after[figure]} == {"blocked"}


def test_a_reader_can_run_a_printed_figure(tmp_path: Path) -> None:
    result = prepare(make(tmp_path, plain())).result
    with open_views(tmp_path) as connection:
        connection.execute(run.scope_sql(result.scope))
        rows = connection.execute(result.tables["totals"].figure.sql).fetchall()
    assert len(rows) == len(result.rows("totals")) == 2
