"""Walks analytics/views: every view proves its example, describes its columns, depends on no session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from analytics.definitions import Example, View, load_marts, load_views
from analytics.lake import connect, open_views
from analytics.policy.read import read
from analytics.policy.rows import compiled
from analytics.refresh import refresh
from sensor import schema
from tests.analytics.handmade import (
    TYPES,
    UNORDERED,
    ZONE,
    HandmadeLake,
    Row,
    at,
    lookup,
    proxied,
    sighting,
    tunnel,
    whole,
)

VIEWS = load_views()
EXAMPLES = [(view, example) for view in VIEWS for example in view.examples]
BASE = {table.name: table for table in (schema.CATALOG, *schema.STORED)}
POLICY = """version: 1
status: [{app: acme/chat, status: unsanctioned}]
exceptions: [{id: EX-1, app: acme/chat, people: [u1], owner: ada, reason: trial, expires: 2026-11-16}]
"""
SHORT = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}


def stored_types() -> dict[str, dict[str, str]]:
    """Columns of every stored relation: base tables by the schema, marts by their own .yml."""
    base = {
        name: {column: TYPES[dtype] for column, dtype in table.dtypes.items() if not merged(name, column)}
        for name, table in BASE.items()
    }
    return base | {mart.name: mart.types for mart in load_marts()}


def merged(table: str, column: str) -> bool:
    """Whether the stored relation has already added this column's rows up."""
    return table in ("names", "coverage") and column in ("input", "landed_at")


def furnish(connection: duckdb.DuckDBPyConnection, given: dict[str, list[dict[str, Any]]]) -> None:
    """The stored relations as tables, with these rows."""
    connection.execute("CREATE SCHEMA stored")
    for name, types in stored_types().items():
        columns = ", ".join(f"{column} {dtype}" for column, dtype in types.items())
        connection.execute(f"CREATE TABLE stored.{name} ({columns})")
        for row in given.get(name, []):
            marks = ", ".join("?" for _ in row)
            statement = f"INSERT INTO stored.{name} ({', '.join(row)}) VALUES ({marks})"
            connection.execute(statement, list(row.values()))


@pytest.mark.parametrize(("view", "example"), EXAMPLES, ids=[view.name for view, _ in EXAMPLES])
def test_example(view: View, example: Example) -> None:
    with connect() as connection:
        furnish(connection, example.given)
        cursor = connection.execute(view.sql(ZONE))
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    wanted = [{name: moment(row.get(name), view, name) for name in names} for row in example.expect]
    if view.name in UNORDERED:
        rows.sort(key=repr)
        wanted.sort(key=repr)
    assert rows == wanted


def moment(value: Any, view: View, column: str) -> Any:
    """YAML keeps a time with its offset as text; the views answer in UTC."""
    if view.columns[column].type.startswith("TIMESTAMP") and isinstance(value, str):
        return datetime.fromisoformat(value.replace("+00", "+00:00")).astimezone(UTC)
    return value


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_columns_are_those_described(view: View) -> None:
    with connect() as connection:
        furnish(connection, {})
        found = connection.execute(f"DESCRIBE {view.sql(ZONE)}").fetchall()
    assert {row[0]: row[1] for row in found} == {name: column.type for name, column in view.columns.items()}
    assert [row[0] for row in found] == list(view.columns)
    assert all(column.meaning for column in view.columns.values())


@pytest.mark.parametrize("view", [view for view in VIEWS if view.name in BASE], ids=lambda view: view.name)
def test_base_views_say_what_the_schema_says(view: View) -> None:
    table = BASE[view.name]
    wanted = {
        c.name: (c.meaning, c.unit) for c in table if not merged(table.name, c.name) and c.name != "landed_at"
    }
    assert {name: (column.meaning, column.unit) for name, column in view.columns.items()} == wanted
    assert view.zone == table.zone


def test_every_derived_view_has_an_example() -> None:
    assert {view.name for view in VIEWS if not view.examples} == set(BASE)


