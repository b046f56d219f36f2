"""Findings of a small lake, recomputed by hand; what may be shown; what they become over time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics import forget
from analytics.asof import views
from analytics.counting import policy_marts, threads
from analytics.counting.state import read_state, write_state
from analytics.lake import open_views
from analytics.policy.read import read
from analytics.policy.rows import Compiled, compiled
from analytics.policy.simulate import simulate
from analytics.refresh import refresh
from analytics.subject import times
from tests.analytics.handmade import ZONE, HandmadeLake, Row, at, sighting

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SALES = [f"s{n}" for n in range(7)]
LEGAL = [f"l{n}" for n in range(6)]
CATALOG: list[Row] = [
    {"app": "acme/chat", "service": "Acme Chat", "vendor": "Acme", "category": "chat", "country": "US",
     "upload_baseline_bytes": 1000, "catalog_version": "1"},
    {"app": "bolt/code", "service": "Bolt Code", "vendor": "Bolt", "category": "coding", "country": "DE",
     "upload_baseline_bytes": 0, "catalog_version": "1"},
    {"app": "cruz/talk", "service": "Cruz Talk", "vendor": "Cruz", "category": "chat", "country": "CN",
     "upload_baseline_bytes": 0, "catalog_version": "1"},
]  # fmt: skip
POLICY = """version: 1
owner: board
status:
  - {app: acme/chat, status: tolerated, review: 2026-11-20}
  - {app: bolt/code, status: restricted}
  - {app: bolt/code, department: Sales, status: sanctioned}
  - {app: cruz/talk, status: unsanctioned}
limits:
  - {app: acme/chat, bytes_up_per_day: 5 kB, sessions_per_day: 3, hours: "06:00-22:00", programs: false}
residency:
  - {countries: [DE, US]}
never:
  - {app: cruz/talk, access: api, reason: keys leaked}
exceptions:
  - {id: EX-1, app: cruz/talk, people: [l5], owner: cto, reason: trial, expires: 2026-12-31}
  - {id: EX-2, app: bolt/code, department: Legal, owner: cto, reason: pilot, expires: 2026-11-17}
