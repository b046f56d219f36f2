"""The weekly page prints who turned tokens back, and why."""

from datetime import UTC, datetime
from pathlib import Path

from analytics.reports.prepare import page_of
from analytics.reports.write import weekly

from .lakes import make, plain


def test_reveals_of_the_week_are_printed_and_others_are_not(tmp_path: Path) -> None:
    entry = {"action": "reveal.show", "case_id": "9f3a", "done_by": "anna", "people": 1, "hash": "ab" * 32}
    rows = plain() | {
        "audit": [
            entry | {"entry": 1, "done_at": datetime(2026, 11, 10, 9, tzinfo=UTC), "reason": "incident <17>"},
            entry | {"entry": 2, "done_at": datetime(2026, 11, 17, 9, tzinfo=UTC), "reason": "another week"},
        ]
    }
    lake = make(tmp_path / "lake", rows)
    (deed,) = page_of(lake).deeds
    assert (deed.what, deed.by, deed.size, deed.reason) == (
        "Names viewed",
        "anna",
        "1 token",
        "incident <17>",
    )
    text = weekly(lake, tmp_path / "out.html").path.read_text()
    assert "incident &lt;17&gt;" in text and "abababababab" in text and "another week" not in text


def test_a_reveal_is_named_before_what_retention_does_every_night(tmp_path: Path) -> None:
    nights = [(day, "retain") for day in range(9, 16)]
    done = sorted([*nights, (11, "keys.rotate"), (12, "reveal.enrol"), (13, "reveal.show")])
    audit = [
        {"entry": n, "done_at": datetime(2026, 11, day, 1, tzinfo=UTC), "action": action, "hash": "ab" * 32}
        for n, (day, action) in enumerate(done)
    ]
    found = page_of(make(tmp_path / "lake", plain() | {"audit": audit}))
    assert [deed.day for deed in found.deeds[:3]] == ["Mon 9 Nov", "Tue 10 Nov", "Wed 11 Nov"]
    assert [deed.day for deed in found.gravest_deeds] == ["Fri 13 Nov", "Wed 11 Nov", "Thu 12 Nov"]


def test_a_week_without_reveals_prints_that_nothing_is_on_record(tmp_path: Path) -> None:
    lake = make(tmp_path / "lake", plain())
    assert page_of(lake).deeds == ()
    assert "Nothing on record" in weekly(lake, tmp_path / "out.html").path.read_text()
