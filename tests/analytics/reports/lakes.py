# ruff: noqa: E501 — wide rows read better as rows
"""Small lakes made of plain tables with exactly the columns of the open views."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from analytics.definitions import load_views

Rows = Sequence[Mapping[str, Any]]

VIEWS = {
    "usage_weekly": """week DATE, department VARCHAR, app VARCHAR, service VARCHAR, vendor VARCHAR,
        category VARCHAR, grade SMALLINT, evidence VARCHAR, people BIGINT, people_hidden BOOLEAN, people_any_grade BIGINT,
        bytes_up BIGINT, bytes_up_max BIGINT, bytes_down BIGINT, connections BIGINT, requests BIGINT,
        lookups BIGINT, corroborations BIGINT""",
    "usage_daily": """day DATE, app VARCHAR, service VARCHAR, vendor VARCHAR, category VARCHAR, grade SMALLINT,
        evidence VARCHAR, people BIGINT, people_hidden BOOLEAN, bytes_up BIGINT, bytes_up_max BIGINT,
        bytes_down BIGINT, connections BIGINT, requests BIGINT, lookups BIGINT""",
    "first_seen": "app VARCHAR, service VARCHAR, site VARCHAR, first_week DATE, grade SMALLINT",
    "embedded": "week DATE, app VARCHAR, service VARCHAR, connections BIGINT",
    "coverage_daily": """day DATE, sensor VARCHAR, site VARCHAR, vantage VARCHAR, source VARCHAR,
        minutes_seen BIGINT, first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, packets BIGINT, decoded BIGINT,
        malformed BIGINT, kernel_drops BIGINT, lost_bytes BIGINT, flows BIGINT, named_flows BIGINT,
        named_share DOUBLE, one_sided_flows BIGINT, ech BIGINT, encrypted_dns BIGINT, internal_connections BIGINT, quic_unparsed BIGINT,
        records BIGINT, rejected BIGINT""",
    "nobodies_weekly": """week DATE, app VARCHAR, service VARCHAR, kind VARCHAR, grade SMALLINT, subjects BIGINT,
        connections BIGINT, bytes_up BIGINT, bytes_down BIGINT""",
    "ai_assets_weekly": """week DATE, kind VARCHAR, name VARCHAR, service VARCHAR, assets BIGINT, exposed BIGINT,
        unauthenticated BIGINT, cleartext BIGINT, people_at_least BIGINT""",
    "people_periods": """period VARCHAR, first_day DATE, last_day DATE, app VARCHAR, service VARCHAR,
        people_at_least BIGINT, weeks_counted BIGINT""",
    "hours_weekly": "week DATE, kind VARCHAR, days VARCHAR, hour_of_day SMALLINT, subjects_least BIGINT",
    "concentration_weekly": "week DATE, band SMALLINT, people BIGINT, bytes_up_percent SMALLINT",
    "blocked_weekly": "week DATE, app VARCHAR, service VARCHAR, attempts BIGINT",
    "names_weekly": """week DATE, sensor VARCHAR, source VARCHAR, host VARCHAR, domain VARCHAR, first_seen DATE,
        last_seen DATE, connects BOOLEAN, bytes_known BOOLEAN""",
    "restatements": """week DATE, old_app VARCHAR, old_service VARCHAR, old_role VARCHAR, old_access VARCHAR,
        app VARCHAR, service VARCHAR, role VARCHAR, access VARCHAR, old_version VARCHAR,
        catalog_version VARCHAR, restated_at TIMESTAMPTZ""",
    "sensors": """sensor VARCHAR, site VARCHAR, vantage VARCHAR, rank BIGINT, kind VARCHAR, zone VARCHAR,
        cadence_s BIGINT, population BIGINT""",
    "audit": """entry BIGINT, done_at TIMESTAMPTZ, action VARCHAR, case_id VARCHAR, done_by VARCHAR, reason VARCHAR,
        people BIGINT, deleted_rows BIGINT, deleted_files BIGINT, proof VARCHAR, hash VARCHAR""",
    "findings": """finding VARCHAR, rule VARCHAR, title VARCHAR, severity VARCHAR, severity_rank BIGINT, app VARCHAR, service VARCHAR,
        scope VARCHAR, status VARCHAR, not_evaluable_why VARCHAR, first_seen DATE, last_seen DATE, found_on DATE,
        people_at_least BIGINT, people_hidden BOOLEAN, bytes_up BIGINT, sessions BIGINT, question VARCHAR,
        proposal VARCHAR, owner VARCHAR, due DATE, decision VARCHAR, valid_until DATE, decided_on DATE""",
    "decisions": "decision_id VARCHAR, decided_at TIMESTAMPTZ, finding VARCHAR, decision VARCHAR, decided_by VARCHAR",
    "policy": """kind VARCHAR, line BIGINT, precedence BIGINT, app VARCHAR, vendor VARCHAR, category VARCHAR,
        access VARCHAR, risk_at_least BIGINT, country VARCHAR, segment VARCHAR, department VARCHAR, site VARCHAR,
        scope VARCHAR, status VARCHAR, owner VARCHAR, review DATE, policy_version VARCHAR""",
    "exceptions": """exception VARCHAR, line BIGINT, app VARCHAR, vendor VARCHAR, category VARCHAR,
        access VARCHAR, risk_at_least BIGINT, country VARCHAR, scope VARCHAR,
        for_people BOOLEAN, owner VARCHAR, reason VARCHAR, expires DATE, policy_version VARCHAR""",
    "evaluations": """week DATE, rule VARCHAR, evaluable BOOLEAN, why_not VARCHAR, watched_minutes BIGINT,
        horizon DATE, policy_version VARCHAR""",
    "control_evidence": """framework VARCHAR, edition VARCHAR, control VARCHAR, title VARCHAR, reference VARCHAR, rule VARCHAR, evidence VARCHAR,
        weeks_evaluated BIGINT, weeks_not_evaluable BIGINT, last_evaluated DATE, findings BIGINT,
        findings_decided BIGINT""",
    "people": """week DATE, subject VARCHAR, subject_kind VARCHAR, apps BIGINT, grade SMALLINT, bytes_up BIGINT, bytes_down BIGINT,
        connections BIGINT""",
    "usage_hourly": """hour TIMESTAMPTZ, subject VARCHAR, app VARCHAR, grade SMALLINT, bytes_up BIGINT,
        bytes_down BIGINT, connections BIGINT""",
    "catalog": """app VARCHAR, service VARCHAR, vendor VARCHAR, category VARCHAR, country VARCHAR,
        risk_low SMALLINT, catalog_version VARCHAR""",
}
LABELS = {1: "looked up", 2: "connected", 3: "exchanged", 4: "uploaded", 5: "confirmed"}
WEEK = date(2026, 11, 9)
MB = 1_000_000


#: Marts of which views work something out.
MARTS = {
    "attribution_weekly": """week DATE, connections BIGINT, attributed_connections BIGINT, bytes_up BIGINT,
        bytes_up_max BIGINT, attributed_bytes_up BIGINT, attributed_bytes_up_max BIGINT, exact BOOLEAN""",
    "attribution_quality": "day DATE, site VARCHAR, tied_to VARCHAR, connections_percent DOUBLE",
}

#: Views over those, as they are: what they work out of rows given is part of what is tested.
DERIVED = {
    view.name: re.sub(rf"\bstored\.(?!{'|'.join(MARTS)})", "", view.template)
    for view in load_views()
    if view.name in ("service_status", "attribution_weekly")
}


def create(connection: duckdb.DuckDBPyConnection, rows: Mapping[str, Rows]) -> None:
    """Every open view as a table, or over tables of marts; columns a row leaves out are NULL."""
    connection.begin()  # else each of some sixty statements waits for the disk
    connection.execute("CREATE SCHEMA stored")
    tables = {name: (name, columns) for name, columns in VIEWS.items()}
    tables |= {name: (f"stored.{name}", columns) for name, columns in MARTS.items()}
    for name, (table, columns) in tables.items():
        connection.execute(f"CREATE TABLE {table} ({columns})")
        if given := list(rows.get(name, ())):
            names = sorted({name for row in given for name in row})
            marks = f"({', '.join('?' for _ in names)})"
            values = [row.get(name) for row in given for name in names]
            rows_sql = ", ".join(marks for _ in given)
            connection.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES {rows_sql}", values)
    for view, sql in DERIVED.items():
        connection.execute(f"CREATE VIEW {view} AS {sql}")
    connection.commit()


def make(folder: Path, rows: Mapping[str, Rows], zone: str = "Europe/Berlin") -> Path:
    """A lake folder with `open.duckdb` and a manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"format": 1, "generation": 1, "watermark": "", "low_water": "", "zone": zone, "k": 5}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"privacy": "pseudonymous", "tables": {}}))
    with duckdb.connect(str(folder / "open.duckdb")) as connection:
        create(connection, rows)
    return folder


