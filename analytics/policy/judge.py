"""Judges the use of a week by the policy: runs judging/*.sql and the SQL of every rule.

In: a connection with the relations `near_usage`, `near_servers`, `near_models`, `catalog`, `places`, `cells`,
`policy`, `exceptions` and `exception_people` (made by weeks.py). Out: its temporary tables `found` (rows of
evidence, with subjects), `finding_rows` (k-safe) and `evaluated` (a row per rule). The same rows give the
same findings, because the clock is never read. The data that consecutive weeks are compared with can be
summed once (`sum_up`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from string import Template

import duckdb

from analytics.counting.groups import DOMINANCE
from analytics.lake import literal
from analytics.policy.rules import Rule, load_rules
from analytics.steps import Steps

STEPS = Steps(Path(__file__).parent / "judging")
#: Number of earlier weeks that anomalies are compared with.
HISTORY_WEEKS = 6
#: Columns of the SQL of a rule, in any order; missing ones are NULL.
EVIDENCE = {
    "app": "VARCHAR", "scope": "VARCHAR", "subject": "VARCHAR", "day": "DATE", "bytes_up": "BIGINT",
    "bytes_up_max": "BIGINT", "sessions": "BIGINT", "measure": "DOUBLE", "expected": "DOUBLE",
    "allowed": "DOUBLE", "because": "VARCHAR", "owner": "VARCHAR", "line": "BIGINT", "review": "DATE",
    "server": "VARCHAR", "server_port": "BIGINT",
}  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """What the sources of a week could show: connections or requests at all, bytes sent, what was requested,
    and servers inside."""

    connects: bool = True
    bytes_up: bool = True
    requests: bool = True
    inside: bool = True


def sum_up(connection: duckdb.DuckDBPyConnection, first: date, last: date, *, zone: str) -> None:
    """Makes `spent`, the comparison data for the weeks from Monday `first` to Monday `last`."""
    begin = first - timedelta(days=7 * HISTORY_WEEKS)
    values = {"first": begin.isoformat(), "last": last.isoformat(), "zone": zone}
    STEPS.run(connection, "0_spent", values)


def judge(
    connection: duckdb.DuckDBPyConnection,
    week: date,
    horizon: date,
    *,
    zone: str,
    k: int,
    rules: Sequence[Rule] | None = None,
    summed_up: bool = False,
    sources: Sources = Sources(),
) -> None:
    """Makes `found`, `finding_rows` and `evaluated` for the week beginning on Monday `week` of `zone`.

    `horizon` is the last past day: Sunday, or today in the current week. `summed_up`: `sum_up` was called for
    this week. `rules` defaults to all rules. What `sources` cannot show is not evaluable.
    """
    if not summed_up:
        sum_up(connection, week, week, zone=zone)
    values = {
        "week": week.isoformat(),
        "near_from": f"TIMESTAMPTZ '{week - timedelta(days=1)} 00:00:00+00'",
        "near_to": f"TIMESTAMPTZ '{week + timedelta(days=8)} 00:00:00+00'",
        "horizon": horizon.isoformat(),
        "zone": zone,
        "k": str(k),
        "history": str(HISTORY_WEEKS),
        "dominance": str(DOMINANCE),
        "round_bytes": _two_digits("bytes_up"),
        "round_bytes_max": _two_digits("bytes_up_max"),
        "round_sessions": _two_digits("sessions"),
        "round_measure": _two_digits("measure"),
    }
    for step in ("1_used", "2_judged"):
        STEPS.run(connection, step, values)
    columns = ", ".join(f"{name} {dtype}" for name, dtype in EVIDENCE.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE found (finding VARCHAR, rule VARCHAR, {columns})")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE evaluated (rule VARCHAR, evaluable BOOLEAN, why_not VARCHAR)"
    )
    evaluated = []
    with_history = ("servers", "fabric", "models")
    absent = [name for name in with_history if not _count(connection, name)]
    this_week = {"used": "used"} | {name: f"{name} WHERE weeks_ago = 0" for name in with_history}
    seen = [name for name, rows in this_week.items() if _count(connection, rows)]
    known = tuple(_count(connection, name) for name in ("policy", "seen_weeks", "comparable_weeks"))
    for rule in load_rules() if rules is None else rules:
        why_not = _why_not(rule, *known) or _unseen(rule, sources, is_seen=rule.of in seen)
        if why_not is None and rule.of not in absent:
            _run(connection, rule, values)
        evaluated.append(
            f"({literal(rule.name)}, {why_not is None}, {literal(why_not) if why_not else 'NULL'})"
        )
    if evaluated:
        connection.execute(f"INSERT INTO evaluated VALUES {', '.join(evaluated)}")
    STEPS.run(connection, "3_findings", values)


def _why_not(rule: Rule, lines: int, seen: int, comparable: int) -> str | None:
    """Why a rule cannot be evaluated with a policy of so many lines and so many earlier weeks with use, of
    which `comparable` have the keys of this week; None if it can."""
    if rule.needs_policy and not lines:
        return "no policy"
    needs = f"needs {rule.history_weeks} earlier weeks with use"
    if seen < rule.history_weeks:
        return f"{needs}, has {seen}"
    if comparable < rule.history_weeks and not rule.outlasts_keys:
        return f"{needs} under the same keys, has {comparable}"
    return None


def _unseen(rule: Rule, sources: Sources, *, is_seen: bool) -> str | None:
    """What the sources of the week do not show of what a rule looks at; None if nothing is missing.

    `is_seen`: they showed some of it.
    """
    if not is_seen:
        if rule.of == "used" and not (sources.connects and sources.bytes_up):
            return "no source shows use"
        if rule.needs_inside and not sources.inside:
            return "no source sees servers inside"
        if rule.of in ("servers", "models") and not sources.requests:
            return "no source reads requests"
    return "no source records bytes sent" if rule.needs_bytes and not sources.bytes_up else None


def _run(connection: duckdb.DuckDBPyConnection, rule: Rule, values: dict[str, str]) -> None:
    # BY NAME, so that a rule lists only the columns it needs.
    connection.execute(
        f"INSERT INTO found BY NAME SELECT finding_id({literal(rule.name)}, app, scope) AS finding, "
        f"{literal(rule.name)} AS rule, * FROM (\n{Template(rule.sql).substitute(values)}\n) AS evidence"
    )


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the SQL macro for finding ids, which do not depend on run, threshold or key epoch.

    Call once per connection.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP MACRO finding_id(rule, app, scope) AS "
        "SUBSTR(SHA256(rule || '|' || COALESCE(app, '') || '|' || scope), 1, 10)"
    )


def _two_digits(column: str) -> str:
    """SQL that rounds a positive number to two significant digits."""
    power = f"POWER(10, FLOOR(LOG10(GREATEST({column}, 1))) - 1)"
    return f"ROUND({column} / {power}) * {power}"


def _count(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    """The number of `rows`: a relation, with or without a WHERE."""
    row = connection.execute(f"SELECT COUNT(*) FROM {rows}").fetchone()
    return int(row[0]) if row else 0
