"""A policy file: what it says, and every mistake with its line and a remedy."""
# ruff: noqa: E501 - a text and what is told about it read best on one line

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analytics.policy import rules
from analytics.policy.cases import differences, read_cases, run, unknown_in
from analytics.policy.checks import Known, check
from analytics.policy.read import Policy, PolicyMistakes, read
from analytics.policy.rows import compiled

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 11, 26)
SERVICES: list[dict[str, Any]] = [
    {
        "app": "acme/chat",
        "service": "Acme Assistant",
        "vendor": "Acme",
        "category": "chat",
        "country": "US",
        "risk_low": 80,
    },
    {"app": "acme/api", "vendor": "Acme", "category": "api", "country": "US", "risk_low": 20},
    {"app": "bolt/code", "vendor": "Bolt", "category": "coding", "country": "DE", "risk_low": None},
]
KNOWN = Known(SERVICES, {"web", "api"}, {"department": {"Legal", "Sales"}})


def policy(text: str) -> Policy:
    return read(f"version: 1\n{text}", "policy.yml", "v")


def mistakes(text: str) -> list[str]:
    with pytest.raises(PolicyMistakes) as raised:
        read(text, "policy.yml", "v")
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("status: []", "policy.yml:1: no version; begin with `version: 1`"),
        ("version: 2", "policy.yml:1: unknown version; this release reads `version: 1`"),
        ("version: 1\nstatsu: []", "policy.yml:2: unknown key 'statsu'; did you mean status?"),
        ("version: 1\nstatus:\n  - {app: a, status: allowed, x: 1", "policy.yml:3: not YAML"),
        ("version: 1\nstatus:\n  - {app: a, status: unsanctoned}", "policy.yml:3: unknown status 'unsanctoned'; did you mean unsanctioned?"),
        ("version: 1\nstatus:\n  - {service: a, status: tolerated}", "policy.yml:3: unknown key 'service'; did you mean app?"),
        ("version: 1\nstatus:\n  - {app: a, status: tolerated, departmnet: x}", "policy.yml:3: unknown key 'departmnet'; did you mean department?"),
        ("version: 1\nstatus:\n  - {status: tolerated}", "policy.yml:3: says nothing about which service"),
        ("version: 1\nstatus:\n  - app: a\n    app: b\n    status: tolerated", "policy.yml:4: app stands twice; keep one; the other is on line 3"),
        ("version: 1\nlimits:\n  - {app: a, bytes_up_per_day: 200kb}", "policy.yml:3: '200kb' is no size; write it like 200 kB"),
        ("version: 1\nlimits:\n  - {app: a, bytes_up_per_day: 9300000000 GB}", "policy.yml:3: '9300000000 GB' is no size"),
        ("version: 1\nlimits:\n  - {app: a}", "policy.yml:3: a limit without a limit"),
        ("version: 1\nlimits:\n  - {app: a, department: ~, programs: false}", "policy.yml:3: department must be text"),
        ("version: 1\nstatus:\n  - {app: *, status: tolerated}", "policy.yml:3: not YAML: expected alphabetic or numeric character, but found ','; put text that begins with *"),
        ("version: 1\nlimits:\n  - {app: a, hours: 7-20}", "policy.yml:3: hours: '7-20' is no span"),
        ("version: 1\nlimits:\n  - {app: a, programs: true}", "policy.yml:3: programs can only be ruled out"),
        ("version: 1\nexceptions:\n  - {id: E, app: a, owner: o, reason: r, expires: soon}", "policy.yml:3: expires: 'soon' is no day; write `expires: 2027-03-31`"),
        ("version: 1\nexceptions:\n  - {id: E, app: a, owner: o, expires: 2027-01-01}", "policy.yml:3: an entry of exceptions needs reason"),
        ("version: 1\nresidency:\n  - {countries: [Germany]}", "policy.yml:3: 'Germany' is no country"),
        ("- a", "policy.yml:1: the policy must be keys and values"),
        ("version: 1\nstatus: {app: a}", "policy.yml:2: status must be a list"),
        ("version: 1\nowner: a\nstatus:\n\t- {app: a}", "policy.yml:4: not YAML: found character '\\t' that cannot start any token; indent with spaces"),
        ("version: 1\nowner: \"a\nstatus: []", "policy.yml:2: not YAML: found unexpected end of stream; close the quotation mark"),
        ("version: 1\nstatus:\n  - {app: a, status: tolerated\n  - {app: b}", "policy.yml:3: not YAML: expected ',' or '}', but got '{'; put commas between its keys and `}` at its end"),
        ("version: " + "[" * 9999, "policy.yml:1: nested too deeply"),
        ("version: 1\nowner: @cto", "policy.yml:2: not YAML: found character '@' that cannot start any token; put the text in quotes"),
        ("version: 1\nowner: a: b", "policy.yml:2: not YAML: mapping values are not allowed here; check indentation, and put text"),
        ("version: 1\nstatus:\n  - {app:a, status: tolerated}", "policy.yml:3: unknown key 'app:a'; put a space after the colon"),
        ("version: 1\nstatus:\n  - {app: a, status tolerated}", "policy.yml:3: unknown key 'status tolerated'; put a colon behind status"),
        ("version: 1\n? [a]\n: b", "policy.yml:2: a key must be a word"),
        ("version: 1\n\x00", "policy.yml:2: not YAML: unacceptable character #x0000: special characters are not allowed; remove"),
        ("version: 1\nlimits:\n  - {app: a, bytes_up_per_day: [5 kB]}", "policy.yml:3: 'a list' is no size; write it like 200 kB"),
        ("version: 1\nexceptions:\n  - {id: E, owner: o, reason: r, expires: 2027-01-01}", "policy.yml:3: excuses everybody from everything; say which service"),
    ],
)  # fmt: skip
def test_a_mistake_has_a_line_and_a_remedy(text: str, told: str) -> None:
    assert any(line.startswith(told) for line in mistakes(text)), mistakes(text)


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "version: 1\nowner: @x",
        "version: 1\nstatus:\n  - DeepSeek",
        "version: 1\nstatus:\n  - {app: a, status: }",
        "version: 1\nlimits:\n  - {app: a, hours: [07:00-20:00]}",
    ],
)
def test_one_mistake_is_reported_once(text: str) -> None:
    assert len(mistakes(text)) == 1


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    told = mistakes(
        "version: 1\nstatus:\n  - {app: a, status: x}\n  - {app: b, statu: tolerated}\nlimits: 3\n"
    )
    assert [line.split(": ")[0] for line in told] == [
        "policy.yml:3",
        "policy.yml:4",
        "policy.yml:4",
        "policy.yml:5",
    ]