def usage(week: date, app: str, people: int | None, bytes_up: int | None, **more: Any) -> dict[str, Any]:
    """A row of usage_weekly; `people=None` is hidden unless told otherwise."""
    grade = more.pop("grade", 4)
    hidden = more.pop("hidden", people is None)
    row = {
        "week": week, "department": "all", "app": app, "service": app.split("/")[-1], "vendor": app.split("/")[0],
        "category": "chat", "grade": grade, "evidence": LABELS[grade], "people": people,
        "people_hidden": hidden, "bytes_up": bytes_up, "bytes_up_max": bytes_up,
        "bytes_down": None if bytes_up is None else bytes_up * 9,
        "connections": None if hidden else (people or 0) * 40,
    }  # fmt: skip
    return row | more


def watched(day: date, sensor: str = "hq-span", source: str = "pcap", **more: Any) -> dict[str, Any]:
    """A row of coverage_daily: a whole day without trouble."""
    row = {
        "day": day, "sensor": sensor, "site": "hq", "vantage": "core", "source": source, "minutes_seen": 1440,
        "packets": 600_000_000, "decoded": 599_000_000, "malformed": 0, "kernel_drops": 0, "lost_bytes": 0,
        "flows": 100_000, "named_flows": 94_000, "named_share": 0.94, "one_sided_flows": 900, "ech": 0,
        "encrypted_dns": 0, "internal_connections": 900, "quic_unparsed": 0, "records": 0, "rejected": 0,
    }  # fmt: skip
    return row | more