def test_open_views_read_nothing_restricted() -> None:
    restricted = {name for name, table in BASE.items() if table.zone == "restricted"}
    restricted |= {mart.name for mart in load_marts() if mart.zone == "restricted"}
    assert not {(v.name, v.reads & restricted) for v in VIEWS if v.zone == "open" and v.reads & restricted}


def test_views_stay_portable() -> None:
    words = (" EXCLUDE ", "ASOF ", "GROUP BY ALL", "ORDER BY ALL", "APPROX_", "LIST(", "FIRST(", "ANY_VALUE(")
    for view in VIEWS:
        text = view.template.upper()
        assert not [word for word in words if word in text], view.name
        assert ("\nORDER BY" in text) == (view.name not in UNORDERED), view.name


def busy(path: Path) -> HandmadeLake:
    """A lake with something in every view."""
    people = [f"u{n}" for n in range(12)]
    rows: list[Row] = []
    for n, person in enumerate(people):
        rows += tunnel(f"2026-11-15 22:5{n % 10}", 15, user_name=person, client=f"a{n}")
        rows += [
            proxied("2026-11-17 12:00", user_name=person, app="bolt/code", host="code.bolt.test"),
            lookup("2026-11-18 23:30", user_name=person),
            sighting("2026-11-18 10:00", user_name=person, action="blocked"),
            sighting("2026-11-18 11:00", user_name=person, role="embedded"),
            sighting("2026-11-18 22:30", user_name=person, access="api", client_class="program"),
        ]
    rows.append(sighting("2026-11-18 12:00", user_name="svc", client="a99"))
    own = {"app": "own/server", "kind": "http", "server": "s1", "server_port": 11434}
    rows.append(sighting("2026-11-18 13:00", key_print="k1", key_type="acme/api-key", **own))
    rows.append(sighting("2026-11-18 14:00", app="hub/models", repository="acme/small", revision="main"))
    lake = HandmadeLake.furnished(path, *rows)
    lake.cold("catalog", [
        {"app": "own/server", "service": "Server", "vendor": "Own", "category": "self-hosted"},
        {"app": "hub/models", "service": "Hub", "vendor": "Hub", "category": "model-hub"},
    ])  # fmt: skip
    lease: Row = {"site": "hq", "address": "a1", "user_name": "u1", "valid_from": at("2026-11-15 00:00")}
    lake.cold("leases", [lease])
    start = at("2026-09-28 00:00")
    lake.cold("directory", [
        {"user_name": person, "department": "Sales" if n % 2 else "Legal", "valid_from": start}
        for n, person in enumerate(people)
    ] + [{"user_name": "svc", "kind": "service", "valid_from": start}])  # fmt: skip
    seen = {"first_seen": at("2026-11-15 22:59"), "last_seen": at("2026-11-15 23:00"), "input": "i"}
    place = {"sensor": "span", "site": "hq", "source": "pcap"}
    lake.cold("coverage", [
        place | seen | {"minute": at(f"2026-11-15 {minute}"), "packets": 3} for minute in ("22:59", "23:00")
    ])  # fmt: skip
    lake.cold("names", [place | seen | {"bucket": at("2026-11-15 22:45"), "host": "x.test", "lookups": 2}])
    near = {"bucket": at("2026-11-15 22:45"), "host": "new.test", "near_app": "acme/chat", "near_clients": 3}
    late = {"bucket": at("2026-11-24 10:00"), "host": "call.test", "near_app": "hub/models"}
    late |= {"near_clients": 1}
    lake.cold("names", [place | seen | near])
    lake.cold("names", [place | seen | late])
    lake.cold(
        "names_by_client", [place | {"event_id": 1, "seen_at": start, "client": "a1", "host": "x.test"}]
    )
    lake.cold("counting", [{"user_name": "u1", "sealed": "s", "valid_from": start}])
    lake.cold(
        "rejects", [{"rejected_at": at("2026-11-15 22:45"), "input": "i", "place": "1", "reason": "short"}]
    )
    lake.cold("erasures", [{"token": "u99", "erased_at": start}])
    lake.cold("decisions", [{"decision_id": "d", "decided_at": start, "finding": "f", "decision": "resolve"}])
    said = {
        "stored_version": "1", "old_version": "1", "old_app": "acme/chat", "old_role": "use",
        "old_access": "web", "app": "acme/chat", "role": "use", "access": "api", "grade": 4,
        "catalog_version": "2",
    }  # fmt: skip
    again = {name: rows[0][name] for name in ("event_id", "seen_at", "client", "user_name")}
    lake.cold("restated", [again | said | {"restated_at": at("2026-11-20 10:00")}])
    lake.cold("name_hits", [{"host": "x.test", "matched_at": at("2026-11-20 10:00"), "app": "acme/chat"}])
    lake.cold("audit", [{"entry": 1, "done_at": start, "action": "erase", "done_by": "anna", "hash": "aa"}])
    return lake


