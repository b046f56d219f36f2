"""The weekly report as a letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from analytics.delivery.weekly import letter
from analytics.render.words import number
from analytics.reports.write import weekly
from tests.analytics.reports.story import story_lake


def test_a_line_never_ends_inside_a_number(tmp_path: Path) -> None:
    """`6 000` was broken after the 6, because its narrow space was a plain one before lines were made."""
    now = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    report = weekly(story_lake(tmp_path / "lake"), tmp_path / "page.html", now=now)
    for length in range(60, 80):
        verdict = f"{'x' * length} {number(6000)} end"
        text = letter(replace(report, page=replace(report.page, claim="", verdict=verdict)), now).text
        assert "6 000" in text
        assert max(map(len, text.splitlines())) <= 80
