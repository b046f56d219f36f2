"""Makes the relations that judge.py reads from a lake, and fingerprints of the inputs of a week.

In: the manifest, and the files of the marts by period. Writes nothing to the lake.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

from analytics.counting.frames import store_frame
from analytics.counting.inputs import files_of, fingerprint
from analytics.counting.weeks import days_of
from analytics.definitions import Mart, load_marts
from analytics.lake import Manifest, literal
from analytics.policy.judge import HISTORY_WEEKS, Sources
from analytics.policy.rules import CONTROLS, LEVELS, RULES, load_controls, load_rules
from analytics.stored import cold_sql, files_sql, narrowed, unmerged_sql

#: Daily marts of the week and the weeks before it → relation in judging/*.sql.
NEAR = {"usage_hourly": "near_usage", "ai_servers_daily": "near_servers", "model_pulls_daily": "near_models"}
#: Marts with the published policy.
POLICY_MARTS = ("policy", "exceptions", "exception_people")


@dataclass(frozen=True)
class Weeks:
    """The weeks of a lake that can be judged."""

    lake: Path
    manifest: Manifest
    #: mart → period → path, as in the mart state
    files: Mapping[str, Mapping[str, str]]
    marts: Mapping[str, Mart]
    #: IANA time zone in which weeks begin
    zone: str

    def known(self) -> list[date]:
        """Mondays of the weeks with published figures whose hourly marts still exist."""
        hourly = self.files.get("usage_hourly", {})
        return [
            week
            for week in self.published()
            if any(day.isoformat() in hourly for day in days_of(week, self.zone))
        ]

    def published(self) -> list[date]:
        """Mondays of the weeks with published figures, be they of people, machines or outsiders."""
        figures = ("usage_weekly", "nobodies_weekly")
        return sorted({date.fromisoformat(week) for name in figures for week in self.files.get(name, {})})

    def fingerprint(self, week: date) -> str:
        """Fingerprint of the inputs: equal ones give equal findings with the same policy, catalog and
        sensors."""
        return fingerprint(
            definitions(),
            [self._near(name, week, week) for name in NEAR],
            [
                self.files.get(name, {}).get(week.isoformat())
                for name in ("usage_weekly", "coverage_days", "names_weekly")
            ],
        )

    def lay_out(self, connection: duckdb.DuckDBPyConnection, first: date, last: date) -> None:
        """Makes the input of judge.py for the weeks from Monday `first` to Monday `last`, except the
        policy."""
        for name, relation in NEAR.items():
            near = files_sql(self.marts[name].types, self._near(name, first, last), root=self._root)
            # A view, because only a few columns are read at a time.
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {relation} AS {near}")
        for name, relation in (("catalog", "catalog"), ("sensors", "places")):
            table = self.manifest.tables[name]
            _table(connection, relation, cold_sql(table, table.cold_files, root=self._root))

    def lay_out_week(self, connection: duckdb.DuckDBPyConnection, week: date) -> int:
        """Makes the input of judge.py for a single week; returns the number of minutes watched."""
        _table(connection, "cells", self._of_week("usage_weekly", week))
        return self._watched_minutes(connection, week)

    def sources(self, connection: duckdb.DuckDBPyConnection, week: date) -> Sources:
        """What the sources of a week could show; everything, where that is not known."""
        connects, bytes_up = connection.execute(
            "SELECT COALESCE(BOOL_OR(connects), TRUE), COALESCE(BOOL_OR(connects AND bytes_known), TRUE) "
            f"FROM ({self._of_week('names_weekly', week)}) AS names WHERE host IS NULL"
        ).fetchall()[0]
        requests, inside = connection.execute(
            "SELECT COALESCE(SUM(requests_read) > 0, TRUE), COALESCE(SUM(internal_connections) > 0, TRUE) "
            f"FROM ({self._of_week('coverage_days', week)}) AS days"
        ).fetchall()[0]
        return Sources(connects, bytes_up, connects and requests, connects and inside)

    def _of_week(self, mart: str, week: date) -> str:
        path = self.files.get(mart, {}).get(week.isoformat())
        return files_sql(self.marts[mart].types, [path] if path else [], root=self._root)

    def lay_out_policy(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes the relations of the published policy."""
        for name in POLICY_MARTS:
            paths = list(self.files.get(name, {}).values())
            _table(connection, name, files_sql(self.marts[name].types, paths, root=self._root))

    def policy_version(self, connection: duckdb.DuckDBPyConnection) -> str:
        """The version of the policy in the relations; '' without a policy."""
        found = connection.execute(
            "SELECT MAX(policy_version) FROM (SELECT policy_version FROM policy UNION SELECT policy_version "
            "FROM exceptions)"
        ).fetchone()
        return str(found[0] or "") if found else ""

    def _near(self, mart: str, first: date, last: date) -> list[str]:
        """Files of a daily mart for the weeks from `first` to `last` and their comparison weeks."""
        begin = days_of(first - timedelta(days=7 * HISTORY_WEEKS), self.zone)[0]
        end = days_of(last, self.zone)[-1]
        days = [begin + timedelta(days=n) for n in range((end - begin).days + 1)]
        known = self.files.get(mart, {})
        return [known[day.isoformat()] for day in days if day.isoformat() in known]

    def _watched_minutes(self, connection: duckdb.DuckDBPyConnection, week: date) -> int:
        table = self.manifest.tables["coverage"]
        paths = files_of(table.cold, days_of(week, self.zone))
        rows = unmerged_sql(narrowed(table, ["packets"]), paths, root=self._root)
        local = f"CAST(minute AT TIME ZONE {literal(self.zone)} AS DATE)"
        found = connection.execute(
            f"SELECT COUNT(DISTINCT minute) FROM ({rows}) AS minutes WHERE packets IS DISTINCT FROM 0 "
            f"AND {local} BETWEEN DATE '{week}' AND DATE '{week + timedelta(days=6)}'"
        ).fetchone()
        return int(found[0]) if found else 0

    @property
    def _root(self) -> str:
        return literal(self.lake.absolute())


