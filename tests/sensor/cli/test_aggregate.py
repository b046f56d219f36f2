"""Level aggregate over a week's life: counted while open, closed when quiet, gone for good."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics.reports.prepare import page_of
from tests.product import query, shadowai, squid

MONDAY = datetime(2026, 11, 9, 9, tzinfo=UTC)
PEOPLE = "SELECT people FROM usage_weekly WHERE department = 'all' AND app = 'all'"


def _log(folder: Path, name: str, people: range, days: int = 0) -> Path:
    at = MONDAY + timedelta(days=days)
    return squid(folder / name, [(at + timedelta(minutes=n), f"10.0.0.{n}", f"person{n}") for n in people])


def _age(folder: Path, days: int) -> None:
    """As if the sealed rows had come days ago."""
    then = datetime.now(UTC).timestamp() - days * 86_400
    for path in (folder / "state" / "sealed").rglob("*.sealed"):
        os.utime(path, (then, then))


def test_a_week_counts_late_rows_until_it_is_quiet_and_then_none(tmp_path: Path) -> None:
    shadowai(tmp_path, "scan", _log(tmp_path, "a.log", range(8)), "-q", privacy="aggregate")
    assert query(tmp_path, PEOPLE) == [(8,)]
    late = _log(tmp_path, "b.log", range(4, 14), days=2)
    shadowai(tmp_path, "scan", late, "-q")  # the lake remembers its level
    assert query(tmp_path, PEOPLE) == [(14,)]
    assert query(tmp_path, "SELECT count(*) FROM sightings") == [(0,)]
    _age(tmp_path, 3)
    shadowai(tmp_path, "compact", "--now")
    assert query(tmp_path, PEOPLE) == [(14,)]
    assert not list((tmp_path / "state").rglob("*.sealed"))
    assert not list((tmp_path / "state" / "keys").glob("*.key"))
    more = shadowai(tmp_path, "scan", _log(tmp_path, "c.log", range(20, 40), days=3))
    assert "set aside: 20 × its week is closed" in more
    assert query(tmp_path, PEOPLE) == [(14,)]
    page = page_of(tmp_path / "lake")
    assert "no names kept" in page.facts and page.numbers[0].value == "14"


def test_reading_a_log_again_counts_nobody_twice(tmp_path: Path) -> None:
    log = _log(tmp_path, "a.log", range(8))
    shadowai(tmp_path, "scan", log, "-q", privacy="aggregate")
    before = query(tmp_path, "FROM usage_weekly")
    shadowai(tmp_path, "scan", log, "--replace", "-q", privacy="aggregate")
    copy = tmp_path / "copy.log"
    copy.write_text(log.read_text() + "\n")
    shadowai(tmp_path, "scan", copy, "-q", privacy="aggregate")
    assert query(tmp_path, "FROM usage_weekly") == before


def test_an_erased_person_is_out_of_the_running_week(tmp_path: Path) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    week = today - timedelta(days=today.weekday()) + timedelta(hours=1)
    for name, at in (("now.log", week), ("before.log", week - timedelta(days=3))):
        squid(tmp_path / name, [(at + timedelta(minutes=n), f"10.0.0.{n}", f"person{n}") for n in range(8)])
    shadowai(tmp_path, "scan", "now.log", "before.log", "-q", privacy="aggregate")
    assert query(tmp_path, PEOPLE + " ORDER BY week") == [(8,), (8,)]
    given = shadowai(tmp_path, "export-subject", "person3", "--out", "given", privacy="aggregate")
    assert " 2 sightings" in given
    erase = ("erase", "Person3", "--reason", "asked for", "--yes", "--now")
    assert "2 sealed rows of the running week deleted" in shadowai(tmp_path, *erase, privacy="aggregate")
    assert query(tmp_path, PEOPLE + " ORDER BY week") == [(8,), (7,)]
    said = shadowai(tmp_path, *erase, privacy="aggregate")
    assert "0 sealed rows" in said and "weeks that are over" in said


def test_an_aggregate_lake_takes_no_row_about_a_person_by_mistake(tmp_path: Path) -> None:
    log = _log(tmp_path, "a.log", range(8))
    shadowai(tmp_path, "scan", log, "-q", privacy="aggregate")
    said = shadowai(tmp_path, "scan", log, privacy="pseudonymous", ok=False)
    assert "this lake was made with aggregate" in said
