"""Test cases of a policy, in a file beside it, judged by the same SQL that makes findings.

A case gives one piece of use and the expected status, deciding line and findings:

    - given: {app: openai/chatgpt, department: Legal, bytes_up: 300 kB}
      expect: {status: tolerated, findings: [limit_bytes]}

Keys of `given`: app, access, department, site, segment, day, hour, bytes_up, sessions, program, person.
`bytes_up` excludes the baseline of the service (what its pages send by themselves): 300 kB are 300 kB of
uploads. Findings that compare with earlier weeks cannot be tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import yaml

from analytics.counting.frames import store_frame
from analytics.lake import connect
from analytics.policy.checks import Known, is_about, unknown
from analytics.policy.judge import judge, prepare
from analytics.policy.read import SCOPES, STATUSES, Policy, PolicyMistakes, Problem, Statement, size_of
from analytics.policy.rows import compiled
from analytics.policy.rules import load_rules
from analytics.policy.weeks import lay_out_frames, lay_out_no_servers

#: Key → what its value must be, and whether it is.
_GIVEN: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        ("app", "access", "department", "site", "segment", "person"),
        ("a text", lambda value: isinstance(value, str)),
    ),
    "day": (
        "a day such as 2026-11-20",
        lambda value: type(value) is date and date(1970, 1, 1) <= value <= date(2999, 12, 31),
    ),
    "hour": ("an hour from 0 to 23", lambda value: type(value) is int and 0 <= value <= 23),
    "bytes_up": ("a size such as 200 kB", lambda value: (size := size_of(value)) is not None and size >= 0),
    "sessions": ("a number", lambda value: type(value) is int and 0 <= value <= 1_000_000),
    "program": ("true or false", lambda value: isinstance(value, bool)),
}
_EXPECT: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "status": ("a status such as tolerated", lambda value: _status(value) in (*STATUSES, "unreviewed")),
    "line": ("the number of a line", lambda value: value is None or type(value) is int),
    "findings": (
        "a list of rules such as [limit_bytes]",
        lambda value: (
            isinstance(value, list) and all(one in [rule.name for rule in load_rules()] for one in value)
        ),
    ),
}
#: Columns that rows of the catalog must have.
_CATALOG = {
    "app": pl.String, "vendor": pl.String, "category": pl.String, "country": pl.String,
    "risk_low": pl.Int64, "upload_baseline_bytes": pl.Int64, "affected": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A piece of use, and the expected outcome."""

    line: int
    given: Mapping[str, Any]
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of the policy for a piece of use."""

    status: str
    line: int | None
    findings: tuple[str, ...]


def read_cases(text: str, place: str) -> list[Case]:
    """The cases in `text`. Raises PolicyMistakes."""
    problems: list[Problem] = []
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = Problem(f"{place}:{line}", "not YAML", "check indentation and quotes")
        raise PolicyMistakes([problem]) from None
    if not isinstance(root, yaml.SequenceNode):
        raise PolicyMistakes([Problem(f"{place}:1", "no list of cases", "begin each with `- given: {…}`")])
    cases = []
    for node in root.value:
        line = node.start_mark.line + 1
        try:
            entry = yaml.SafeLoader("").construct_document(node)
        except (yaml.YAMLError, ValueError) as error:  # such as the day 2027-02-30
            why = str(getattr(error, "problem", error))
            problems.append(Problem(f"{place}:{line}", why, "see docs/policy.md, Cases"))
            continue
        if what := _mistake(entry):
            problems.append(Problem(f"{place}:{line}", what, "see docs/policy.md, Cases"))
        else:
            cases.append(Case(line, entry["given"], entry["expect"]))
    if problems:
        raise PolicyMistakes(problems)
    return cases


def _mistake(entry: Any) -> str | None:
    if not isinstance(entry, dict) or set(entry) != {"given", "expect"}:
        return "a case is `given` and `expect`"
    given, expect = entry["given"], entry["expect"]
    if not isinstance(given, dict) or "app" not in given or not isinstance(expect, dict) or not expect:
        return "`given` needs an app, `expect` needs something"
    if unknown := sorted({str(key) for key in given} - set(_GIVEN)) or sorted(
        {str(key) for key in expect} - set(_EXPECT)
    ):
        return f"unknown key {unknown[0]!r}"
    for stated, known in ((given, _GIVEN), (expect, _EXPECT)):
        for key, value in stated.items():
            wanted, is_one = known[key]
            if not is_one(value):
                return f"{key}: expected {wanted}, not {value!r}"
    return None


def _status(text: Any) -> str:
    return str(text).replace(" ", "_")


def unknown_in(cases: Sequence[Case], place: str, known: Known) -> list[Problem]:
    """Problems of services, access classes and places that nobody knows: no line could be about them."""
    statements = []
    for case in cases:
        match = {key: (case.given[key],) for key in ("app", "access") if key in case.given}
        where: dict[str, tuple[str, ...]] = {key: (case.given[key],) for key in SCOPES if key in case.given}
        statements.append(Statement("status", case.line, match, where, {}))
    return list(unknown(Policy(place, "", statements=tuple(statements)), known))


def run(
    policy: Policy, cases: Sequence[Case], services: Sequence[Mapping[str, Any]], today: date
) -> list[Outcome]:
    """The outcome of each case; `services` are rows of the catalog, `today` is the default day."""
    baselines = {row["app"]: row.get("upload_baseline_bytes") or 0 for row in services}
    with _prepared(policy, services) as connection:
        return [_outcome(connection, case.given, baselines, today) for case in cases]


@contextmanager
def _prepared(policy: Policy, services: Sequence[Mapping[str, Any]]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the policy and the catalog, without published figures."""
    with connect() as connection:
        prepare(connection)
        catalog = [{name: row.get(name) for name in _CATALOG} for row in services]
        store_frame(connection, "catalog", pl.DataFrame(catalog, schema=_CATALOG, orient="row"))
        store_frame(connection, "places", pl.DataFrame(schema={"site": pl.String, "zone": pl.String}))
        lay_out_no_servers(connection)
        cells = {
            "app": pl.String, "department": pl.String, "people_hidden": pl.Boolean, "bytes_up": pl.Int64,
        }  # fmt: skip
        store_frame(connection, "cells", pl.DataFrame(schema=cells))
        lay_out_frames(connection, compiled(policy, lambda name: [name]).frames())
        yield connection


