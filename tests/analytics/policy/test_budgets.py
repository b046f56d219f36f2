"""False alarms of the anomaly rules on generated normal weeks, against their budgets; and that they alarm.

Normal weeks: people differ by a factor of e (one standard deviation) in what they send, their own weeks by
0.8 on the same scale; one in ten weeks is missed. Some programs run every night, others by day with a late
hour now and then; rare services are tried by single people. 14 weeks, the last 8 judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from analytics.counting.frames import store_frame
from analytics.lake import connect
from analytics.policy.judge import judge, prepare
from analytics.policy.rows import EXCEPTIONS, PEOPLE, POLICY
from analytics.policy.rules import load_rules
from analytics.policy.weeks import lay_out_no_servers

FIRST, WEEKS, WARM = date(2026, 3, 2), 14, 6
PEOPLE_COUNT, DEPARTMENTS = 240, 12
APPS = ("a/chat", "b/chat", "c/api")
RARE = tuple(f"rare/{n}" for n in range(5))
RULES = tuple(rule for rule in load_rules() if rule.budget)


def hour_of(week: int, day: int, hour: int) -> datetime:
    return datetime(FIRST.year, FIRST.month, FIRST.day, hour, tzinfo=UTC) + timedelta(days=7 * week + day)


def normal(seed: int) -> Iterator[dict[str, Any]]:
    """Hours of use, as `usage_hourly` has them."""
    rng = np.random.default_rng(seed)
    for person in range(PEOPLE_COUNT):
        who = {"subject": f"u{person}", "department": f"D{person % DEPARTMENTS}"}
        for app in APPS:
            if rng.random() > 0.6:
                continue
            level = rng.normal(10.6, 1.0)  # e^10.6: 40 kB a week
            program, nightly = app == "c/api", rng.random() < 0.15
            for week in range(WEEKS):
                if rng.random() < 0.1:
                    continue
                hours = {
                    (int(rng.integers(5)), int(rng.integers(8, 18))) for _ in range(int(rng.integers(1, 5)))
                }
                if rng.random() < 0.04:
                    hours.add((int(rng.integers(5)), int(rng.integers(22, 24))))
                if program and nightly:
                    hours |= {(day, 2) for day in range(7)}
                sent = float(np.exp(level + rng.normal(0, 0.8)))
                for day, hour in hours:
                    yield who | use(week, day, hour, app, sent / len(hours), program=program)
        for app in RARE:
            for week in range(WEEKS):
                if rng.random() < 0.002:
                    yield who | use(week, 2, 11, app, 9000.0)


def use(week: int, day: int, hour: int, app: str, sent: float, *, program: bool = False) -> dict[str, Any]:
    return {
        "hour": hour_of(week, day, hour), "app": app, "bytes_up": int(sent) + 1000,
        "bytes_up_max": int(sent) + 1000,
        "subject_kind": "user",
        "client_class": "program" if program else "browser",
    }  # fmt: skip


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    constants = {"site": "hq", "segment": None, "access": "web", "grade": 4, "connections": 1}
    return pl.DataFrame(rows).with_columns(
        [
            pl.lit(value, dtype=pl.String if value is None else None).alias(name)
            for name, value in constants.items()
        ]
        + [pl.col("subject").alias("user_name"), pl.col("hour").dt.cast_time_unit("us")]
    )


@pytest.fixture(scope="module")
def lake() -> Iterator[tuple[duckdb.DuckDBPyConnection, pl.DataFrame]]:
    with connect() as connection:
        prepare(connection)
        apps = [*APPS, *RARE]
        catalog = {
            "app": apps,
            "vendor": apps,
            "category": ["chat"] * 8,
            "country": ["US"] * 8,
            "risk_low": [1] * 8,
        }
        store_frame(connection, "catalog", pl.DataFrame(catalog | {"upload_baseline_bytes": [1000] * 8}))
        lay_out_no_servers(connection)
        store_frame(connection, "places", pl.DataFrame({"site": ["hq"], "zone": ["UTC"]}))
        for name, schema in (("policy", POLICY), ("exceptions", EXCEPTIONS), ("exception_people", PEOPLE)):
            store_frame(connection, name, pl.DataFrame(schema=schema))
        cells = {"app": pl.String, "department": pl.String, "people_hidden": pl.Boolean, "bytes_up": pl.Int64}
        store_frame(connection, "cells", pl.DataFrame(schema=cells))
        yield connection, frame(list(normal(20260302)))


def alarms(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame, week: int) -> list[tuple[Any, ...]]:
    """Evidence of the rules in a week: rule, app, scope, subject, because."""
    monday = FIRST + timedelta(days=7 * week)
    begin, end = hour_of(week - 7, 0, 0), hour_of(week + 1, 0, 0)
    store_frame(connection, "near_usage", rows.filter(pl.col("hour").is_between(begin, end)))
    judge(connection, monday, monday + timedelta(days=6), zone="UTC", k=5, rules=RULES)
    return connection.execute(
        "SELECT DISTINCT rule, app, scope, subject, because FROM found ORDER BY ALL"
    ).fetchall()


def test_false_alarms_stay_within_the_budgets(lake: tuple[duckdb.DuckDBPyConnection, pl.DataFrame]) -> None:
    connection, rows = lake
    false, looked_at = dict.fromkeys((rule.name for rule in RULES), 0), [0, 0]
    for week in range(WARM, WEEKS):
        found = alarms(connection, rows, week)
        for rule in false:
            # A department's beginning is one alarm, however many people it is.
            group = rule == "first_use_in_department"
            false[rule] += len({row[1 : 3 if group else 4] for row in found if row[0] == rule})
        counted = connection.execute(
            "SELECT COUNT(*), COUNT(DISTINCT department) FROM subject_weeks WHERE weeks_ago = 0"
        ).fetchone()
        looked_at = [sum(pair) for pair in zip(looked_at, counted or (), strict=True)]
    for rule in RULES:
        weeks = looked_at[rule.name == "first_use_in_department"]
        assert rule.budget is not None
        assert weeks > rule.budget.per  # enough to tell
        assert false[rule.name] * rule.budget.per <= rule.budget.alarms * weeks, (false, looked_at)


def test_each_rule_alarms_and_says_why(lake: tuple[duckdb.DuckDBPyConnection, pl.DataFrame]) -> None:
    connection, rows = lake
    week = WEEKS - 1
    person = rows.filter(app="a/chat", department="D0").filter(
        pl.col("hour").dt.ordinal_day().n_unique().over("subject") > 15
    )["subject"][0]
    daily = rows.filter(app="c/api").filter((pl.col("hour").dt.hour() < 20).all().over("subject"))["subject"][
        0
    ]
    who = {"department": "D0"}
    more = [
        {"subject": person} | who | use(week, 1, 10, "a/chat", 60_000_000.0),
        *({"subject": daily} | who | use(week, day, 3, "c/api", 900.0, program=True) for day in range(3)),
        *({"subject": f"u{12 * n}"} | who | use(week, 3, 10, "new/app", 500.0) for n in range(5)),
    ]
    changed = pl.concat([rows, frame(more)], how="vertical_relaxed")
    every = alarms(connection, changed, week)
    found = {rule.name: [row[1:] for row in every if row[0] == rule.name] for rule in RULES}
    assert [row[2] for row in found["upload_anomaly"]] == [person]
    assert found["upload_anomaly"][0][3].startswith("600")  # 60 MB and what was normal, above the baseline
    assert "spreads), median of" in found["upload_anomaly"][0][3]
    assert [(row[2], row[3][:32]) for row in found["programs_at_night"]] == [
        (daily, "3 night hours of programs this w")
    ]
    assert {row[1] for row in found["first_use_in_department"]} == {"department=D0"}
    assert len(found["first_use_in_department"]) == 5


def test_after_a_change_of_the_keys_nobody_is_new(
    lake: tuple[duckdb.DuckDBPyConnection, pl.DataFrame],
) -> None:
    connection, rows = lake
    week = WEEKS - 2
    renamed = rows.with_columns(
        pl.when(pl.col("hour") >= hour_of(week, 0, 0)).then("n" + pl.col("subject")).otherwise("subject")
        .alias("subject")
    )  # fmt: skip
    found = alarms(connection, renamed, week)
    assert {row[0] for row in found} <= {"first_use_in_department"}  # departments keep their names
    evaluated = connection.execute("SELECT rule, why_not FROM evaluated").fetchall()
    needs = "needs {} earlier weeks with use under the same keys, has {}"
    assert dict(evaluated) == {
        "first_use_in_department": None,
        "programs_at_night": needs.format(1, 0),
        "upload_anomaly": needs.format(4, 0),
    }
    alarms(connection, renamed, week + 1)
    evaluated = connection.execute("SELECT rule, why_not FROM evaluated").fetchall()
    assert dict(evaluated)["programs_at_night"] is None
    assert dict(evaluated)["upload_anomaly"] == needs.format(4, 1)


def test_weeks_of_unknown_size_are_no_weeks_without_uploads(
    lake: tuple[duckdb.DuckDBPyConnection, pl.DataFrame],
) -> None:
    """A proxy without byte counts before, a sensor that counts from this week on."""
    connection, rows = lake
    week = WEEKS - 1
    counted = pl.col("hour") >= hour_of(week, 0, 0)
    unknown = rows.with_columns(pl.when(counted).then(pl.col("bytes_up", "bytes_up_max")))
    assert not [row for row in alarms(connection, unknown, week) if row[0] == "upload_anomaly"]
