"""People are called people only where they are known; what no line shows is said."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics.render.text import page_text
from analytics.render.words import DEVICES, EITHER, PEOPLE, THIN, Noun
from analytics.reports.prepare import page_of, prepare
from analytics.reports.weekly.page import Page
from analytics.reports.write import weekly

from .lakes import MB, WEEK, make, plain, tied, usage, watched

LAST = WEEK - timedelta(days=7)
NOBODY = tied(200, 0)


def page(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> Page:
    return page_of(make(folder, rows))


def text(value: str) -> str:
    return value.replace(THIN, " ")


@pytest.mark.parametrize(
    ("attribution", "noun"),
    [
        ([tied(200, 200)], PEOPLE),
        ([tied(200, 180)], PEOPLE),
        ([tied(200, 179)], Noun("addresses")),
        ([NOBODY], Noun("addresses")),
        ([tied(200, None)], EITHER),
        ([tied(200, 180) | {"exact": False}], PEOPLE),
        ([tied(200, 179) | {"exact": False}], EITHER),
        ([], EITHER),
        ([tied(200, 200, LAST)], EITHER),
    ],
    ids=[
        "all",
        "90 %",
        "below",
        "none",
        "hidden",
        "90 % or more",
        "less or more",
        "no row",
        "only last week",
    ],
)
def test_subjects_are_called_people_if_ninety_percent_are_attributed(
    tmp_path: Path, attribution: list[dict[str, Any]], noun: Noun
) -> None:
    found = page(tmp_path, plain() | {"attribution_weekly": attribution})
    assert found.noun == noun
    assert found.numbers[0].label == noun.label
    assert found.claim.startswith(f"14 {noun.many} sent")
    assert f"10 {noun.many}" in page_text(found)


def test_addresses_are_never_called_people(tmp_path: Path) -> None:
    rows = plain() | {"attribution_weekly": [NOBODY]}
    rows["coverage_daily"] = [r for r in rows["coverage_daily"] if r["day"] != WEEK]
    report = weekly(make(tmp_path / "lake", rows), tmp_path / "r.html")
    found, written = report.page, report.path.read_text(encoding="utf-8")
    assert found.claim.startswith("14 addresses sent")  # not "at least", though a day is dark
    assert text(found.decisions[0].evidence) == "First seen this week; 6 addresses sent 13 MB."
    assert next(i.text for c in found.changes for i in c.items).startswith("6 addresses")
    assert written.count('<th scope="col" class="n">Addresses</th>') == 3
    for claim in (">People<", "People using AI", "People per department", "14 people", "At least 14"):
        assert claim not in written
    assert "people" not in page_text(found)


def test_devices_are_called_devices(tmp_path: Path) -> None:
    ways = [
        {"day": WEEK, "site": "all", "tied_to": "device", "connections_percent": 95.0},
        {"day": WEEK, "site": "all", "tied_to": "nobody", "connections_percent": 5.0},
    ]
    found = page(tmp_path / "day", plain() | {"attribution_weekly": [NOBODY], "attribution_quality": ways})
    assert (found.noun, found.claim[:15]) == (DEVICES, "14 devices sent")
    assert "Devices are not people" in found.visibility.never[1]
    ways.append({"day": LAST, "site": "all", "tied_to": "nobody", "connections_percent": 100.0})
    ways.append(ways[-1] | {"day": WEEK + timedelta(days=1)})  # one day of addresses may be most of a week
    rows = plain() | {"attribution_weekly": [NOBODY], "attribution_quality": ways}
    assert page(tmp_path / "days", rows).noun == Noun("addresses")


@pytest.mark.parametrize(
    ("report", "about", "claim"),
    [
        ("app", "a/alpha", "10 addresses used alpha"),
        ("department", "Sales", "8 addresses of Sales used"),
        ("daily", "", ""),
        ("monthly", "", ""),
        ("quarterly", "", ""),
    ],
)
def test_other_pages_count_what_the_weekly_one_counts(
    tmp_path: Path, report: str, about: str, claim: str
) -> None:
    rows = plain() | {"attribution_weekly": [NOBODY, tied(90, 0, LAST)]}
    period = str(WEEK) if report == "daily" else None
    told = prepare(make(tmp_path, rows), report, about=about, period=period).page
    assert told.claim.startswith(claim)
    labels = {label for section in told.sections for label in section.labels}
    assert {"Addresses", "Most addresses in a week"} & labels
    assert not {"People", "Most people in a week"} & labels


def test_weeks_of_people_and_of_addresses_have_a_heading_for_both(tmp_path: Path) -> None:
    rows = plain() | {"attribution_weekly": [tied(90, 90), tied(90, 0, LAST)]}
    told = prepare(make(tmp_path, rows), "app", about="a/alpha").page
    assert told.claim.startswith("10 people used alpha")
    assert [label for s in told.sections for label in s.labels if "eople" in label] == [
        "People or addresses", "People",
    ]  # fmt: skip


def test_the_page_says_why_addresses_are_not_people(tmp_path: Path) -> None:
    warning = (
        "Addresses are not people: a laptop that changes its address, or has IPv4 and IPv6, may count twice; "
        "give --people or a proxy log with user names"
    )
    some = page(tmp_path / "some", plain() | {"attribution_weekly": [tied(200, 100)]}).visibility
    assert [text(line) for line in some.sometimes[:2]] == [
        "50 % of AI connections tied to a person",
        warning,
    ]
    none = page(tmp_path / "none", plain() | {"attribution_weekly": [NOBODY]}).visibility
    assert none.never[:2] == ("People: no AI connection is tied to a person", warning)
    hidden = page(tmp_path / "hidden", plain() | {"attribution_weekly": [tied(200, None)]}).visibility
    assert "hidden or unknown" in hidden.sometimes[0]
    bound = page(tmp_path / "bound", plain() | {"attribution_weekly": [tied(200, 189) | {"exact": False}]})
    assert "At least 94 % of AI connections tied to a person" in map(text, bound.visibility.confident)
    nothing = page(tmp_path / "0", plain() | {"attribution_weekly": [tied(200, 0) | {"exact": False}]})
    assert "hidden or unknown" in nothing.visibility.sometimes[0]
    known = page(tmp_path / "known", plain()).visibility
    assert warning not in (*known.confident, *known.sometimes, *known.never)


def test_people_and_addresses_are_not_compared(tmp_path: Path) -> None:
    rows = plain() | {"attribution_weekly": [tied(100, 0, LAST), tied(200, 200)]}
    people = page(tmp_path, rows).numbers[0]
    assert (people.value, people.change, people.trend) == ("14", "", (None, 14))


def test_a_gone_service_keeps_the_noun_of_its_week(tmp_path: Path) -> None:
    rows = plain() | {"attribution_weekly": [tied(100, 0, LAST), tied(200, 200)]}
    rows["usage_weekly"].append(usage(LAST, "g/gone", 9, MB))
    said = {c.label: c.items[0].text for c in page(tmp_path, rows).changes}
    assert said["Gone"] == "last week 9 addresses"


def test_pooled_departments_are_not_called_small(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"].append(usage(WEEK, "all", 16, 9 * MB, department="other"))
    report = weekly(make(tmp_path / "lake", rows), tmp_path / "r.html")
    other = report.page.departments.departments[-2]
    assert (other.name, other.remark) == ("Other departments", "together")
    assert "(together)" in report.path.read_text(encoding="utf-8")


def test_one_address_may_be_an_office(tmp_path: Path) -> None:
    few = plain() | {"attribution_weekly": [], "usage_weekly": [usage(WEEK, "all", None, None)]}
    never = page(tmp_path / "few", few).visibility.never
    assert never[0].startswith("How many: fewer than 5 people or addresses used AI")
    assert not any("NAT" in line for line in page(tmp_path / "more", plain()).visibility.never)


# What no line shows


def hiding(total: int, hidden: int, last_total: int | None = None) -> dict[str, list[dict[str, Any]]]:
    """One week of 10 shown services of 1 to 10 MB (55 in all) and `hidden` hidden ones."""
    shown = [usage(WEEK, f"s/s{i:02}", 9, i * MB, bytes_up_max=i * MB + 1000) for i in range(1, 11)]
    rows = [*shown, *(usage(WEEK, f"h/h{i}", None, None) for i in range(hidden))]
    rows.append(usage(WEEK, "all", 20, total, bytes_up_max=total + 10_000))
    if last_total is not None:
        rows += [r | {"week": LAST} for r in shown] + [usage(LAST, "all", 20, last_total)]
    return plain() | {"usage_weekly": rows, "usage_daily": []}


def test_the_lines_add_up_to_the_total(tmp_path: Path) -> None:
    found = page(tmp_path, hiding(155 * MB, 2))
    assert [(o.name, text(o.sent)) for o in found.others] == [
        ("3 more services, in the annex", "6.0 MB"),
        ("2 hidden services together (small groups)", "100 MB"),
    ]
    told = [s.bytes_up for s in found.leading] + [o.bytes_up for o in found.others]
    assert sum(filter(None, told)) == 155 * MB
    assert "65 % of it to 2 services not shown one by one (small groups)." in text(found.verdict)


def test_the_bytes_of_a_single_hidden_service_stay_hidden(tmp_path: Path) -> None:
    found = page(tmp_path, hiding(155 * MB, 1))
    assert (found.others[-1].name, found.others[-1].sent, found.others[-1].bytes_up) == (
        "1 service, hidden (small group)", "hidden", None,
    )  # fmt: skip
    assert "hidden figures" not in found.verdict


def test_a_service_with_unknown_bytes_does_not_cover_a_hidden_one(tmp_path: Path) -> None:
    """Beside one hidden service, one whose bytes nobody could measure is no cover."""
    rows = hiding(155 * MB, 1)
    rows["usage_weekly"].append(usage(WEEK, "u/unmeasured", 9, None))
    last = page(tmp_path, rows).others[-1]
    assert (last.name, last.sent) == ("2 services hidden or unknown, together", "hidden")


@pytest.mark.parametrize("total", [None, 55 * MB, 54 * MB], ids=["no total", "nothing left", "less"])
def test_an_impossible_remainder_is_printed_as_hidden(tmp_path: Path, total: int | None) -> None:
    rows = hiding(0, 2)
    rows["usage_weekly"] = [r for r in rows["usage_weekly"] if r["app"] != "all"]
    rows["usage_weekly"].append(usage(WEEK, "all", 20, total))
    assert page(tmp_path, rows).others[-1].sent == "hidden"


def test_without_hidden_services_there_is_no_line_about_them(tmp_path: Path) -> None:
    found = page(tmp_path, hiding(55 * MB, 0))
    assert [o.name for o in found.others] == ["3 more services, in the annex"]


@pytest.mark.parametrize(
    ("total", "said"),
    [
        (155 * MB, "Uploads more than doubled, by 100 MB, mostly in that hidden part."),
        (100 * MB, "Uploads rose by 45 MB, mostly at services with hidden or unknown figures."),
        (55 * MB, "Uploads hardly changed."),
    ],
)
def test_a_change_of_hidden_services_is_in_the_verdict(tmp_path: Path, total: int, said: str) -> None:
    rows = hiding(total, 2, 55 * MB) | {"first_seen": []}
    rows["usage_weekly"] += [usage(LAST, f"h/h{i}", None, None) for i in range(2)]
    rows["coverage_daily"] = [watched(r["day"]) for r in plain()["coverage_daily"]]
    assert said in text(page(tmp_path, rows).verdict)


def test_a_change_of_shown_services_is_not_ascribed_to_hidden_ones(tmp_path: Path) -> None:
    rows = hiding(75 * MB, 2, 55 * MB)
    for row in rows["usage_weekly"]:
        if row["week"] == WEEK and row["app"] == "s/s10":
            row["bytes_up"] += 20 * MB
    assert "Uploads rose by 20 MB." in text(page(tmp_path, rows).verdict)