def test_a_day_may_stand_in_quotes() -> None:
    (one,) = policy("status:\n  - {app: a, status: tolerated, review: '2027-03-31'}\n").statements
    assert one.values["review"] == date(2027, 3, 31)


def test_precedence_scope_outweighs_selector_and_segment_outweighs_department() -> None:
    lines = policy(
        "status:\n"
        "  - {app: acme/chat, status: tolerated}\n"
        "  - {category: chat, site: hq, status: tolerated}\n"
        "  - {country: US, department: Legal, status: tolerated}\n"
        "  - {vendor: Acme, department: Legal, status: tolerated}\n"
        "  - {country: US, segment: lab, status: tolerated}\n"
    ).statements
    assert [one.line for one in sorted(lines, key=lambda one: -one.precedence)] == [7, 6, 5, 4, 3]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("status:\n  - {app: acme/chta, status: tolerated}", "policy.yml:3: no app 'acme/chta' in the catalog; did you mean acme/chat?"),
        ("status:\n  - {app: bolt/chat, status: tolerated}", "policy.yml:3: no app 'bolt/chat' in the catalog; did you mean bolt/code?"),
        ("status:\n  - {vendor: acme, status: tolerated}", "policy.yml:3: no vendor 'acme' in the catalog; did you mean Acme?"),
        ("status:\n  - {app: acme assistant, status: tolerated}", "policy.yml:3: no app 'acme assistant' in the catalog; did you mean acme/chat?"),
        ("status:\n  - {app: Acme, status: tolerated}", "policy.yml:3: no app 'Acme' in the catalog; it is a vendor: write `vendor: Acme`"),
        ("status:\n  - {app: acme/chat, status: sanctioned}\nnever:\n  - {category: chat, reason: r}", "policy.yml:3: is sanctioned in vain: `never` on line 5 holds whatever else is said; remove one"),
        ("never:\n  - {vendor: Acme, reason: r}\nexceptions:\n  - {id: E, app: acme/chat, owner: o, reason: r, expires: 2027-01-01}", "policy.yml:5: excuses nothing: `never` on line 3 holds"),
        ("status:\n  - {app: bolt/code, department: legal, status: tolerated}", "policy.yml:3: no department 'legal' is known; did you mean Legal?"),
        ("status:\n  - {vendor: Acme, status: tolerated}\n  - {vendor: Acme, status: restricted}", "policy.yml:4: never decides anything: line 3 comes first"),
        ("status:\n  - {app: [acme/chat, acme/api], status: tolerated}\n  - {vendor: Acme, status: restricted}", "policy.yml:4: decides about no service of this catalog: line 3 comes first; keep it"),
        ("status:\n  - {app: [acme/chat, acme/api], status: tolerated}\n  - {app: acme/api, status: restricted}", "policy.yml:4: never decides anything: line 3 comes first"),
        ("status:\n  - {risk_at_least: 1, status: tolerated}\n  - {risk_at_least: 2, status: restricted}", "policy.yml:4: never decides anything: line 3 comes first"),
        ("status:\n  - {country: us, status: restricted}", "policy.yml:3: 'us' is no country; did you mean US?"),
        ("status:\n  - {country: UK, status: restricted}", "policy.yml:3: 'UK' is no country; did you mean GB?"),
        ("status:\n  - {country: KP, status: restricted}", "policy.yml:3: no vendor of the catalog has its head office in KP; keep it"),
        ("residency:\n  - {countries: [DE, IE, XX]}", "policy.yml:3: 'XX' is no country; ISO 3166-1 alpha-2, such as DE"),
        ("status:\n  - {app: [acme/chat, bolt/code], status: tolerated}\n  - {app: [bolt/code, acme/api], status: restricted}", "policy.yml:4: bolt/code is decided on line 3 too, and differently; that line wins"),
        ("exceptions:\n  - app: bolt/code\n    people: ada, ben\n    id: EX\n    owner: o\n    reason: r\n    expires: 2027-01-01", "policy.yml:3: people 'ada, ben' is one name; if these are several, write `people: [ada, ben]`"),
        ("exceptions:\n  - {id: EX, app: bolt/code, owner: o, reason: r, expires: 2026-11-25}", "policy.yml:3: exception EX expired on 2026-11-25; remove it, or renew"),
        ("status:\n  - {app: bolt/code, status: tolerated, review: 2026-11-01}", "policy.yml:3: review was due on 2026-11-01"),
    ],
)  # fmt: skip
def test_mistakes_of_meaning_in_a_valid_policy_file(text: str, told: str) -> None:
    found = [str(problem) for problem in check(policy(text), KNOWN, TODAY)]
    assert len(found) == 1 and found[0].startswith(told), found


