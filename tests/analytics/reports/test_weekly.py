"""What the weekly page says, recomputed by hand, and what it must not say."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics.render import markdown
from analytics.render.formats import FORMATS
from analytics.render.words import EITHER, THIN
from analytics.reports.prepare import NoWeek, _newest, page_of, prepare
from analytics.reports.result import Facts
from analytics.reports.weekly.page import Page

from .lakes import MB, SENSORS, WEEK, days, make, plain, usage, watched

LAST = WEEK - timedelta(days=7)
Rows = dict[str, list[dict[str, Any]]]
#: that the packet sensor saw names
NAMES: Rows = {
    "names_weekly": [
        {"week": WEEK, "sensor": "hq-span", "source": "pcap", "connects": True, "bytes_known": True}
    ]
}
NO_INSIDE = "AI servers inside: no connection to a server inside was in sight"


def page(folder: Path, rows: Mapping[str, Any], **options: Any) -> Page:
    return page_of(make(folder, rows), **options)


def text(value: str) -> str:
    return value.replace(THIN, " ")


def figures(found: Page) -> dict[str, tuple[str, str]]:
    return {n.label: (text(n.value), text(n.change)) for n in found.numbers}


def test_the_five_numbers_equal_those_computed_by_hand(tmp_path: Path) -> None:
    found = page(tmp_path, plain())
    assert figures(found) == {
        "People using AI": ("14", "+4"),
        "Services in use": ("4", "+2"),  # alpha, beta, gamma, delta; echo was only looked up
        "Sent": ("75–80 MB", "+45 MB"),  # 75 - 30
        "First seen": ("1", ""),  # gamma; last week was the first of all, so there is no change to state
        "Named traffic": ("94 %", "±0 pt"),
    }
    assert found.numbers[0].change_words == "up 4 on last week"
    assert found.numbers[0].trend == (10, 14)
    assert text(found.numbers[0].note) == "92 % of connections tied to a person"  # 184 of 200


def test_the_verdict_of_a_known_week(tmp_path: Path) -> None:
    found = page(tmp_path, plain())
    assert text(found.sentence) == (
        "14 people sent 75–80 MB to 4 AI services, most of it to alpha. "
        "Uploads more than doubled, by 45 MB; gamma is new. 3 decisions are due. "
        "We could name 94 % of connections."
    )


def test_the_decisions_of_a_known_week(tmp_path: Path) -> None:
    asked = page(tmp_path, plain()).decisions
    assert [d.question for d in asked] == [
        "gamma: approve, limit or refuse?",
        "alpha: is this growth wanted?",
        "Which of these services may be used, and by whom?",
    ]
    assert text(asked[0].evidence) == "First seen this week; 6 people sent 13 MB."
    assert text(asked[1].evidence) == "Uploads went from 20 MB to 50–55 MB; 10 people this week."
    assert text(asked[2].evidence) == (
        "No policy is in force, so nothing says which of the 4 services in use were approved."
    )


def test_a_policy_is_not_asked_for_where_there_is_one_or_nothing_is_used(tmp_path: Path) -> None:
    ruled, idle = plain(), plain()
    ruled["policy"] = [{"kind": "owner", "owner": "cto@corp.example", "policy_version": "1"}]
    idle["usage_weekly"] = []
    for number, rows in enumerate((ruled, idle)):
        asked = page(tmp_path / str(number), rows).decisions
        assert "Which of these services may be used, and by whom?" not in [d.question for d in asked]


def test_at_level_aggregate_it_is_said_that_nothing_is_judged(tmp_path: Path) -> None:
    lake = make(tmp_path, plain() | {"usage_weekly": []})
    terms = json.loads((lake / "manifest.json").read_text()) | {"privacy": "aggregate"}
    (lake / "manifest.json").write_text(json.dumps(terms))
    for form in ("html", "md"):
        written = FORMATS[form].write(prepare(lake)).decode()
        assert "no use is judged by the policy" in written and "nothing waits for a decision" not in written


def test_at_most_seven_decisions_and_one_per_service(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"] += [usage(WEEK, f"n/new{i}", 9, i * MB) for i in range(1, 9)]
    rows["usage_weekly"].append(usage(WEEK, "h/hub", 9, 2 * MB, category="model-hub"))
    rows["first_seen"] += [
        {"app": f"n/new{i}", "site": "all", "first_week": WEEK, "grade": 4} for i in range(1, 9)
    ]
    asked = page(tmp_path, rows).decisions
    assert len(asked) == 7
    assert [d.question.split(":")[0] for d in asked] == [
        "gamma", "new8", "new7", "new6", "new5", "new4", "Which of these services may be used, and by whom?",
    ]  # fmt: skip


def test_services_bars_and_changes(tmp_path: Path) -> None:
    found = page(tmp_path, plain())
    assert [(s.name, text(s.sent), s.people, text(s.change)) for s in found.leading] == [
        ("alpha", "50–55 MB", "10", "+30 MB"),
        ("gamma", "13 MB", "6", "new"),
        ("beta", "12 MB", "7", "+2.0 MB"),
        ("delta", "hidden", "fewer than 5", ""),
    ]
    assert [s.name for s in found.services] == ["alpha", "gamma", "beta", "echo", "delta"]
    said = {c.label: [(i.service, text(i.text)) for i in c.items] for c in found.changes}
    assert said == {
        "First seen": [("gamma", "6 people, 13 MB sent")],
        "Began uploading": [("beta", "7 people, 12 MB sent")],
        "Grew": [("alpha", "20 MB → 50–55 MB")],
    }


def test_departments_hide_small_groups_and_their_evidence(tmp_path: Path) -> None:
    matrix = page(tmp_path, plain()).departments
    # Of services that are not told by department no cell claims to be small: they have no column.
    assert (matrix.services, matrix.whole) == (("alpha",), ("gamma", "beta", "delta"))
    rows = {d.name: d for d in matrix.departments}
    assert list(rows) == ["Sales", "Legal", "No department known"]
    # A small department would be pooled: this one is hidden for another's sake.
    assert (rows["Legal"].people.text, rows["Legal"].people.grade, rows["Legal"].sent) == (
        "hidden",
        None,
        "hidden",
    )
    assert [(rows[name].cells[0].text) for name in ("Sales", "Legal")] == ["8", "0"]
    assert matrix.hides and not matrix.pools


def test_a_department_known_from_lookups_alone_is_not_said_to_have_used_nothing(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"].append(usage(WEEK, "all", 0, None, department="IT") | {"grade": 1})
    (told,) = (d for d in page(tmp_path, rows).departments.departments if d.name == "IT")
    assert {cell.text for cell in (told.people, *told.cells)} == {"–"}


def test_a_department_without_a_figure_of_its_own_is_in_other(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"] += [
        usage(WEEK, "a/alpha", 6, 3 * MB, department="other"),
        usage(WEEK, "all", 9, 4 * MB, department="IT"),
    ]
    found = page(tmp_path, rows)
    cells = {d.name: (d.cells[0].text, d.cells[0].state) for d in found.departments.departments}
    assert cells["Other departments"] == ("6", "count")
    assert cells["IT"] == cells["Legal"] == ("in other", "pooled")
    assert found.departments.pools
    note = "those without a figure of their own in a column, because fewer than 5 there used the service"
    assert note in markdown.write(found)


def test_what_can_be_seen_and_what_not(tmp_path: Path) -> None:
    visibility = page(tmp_path, plain()).visibility
    assert [text(line) for line in visibility.confident] == [
        "hq-span (pcap): 168 of 168 hours, 7 days; 0 of 4.2 billion packets dropped",
        "94 % of connections have a name",
        "92 % of AI connections tied to a person; the rest are counted by address",
        "31 attempts refused (Xray): attempted, not counted as use",
    ]
    assert any("Notes AI" in line and "never counted" in line for line in visibility.never)


def test_a_source_that_cannot_know_uploads_is_named(tmp_path: Path) -> None:
    rows = plain()
    rows["names_weekly"].append(
        {"week": WEEK, "sensor": "squid-hq", "source": "squid", "connects": True, "bytes_known": False}
    )
    found = page(tmp_path, rows)
    assert "Bytes sent through squid-hq: its squid records do not carry them" in found.visibility.never
    assert found.decisions[-1].question == "Should the proxy log what is sent?"
    assert "14 people sent at least 75 MB to 4 AI services, most of what was measured" in text(found.sentence)
    assert text(found.numbers[2].note).startswith("some not logged, ")


def test_a_log_that_begins_to_tell_what_is_sent_is_no_growth(tmp_path: Path) -> None:
    """Following the advice above made uploads more than double, and services begin uploading."""
    rows = plain()
    squid = {"sensor": "hq-span", "source": "pcap", "connects": True}
    rows["names_weekly"] = [squid | {"week": week, "bytes_known": week == WEEK} for week in (LAST, WEEK)]
    rows["usage_weekly"].append(usage(LAST, "late/api", 9, None, grade=3))
    rows["usage_weekly"].append(usage(WEEK, "late/api", 9, 5 * MB))
    found = page(tmp_path, rows)
    assert "not watched in the same way" in found.verdict
    assert {c.label for c in found.changes} == {"First seen"}


@pytest.mark.parametrize(("seen", "says"), [(0, True), (900, False), (None, False)])
def test_servers_out_of_sight_are_a_blind_spot(tmp_path: Path, seen: int | None, says: bool) -> None:
    rows = plain()
    for day in rows["coverage_daily"]:
        day["internal_connections"] = seen
    assert (NO_INSIDE in page(tmp_path, rows).visibility.never) == says


def test_a_silent_sensor_is_named(tmp_path: Path) -> None:
    rows = plain() | {"sensors": SENSORS}
    never = "squid-hq (hq): in the settings, but nothing of it has been published yet"
    assert never in page(tmp_path / "never", rows).visibility.never
    before = {**rows["coverage_daily"][0], "sensor": "squid-hq", "day": date(2026, 10, 7)}
    found = page(tmp_path / "before", {**rows, "coverage_daily": [*rows["coverage_daily"], before]})
    assert "squid-hq (hq): silent all week" in found.visibility.never


def test_a_log_beside_the_captures_of_a_sensor_is_a_log(tmp_path: Path) -> None:
    """Who held an address, read with the captures of a branch: its hours are none of a packet sensor."""
    rows = plain()
    nothing = dict.fromkeys(("packets", "decoded", "flows", "named_flows", "internal_connections"))
    rows["coverage_daily"] += [
        watched(day, "hq-span", "isc-dhcpd", minutes_seen=40, records=20, **nothing) for day in days(WEEK)
    ]
    assert "hq-span (isc-dhcpd): 7 of 7 days; 140 records" in page(tmp_path, rows).visibility.confident


def test_many_branches_are_told_together_and_where_use_cannot_be_seen(tmp_path: Path) -> None:
    rows = plain()
    blank = dict.fromkeys(("packets", "flows", "named_flows", "one_sided_flows"))
    for n in range(9):
        name, about = f"res-{n}", {"site": f"branch-{n}", "vantage": "dns", "records": 100, **blank}
        rows["coverage_daily"] += [
            watched(day, name, "bind", **about) for day in days(WEEK, 7 if n < 8 else 6)
        ]
        rows["names_weekly"].append({"week": WEEK, "sensor": name, "source": "bind", "connects": False})
        gone = watched(LAST, f"gone-{n}", "bind", **about)
        rows["coverage_daily"].append(gone)
        rows["sensors"] = [
            *rows.get("sensors", []),
            {"sensor": f"gone-{n}", "site": f"branch-{n}", "kind": "logs"},
        ]
    found = page(tmp_path, rows).visibility
    told = [line.replace("\u202f", " ") for line in (*found.confident, *found.sometimes)]
    assert [line for line in told if "bind" in line] == [
        "res-0, res-1, res-2 and 5 more (bind): 7 of 7 days; 5 600 records",
        "res-8 (bind): 6 of 7 days; 600 records",
    ]
    assert (
        "gone-0 (branch-0), gone-1 (branch-1), gone-2 (branch-2) and 6 more: silent all week" in found.never
    )
    where = "Whether AI was used at branch-0, branch-1, branch-2 and 6 more: only lookups are recorded there"
    assert f"{where} (use that passes a sensor elsewhere is counted)" in found.never


@pytest.mark.parametrize("watched_days", [7, 1])
def test_a_sensor_that_stopped_is_a_doubt_unless_it_only_had_a_look(
    tmp_path: Path, watched_days: int
) -> None:
    rows = plain() | {"sensors": SENSORS}
    rows["coverage_daily"] += [watched(day, "squid-hq") for day in days(LAST)[:watched_days]]
    found = page(tmp_path, rows)
    doubt = "We cannot tell what happened where squid-hq watches (silent all week)."
    assert (doubt in found.sentence) == (watched_days == 7)
    assert found.sentence.startswith("At least 14") == (watched_days == 7)
    assert (found.remedy == "What helps most: start squid-hq again; it was silent all week.") == (
        watched_days == 7
    )


def test_a_sensor_that_came_later_was_not_silent(tmp_path: Path) -> None:
    rows = plain() | {"sensors": SENSORS}
    later = {**rows["coverage_daily"][0], "sensor": "squid-hq", "day": date(2026, 11, 18)}
    found = page(tmp_path, {**rows, "coverage_daily": [*rows["coverage_daily"], later]}, week="2026-W46")
    assert "squid-hq (hq): first reported on 18 November 2026" in found.visibility.never


# Weeks that were watched differently


def test_a_week_without_coverage_has_no_table_of_services(tmp_path: Path) -> None:
    found = page(tmp_path, plain() | {"usage_weekly": []}, week="2026-W47")
    assert "Unknown: no sensor reported." in markdown.write(found) and "| Service |" not in markdown.write(
        found
    )


def test_a_day_without_coverage_is_named_and_prevents_comparisons(tmp_path: Path) -> None:
    rows = plain()
    rows["coverage_daily"] = [r for r in rows["coverage_daily"] if r["day"] != date(2026, 11, 12)]
    rows["coverage_daily"].append(watched(LAST - timedelta(days=7)))
    rows["embedded"].append({"week": LAST, "app": "s/slides", "service": "Slides AI", "connections": 9})
    found = page(tmp_path, rows)
    assert found.watch == ("Notes AI: first seen this week",)  # but not that Slides AI is gone
    assert found.claim.startswith("At least 14 people")
    assert "We cannot tell what happened on Thursday." in found.verdict
    assert "not watched in the same way" in found.verdict
    assert all(n.change == "" for n in found.numbers)
    assert all(s.change in ("", "new") for s in found.services)
    assert "Grew" not in {c.label for c in found.changes}
    assert found.decisions[-1].question == "Can we see enough to rely on this page?"


def test_in_a_week_mostly_without_coverage_the_covered_days_are_named(tmp_path: Path) -> None:
    rows = plain()
    rows["coverage_daily"] = [watched(day) for day in days(LAST)] + [watched(day) for day in days(WEEK, 2)]
    found = page(tmp_path, rows)
    assert "We cannot tell what happened on any day but Monday and Tuesday" in text(found.verdict)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ({"named_flows": 60_000}, "what the 40 % of connections without a name were"),
        (
            {"one_sided_flows": 31_000},
            "what the other direction carried on the 31 % of connections we saw one way",
        ),
        ({"kernel_drops": 30_000_000}, "what the 5 % of packets lost in capture carried"),
        ({"minutes_seen": 60}, "what happened outside the 7 hours our packet sensors watched"),
        ({"minutes_seen": 4}, "what happened outside the 28 minutes our packet sensors watched"),
    ],
)
def test_poor_coverage_is_said_first(tmp_path: Path, trouble: dict[str, int], said: str) -> None:
    rows = plain()
    rows["coverage_daily"] = [watched(day, **trouble) for start in (LAST, WEEK) for day in days(start)]
    assert f"We cannot tell {said}." in text(page(tmp_path, rows).verdict)


@pytest.mark.parametrize(
    "other",
    [
        [watched(day, "new-span") for day in days(WEEK)],
        [watched(day, minutes_seen=1000) for day in days(WEEK)],
        [watched(day) for day in days(WEEK, 6)],
    ],
    ids=["another sensor", "fewer minutes", "fewer days"],
)
def test_no_arrow_between_weeks_with_different_coverage(tmp_path: Path, other: list[dict[str, Any]]) -> None:
    rows = plain()
    rows["coverage_daily"] = [watched(day) for day in days(LAST)] + other
    assert all(n.change == "" for n in page(tmp_path, rows).numbers)


def test_fewer_log_lines_do_not_prevent_comparisons(tmp_path: Path) -> None:
    """A proxy writes nothing while nobody browses: its minutes are use, not watching."""
    rows = plain() | {"sensors": SENSORS}
    rows["coverage_daily"] += [watched(day, "squid-hq", "squid", minutes_seen=700) for day in days(LAST)]
    rows["coverage_daily"] += [watched(day, "squid-hq", "squid", minutes_seen=300) for day in days(WEEK)]
    assert figures(page(tmp_path, rows))["People using AI"] == ("14", "+4")


def quiet(day: date, minutes: int, first: int, last: int) -> dict[str, Any]:
    """A link with traffic in few minutes between two hours of the day (UTC)."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return watched(
        day,
        minutes_seen=minutes,
        first_seen=midnight + timedelta(hours=first),
        last_seen=midnight + timedelta(hours=last),
    )