def everything(lake: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all views under the current session's defaults."""
    with open_views(lake, restricted=True) as connection:
        return {view.name: connection.execute(whole(view.name)).fetchall() for view in VIEWS}


class Counted:
    """Counts everybody who is there."""

    def known(self) -> set[date]:
        return set()

    def count(self, used: pl.DataFrame, weeks: Sequence[date]) -> pl.DataFrame:
        people = used.filter(pl.col("week").is_in(list(weeks)))["user_name"].n_unique()
        month = {"period": "month", "first_day": date(2026, 11, 2), "last_day": date(2026, 11, 29)}
        return pl.DataFrame([month | {"app": "all", "people": people, "weeks_counted": len(weeks)}])


def test_rows_depend_on_no_session_zone_and_no_thread_count(tmp_path: Path) -> None:
    lake = busy(tmp_path)
    policy = compiled(read(POLICY, "policy.yml", "a1"), lambda name: [name])
    refresh(lake.path, zone=ZONE, k=3, policy=policy, counting=Counted())
    wanted = everything(lake.path)
    assert [row[5:] for row in wanted["people_periods"]] == [(12, 2)]
    assert all(wanted.values()), [name for name, rows in wanted.items() if not rows]
    for zone, threads in (("America/Los_Angeles", 1), ("Pacific/Auckland", 8)):
        with open_views(lake.path, restricted=True) as connection:
            connection.execute(f"SET TimeZone = '{zone}'; SET threads = {threads}")
            for name, rows in wanted.items():
                found = connection.execute(whole(name)).fetchall()
                assert found == rows, (name, zone, threads)


def test_weeks_and_days_begin_at_midnight_of_the_report_zone(tmp_path: Path) -> None:
    rows = [sighting("2026-11-15 22:59", user_name=f"u{n}") for n in range(5)]
    rows += [sighting("2026-11-15 23:00", user_name=f"u{n}") for n in range(5)]
    lake = HandmadeLake.furnished(tmp_path, *rows)
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path) as connection:
        days = connection.execute("SELECT day, people FROM usage_daily").fetchall()
        weeks = connection.execute(
            "SELECT week, people FROM usage_weekly WHERE app <> 'all' AND department = 'all'"
        )
        assert days == [(date(2026, 11, 15), 5), (date(2026, 11, 16), 5)]
        assert weeks.fetchall() == [(date(2026, 11, 9), 5), (date(2026, 11, 16), 5)]


def test_every_view_runs_on_an_empty_lake(tmp_path: Path) -> None:
    refresh(HandmadeLake(tmp_path).path, zone=ZONE)
    # What a release knows of rules and controls is there before any week.
    assert {name for name, rows in everything(tmp_path).items() if rows} == {"control_evidence"}


def test_nothing_but_the_result_reaches_standard_output() -> None:
    """DuckDB would draw a progress bar there, into a pipe too, for whatever takes two seconds."""
    with connect() as connection:
        assert connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]