def _outcome(
    connection: duckdb.DuckDBPyConnection, given: Mapping[str, Any], baselines: Mapping[str, int], today: date
) -> Outcome:
    day = given.get("day") or today
    week = day - timedelta(days=day.weekday())
    sent = size_of(given.get("bytes_up", 0)) or 0
    row = {
        "hour": datetime(day.year, day.month, day.day, given.get("hour", 12)),
        "subject": given.get("person", "somebody"),
        "user_name": given.get("person", "somebody"),
        "department": given.get("department", "unattributed"),
        "site": given.get("site", "main"),
        "segment": given.get("segment"),
        "app": given["app"],
        "access": given.get("access", "web"),
        "subject_kind": "user",
        "client_class": "program" if given.get("program") else None,
        "grade": 4 if sent else 3,
        "bytes_up": sent + baselines.get(given["app"], 0),
        "bytes_up_max": sent + baselines.get(given["app"], 0),
        "connections": given.get("sessions", 1),
    }
    frame = pl.DataFrame([row], schema_overrides={"segment": pl.String, "client_class": pl.String})
    frame = frame.with_columns(pl.col("hour").dt.cast_time_unit("us").dt.replace_time_zone("UTC"))
    store_frame(connection, "near_usage", frame)
    judge(connection, week, day, zone="UTC", k=1)
    verdict = connection.execute("SELECT status, line FROM judged WHERE kind = 'status'").fetchone()
    found = connection.execute(
        "SELECT DISTINCT rule FROM found WHERE subject IS NOT NULL ORDER BY rule"
    ).fetchall()
    if verdict is None:
        return Outcome("unreviewed", None, ())
    return Outcome(str(verdict[0]), verdict[1], tuple(str(rule) for (rule,) in found))