def test_on_a_quiet_link_coverage_is_from_first_to_last_traffic(tmp_path: Path) -> None:
    rows = plain()
    rows["coverage_daily"] = [quiet(day, 20, 7, 19) for day in days(LAST)]
    rows["coverage_daily"] += [quiet(day, 45, 6, 19) for day in days(WEEK)]
    found = page(tmp_path, rows)
    assert figures(found)["People using AI"] == ("14", "+4")
    assert "hq-span (pcap): 91 of 168 hours, 7 days" in text(found.visibility.sometimes[0])  # 7 x 13 h
    rows["coverage_daily"] = [quiet(day, 20, 7, 19) for day in days(LAST)]
    rows["coverage_daily"] += [quiet(day, 20, 7, 10) for day in days(WEEK)]
    assert figures(page(tmp_path / "other", rows))["People using AI"] == ("14", "")


def test_a_brief_look_of_another_sensor_prevents_no_comparison(tmp_path: Path) -> None:
    rows = plain() | {"sensors": SENSORS}
    rows["coverage_daily"].append(watched(WEEK, "squid-hq", "squid", minutes_seen=5))
    assert figures(page(tmp_path, rows))["People using AI"] == ("14", "+4")


def test_use_without_any_coverage_is_reported_as_unknown(tmp_path: Path) -> None:
    rows = plain() | {"coverage_daily": []}
    found = page(tmp_path, rows)
    assert found.claim == "We cannot tell: no sensor reported this week."
    assert found.coverage.doubts == ("what happened this week",)  # it named all seven days
    assert "The whole week: no sensor reported" in found.visibility.never
    assert figures(found)["Named traffic"] == ("unknown", "")


