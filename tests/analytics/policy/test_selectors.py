"""Whether a line of the policy is about a service is decided in several places: for findings, lists, views,
pages. They must agree about every selector there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics import reports
from analytics.definitions import load_views
from analytics.exports.statuses import Statuses
from analytics.lake import connect
from analytics.policy.checks import is_about
from analytics.policy.judge import judge, prepare
from analytics.policy.read import SELECTORS, read
from analytics.policy.rows import compiled

from .test_rules import RELATIONS

WEEK = date(2026, 11, 16)
REPORTS = Path(reports.__file__).parent
SERVICES: list[dict[str, Any]] = [
    {"app": "acme/chat", "vendor": "Acme", "category": "chat", "country": "DE", "risk_low": 60},
    {"app": "beta/code", "vendor": "Beta", "category": "code", "country": "FR", "risk_low": 20},
    {"app": "unlisted/tool", "vendor": None, "category": None, "country": None, "risk_low": None},
]
APPS = [service["app"] for service in SERVICES]
#: By selector, a value that selects the first service only; `access` selects a way to use any of them.
CHOSEN: dict[str, Any] = {
    "app": "acme/chat", "vendor": "Acme", "category": "chat", "country": "DE", "risk_at_least": 50,
    "access": "web",
}  # fmt: skip
OF_SERVICES = [selector for selector in SELECTORS if selector != "access"]


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    """The relations that judging reads, with the services, and an hour of use of each in a browser."""
    with connect() as connection:
        prepare(connection)
        for name, types in RELATIONS.items():
            columns = ", ".join(f"{column} {dtype}" for column, dtype in types.items())
            connection.execute(f"CREATE TABLE {name} ({columns})")
        for service in SERVICES:
            insert(connection, "catalog", service)
            use = {"hour": "2026-11-17 10:00:00+00", "subject": "u1", "subject_kind": "user", "grade": 3}
            insert(connection, "near_usage", use | {"app": service["app"], "access": "web"})
        yield connection


def insert(connection: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def state(connection: duckdb.DuckDBPyConnection, selector: str) -> None:
    """A status for what the selector chooses, and an exception, as the published policy has them."""
    for name, frame in compiled(policy(selector), lambda _: []).frames().items():
        for row in frame.to_dicts():
            insert(connection, name, row)


def policy(selector: str) -> Any:
    chosen = f"{selector}: {CHOSEN[selector]}"
    return read(
        f"version: 1\nstatus: [{{{chosen}, status: sanctioned}}]\nexceptions: [{{id: EX-1, {chosen}, "
        "owner: ada, reason: trial, expires: 2027-01-31}]",
        "policy.yml", "v",
    )  # fmt: skip


def apps(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    return {app for (app,) in connection.execute(sql).fetchall()}


@pytest.mark.parametrize("selector", SELECTORS)
def test_findings_and_lists_agree(lake: duckdb.DuckDBPyConnection, selector: str) -> None:
    state(lake, selector)
    judge(lake, WEEK, date(2026, 11, 22), zone="UTC", k=5, rules=[])
    expected = set(APPS) if selector == "access" else {"acme/chat"}
    assert apps(lake, "SELECT app FROM judged WHERE kind = 'status' AND status = 'sanctioned'") == expected
    assert apps(lake, "SELECT app FROM judged WHERE excused_by = 'EX-1'") == expected
    rows = compiled(policy(selector), lambda _: [])
    statuses = Statuses(rows.policy.to_dicts(), rows.exceptions.to_dicts(), SERVICES)
    assert {app for app in APPS if statuses.of(app, "web") == "sanctioned"} == expected
    (stated,) = policy(selector).of("status")
    assert {service["app"] for service in SERVICES if is_about(stated, service)} == expected


@pytest.mark.parametrize("selector", OF_SERVICES)
def test_views_and_pages_agree(lake: duckdb.DuckDBPyConnection, selector: str) -> None:
    state(lake, selector)
    for app in APPS:
        insert(lake, "cells", {"week": WEEK, "department": "Sales", "app": app})
    lake.execute("CREATE VIEW usage_weekly AS SELECT *, app AS service FROM cells")
    lake.execute("CREATE SCHEMA stored")
    for name in ("catalog", "policy", "usage_weekly"):
        lake.execute(f"CREATE VIEW stored.{name} AS SELECT * FROM main.{name}")
    view = next(view for view in load_views() if view.name == "service_status")
    assert apps(lake, f"SELECT app FROM ({view.sql('UTC')}) WHERE status = 'sanctioned'") == {"acme/chat"}
    for app in APPS:
        lake.execute(f"CREATE OR REPLACE TABLE scope AS SELECT '{app}' AS about, DATE '2026-11-16' AS week")
        lines = lake.execute((REPORTS / "app/lines.sql").read_text("utf-8")).fetchall()
        assert [line[0] for line in lines] == (["sanctioned"] if app == "acme/chat" else []), app
    lake.execute("CREATE OR REPLACE TABLE scope AS SELECT 'Sales' AS about, DATE '2026-11-16' AS week")
    services = (REPORTS / "department/services.sql").read_text("utf-8")
    assert apps(lake, f"SELECT app FROM ({services}) WHERE status = 'sanctioned'") == {"acme/chat"}
