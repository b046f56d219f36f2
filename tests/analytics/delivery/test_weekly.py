"""The weekly report as a letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from analytics.delivery.weekly import letter
from analytics.render import markdown
from analytics.render.words import number
from analytics.reports.write import Report, weekly
from tests.analytics.reports.story import story_lake

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("report")
    return weekly(story_lake(folder / "lake"), folder / "page.html", now=NOW)


def test_a_line_never_ends_inside_a_number(report: Report) -> None:
    """`6 000` was broken after the 6, because its narrow space was a plain one before lines were made."""
    for length in range(60, 80):
        verdict = f"{'x' * length} {number(6000)} end"
        text = letter(replace(report, page=replace(report.page, claim="", verdict=verdict)), NOW).text
        assert "6 000" in text
        assert max(map(len, text.splitlines())) <= 80


def test_findings_that_did_not_fit_are_counted(report: Report) -> None:
    found = replace(report, page=replace(report.page, more_due=58))
    assert "\n58 more findings wait.\n" in letter(found, NOW).text
    assert "\n58 more findings wait.\n" in markdown.write(found.page)


def test_the_subject_of_a_week_without_a_sensor_says_so(report: Report) -> None:
    """It named the decisions alone, which wait in such a week as in any other."""
    blind = replace(report.page, claim="We cannot tell.", coverage=replace(report.page.coverage, sources=()))
    assert letter(replace(report, page=blind), NOW).subject.endswith(": We cannot tell")