def test_what_is_ruled_out_only_in_part_is_no_contradiction() -> None:
    text = (
        "status:\n  - {vendor: Acme, status: sanctioned}\n  - {app: acme/api, status: restricted}\n"
        "never:\n  - {app: acme/chat, reason: r}\n  - {app: acme/api, department: Legal, reason: r}\n"
    )
    assert check(policy(text), KNOWN, TODAY) == []


def test_a_narrower_line_or_another_access_class_is_no_overlap() -> None:
    text = (
        "status:\n  - {vendor: Acme, status: unsanctioned}\n  - {vendor: Acme, department: Legal, status: tolerated}\n"
        "  - {vendor: Acme, access: api, status: restricted}\n  - {category: chat, status: tolerated, site: hq}\n"
    )
    assert check(policy(text), KNOWN, TODAY) == []


def test_names_of_people_become_tokens_and_are_in_no_open_row() -> None:
    text = (
        "exceptions:\n  - {id: EX, app: bolt/code, people: [ada], owner: o, reason: r, expires: 2027-01-01}\n"
    )
    rows = compiled(policy(text), lambda name: [f"e1.{name[::-1]}"])
    assert rows.exception_people.rows() == [("EX", "e1.ada"[:3] + "ada"[::-1])]
    assert "ada" not in rows.exceptions.write_csv() and rows.exceptions["for_people"].to_list() == [True]