def test_a_watched_week_without_use_says_only_what_was_watched(tmp_path: Path) -> None:
    rows = {"coverage_daily": [watched(day) for day in days(WEEK)], "sensors": SENSORS[:1]} | NAMES
    found = page(tmp_path, rows)
    assert found.claim == "We saw no exchange with an AI service in what we watched."
    assert figures(found)["People using AI"] == ("0", "")
    assert "clean" not in found.sentence


def test_a_week_of_logs_without_names_is_unknown(tmp_path: Path) -> None:
    """A firewall's log of packets, or leases alone, on every day of the week: 0 people was wrong."""
    logs = [watched(day, "fw", "netfilter", packets=0, flows=0, named_flows=0) for day in days(WEEK)]
    rows = {"coverage_daily": logs, "sensors": [SENSORS[0] | {"sensor": "fw", "kind": "logs"}]}
    found = page(tmp_path, rows)
    claim = "We cannot tell whether AI was used (our sources record no names of servers)."
    assert found.claim == claim and found.remedy.startswith("What helps most: the log of the resolver")
    assert [number.value for number in found.numbers] == ["unknown"] * 5
    assert found.nowhere == "Unknown: no names are recorded."
    assert found.caution == "What is new, grown, fallen, back or gone is unknown: no names are recorded."
    for name in ("daily", "monthly"):
        assert prepare(tmp_path, name).page.sentence.startswith(claim), name
    rows["catalog"] = [{"app": "a/alpha", "service": "alpha"}]
    assert prepare(make(tmp_path / "app", rows), "app", about="alpha").page.sentence.startswith(claim)


@pytest.mark.parametrize(
    ("count", "trouble", "worst"),
    [
        (7, {"named_flows": 70_000}, "what the 30 % of connections without a name were"),
        (2, {"named_flows": 0}, "what the 100 % of connections without a name were"),
        (7, {"one_sided_flows": 30_000}, "what the other direction carried"),
        (2, {}, "what happened on any day but Monday and Tuesday"),
    ],
)
def test_nothing_found_where_little_was_seen_is_unknown(
    tmp_path: Path, count: int, trouble: dict[str, int], worst: str
) -> None:
    """Zeek's conn.log alone, which has no names, was reported as a week of 0 people."""
    rows = {"coverage_daily": [watched(d, **trouble) for d in days(WEEK, count)], "sensors": SENSORS[:1]}
    found = page(tmp_path, rows | NAMES)
    assert found.claim.startswith("We cannot tell whether AI was used: we saw no exchange with an AI service")
    assert [number.value for number in found.numbers[:4]] == ["unknown"] * 4
    assert text(found.coverage.doubts[0]).startswith(worst)
    assert ("clients’ lookups" in found.remedy) == ("named_flows" in trouble)
    daily = prepare(tmp_path, "daily", period=f"{WEEK}").page
    assert ("We cannot tell" in daily.sentence) == bool(trouble)  # the day itself was seen whole
    rows["catalog"] = [{"app": "a/alpha", "service": "alpha"}]
    alpha = prepare(make(tmp_path / "app", rows | NAMES), "app", about="alpha").page
    assert alpha.sentence.startswith("We cannot tell whether alpha was used: we saw no exchange with it")


def test_a_week_that_is_not_over_says_so(tmp_path: Path) -> None:
    rows = plain()
    rows["coverage_daily"] = [r for r in rows["coverage_daily"] if r["day"] <= date(2026, 11, 11)]
    found = page(tmp_path, rows, as_of=datetime(2026, 11, 11, 22, 30, tzinfo=UTC))  # 23:30 in Berlin
    assert found.coverage.dark == ()
    assert len(found.coverage.ahead) == 4
    assert "The week is not over: 4 days to come." in found.verdict
    assert found.claim.startswith("At least")


def test_the_clock_marks_the_days_to_come_of_a_running_week(tmp_path: Path) -> None:
    rows = plain()
    rows["coverage_daily"] = [r for r in rows["coverage_daily"] if r["day"] <= date(2026, 11, 11)]
    lake = make(tmp_path, rows)
    for day, said, days_of in (
        (11, "The week is not over: 4 days to come.", "10 of 10 days"),
        (13, "We cannot tell what happened on Thursday.", "10 of 11 days"),
        (16, "Monday, Tuesday and Wednesday", "10 of 14 days"),
    ):
        now = datetime(2026, 11, day, 12, tzinfo=UTC)
        assert said in page_of(lake, now=now).verdict, now
        assert days_of in text(prepare(lake, "monthly", now=now).page.sentence)


def test_every_week_of_a_month_that_has_begun_has_a_row(tmp_path: Path) -> None:
    """Weeks nobody watched had none, nor had those without use: 2 of 5 weeks looked like all."""
    rows, dark = plain(), WEEK + timedelta(days=7)
    span = {"sensor": "hq-span", "source": "pcap", "connects": True, "bytes_known": True}
    rows["names_weekly"] = [span | {"week": week} for week in (LAST, WEEK, dark)]
    rows["usage_weekly"] = [row for row in rows["usage_weekly"] if row["week"] == LAST]
    rows["coverage_daily"] += [watched(day) for day in days(dark, 2)]  # at last too few to tell
    lake = make(tmp_path, rows)

    def weeks(day: int) -> list[tuple[str, ...]]:
        page = prepare(lake, "monthly", period="2026-11", now=datetime(2026, 11, day, 12, tzinfo=UTC)).page
        found = next(section for section in page.sections if section.id == "weeks")
        names = [found.labels.index(name) for name in ("Evidence", "Sent", "Services", "Watched days")]
        return [tuple(text(row[n].text) for n in names) for row in found.rows]

    told = [("uploaded", "30 MB", "2", "7"), ("–", "0 B", "0", "7")]
    assert weeks(12) == told
    assert weeks(17) == [*told, ("–", "0 B", "0", "2")]
    assert weeks(27) == [*told, ("–", "unknown", "unknown", "2"), ("–", "unknown", "unknown", "0")]