@cache
def definitions() -> str:
    """Fingerprint of rules, controls and judging SQL, so that a new release judges all weeks again."""
    digest = hashlib.sha256()
    for folder in (RULES, CONTROLS, Path(__file__).parent / "judging"):
        for path in sorted(folder.iterdir()):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def rule_frames() -> dict[str, pl.DataFrame]:
    """Rules and controls as rows of the marts `rules` and `controls`."""
    rules = [
        {
            "rule": rule.name,
            "title": rule.title,
            "severity": rule.severity,
            "severity_rank": LEVELS.index(rule.severity) + 1,
            "question": rule.question,
            "proposal": " ".join(rule.proposal.split()),
            "due_days": rule.due_days,
            "needs_policy": rule.needs_policy,
            "history_weeks": rule.history_weeks,
            "budget_alarms": rule.budget.alarms if rule.budget else None,
            "budget_per": rule.budget.per if rule.budget else None,
            "budget_what": rule.budget.what if rule.budget else None,
        }
        for rule in load_rules()
    ]
    controls = [
        {
            "framework": one.framework,
            "edition": one.edition,
            "control": one.control,
            "title": one.title,
            "reference": one.reference or None,
            "rule": rule,
            "nth": nth,
        }
        for nth, one in enumerate(load_controls())
        for rule in one.rules
    ]
    return {
        "rules": pl.DataFrame(rules, infer_schema_length=None),
        "controls": pl.DataFrame(controls, infer_schema_length=None),
    }


def lay_out_frames(connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame]) -> None:
    """Makes a relation for each frame, named like its mart."""
    for name, frame in frames.items():
        store_frame(connection, name, frame)


def lay_out_no_servers(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes empty relations `near_servers` and `near_models`, for test cases."""
    types = {mart.name: mart.types for mart in load_marts()}
    for name in ("ai_servers_daily", "model_pulls_daily"):
        _table(connection, NEAR[name], files_sql(types[name], [], root="''"))


def _table(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