def days(week: date, count: int = 7) -> list[date]:
    """The first `count` days of a week."""
    return [week + timedelta(days=n) for n in range(count)]


SENSORS = [
    {"sensor": "hq-span", "site": "hq", "vantage": "core", "rank": 1, "kind": "packets"},
    {"sensor": "squid-hq", "site": "hq", "vantage": "proxy", "rank": 2, "kind": "logs"},
]


def plain(week: date = WEEK) -> dict[str, list[dict[str, Any]]]:
    """Two well-watched weeks, three services, two departments: small enough to add up by hand."""
    last = week - timedelta(days=7)
    return {
        "usage_weekly": [
            usage(last, "all", 10, 30 * MB),
            usage(last, "a/alpha", 9, 20 * MB),
            usage(last, "b/beta", 6, 10 * MB, grade=3),
            usage(week, "all", 14, 75 * MB, bytes_up_max=80 * MB),
            usage(week, "a/alpha", 10, 50 * MB, bytes_up_max=55 * MB),
            usage(week, "b/beta", 7, 12 * MB, grade=4),
            usage(week, "c/gamma", 6, 13 * MB),
            usage(week, "d/delta", None, None, grade=3),
            usage(week, "e/echo", 8, None, grade=1, connections=0, lookups=12),
            usage(week, "all", 8, 60 * MB, department="Sales"),
            usage(week, "a/alpha", 8, 50 * MB, department="Sales"),
            usage(week, "all", None, None, department="Legal"),
            usage(week, "all", 1, 2 * MB, department="unattributed"),
        ],
        "usage_daily": [
            {"day": day, "app": "a/alpha", "service": "alpha", "grade": 4, "people": 9, "people_hidden": False,
             "bytes_up": MB, "bytes_up_max": MB, "connections": 30 + day.day}
            for day in days(week, 5)
        ],
        "first_seen": [
            {"app": "a/alpha", "site": "all", "first_week": last, "grade": 4},
            {"app": "b/beta", "site": "all", "first_week": last, "grade": 3},
            {"app": "c/gamma", "site": "all", "first_week": week, "grade": 4},
        ],
        "coverage_daily": [watched(day) for start in (last, week) for day in days(start)],
        "attribution_weekly": [
            {"week": last, "connections": 100, "attributed_connections": 95, "bytes_up": 30 * MB},
            {"week": week, "connections": 200, "attributed_connections": 184, "bytes_up": 75 * MB,
             "attributed_bytes_up": 73 * MB},
        ],
        "embedded": [{"week": week, "app": "n/notes", "service": "Notes AI", "connections": 412}],
        "blocked_weekly": [{"week": week, "app": "x/ray", "service": "Xray", "attempts": 31}],
        "names_weekly": [
            {"week": WEEK, "sensor": "hq-span", "source": "pcap", "connects": True, "bytes_known": True},
        ],
        "sensors": SENSORS[:1],
        "catalog": [{"app": "a/alpha", "catalog_version": "2026.11.08+1f3c9a"}],
    }  # fmt: skip


def tied(connections: int, attributed: int | None, week: date = WEEK) -> dict[str, Any]:
    """A row of attribution_weekly."""
    return {"week": week, "connections": connections, "attributed_connections": attributed}