def test_differences_of_policy_cases_are_named() -> None:
    stated = policy("status:\n  - {app: acme/chat, department: Legal, status: unsanctioned}\n")
    given = read_cases(
        "- given: {app: acme/chat, department: Legal}\n  expect: {status: tolerated, line: 3, findings: []}\n"
        "- given: {app: acme/chat}\n  expect: {status: unreviewed, findings: [unreviewed_service]}\n",
        "cases.yml",
    )
    first, second = run(stated, given, SERVICES, TODAY)
    assert differences(given[0], first) == [
        "status: expected tolerated, found unsanctioned",
        "findings: expected none, found unsanctioned_use",
    ]
    assert differences(given[1], second) == []


def test_what_must_never_be_used_is_decided_about() -> None:
    """It was also a service that no line of the policy is about."""
    stated = policy("never:\n  - {app: acme/chat, access: api, reason: keys leaked}\n")
    given = read_cases(
        "- given: {app: acme/chat, access: api}\n  expect: {findings: [never_use]}\n"
        "- given: {app: acme/chat}\n  expect: {findings: [unreviewed_service]}\n",
        "cases.yml",
    )
    assert [differences(*pair) for pair in zip(given, run(stated, given, SERVICES, TODAY), strict=True)] == [
        [],
        [],
    ]


def test_a_case_about_what_the_catalog_does_not_have_is_a_mistake() -> None:
    """It was unreviewed, so what it expected of the service held or failed for another reason."""
    given = read_cases(
        "- given: {app: acme/chta}\n  expect: {status: unreviewed}\n"
        "- given: {app: acme/chat, access: browser}\n  expect: {status: unreviewed}\n"
        "- given: {app: acme/chat, department: legal}\n  expect: {status: unreviewed}\n",
        "cases.yml",
    )
    assert [str(one) for one in unknown_in(given, "cases.yml", KNOWN)] == [
        "cases.yml:1: no app 'acme/chta' in the catalog; did you mean acme/chat?",
        "cases.yml:3: no access 'browser' in the catalog; check the spelling",
        "cases.yml:5: no department 'legal' is known; did you mean Legal?",
    ]


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ("hour: 25", "hour: expected an hour from 0 to 23, not 25"),
        ("hour: noon", "hour: expected an hour from 0 to 23, not 'noon'"),
        ("day: tomorrow", "day: expected a day such as 2026-11-20, not 'tomorrow'"),
        ("day: 2026-11-20 10:00:00", "day: expected a day such as 2026-11-20, not datetime"),
        ("day: 2027-02-30", "day is out of range for month"),
        ("day: 9999-12-31", "day: expected a day such as 2026-11-20, not datetime"),
        ("sessions: many", "sessions: expected a number, not 'many'"),
        ("sessions: 99999999999999999999", "sessions: expected a number, not 99999999999999999999"),
        ("bytes_up: 9300000000 GB", "bytes_up: expected a size such as 200 kB, not '9300000000 GB'"),
        ("bytes_up: -5 kB", "bytes_up: expected a size such as 200 kB, not '-5 kB'"),
        ("program: sometimes", "program: expected true or false, not 'sometimes'"),
        ("department: [Legal, Sales]", "department: expected a text, not ['Legal', 'Sales']"),
    ],
)
def test_a_case_that_cannot_be_used_is_a_mistake_with_its_line(given: str, mistake: str) -> None:
    text = f"- given: {{app: acme/chat, {given}}}\n  expect: {{status: tolerated}}\n"
    with pytest.raises(PolicyMistakes, match=re.escape(f"cases.yml:1: {mistake}")):
        read_cases(text, "cases.yml")


