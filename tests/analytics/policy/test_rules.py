"""Walks analytics/policy/rules: rules with examples make of the given rows exactly the evidence expected."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from analytics.definitions import load_marts
from analytics.lake import connect
from analytics.policy.judge import Sources, judge, prepare
from analytics.policy.rules import Rule, load_rules

WEEK = date(2026, 11, 16)
MARTS = {mart.name: mart.types for mart in load_marts()}
RELATIONS = {
    "near_usage": MARTS["usage_hourly"],
    "near_servers": MARTS["ai_servers_daily"],
    "near_models": MARTS["model_pulls_daily"],
    "cells": MARTS["usage_weekly"],
    **{name: MARTS[name] for name in ("policy", "exceptions", "exception_people")},
    "catalog": {
        **dict.fromkeys(("app", "service", "vendor", "category", "country", "affected"), "VARCHAR"),
        **dict.fromkeys(("risk_low", "upload_baseline_bytes"), "BIGINT"),
    },
    "places": {"site": "VARCHAR", "zone": "VARCHAR"},
}
EXAMPLES = [(rule, example) for rule in load_rules() for example in rule.examples]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as made:
        prepare(made)
        yield made


def furnish(connection: duckdb.DuckDBPyConnection, given: dict[str, list[dict[str, Any]]]) -> None:
    for name, types in RELATIONS.items():
        columns = ", ".join(f"{column} {dtype}" for column, dtype in types.items())
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
        for row in given.get(name, []):
            marks = ", ".join("?" for _ in row)
            connection.execute(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=[rule.name for rule, _ in EXAMPLES])
def test_example(connection: duckdb.DuckDBPyConnection, rule: Rule, example: dict[str, Any]) -> None:
    furnish(connection, example["given"])
    judge(connection, WEEK, date(2026, 11, 22), zone="UTC", k=5, rules=[rule])
    why_not = example.get("why_not")
    assert connection.execute("SELECT * FROM evaluated").fetchall() == [(rule.name, why_not is None, why_not)]
    cursor = connection.execute("SELECT * FROM found ORDER BY server, subject, line")
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    expected = example["expect"]
    assert [{key: row[key] for key in wanted} for row, wanted in zip(rows, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("sources", "used", "evaluable"),
    [
        (Sources(), False, {"never_use", "limit_bytes", "review_overdue"}),
        (Sources(connects=False, bytes_up=False), False, {"review_overdue"}),  # lookups
        (Sources(bytes_up=False), False, {"review_overdue"}),  # names of connections
        (Sources(bytes_up=False), True, {"never_use", "review_overdue"}),  # a proxy without upload sizes
    ],
)
def test_what_no_source_shows_is_not_evaluable(
    connection: duckdb.DuckDBPyConnection, sources: Sources, used: bool, evaluable: set[str]
) -> None:
    """Weeks of lookups alone were evidence that nothing forbidden was used."""
    visit = {
        "hour": "2026-11-17 10:00:00+00",
        "subject": "u1",
        "subject_kind": "user",
        "app": "a/b",
        "grade": 3,
    }
    line = {"kind": "never", "line": 4, "precedence": 32, "app": "c/d", "scope": "all"}
    furnish(connection, {"policy": [line], "near_usage": [visit] if used else []})
    rules = [rule for rule in load_rules() if rule.name in ("never_use", "limit_bytes", "review_overdue")]
    judge(connection, WEEK, date(2026, 11, 22), zone="UTC", k=5, rules=rules, sources=sources)
    told = connection.execute("SELECT rule FROM evaluated WHERE evaluable").fetchall()
    assert {rule for (rule,) in told} == evaluable


@pytest.mark.parametrize(
    ("sources", "server", "evaluable"),
    [
        (Sources(), False, {"cleartext_mcp", "exposed_server", "new_fabric_talker", "unsafe_model"}),
        (Sources(inside=False), False, {"cleartext_mcp", "unsafe_model"}),  # a mirror of the uplink
        (Sources(requests=False), False, {"new_fabric_talker"}),  # flow logs of all networks
        (Sources(requests=False, inside=False), False, set()),  # a resolver
        (Sources(requests=False, inside=False), True, {"cleartext_mcp", "exposed_server"}),  # one is seen
    ],
)
def test_servers_out_of_sight_are_not_evaluable(
    connection: duckdb.DuckDBPyConnection, sources: Sources, server: bool, evaluable: set[str]
) -> None:
    """A resolver's log was evidence that no AI server is exposed."""
    spoken = {"day": "2026-11-17", "app": "behaviours/ollama", "server": "s1", "server_scope": "internal"}
    furnish(connection, {"near_servers": [spoken] if server else []})
    asked = {"cleartext_mcp", "exposed_server", "new_fabric_talker", "unsafe_model"}
    rules = [dataclasses.replace(rule, history_weeks=0) for rule in load_rules() if rule.name in asked]
    judge(connection, WEEK, date(2026, 11, 22), zone="UTC", k=5, rules=rules, sources=sources)
    told = connection.execute("SELECT rule FROM evaluated WHERE evaluable").fetchall()
    assert {rule for (rule,) in told} == evaluable


def test_who_moved_is_of_the_department_of_most_use(connection: duckdb.DuckDBPyConnection) -> None:
    """It was that first in the alphabet: a beginning by five of Sales, one come from Legal, was none."""
    use = {"subject_kind": "user", "access": "web", "grade": 3}
    rows = [
        *(("10", app, f"s{n}", "Sales", 1) for n in range(4) for app in ("old/app", "new/app")),
        ("10", "new/app", "mover", "Legal", 1),
        ("11", "old/app", "mover", "Sales", 2),  # of any service
        ("12", "new/app", "mover", "unattributed", 9),
    ]
    used = [
        use
        | {
            "hour": f"2026-11-17 {hour}:00:00+00",
            "app": app,
            "subject": who,
            "department": where,
            "connections": n,
        }
        for hour, app, who, where, n in rows
    ]
    furnish(connection, {"near_usage": used})
    judge(connection, WEEK, date(2026, 11, 22), zone="UTC", k=5, rules=[])
    asked = "SELECT app, department, COUNT(*), SUM(sessions) FROM subject_weeks GROUP BY ALL ORDER BY ALL"
    assert connection.execute(asked).fetchall() == [("new/app", "Sales", 5, 14), ("old/app", "Sales", 5, 6)]


def test_rules_about_servers_have_examples() -> None:
    about_servers = {
        rule.name for rule in load_rules() if re.search("FROM (servers|models|fabric)", rule.sql)
    }
    assert len(about_servers) == 16
    assert about_servers <= {rule.name for rule, _ in EXAMPLES}