# Edges


def test_leading_services_are_named_only_where_no_hidden_one_could_lead(tmp_path: Path) -> None:
    rows = plain()
    shown = [usage(WEEK, f"s/s{i}", 9, i * MB) for i in (40, 30, 20, 10)]
    rows["usage_weekly"] = [*shown, usage(WEEK, "all", 20, 119 * MB), usage(WEEK, "h/h", None, None)]
    assert "76 % of it to s40, s30 and s20" in text(page(tmp_path / "sure", rows).verdict)  # 19 MB hidden
    rows["usage_weekly"][4] = usage(WEEK, "all", 20, 120 * MB)
    assert page(tmp_path / "unsure", rows).verdict.startswith(".")


def test_weeks_without_evidence_are_not_reported(tmp_path: Path) -> None:
    rows = plain()
    empty = usage(WEEK + timedelta(days=7), "all", None, None) | {"grade": None, "evidence": None}
    rows["usage_weekly"].append(empty)
    assert page(tmp_path, rows).week == "2026-W46"


def test_a_hidden_group_is_asked_about_where_its_site_was_published(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"] += [usage(WEEK, "n/site", None, None), usage(WEEK, "n/few", None, None)]
    rows["first_seen"] += [
        {"app": "n/site", "site": "all", "first_week": WEEK, "grade": 4},
        {"app": "n/site", "site": "hq", "first_week": WEEK, "grade": 4},
        {"app": "n/few", "site": "all", "first_week": WEEK, "grade": 4},
    ]
    asked = {d.question: d.evidence for d in page(tmp_path, rows).decisions}
    expected = "First seen this week; at least 5 people used it, and uploads were seen."
    assert asked["site: approve, limit or refuse?"] == expected
    assert not any(question.startswith("few") for question in asked)


def test_an_empty_lake_has_no_week_to_report(tmp_path: Path) -> None:
    with pytest.raises(NoWeek, match="no week yet"):
        page(tmp_path, {})


def test_an_empty_lake_with_a_named_week_says_we_cannot_tell(tmp_path: Path) -> None:
    found = page(tmp_path, {}, week="2026-W46", now=datetime(2026, 11, 16, tzinfo=UTC))
    assert found.sentence == (
        "We cannot tell: no sensor reported this week. What happened on the network is unknown."
    )
    assert {value for value, _ in figures(found).values()} <= {"unknown", "–"}
    assert found.services == ()


@pytest.mark.parametrize(
    ("name", "period", "begins"),
    [
        ("weekly", "2026-W48", "2026-11-23"),
        ("daily", "2026-11-18", "2026-11-18"),
        ("monthly", "2026-12", "2026-11-30"),
    ],
)
def test_of_a_period_to_come_there_is_no_report(tmp_path: Path, name: str, period: str, begins: str) -> None:
    lake, tuesday = make(tmp_path, plain()), datetime(2026, 11, 17, 12, tzinfo=UTC)
    with pytest.raises(ValueError, match=f"^{period} begins on {begins}, after 2026-11-17"):
        prepare(lake, name, period=period, now=tuesday)
    a_clock_ahead = datetime(2026, 11, 1, tzinfo=UTC)
    assert page_of(lake, week="2026-W46", now=a_clock_ahead).week == "2026-W46"


def test_a_single_day_is_the_first_week_and_calls_nothing_new(tmp_path: Path) -> None:
    day = WEEK + timedelta(days=2)
    rows = {
        "usage_weekly": [usage(WEEK, "all", 6, 5 * MB), usage(WEEK, "a/alpha", 6, 5 * MB)],
        "first_seen": [{"app": "a/alpha", "site": "all", "first_week": WEEK, "grade": 4}],
        "coverage_daily": [watched(day)],
        "sensors": SENSORS[:1],
    }
    found = page(tmp_path, rows)
    assert "No earlier week could show use" in found.verdict
    assert "what happened on any day but Wednesday" in found.verdict
    assert found.changes == ()
    assert figures(found)["First seen"] == ("–", "")


def test_with_lookups_only_the_number_of_people_is_unknown(tmp_path: Path) -> None:
    asked = {"grade": 1, "connections": 0, "lookups": 40}
    rows = {
        "usage_weekly": [usage(WEEK, "all", 0, None, **asked), usage(WEEK, "a/alpha", 0, None, **asked)],
        "first_seen": [{"app": "a/alpha", "site": "all", "first_week": WEEK, "grade": 1}],
        "coverage_daily": [
            watched(day, "resolver", "bind", packets=0, flows=0, named_flows=0, internal_connections=None)
            for day in days(WEEK)
        ],
        "names_weekly": [
            {"week": WEEK, "sensor": "resolver", "source": "bind", "connects": False, "bytes_known": False}
        ],
        "sensors": [SENSORS[0] | {"sensor": "resolver", "kind": "logs"}],
    }
    found = page(tmp_path, rows)
    assert NO_INSIDE in found.visibility.never
    assert found.claim.startswith("We cannot tell whether AI was used")
    assert "alpha was looked up." in found.verdict and "We saw no exchange" not in found.sentence
    assert [number.value for number in found.numbers] == ["unknown"] * 5
    assert found.caution == "What is new, grown, fallen, back or gone is unknown: only lookups are recorded."
    assert [service.connections for service in found.services] == ["–"]
    for name in ("daily", "monthly"):
        sheet = prepare(tmp_path, name).page
        assert sheet.sentence.startswith("We cannot tell whether AI was used"), name
    weeks = next(section for section in sheet.sections if section.id == "weeks")
    cells = dict(zip(weeks.labels, (cell.text for cell in weeks.rows[1]), strict=True))
    assert (cells["People"], cells["Services"]) == ("unknown", "unknown")
    assert (cells["Sent"], cells["Received"]) == ("–", "–")  # nothing to the service, as on the weekly page
    assert found.noun == EITHER
    assert "Can we see enough" in found.decisions[0].question


def test_after_weeks_of_lookups_nothing_is_new(tmp_path: Path) -> None:
    """Whoever added a proxy's log to a resolver's read that all services were new, and began uploading."""
    bind = {"sensor": "bind", "source": "bind", "connects": False, "bytes_known": False}
    rows = {
        "usage_weekly": [
            *(usage(LAST, app, 0, None, grade=1, connections=0, lookups=40) for app in ("all", "a/alpha")),
            *(usage(WEEK, app, 9, 9 * MB) for app in ("all", "a/alpha")),
        ],
        "first_seen": [{"app": "a/alpha", "site": "all", "first_week": WEEK, "grade": 4}],
        "names_weekly": [bind | {"week": LAST}, *NAMES["names_weekly"]],
        "coverage_daily": [watched(d, "bind", "bind") for d in days(LAST)] + [watched(d) for d in days(WEEK)],
        "sensors": SENSORS[:1],
    }
    found = page(tmp_path / "lookups", rows)
    assert "No earlier week could show use" in found.verdict
    assert found.changes == () and not [d for d in found.decisions if "alpha" in d.question]
    month = prepare(tmp_path / "lookups", "monthly").page
    assert month.sentence.startswith("1 service in use in 1 week")
    weeks = next(section for section in month.sections if section.id == "weeks")
    nouns = weeks.labels.index("People or addresses")
    assert [row[nouns].text for row in weeks.rows][:2] == ["unknown", "9"]
    rows["names_weekly"][0] |= {"connects": True, "bytes_known": True}
    assert "alpha is new" in page(tmp_path / "proxy", rows).sentence
    rows["coverage_daily"] = rows["coverage_daily"][6:]  # of the week before, Sunday
    assert "alpha is new" not in page(tmp_path / "sunday", rows).sentence


def test_a_proxy_that_began_at_the_end_of_a_week_of_lookups_does_not_tell_of_it(tmp_path: Path) -> None:
    """One minute of Sunday made six days of a resolver's log a week in which nobody used AI."""
    asked = {"grade": 1, "connections": 0, "lookups": 40, "people_any_grade": 30}
    bind = {"sensor": "bind", "source": "bind", "connects": False, "bytes_known": False}
    rows = {
        "catalog": [{"app": "a/alpha", "service": "alpha"}],
        "usage_weekly": [usage(WEEK, app, 0, None, **asked) for app in ("all", "a/alpha")],
        "names_weekly": [bind | {"week": WEEK}, *NAMES["names_weekly"]],
        "coverage_daily": [*(watched(d, "bind", "bind") for d in days(WEEK)), watched(days(WEEK)[6])],
        "sensors": [SENSORS[0] | {"kind": "logs"}, SENSORS[0] | {"sensor": "bind", "kind": "logs"}],
    }
    found = page(tmp_path, rows)
    assert found.claim.startswith("We cannot tell whether AI was used: we saw no exchange with an AI service")
    assert "whether AI was used on any day but Sunday (only lookups are recorded then)" in found.verdict
    assert [number.value for number in found.numbers[:4]] == ["unknown"] * 4
    assert found.remedy == "What helps most: reading every day of hq-span (pcap); it reported on 1 of 7."
    for name, told in (("daily", {"period": f"{WEEK}"}), ("app", {"about": "alpha"})):
        assert prepare(tmp_path, name, **told).page.sentence.startswith("We cannot tell whether"), name
    weeks = next(s for s in prepare(tmp_path, "monthly").page.sections if s.id == "weeks")
    row = dict(zip(weeks.labels, (cell.text for cell in weeks.rows[1]), strict=True))
    assert (row["Services"], row["People"]) == ("unknown", "unknown")
    told = [row for row in prepare(tmp_path, "monthly").result.rows("weeks") if row["week"] == WEEK]
    assert [(row["grade"], row["people"], row["services"]) for row in told] == [(1, None, None)]


def test_people_who_only_looked_up_or_connected_are_counted_apart(tmp_path: Path) -> None:
    rows = plain()
    seen = {"lookups": 40, "connections": 0}
    rows["usage_weekly"] = [
        usage(WEEK, "all", 0, None, grade=2, people_any_grade=30, **seen),
        usage(WEEK, "a/alpha", 0, None, grade=2, people_any_grade=21, **seen),
        usage(WEEK, "b/beta", 0, None, grade=2, **seen),
    ]
    found = page(tmp_path / "connected", rows)
    assert text(found.sentence).startswith(
        "We saw no exchange with an AI service in what we watched. A service was looked up or connected to "
        "by 30 people or addresses."
    )
    alpha, beta = found.leading
    assert (alpha.people, alpha.sent) == ("0 of 21", "unknown")
    assert text(alpha.counted) == "21 people or addresses looked it up or connected"
    assert (beta.people, beta.counted) == ("0", "connected")  # a group not to be told
    assert not found.departments.departments
    rows["usage_weekly"] = [row | {"grade": 1} for row in rows["usage_weekly"]]
    rows["names_weekly"] = [
        {"week": WEEK, "sensor": "hq-span", "source": "bind", "connects": False, "bytes_known": False}
    ]
    found = page(tmp_path / "lookups", rows)
    assert "alpha and beta were looked up, by 30 people or addresses." in text(found.verdict)
    assert [(s.name, s.sent, s.people) for s in found.leading] == [
        ("alpha", "–", "– of 21"),
        ("beta", "–", "–"),
    ]
    assert "“– of 12” means that 12 people or addresses looked it up." in markdown.write(found)
    assert "## What was looked up" in markdown.write(found)


def test_connections_without_amounts_do_not_tell_that_nothing_was_used(tmp_path: Path) -> None:
    """With TLS logs or an endpoint's connections alone, it said that we saw no exchange, and 0 people."""
    rows = plain()
    source = {"sensor": "edr", "source": "defender", "connects": True, "bytes_known": False}
    rows["names_weekly"] = [source | {"week": WEEK}]
    rows["usage_weekly"] = [
        usage(WEEK, "all", 0, None, grade=2, people_any_grade=30),
        usage(WEEK, "a/alpha", 0, None, grade=2, people_any_grade=21),
    ]
    found = page(tmp_path, rows)
    assert found.claim.startswith("We cannot tell whether AI was used (our sources record connections ")
    assert "looked up or connected to by 30 people or addresses." in found.verdict
    assert [number.value for number in found.numbers[:4]] == ["unknown"] * 4
    assert [one.people for one in found.leading] == ["– of 21"] and "Without amounts" in found.unused
    assert [one.question for one in found.decisions] == ["Can we see enough to rely on this page?"]
    assert found.where == "What was connected to"
    assert prepare(tmp_path, "monthly").page.sentence.startswith("We cannot tell whether AI was used")
    rows["usage_weekly"] = [row | {"grade": 3, "people": 21} for row in rows["usage_weekly"]]
    assert page(tmp_path / "used", rows).claim == "21 people used 1 AI service"


def test_a_week_of_lookups_says_which_log_would_help(tmp_path: Path) -> None:
    """It asked whether we can see enough, and to look at the sensors."""
    rows = plain()
    seen = {"lookups": 40, "connections": 0, "grade": 1}
    rows["usage_weekly"] = [
        usage(WEEK, "all", 0, None, people_any_grade=30, **seen),
        usage(WEEK, "a/alpha", 0, None, people_any_grade=21, **seen),
    ]
    rows["names_weekly"] = [
        {"week": WEEK, "sensor": "bind", "source": "bind", "connects": False, "bytes_known": False},
        {"week": WEEK, "sensor": "lab", "source": "unbound", "connects": False, "bytes_known": False},
    ]
    rows["coverage_daily"] = [watched(day, "bind", "bind") for start in (LAST, WEEK) for day in days(start)]
    found = page(tmp_path / "only", rows)
    decision = found.decisions[-1]
    assert decision.question == "Can we see enough to rely on this page?"
    assert decision.look.startswith(
        "What helps most: the log of the proxy or firewall that the clients go through"
    )
    assert found.visibility.never[0] == (
        "Whether AI was used, and how much was sent: bind and lab (unbound) record lookups only"
    )
    firewall = [watched(day, "fw", "cisco-asa", packets=0, flows=0, named_flows=0) for day in days(WEEK)]
    silent = [row | {"internal_connections": None, "flows": 0} for row in rows["coverage_daily"]]
    logs = {"coverage_daily": [*silent, *firewall], "sensors": [SENSORS[1] | {"sensor": "fw"}]}
    beside = page(tmp_path / "firewall", rows | logs)
    assert beside.claim.endswith("(our sources name lookups only, not connections).")
    assert beside.decisions[-1].look.startswith("What helps most: the log of the resolver (with its answers)")
    for name in ("daily", "monthly"):
        assert prepare(tmp_path / "firewall", name).page.claim == beside.claim, name
        assert prepare(tmp_path / "only", name).page.claim == found.claim, name
    rows["sensors"] = SENSORS
    rows["coverage_daily"] += [watched(day) for day in days(LAST)]
    assert page(tmp_path / "no_more", rows).decisions[-1].look == decision.look  # it saw no use
    rows["usage_weekly"].append(usage(LAST, "all", 10, 30 * MB))
    found = page(tmp_path / "silent", rows)
    assert found.decisions[-1].look == "What helps most: start hq-span again; it was silent all week."


@pytest.mark.parametrize(
    ("trouble", "look"),
    [
        (
            {"named_flows": 60_000},
            "What helps most: let hq-span (pcap) see the clients’ lookups, and connections",
        ),
        ({"one_sided_flows": 31_000}, "What helps most: mirror both directions to hq-span (pcap)."),
        (
            {"kernel_drops": 30_000_000},
            "What helps most: a larger machine for hq-span (pcap), or less traffic",
        ),
        (
            {"minutes_seen": 60},
            "What helps most: let hq-span (pcap) watch all the time; it watched 7 of 168 hours.",
        ),
    ],
    ids=["nameless", "one way", "lost", "briefly"],
)
def test_the_remedy_names_the_sensor(tmp_path: Path, trouble: dict[str, int], look: str) -> None:
    rows = plain()
    rows["coverage_daily"] = [watched(day, **trouble) for start in (LAST, WEEK) for day in days(start)]
    assert page(tmp_path, rows).decisions[-1].look.startswith(look)


def test_after_dark_days_the_sensor_with_most_days_is_named(tmp_path: Path) -> None:
    rows = plain()
    rows["coverage_daily"] = [watched(day) for day in days(LAST)] + [watched(day) for day in days(WEEK, 2)]
    assert page(tmp_path, rows).decisions[-1].look == (
        "What helps most: let hq-span (pcap) watch all the time; it watched 48 of 168 hours."
    )
    logs = [watched(day, "px", "squid", packets=0, flows=0, named_flows=0) for day in days(WEEK, 3)]
    rows["coverage_daily"] += logs
    rows["sensors"] = [*SENSORS, SENSORS[1] | {"sensor": "px"}]
    rows["coverage_daily"] += [row | {"sensor": "bind", "source": "bind"} for row in logs]
    rows["names_weekly"] = [
        {"week": WEEK, "sensor": sensor, "source": source, "connects": sensor == "px", "bytes_known": True}
        for sensor, source in (("bind", "bind"), ("px", "squid"))
    ]
    assert page(tmp_path / "log", rows).decisions[-1].look == (  # of two, the one that shows use
        "What helps most: reading every day of px (squid); it reported on 3 of 7."
    )


def test_a_recording_of_one_browser_has_no_further_days_to_read(tmp_path: Path) -> None:
    rows = plain() | {"sensors": [SENSORS[1] | {"sensor": "hq", "kind": "recordings"}]}
    rows["coverage_daily"] = [watched(WEEK, "hq", "har", packets=0, flows=0, named_flows=0)]
    assert page(tmp_path, rows).decisions[-1].look.startswith("What helps most: the log of the proxy or fire")


def test_a_sensor_replaced_long_ago_is_not_to_be_started_again(tmp_path: Path) -> None:
    rows = plain()
    old = [watched(day, "bind", "bind") for day in days(LAST - timedelta(days=7))]
    rows["coverage_daily"] = [*old, *(watched(day) for start in (LAST, WEEK) for day in days(start)[:6])]
    rows["sensors"] = [*SENSORS, SENSORS[1] | {"sensor": "bind"}]
    assert "reading every day of hq-span" in page(tmp_path, rows).decisions[-1].look
    rows["coverage_daily"] = old
    lake = make(tmp_path / "blind", rows | {"usage_weekly": []})
    blind = prepare(lake, "weekly", period="2026-W46").page.decisions[-1]
    assert blind.evidence == "We cannot tell what happened this week."
    assert blind.look == "What helps most: start bind again; it was silent all week."


def test_a_page_on_which_all_groups_are_below_k(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"] = [
        usage(WEEK, app, None, None, department=department)
        for app in ("all", "a/alpha")
        for department in ("all", "Sales")
    ]
    found = page(tmp_path, rows)
    assert found.claim == "Fewer than 5 people used 1 AI service"
    assert found.verdict.startswith("; how much was sent is hidden.")
    assert figures(found)["People using AI"][0] == "fewer than 5"
    assert figures(found)["Sent"][0] == "hidden"
    assert [s.name for s in found.leading] == ["alpha"] and found.others == ()  # named once, not twice


@pytest.mark.parametrize(("received", "reads"), [(9 * MB, "unknown"), (None, "hidden or unknown")])
def test_unknown_bytes_read_unknown_never_zero(tmp_path: Path, received: int | None, reads: str) -> None:
    rows = plain()
    rows["usage_weekly"] = [
        usage(WEEK, app, 9, None) | {"bytes_down": received} for app in ("all", "a/alpha")
    ]
    rows["usage_weekly"] += [row | {"department": "unattributed"} for row in rows["usage_weekly"]]
    rows["first_seen"] = [{"app": "a/alpha", "site": "all", "first_week": WEEK, "grade": 4}]
    rows["usage_weekly"].append(usage(LAST, "all", 9, None))
    found = page(tmp_path, rows)
    assert found.sentence.startswith(f"9 people used 1 AI service; how much was sent is {reads}.")
    assert found.decisions[0].evidence.endswith(f"9 people uploaded; how much is {reads}.")
    assert found.decisions[0].impact.endswith("what is not shown.") == (received is None)
    assert found.departments.departments[0].sent == reads
    assert figures(found)["Sent"][0] == reads
    assert found.services[0].sent == reads


def test_one_person_is_one_person(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"] = [usage(WEEK, "all", 1, MB), usage(WEEK, "a/alpha", 1, MB)]
    assert page(tmp_path, rows).claim.startswith("1 person sent")


def test_hidden_attempts_and_shared_hosts_are_no_numbers(tmp_path: Path) -> None:
    rows = plain()
    rows["blocked_weekly"] = [{"week": WEEK, "app": "x/ray", "service": "Xray", "attempts": None}]
    rows["embedded"] = [{"week": WEEK, "app": "n/n", "service": "Notes AI", "connections": None}]
    found = page(tmp_path, rows)
    assert "Attempts refused (Xray): attempted, not counted as use" in found.visibility.confident
    assert found.embedded[0]["connections"] is None


def test_machine_and_service_accounts_are_counted_apart(tmp_path: Path) -> None:
    rows = plain()
    assert not any("Machines" in line for line in page(tmp_path / "none", rows).visibility.confident)
    row = {"week": WEEK, "app": "a/alpha", "service": "Alpha", "grade": 4, "subjects": 1}
    rows["nobodies_weekly"] = [row | {"kind": "machine", "bytes_up": 2 * MB}, row | {"kind": "shared"}]
    told = [line.replace("\u202f", " ") for line in page(tmp_path / "some", rows).visibility.confident]
    expected = (
        "Machines, service accounts, shared addresses and clients from outside sent 2 MB to 1 service: "
        "counted apart from people"
    )
    assert expected in [line.replace("2.0 MB", "2 MB") for line in told]


def test_days_are_shown_with_what_is_known_about_them(tmp_path: Path) -> None:
    rows = plain()
    rows["coverage_daily"] = [r for r in rows["coverage_daily"] if r["day"] != date(2026, 11, 14)]
    rows["usage_daily"].append({"day": date(2026, 11, 15), "app": "a/alpha", "people_hidden": True})
    rhythm = page(tmp_path, rows).rhythm
    assert rhythm is not None
    assert len(rhythm.days) == 14  # two weeks known, not four
    alpha = dict(rhythm.rows)["alpha"]
    assert [cell.state for cell in alpha[7:]] == [*["shade"] * 5, "blind", "hidden"]
    assert [cell.value for cell in alpha[7:12]] == ["39", "40", "41", "42", "43"]


def test_as_of_chooses_the_newest_week_that_had_begun(tmp_path: Path) -> None:
    lake = make(tmp_path, plain())
    assert page_of(lake).week == "2026-W46"
    assert page_of(lake, as_of=datetime(2026, 11, 8, 12, tzinfo=UTC)).week == "2026-W45"
    assert page_of(lake, week="2026-W45").week == "2026-W45"


@pytest.mark.parametrize(
    ("minutes", "others", "week"),
    [
        (60, {}, "2026-W46"),  # a capture that ended after midnight
        (180, {"squid-hq": 20}, "2026-W46"),
        (181, {}, "2026-W47"),
        (60, {"squid-hq": 500}, "2026-W47"),
    ],
)
def test_the_first_hours_of_a_monday_are_no_week_yet(
    tmp_path: Path, minutes: int, others: dict[str, int], week: str
) -> None:
    rows, monday = plain(), WEEK + timedelta(days=7)
    spilt = {"hq-span": minutes} | others
    rows["coverage_daily"] += [watched(monday, name, minutes_seen=n) for name, n in spilt.items()]
    lake = make(tmp_path, rows)
    assert page_of(lake).week == week
    assert page_of(lake, week="2026-W47").week == "2026-W47"
    assert prepare(lake, "daily").period == monday.isoformat()


def test_a_month_of_which_no_week_is_over_is_not_chosen(tmp_path: Path) -> None:
    """On Monday 30 November, the month was December, whose first week had begun."""
    rows, monday = plain(), WEEK + timedelta(days=21)
    rows["coverage_daily"].append(watched(monday, minutes_seen=700))
    lake, noon = make(tmp_path, rows), datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert page_of(lake, now=noon).week == "2026-W49"
    assert prepare(lake, "monthly", now=noon).period == "2026-11"
    assert prepare(lake, "monthly", now=noon + timedelta(days=7)).period == "2026-12"
    assert prepare(lake, "quarterly", now=noon).period == "2026-Q4"


def test_a_day_that_has_only_begun_is_none_without_a_sensor(tmp_path: Path) -> None:
    """On a Monday morning, a month read "7 of 8 days" and had a line for a week not watched."""
    lake, monday = make(tmp_path, plain()), datetime(2026, 11, 16, 6, tzinfo=UTC)
    for day, told, weeks in ((monday, "14 of 14 days", 2), (monday + timedelta(days=1), "14 of 15 days", 3)):
        found = prepare(lake, "monthly", now=day)
        assert told in found.page.sentence and len(found.result.rows("weeks")) == weeks


def test_what_is_sent_on_a_monday_morning_is_about_the_week_before(tmp_path: Path) -> None:
    rows, monday = plain(), WEEK + timedelta(days=7)
    rows["coverage_daily"].append(watched(monday, minutes_seen=380))
    lake, half_past_six = make(tmp_path, rows), datetime(2026, 11, 16, 5, 30, tzinfo=UTC)
    for week, now, over in (
        ("2026-W47", half_past_six, False),
        ("2026-W46", half_past_six, True),
        ("2026-W46", half_past_six + timedelta(days=6), True),
        ("2026-W47", half_past_six + timedelta(days=7), True),
        ("2026-W48", half_past_six + timedelta(days=14), True),  # nothing reported, which is news
        ("2026-W45", datetime(2026, 11, 4, tzinfo=UTC), True),  # the first one is not over
    ):
        assert prepare(lake, now=now, over=over).period == week


def test_an_hour_without_the_day_before_is_all_that_was_watched(tmp_path: Path) -> None:
    rows, tuesday = plain(), WEEK + timedelta(days=8)
    rows["coverage_daily"].append(watched(tuesday, minutes_seen=60))
    assert page_of(make(tmp_path, rows)).week == "2026-W47"


# Policy


def governed() -> dict[str, Any]:
    """The plain week under a policy: alpha tolerated, gamma restricted last week and refused since."""
    rows = dict(plain())
    line = {"kind": "status", "scope": "all", "policy_version": "p1", "owner": "ciso"}
    rows["policy"] = [
        line | {"line": 1, "precedence": 5, "app": app_of(rows, "alpha"), "status": "tolerated"},
        line | {"line": 2, "precedence": 5, "app": app_of(rows, "gamma"), "status": "restricted"},
    ]
    finding = {"severity_rank": 3, "severity": "high", "scope": "all", "first_seen": LAST, "last_seen": WEEK}
    asked = {"question": "Stop it?", "proposal": "Block it.", "due": date(2026, 11, 20)}
    rows["findings"] = [
        finding | asked | {"finding": "f1", "app": app_of(rows, "alpha"), "service": "alpha",
                           "title": "Much sent", "status": "open", "people_at_least": 5,
                           "people_hidden": False, "bytes_up": 50 * MB},
        finding | asked | {"finding": "f2", "app": app_of(rows, "alpha"), "service": "alpha",
                           "title": "At night",
                           "status": "open", "people_hidden": True, "severity_rank": 1},
        finding | {"finding": "f3", "app": app_of(rows, "gamma"), "service": "gamma",
                   "rule": "unsanctioned_use", "title": "Not sanctioned",
                   "status": "restricted", "decision": "restrict", "decided_on": date(2026, 11, 5)},
    ]  # fmt: skip
    rows["blocked_weekly"] = [
        {"week": WEEK, "app": app_of(rows, "gamma"), "service": "gamma", "attempts": 40}
    ]
    rows["exceptions"] = [
        {"exception": "E1", "app": app_of(rows, "alpha"), "scope": "all", "owner": "cto",
         "expires": date(2026, 11, 10), "policy_version": "p1"},
    ]  # fmt: skip
    return rows


def app_of(rows: dict[str, Any], service: str) -> str:
    return next(str(row["app"]) for row in rows["usage_weekly"] if row.get("service") == service)


def test_findings_ask_once_per_service_before_what_the_figures_raise(tmp_path: Path) -> None:
    first = page(tmp_path, governed()).decisions[0]
    assert first.question == "alpha: stop it?"
    assert first.findings == ("f1", "f2") and first.known_as == "findings f1 f2"
    assert "Also: at night." in first.evidence
    assert "; 5 to 9 people sent about 50 MB, first seen in week 45." in text(first.evidence)
    assert "Over the last four weeks, a block would have affected " in first.impact
    assert first.duty == ("high", "no owner named", "by Fri 20 Nov")
    assert [d.question.split(":")[0] for d in page(tmp_path / "again", governed()).decisions].count(
        "alpha"
    ) == 1


def test_a_question_names_all_who_must_decide_and_the_earliest_day(tmp_path: Path) -> None:
    """It had those of the gravest finding only, though its others were another's, and overdue."""
    rows = governed()
    rows["findings"][0]["owner"] = "ciso"
    rows["findings"][1] |= {"owner": "cto", "due": date(2026, 11, 8)}
    assert page(tmp_path, rows).decisions[0].duty == ("high", "owner ciso and cto", "was due Sun 8 Nov")


@pytest.mark.parametrize(
    ("found", "says"),
    [(9, "first seen in week 45."), (16, "first seen in week 45, found on Mon 16 Nov.")],
)
def test_a_question_says_when_it_came_long_after_the_use(tmp_path: Path, found: int, says: str) -> None:
    rows = governed()
    rows["findings"][0]["found_on"] = date(2026, 11, found)
    assert f", {says}" in text(page(tmp_path, rows).decisions[0].evidence)
    german = prepare(make(tmp_path / "de", rows), language="de").page.decisions[0].evidence
    assert ".." not in german and german.endswith(".")


def test_a_past_week_says_nothing_of_what_a_finding_amounted_to_later(tmp_path: Path) -> None:
    """A finding has the figures of the last week it was seen in."""
    rows = governed()
    rows["findings"][0]["last_seen"] = WEEK + timedelta(days=7)
    evidence = text(page(tmp_path, rows).decisions[0].evidence)
    assert evidence.startswith("Much sent; first seen in week 45.")


def test_in_a_running_week_what_is_still_to_come_is_not_over(tmp_path: Path) -> None:
    friday, rows = date(2026, 11, 13), governed()
    for finding in rows["findings"][:2]:
        finding["due"] = friday
    rows["exceptions"][0]["expires"] = friday
    lake = make(tmp_path, rows)
    wednesday, monday = (datetime(2026, 11, day, 12, tzinfo=UTC) for day in (11, 16))
    before, after = page_of(lake, now=wednesday), page_of(lake, now=monday)
    assert before.decisions[0].duty[-1] == "by Fri 13 Nov" and not before.waiting[0].over
    assert after.decisions[0].duty[-1] == "was due Fri 13 Nov" and after.waiting[0].over
    assert [(e.when, e.over) for e in before.expiries] == [("ends Fri 13 Nov 2026", False)]
    assert [(e.when, e.over) for e in after.expiries] == [("ended Fri 13 Nov 2026", True)]
    rows["exceptions"][0]["expires"] = rows["findings"][0]["due"] = WEEK + timedelta(days=6)
    sunday_past = page_of(make(tmp_path / "sunday", rows), now=monday)
    assert sunday_past.waiting[0].over and [e.over for e in sunday_past.expiries] == [True]


def test_a_block_with_remaining_use_is_reported(tmp_path: Path) -> None:
    (outcome,) = page(tmp_path, governed()).outcomes
    assert outcome.decided == "Restricted on Thu 5 Nov"
    assert text(outcome.result).startswith("40 attempts refused. 6 people sent 13 MB this week")
    assert outcome.result.endswith("The restriction does not hold everywhere.")


@pytest.mark.parametrize(
    ("decided", "begins", "ends"),
    [
        (
            {"scope": "department=Legal"},
            "Not sanctioned (department Legal). 40",
            "not those of this group alone.",
        ),
        ({"rule": "limit_bytes", "title": "Much sent"}, "Much sent. 40 attempts", "13 MB this week."),
        ({"decision": "accept"}, "40 attempts refused. 6 people", "13 MB this week."),
    ],
)
def test_a_restriction_of_less_than_all_use_is_not_said_to_fail_where_use_goes_on(
    tmp_path: Path, decided: dict[str, Any], begins: str, ends: str
) -> None:
    rows = governed()
    rows["findings"][2] |= decided
    (outcome,) = page(tmp_path, rows).outcomes
    assert text(outcome.result).startswith(begins) and text(outcome.result).endswith(ends)


@pytest.mark.parametrize(
    ("used", "ends"),
    [(10, "No use seen after that day so far."), (12, "The restriction does not hold everywhere.")],
)
def test_of_a_decision_of_this_week_only_later_days_tell(tmp_path: Path, used: int, ends: str) -> None:
    """On the day itself, what was used may have been used before it was decided."""
    rows = governed()
    gamma, on = app_of(rows, "gamma"), date(2026, 11, 11)
    rows["findings"][2] |= {"decided_on": on}
    rows["usage_daily"] = [
        {"day": date(2026, 11, n), "app": gamma, "service": "gamma", "grade": 4, "people_hidden": True}
        for n in (on.day, used)
    ]
    (outcome,) = page(tmp_path, rows).outcomes
    assert text(outcome.result).endswith(ends)


@pytest.mark.parametrize(
    ("decided", "says"),
    [
        ({"decision": "resolve"}, "resolved on Thu 5 Nov and seen since"),
        ({"decision": "restrict"}, "restricted on Thu 5 Nov and seen since"),
        ({"decision": "accept", "valid_until": date(2026, 11, 8)}, "accepted until Sun 8 Nov"),
    ],
)
def test_what_was_decided_before_is_not_asked_as_if_for_the_first_time(
    tmp_path: Path, decided: dict[str, Any], says: str
) -> None:
    rows = governed()
    rows["findings"][0] |= {"decided_on": date(2026, 11, 5), **decided}
    assert text(page(tmp_path, rows).decisions[0].evidence).split(";")[1].split(".")[0].endswith(says)


def test_an_effective_block_is_reported(tmp_path: Path) -> None:
    rows = governed()
    gamma = app_of(rows, "gamma")
    rows["usage_weekly"] = [
        row | {"week": LAST} if row["app"] == gamma else row for row in rows["usage_weekly"]
    ]
    (outcome,) = page(tmp_path, rows).outcomes
    assert text(outcome.result) == "40 attempts refused. No use seen this week, 13 MB the week before."


def test_use_by_status_and_what_ended(tmp_path: Path) -> None:
    found = page(tmp_path, governed())
    said = {s.label: text(s.sent) for s in found.standings}
    assert said["tolerated"] == "50–55 MB"
    assert said["restricted"] == "13 MB"
    assert [(e.about, e.when, e.over) for e in found.expiries] == [
        (app_of(governed(), "alpha"), "ended Tue 10 Nov 2026", True)
    ]
    assert "policy p1" in found.facts
    mute = governed()
    mute["usage_weekly"] = [row | {"bytes_up": None, "bytes_down": 9} for row in mute["usage_weekly"]]
    assert {s.sent for s in page(tmp_path / "mute", mute).standings} == {"unknown"}


@pytest.mark.parametrize(("selector", "about"), [({}, "any service"), ({"country": "CN"}, "some services")])
def test_an_exception_of_a_country_is_not_one_of_any_service(
    tmp_path: Path, selector: dict[str, Any], about: str
) -> None:
    rows = governed()
    rows["exceptions"] = [rows["exceptions"][0] | {"app": None, "for_people": True} | selector]
    assert [one.about for one in page(tmp_path, rows).expiries] == [about]


def test_which_statuses_nobody_approved_is_said_where_one_might_be_mistaken(tmp_path: Path) -> None:
    """The verdict counts 26 that nobody approved; the table has `restricted` in the same red."""
    found = page(tmp_path / "restricted", governed())
    assert {"restricted", "not reviewed"} <= {s.label for s in found.standings}
    said = "Under review, unsanctioned and not reviewed: approved by nobody. Restricted: approved for some."
    assert found.approved == said
    assert said in markdown.write(found)
    rows = governed()
    rows["policy"] = [row | {"status": "unsanctioned"} for row in rows["policy"]]
    rows["exceptions"] = []
    assert page(tmp_path / "none", rows).approved == ""


def test_what_an_exception_allows_is_not_called_approved_by_nobody(tmp_path: Path) -> None:
    rows = governed()
    rows["policy"] = [row | {"status": "unsanctioned"} for row in rows["policy"][:1]]
    rows["exceptions"][0]["expires"] = date(2026, 11, 8)  # before the week
    claim = text(page(tmp_path / "over", rows).claim)
    assert claim.endswith(", at least 75 MB of it to 4 that nobody approved")
    rows["exceptions"][0]["expires"] = date(2026, 12, 31)
    found = page(tmp_path / "holds", rows)
    assert text(found.claim).endswith(", at least 25 MB of it to 3 that nobody approved")
    assert "but for what a narrower line or an exception allows" in found.approved


def test_without_a_policy_nothing_is_said_of_status(tmp_path: Path) -> None:
    found = page(tmp_path, plain())
    assert found.standings == ()
    assert found.sanctioned == found.approved == ""
    assert {s.status for s in found.services} == {""}
    assert "no policy" in found.facts


def test_programs_models_and_servers_by_hand(tmp_path: Path) -> None:
    rows = plain()
    rows["usage_weekly"] += [
        usage(WEEK, "v/api", 7, 2 * MB, category="api", connections=280),
        usage(WEEK, "h/hub", None, None, category="model-hub"),
        usage(WEEK, "h/store", 5, 1 * MB, category="model-hub", bytes_down=9_000 * MB),
    ]
    server = {
        "week": WEEK,
        "kind": "server",
        "name": "b/ollama",
        "service": "Ollama",
        "assets": 3,
        "exposed": 1,
    }
    rows["ai_assets_weekly"] = [server | {"unauthenticated": 2, "people_at_least": 10}]
    said = {
        kind.label: [(i.service, text(i.text)) for i in kind.items] for kind in page(tmp_path, rows).machines
    }
    assert said == {
        "Programs, agents": [("api", "7 people, 280 connections")],
        "Models fetched": [("store", "5 people, 9.0 GB received"), ("hub", "a group not shown")],
        "AI servers inside": [
            ("Ollama", "new: 3 servers, 1 reached from outside, 2 without any credential, 10 clients or more")
        ],
    }


def test_a_lake_made_before_the_view_of_assets_has_a_report(tmp_path: Path) -> None:
    lake = make(tmp_path, plain())
    with duckdb.connect(str(lake / "open.duckdb")) as connection:
        connection.execute("DROP TABLE ai_assets_weekly")
    assert prepare(lake).result.rows("assets") == ()


def test_the_population_is_printed_if_every_site_declares_it(tmp_path: Path) -> None:
    rows = plain()
    rows["sensors"] = [sensor | {"population": 1100} for sensor in SENSORS]
    assert text(page(tmp_path / "all", rows).numbers[0].note) == ("of 1 100 people")
    rows["sensors"] = [*rows["sensors"], {"sensor": "lab", "site": "lab", "kind": "packets"}]
    assert text(page(tmp_path / "idle", rows).numbers[0].note) == ("of 1 100 people")  # it saw nothing
    last = rows["coverage_daily"][-1]
    rows["coverage_daily"] = [*rows["coverage_daily"], last | {"sensor": "lab", "site": "lab"}]
    assert "1 100" not in text(page(tmp_path / "lab", rows).numbers[0].note)
    rows["sensors"] = [
        sensor | {"population": 3} for sensor in SENSORS
    ]  # fewer than were seen: a wrong setting
    assert text(page(tmp_path / "few", rows).numbers[0].note) == "92 % of connections tied to a person"


def test_a_clock_that_runs_ahead_does_not_choose_the_week() -> None:
    facts = Facts("Europe/Berlin", 5, "pseudonymous", None)
    ahead, monday, today = date(2106, 2, 1), date(2026, 11, 9), date(2026, 11, 18)
    connection = duckdb.connect()
    connection.execute("CREATE TABLE coverage_daily (day DATE, minutes_seen BIGINT)")
    assert _newest(connection, "week", [monday, ahead], today, facts).first == monday
    assert _newest(connection, "week", [ahead], today, facts).first == ahead