def differences(case: Case, outcome: Outcome) -> list[str]:
    """A line of text per difference between `outcome` and the expectation of `case`."""
    lines = []
    for key, wanted in case.expect.items():
        found: Any = getattr(outcome, key)
        if key == "findings":
            wanted, found = sorted(wanted), sorted(found)
        if key == "status":
            wanted = _status(wanted)
        if found != wanted:
            lines.append(f"{key}: expected {_shown(wanted)}, found {_shown(found)}")
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the policy that matches a piece of use; the first of each kind decides."""

    kind: str
    line: int | None
    scope: str
    says: str
    owner: str | None
    review: date | None
    decides: bool


def explain(
    policy: Policy, given: Mapping[str, Any], services: Sequence[Mapping[str, Any]], today: date
) -> tuple[list[Line], list[str]]:
    """All matching lines by kind, the deciding one first, and a text for each exception about it.

    `given` is the piece of use, with keys as in a file of cases.
    """
    with _prepared(policy, services) as connection:
        outcome = _outcome(connection, given, {}, today)
        rows = connection.execute(
            "SELECT kind, line, scope, status, amount, hour_from, hour_to, countries, owner, review, nth "
            "FROM matching ORDER BY CASE WHEN kind = 'status' THEN 0 ELSE 1 END, kind, nth"
        ).fetchall()
        covered = connection.execute(
            "SELECT DISTINCT excused, COALESCE(excused_by, lapsed), lapsed_on FROM judged "
            "WHERE kind = 'status'"
        ).fetchall()
    lines = [
        Line(
            kind, line, scope, _says(kind, status, amount, (first, last), countries), owner, review, nth == 1
        )
        for kind, line, scope, status, amount, first, last, countries, owner, review, nth in rows
    ]
    if outcome.line is None and not any(line.kind == "never" for line in lines):
        lines.insert(0, Line("status", None, "all", "unreviewed: no line mentions it", None, None, True))
    until = {one.values["id"]: one.values["expires"] for one in policy.of("exceptions")}
    exceptions = [
        f"excused by exception {name} until {until[name]}" for excused, name, _ in covered if excused
    ]
    exceptions += [
        f"exception {name} expired on {day}" for excused, name, day in covered if name and not excused
    ]
    return lines, exceptions + list(_for_people(policy, given, services, today))


def _for_people(
    policy: Policy, given: Mapping[str, Any], services: Sequence[Mapping[str, Any]], today: date
) -> Iterator[str]:
    """A text for each exception that excuses only the people it names."""
    service: Mapping[str, Any] = next((row for row in services if row["app"] == given["app"]), {})
    access = given.get("access", "web")
    for one in policy.of("exceptions"):
        within = all(given.get(scope) in names for scope, names in one.where.items())
        covers = is_about(one, service) and access in one.match.get("access", (access,)) and within
        if covers and one.values.get("people"):
            name, until = one.values["id"], one.values["expires"]
            what = f"excuses named people until {until}" if until >= today else f"expired on {until}"
            yield f"exception {name} {what}"


def _says(
    kind: str,
    status: str | None,
    amount: int | None,
    hours: tuple[int | None, int | None],
    countries: str | None,
) -> str:
    words = {
        "status": str(status),
        "hours": f"only {hours[0] or 0:02}:00 to {hours[1] or 0:02}:00 on the site's clock",
        "programs": "people only, no programs",
        "residency": f"vendors from {(countries or '').replace(',', ', ')} only",
        "never": "never, and no exception excuses it",
        "bytes_up_per_day": f"at most {amount or 0:,} bytes up a day above the baseline",
        "sessions_per_day": f"at most {amount or 0:,} sessions a day",
    }
    return words[kind]