@pytest.mark.parametrize(
    ("expect", "mistake"),
    [
        ("status: allowed", "status: expected a status such as tolerated, not 'allowed'"),
        ('line: "3"', "line: expected the number of a line, not '3'"),
        (
            "findings: limit_bytes",
            "findings: expected a list of rules such as [limit_bytes], not 'limit_bytes'",
        ),
        (
            "findings: [limit_byte]",
            "findings: expected a list of rules such as [limit_bytes], not ['limit_byte']",
        ),
        ("findings: null", "findings: expected a list of rules such as [limit_bytes], not None"),
    ],
)
def test_an_expectation_that_can_never_hold_is_a_mistake(expect: str, mistake: str) -> None:
    text = f"- given: {{app: acme/chat}}\n  expect: {{{expect}}}\n"
    with pytest.raises(PolicyMistakes, match=re.escape(f"cases.yml:1: {mistake}")):
        read_cases(text, "cases.yml")


@pytest.mark.parametrize("name", ["analytics/policy/example", "pcaps/policy"])
def test_the_policies_that_ship_hold_what_their_cases_say(name: str) -> None:
    from sensor.catalog.load import load

    catalog = load()
    known = Known(catalog.services.to_dicts(), set(catalog.indicators["access"].drop_nulls()))
    stated = read((ROOT / f"{name}.yml").read_text("utf-8"), "policy.yml", "v")
    assert [str(one) for one in check(stated, known, TODAY) if one.fatal] == []
    given = read_cases((ROOT / f"{name}.tests.yml").read_text("utf-8"), "cases.yml")
    outcomes = run(stated, given, known.services, TODAY)
    assert [differences(case, out) for case, out in zip(given, outcomes, strict=True)] == [[]] * len(given)


def test_every_rule_is_evidence_for_some_control_of_every_first_framework() -> None:
    mapped: dict[str, set[str]] = {}
    for control in rules.load_controls():
        mapped.setdefault(control.framework, set()).update(control.rules)
        assert control.edition and control.title and date.fromisoformat(control.checked)
        ours = control.framework == "AI security checklist"
        assert control.reference.startswith("https://") != ours
    names = {rule.name for rule in rules.load_rules()}
    assert {rule for found in mapped.values() for rule in found} <= names
    assert mapped["NIST AI RMF"] == names
    assert {
        "NIST AI 600-1",
        "ISO/IEC 42001 Annex A",
        "OWASP Top 10 for LLM Applications",
        "EU AI Act",
    } <= set(mapped)
    assert len([one for one in rules.load_controls() if one.framework == "AI security checklist"]) == 8


def test_every_rule_that_compares_with_history_states_a_budget_and_none_says_compliant() -> None:
    exact = {"new_server", "new_fabric_talker"}  # was there or was not: no threshold that could be wrong
    for rule in rules.load_rules():
        assert (rule.budget is not None) == (rule.history_weeks > 0 and rule.name not in exact), rule.name
        assert rule.due_days > 0 and rule.question.endswith("?")
    for path in [*rules.RULES.iterdir(), *rules.CONTROLS.iterdir()]:
        assert "compliant" not in path.read_text("utf-8")