"""


def policy(text: str = POLICY, version: str = "v1") -> Compiled:
    return compiled(read(text, "policy.yml", version), lambda name: [name])


def rows() -> Iterator[Row]:
    """Week of 16 November: one visit each, 10:00 in Berlin, 1000 bytes up unless it says otherwise."""
    for n, person in enumerate([*SALES, *LEGAL]):
        more: Row = {"user_name": person, "client": f"a{person}"}
        # Six of Sales send 8000 bytes in one hour: 7000 above the baseline, more than 5000.
        sent = 8000 + n if person in SALES[:6] else 5500
        yield sighting("2026-11-17 09:00", bytes_up=sent, **more)
        yield sighting("2026-11-18 09:00", app="bolt/code", host="b.test", access="ide", **more)
        if person in (*SALES[:5], *LEGAL):
            yield sighting("2026-11-19 09:00", app="cruz/talk", host="c.test", **more)
    # One person alone: five sessions, by a program, at 23:00.
    for minute in range(5):
        seen = f"2026-11-20 22:0{minute}"
        yield sighting(seen, user_name="l0", client="al0", client_class="program", bytes_up=10)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> HandmadeLake:
    made = HandmadeLake.furnished(tmp_path_factory.mktemp("policy"), *rows())
    made.files["catalog"] = {}
    made.cold("catalog", CATALOG)
    start = at("2026-09-28 00:00")
    made.cold("directory", [
        {"user_name": person, "department": "Sales" if person in SALES else "Legal", "valid_from": start}
        for person in [*SALES, *LEGAL]
    ])  # fmt: skip
    place: Row = {"sensor": "span", "site": "hq", "source": "pcap", "input": "i", "packets": 3}
    made.cold("coverage", [place | {"minute": at(f"2026-11-17 09:{m:02}")} for m in range(40)])
    refresh(made.path, zone=ZONE, policy=policy(), now=NOW)
    return made


def ask(lake: HandmadeLake, sql: str, *, restricted: bool = False) -> list[tuple[Any, ...]]:
    with open_views(lake.path, restricted=restricted) as views:
        return views.execute(sql).fetchall()


def test_figures_are_those_of_the_rows(lake: HandmadeLake) -> None:
    found = ask(
        lake,
        "SELECT rule, app, scope, status, people_at_least, people_hidden, bytes_up, sessions, line "
        "FROM findings ORDER BY rule, app, scope",
    )
    assert found == [
        # After its last day EX-2 excuses nobody: all six of Legal, shown because Sales are seven.
        ("exception_expired", "bolt/code", "exception=EX-2", "open", 5, False, 6000, 6, 5),
        # 6 people, 8000 … 8005 bytes: 48015; the others are seven.
        ("limit_bytes", "acme/chat", "all", "open", 5, False, 48000, 6, 9),
        # l0 alone: named, without figures.
        ("limit_hours", "acme/chat", "all", "open", None, True, None, None, 9),
        ("limit_programs", "acme/chat", "all", "open", None, True, None, None, 9),
        ("limit_sessions", "acme/chat", "all", "open", None, True, None, None, 9),
        # Ten without l5, whom EX-1 excuses: but l5 alone would be the difference to the eleven.
        ("residency", "cruz/talk", "all", "open", None, True, None, None, 11),
        ("restricted_use", "bolt/code", "all", "open", 5, False, 6000, 6, 5),
        ("review_overdue", "acme/chat", "policy: all", "open", None, False, None, None, 4),
        ("unsanctioned_use", "cruz/talk", "all", "open", None, True, None, None, 7),
    ]  # fmt: skip


def test_evidence_names_subjects_and_says_why_with_numbers(lake: HandmadeLake) -> None:
    found = ask(
        lake,
        "SELECT subject, day, bytes_up, measure, expected, allowed, because FROM finding_evidence "
        "WHERE rule = 'limit_bytes' ORDER BY subject",
        restricted=True,
    )
    assert [row[0] for row in found] == SALES[:6]
    assert found[0][1:6] == (date(2026, 11, 17), 8000, 7000.0, 1000.0, 5000.0)
    assert found[0][6] == "8000 bytes sent, 1000 of them the baseline; allowed 5000"
    excused = "SELECT DISTINCT subject FROM finding_evidence WHERE rule = 'unsanctioned_use' ORDER BY subject"
    assert [row[0] for row in ask(lake, excused, restricted=True)] == sorted([*SALES[:5], *LEGAL[:5]])


def test_the_open_zone_names_nobody_and_lacks_what_a_small_group_did(lake: HandmadeLake) -> None:
    with pytest.raises(duckdb.CatalogException):
        ask(lake, "FROM finding_evidence")
    text = str(ask(lake, "FROM findings") + ask(lake, "FROM exceptions") + ask(lake, "FROM policy"))
    assert not [person for person in [*SALES, *LEGAL] if f"'{person}'" in text]


def test_a_narrow_scope_exists_in_the_open_zone_only_for_k_people(lake: HandmadeLake) -> None:
    text = "version: 1\nstatus:\n  - {category: [chat, coding], status: tolerated}\n"
    legal = text + "  - {app: cruz/talk, department: Legal, status: unsanctioned}\n"
    sales = text + "  - {app: acme/chat, department: Sales, access: api, status: unsanctioned}\n"
    shown = simulate(lake.path, policy(legal), k=5, now=NOW).after
    assert [(hit.scope, hit.people_at_least) for hit in shown] == [("department=Legal", 5)]
    assert simulate(lake.path, policy(legal), k=7, now=NOW).after == ()
    assert simulate(lake.path, policy(sales), k=5, now=NOW).after == ()


def test_a_simulation_says_what_findings_show_once_the_policy_is_in_force(
    tmp_path: Path, lake: HandmadeLake
) -> None:
    changed = policy(POLICY.replace("bytes_up_per_day: 5 kB", "bytes_up_per_day: 4 kB").replace(
        "restricted}", "unsanctioned}"), "v2")  # fmt: skip
    predicted = simulate(lake.path, changed, k=5, now=NOW)
    refresh(lake.path, zone=ZONE, policy=changed, now=NOW)
    found = ask(
        lake,
        "SELECT finding, rule, app, scope, people_at_least, people_hidden, bytes_up, bytes_up_max, sessions "
        "FROM findings ORDER BY finding",
    )
    after = [
        (
            h.finding,
            h.rule,
            h.app,
            h.scope,
            h.people_at_least,
            h.people_hidden,
            h.bytes_up,
            h.bytes_up_max,
            h.sessions,
        )
        for h in sorted(predicted.after, key=lambda hit: hit.finding)
    ]
    assert found == after and predicted.after != predicted.before
    ids = {hit.finding for hit in predicted.before if hit.rule == "limit_bytes"}
    assert ids == {hit.finding for hit in predicted.after if hit.rule == "limit_bytes"}  # not of thresholds
    refresh(lake.path, zone=ZONE, policy=policy(), now=NOW)


def test_a_simulation_of_this_week_is_the_next_week_of_the_same_use(tmp_path: Path) -> None:
    made = HandmadeLake.furnished(tmp_path, *rows())
    made.files["catalog"] = {}
    made.cold("catalog", CATALOG)
    refresh(made.path, zone=ZONE, policy=policy(), now=NOW)
    changed = policy(POLICY.replace("restricted}", "unsanctioned}").replace("5 kB", "4 kB"), "v2")
    predicted = simulate(made.path, changed, k=5, now=NOW)
    later = timedelta(days=7)
    made.cold("sightings", [
        row | {"event_id": row["event_id"] + 10**6, "seen_at": row["seen_at"] + later,
               "started_at": row["started_at"] + later}
        for row in rows()
    ])  # fmt: skip
    refresh(made.path, zone=ZONE, policy=changed, now=NOW)
    found = ask(
        made,
        "SELECT finding, people_at_least, people_hidden, bytes_up, sessions FROM stored.findings_weekly "
        "WHERE week = DATE '2026-11-23' ORDER BY finding",
    )
    after = [(h.finding, h.people_at_least, h.people_hidden, h.bytes_up, h.sessions) for h in predicted.after]
    assert found == after and len(after) > 4 and predicted.after != predicted.before


def test_weeks_judged_together_find_what_each_finds_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six weeks: use grows from week to week, and Legal begins with what Sales has used for weeks."""
    told: list[Row] = []
    for nth in range(6):
        ago, other = timedelta(days=7 * nth), 10**6 * nth
        told += [
            row | {"event_id": row["event_id"] + other, "flow": row["flow"] + other,
                   "seen_at": row["seen_at"] - ago, "started_at": row["started_at"] - ago,
                   "bytes_up": row["bytes_up"] * (9 - nth)}
            for row in rows()
            if nth < 2 or row["user_name"] in SALES or row["app"] == "acme/chat"
        ]  # fmt: skip
    begun = at("2026-01-01 00:00")
    people = [{"user_name": name, "department": "Sales", "valid_from": begun} for name in SALES]
    people += [{"user_name": name, "department": "Legal", "valid_from": begun} for name in LEGAL]
    monkeypatch.setattr(threads, "processors", lambda connection: 1)
    found, summed = [], []
    sum_up = policy_marts.sum_up

    def noting(connection: duckdb.DuckDBPyConnection, first: date, last: date, *, zone: str) -> None:
        summed.append((last - first).days // 7 + 1)
        sum_up(connection, first, last, zone=zone)

    monkeypatch.setattr(policy_marts, "sum_up", noting)
    made = HandmadeLake.furnished(tmp_path, *told)
    made.files["catalog"] = {}
    made.cold("catalog", CATALOG)
    made.cold("directory", people)
    for together in (4, 1):
        monkeypatch.setattr(policy_marts, "WEEKS_A_RUN", together)
        state = read_state(made.path)
        state.inputs = {key: said for key, said in state.inputs.items() if not key.startswith("findings/")}
        write_state(made.path, state)
        refresh(made.path, zone=ZONE, policy=policy(), now=NOW)
        found.append(ask(made, "FROM stored.finding_evidence ORDER BY ALL", restricted=True))
    assert summed == [4, 2, *[1] * 6]
    assert found[0] == found[1]
    assert {"first_use_in_department", "limit_bytes"} <= {row[2] for row in found[0]}


def test_whom_an_expired_exception_excused_is_found_like_everybody_else(tmp_path: Path) -> None:
    """An exception of one person is too narrow to be shown; nobody would learn of the use otherwise."""
    cruz: Row = {"app": "cruz/talk", "host": "c.test"}
    made = HandmadeLake.furnished(tmp_path, sighting("2026-11-18 09:00", user_name="l5", **cruz))
    expired = policy(
        POLICY.replace("reason: trial, expires: 2026-12-31", "reason: trial, expires: 2026-11-17")
    )
    refresh(made.path, zone=ZONE, policy=expired, now=NOW)
    found = ask(made, "SELECT rule, people_hidden FROM findings WHERE app = 'cruz/talk'")
    assert ("unsanctioned_use", True) in found


def test_a_server_that_only_outsiders_reached_is_judged(tmp_path: Path) -> None:
    """The week has nobody's use: a sensor in front of a server may see nothing else."""
    outsider: Row = {
        "kind": "http", "app": "behaviours/ollama", "access": "api", "client": "out", "user_name": None,
        "client_scope": "external", "server": "srv", "server_port": 11434, "server_scope": "internal",
        "path": "/api/chat", "status": 200, "credential": "none", "grade": 5,
    }  # fmt: skip
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 09:00", **outsider))
    refresh(lake.path, zone=ZONE, now=NOW)
    found = ask(lake, "SELECT rule, status FROM findings ORDER BY rule")
    assert found == [("exposed_server", "open"), ("unauthenticated_server", "open")]


def test_findings_as_of_a_day_are_those_of_the_rows_there_were(tmp_path: Path) -> None:
    first, second = at("2026-11-11 10:00"), at("2026-11-18 10:00")
    bolt: Row = {"app": "bolt/code", "host": "b.test"}
    cruz: Row = {"app": "cruz/talk", "host": "c.test"}
    lake = HandmadeLake.furnished(
        tmp_path,
        sighting("2026-11-11 09:00", landed_at=first, **bolt),
        sighting("2026-11-18 09:00", landed_at=second, **cruz),
    )
    for minute, landed in (("09:00", first), ("09:01", second)):
        seen: Row = {"minute": at(f"2026-11-11 {minute}"), "sensor": "span", "packets": 3}
        lake.cold("coverage", [seen | {"landed_at": landed}])
    refresh(lake.path, zone=ZONE, policy=policy(), now=NOW)
    asked = "SELECT MAX(last_seen), BOOL_OR(app = 'cruz/talk') FROM findings"
    assert ask(lake, asked) == [(date(2026, 11, 16), True)]
    with views(lake.path, as_of=at("2026-11-15 10:00"), restricted=True) as then:
        assert then.execute(asked).fetchall() == [(date(2026, 11, 9), False)]
        evaluated = then.execute("SELECT DISTINCT week, watched_minutes FROM evaluations").fetchall()
        assert evaluated == [(date(2026, 11, 9), 1)]
        assert then.execute("SELECT DISTINCT week FROM finding_evidence").fetchall() == [(date(2026, 11, 9),)]
    assert ask(lake, asked) == [(date(2026, 11, 16), True)]


def test_nothing_is_judged_twice_and_no_policy_leaves_the_published_one(lake: HandmadeLake) -> None:
    before = sorted((lake.path / "open/marts/findings_weekly").rglob("*.parquet"))
    refresh(lake.path, zone=ZONE, now=NOW)
    assert sorted((lake.path / "open/marts/findings_weekly").rglob("*.parquet")) == before
    assert ask(lake, "SELECT COUNT(DISTINCT policy_version), MAX(policy_version) FROM evaluations") == [
        (1, "v1")
    ]


def test_nothing_is_due_before_it_could_be_known(tmp_path: Path) -> None:
    """A policy comes three weeks after the use; the next one mentions another service, too."""
    bolt: Row = {"app": "bolt/code", "host": "b.test"}
    cruz: Row = {"app": "cruz/talk", "host": "c.test"}
    made = HandmadeLake.furnished(
        tmp_path, sighting("2026-11-04 09:00", **bolt), sighting("2026-11-04 10:00", **cruz)
    )
    first = (
        "version: 1\nstatus:\n"
        "  - {app: bolt/code, status: tolerated}\n  - {app: cruz/talk, status: unsanctioned}\n"
    )
    asked = "SELECT app, found_on, due FROM findings WHERE rule LIKE '%use' ORDER BY app"
    refresh(made.path, zone=ZONE, now=at("2026-11-08 12:00"))
    refresh(made.path, zone=ZONE, policy=policy(first), now=at("2026-11-25 12:00"))
    cruz_due = ("cruz/talk", date(2026, 11, 25), date(2026, 12, 2))
    assert ask(made, asked) == [cruz_due]
    second = policy(first.replace("tolerated", "unsanctioned"), "v2")
    refresh(made.path, zone=ZONE, policy=second, now=at("2026-11-27 12:00"))
    assert ask(made, asked) == [("bolt/code", date(2026, 11, 27), date(2026, 12, 4)), cruz_due]
    # Late rows of an earlier week, and the same use in another, tell nothing new.
    made.cold("sightings", [sighting(f"{day} 09:00", **cruz) for day in ("2026-10-29", "2026-11-26")])
    refresh(made.path, zone=ZONE, now=at("2026-11-29 12:00"))
    assert ask(made, asked)[1] == cruz_due


def decide(lake: HandmadeLake, finding: str, decision: str, day: str, until: str | None = None) -> None:
    end = at(f"{until} 22:59") if until else None
    row: Row = {"decision_id": f"{finding}{decision}{day}", "finding": finding, "decision": decision}
    lake.cold(
        "decisions", [row | {"decided_at": at(f"{day} 10:00"), "valid_until": end, "decided_by": "ada"}]
    )


def test_decisions_hold_until_they_end_and_absence_resolves_nothing(tmp_path: Path) -> None:
    people = [{"user_name": f"u{n}", "client": f"a{n}"} for n in range(6)]
    talk = {"app": "cruz/talk", "host": "c.test"}
    made = HandmadeLake.furnished(tmp_path, *(sighting("2026-11-03 09:00", **talk, **p) for p in people))
    place: Row = {"sensor": "span", "site": "hq", "source": "pcap", "input": "i", "packets": 3}
    made.cold("coverage", [place | {"minute": at(f"2026-11-03 09:{m:02}")} for m in range(40)])
    stated = policy(
        "version: 1\nstatus: [{app: cruz/talk, status: unsanctioned}, {app: acme/chat, status: tolerated}]\n"
    )

    def status(now: str) -> tuple[Any, ...]:
        refresh(made.path, zone=ZONE, policy=stated, now=at(now))
        return ask(made, "SELECT status, last_seen, not_evaluable_why FROM findings")[0]

    (finding,) = (row[0] for row in [*_ids(made, stated)])
    assert status("2026-11-08 12:00")[0] == "open"
    decide(made, finding, "accept", "2026-11-04", "2026-11-11")
    assert status("2026-11-08 12:00")[0] == "accepted"
    # The next week somebody else is seen, as long: the finding is not, and is not resolved by that.
    made.cold("sightings", [sighting("2026-11-12 09:00", **p) for p in people])
    made.cold("coverage", [place | {"minute": at(f"2026-11-12 09:{m:02}")} for m in range(40)])
    assert status("2026-11-11 12:00")[:2] == ("accepted", date(2026, 11, 2))
    assert status("2026-11-12 12:00")[0] == "open"
    decide(made, finding, "resolve", "2026-11-13")
    assert status("2026-11-15 12:00")[0] == "resolved"
    # It comes back, then a week is hardly watched.
    made.cold("sightings", [sighting("2026-11-18 09:00", **talk, **p) for p in people])
    made.cold("coverage", [place | {"minute": at(f"2026-11-18 09:{m:02}")} for m in range(40)])
    assert status("2026-11-22 12:00") == ("open", date(2026, 11, 16), None)
    made.cold("sightings", [sighting("2026-11-24 09:00", **p) for p in people])
    made.cold("coverage", [place | {"minute": at("2026-11-24 09:00")}])
    assert status("2026-11-29 12:00")[::2] == ("not evaluable", "watched 1 minutes, 40 when it was seen")


def test_rules_about_servers_need_servers_in_sight(tmp_path: Path) -> None:
    made = HandmadeLake.furnished(tmp_path, sighting("2026-11-03 09:00", app="cruz/talk"))
    minute: Row = {"minute": at("2026-11-03 09:00"), "sensor": "span", "site": "hq", "source": "pcap"}
    made.cold(
        "coverage", [minute | {"input": "i", "packets": 3, "internal_connections": 0, "requests_read": 1}]
    )
    refresh(made.path, zone=ZONE, now=at("2026-11-08 12:00"))
    asked = (
        "SELECT rule, evaluable, why_not FROM evaluations WHERE rule IN ('exposed_server', 'keys_in_clear')"
    )
    assert ask(made, f"{asked} ORDER BY rule") == [
        ("exposed_server", False, "no source sees servers inside"), ("keys_in_clear", True, None),
    ]  # fmt: skip


def _ids(made: HandmadeLake, stated: Compiled) -> list[tuple[Any, ...]]:
    refresh(made.path, zone=ZONE, policy=stated, now=at("2026-11-08 12:00"))
    return ask(made, "SELECT finding FROM findings")


def test_a_late_row_is_judged_and_an_erased_person_is_gone(tmp_path: Path) -> None:
    people = [{"user_name": f"u{n}", "client": f"a{n}", "app": "cruz/talk"} for n in range(6)]
    made = HandmadeLake.furnished(tmp_path, *(sighting("2026-11-17 09:00", **p) for p in people[:4]))
    stated = policy("version: 1\nstatus: [{app: cruz/talk, status: unsanctioned}]\n")
    refresh(made.path, zone=ZONE, policy=stated, now=NOW)
    assert ask(made, "SELECT people_at_least, people_hidden FROM findings") == [(None, True)]
    made.cold("sightings", [sighting("2026-11-17 09:00", **p) for p in people[4:]])
    refresh(made.path, zone=ZONE, now=NOW)
    assert ask(made, "SELECT people_at_least, people_hidden, bytes_up, sessions FROM findings") == [
        (5, False, 6000, 6)
    ]
    gone = forget.erase(made.path, ["u1"], times(made.path, ["u1"]), before=date(2026, 11, 23))
    assert any("finding_evidence" in one.path for one in gone)
    refresh(made.path, zone=ZONE, now=NOW)
    left = ask(made, "SELECT COUNT(*) FROM finding_evidence WHERE subject = 'u1'", restricted=True)
    assert left == [(0,)]


def test_after_an_erasure_the_running_week_is_counted_and_judged_on(tmp_path: Path) -> None:
    """A Sunday is part of the next week in other time zones; and six weeks after it compare with it."""
    people = [{"user_name": f"u{n}", "client": f"a{n}"} for n in range(12)]
    days = ("2026-11-15 12:00", "2026-11-16 09:00")
    made = HandmadeLake.furnished(tmp_path, *(sighting(day, **p) for day in days for p in people))
    stated = policy("version: 1\nstatus: [{app: cruz/talk, status: unsanctioned}]\n")
    refresh(made.path, zone=ZONE, policy=stated, now=at("2026-11-16 12:00"))
    forget.erase(made.path, ["u1"], times(made.path, ["u1"]), before=date(2026, 11, 16))
    made.cold("sightings", [sighting("2026-11-17 09:00", app="cruz/talk", **p) for p in people[2:]])
    refresh(made.path, zone=ZONE, now=at("2026-11-17 12:00"))
    assert ask(made, "SELECT rule, people_at_least FROM findings WHERE app = 'cruz/talk'") == [
        ("unsanctioned_use", 10)
    ]
