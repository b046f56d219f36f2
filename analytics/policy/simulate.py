"""Judges the last 30 days by another policy, with the code that makes findings. Nothing is written.

In: a lake with its marts, and a compiled policy. Out: findings as they would be published (k-safe). They
equal the findings after a change of the policy, because both come from the same SQL on the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from analytics.counting.state import read_state
from analytics.definitions import load_marts
from analytics.lake import connect, read_manifest, spill_of
from analytics.policy.judge import judge, prepare, sum_up
from analytics.policy.rows import Compiled
from analytics.policy.rules import load_rules
from analytics.policy.weeks import Weeks, lay_out_frames

#: Days to look back; because whole weeks are judged, a few more are covered.
DAYS = 30


@dataclass(frozen=True, slots=True)
class Hit:
    """A finding in a week. Figures are None if hidden or unknown."""

    week: date
    finding: str
    rule: str
    severity: str
    app: str
    scope: str
    people_at_least: int | None
    people_hidden: bool
    bytes_up: int | None
    #: the same, summed over all sensors
    bytes_up_max: int | None
    sessions: int | None


@dataclass(frozen=True, slots=True)
class Simulation:
    """The findings of the judged weeks under the published policy and under the other one."""

    weeks: tuple[date, ...]
    before: tuple[Hit, ...]
    after: tuple[Hit, ...]


def simulate(lake: Path, policy: Compiled, *, k: int, now: datetime | None = None) -> Simulation:
    """The findings of `policy` in the last 30 days of use. Raises LakeUnreadable.

    `k` is the minimum group size of the lake. The 30 days end with the newest week with use.
    """
    manifest, state = read_manifest(lake), read_state(lake)
    marts = {mart.name: mart for mart in load_marts()}
    weeks = Weeks(lake, manifest, state.files, marts, manifest.zone)
    known = weeks.known()
    chosen = [week for week in known if week + timedelta(days=6) > known[-1] + timedelta(days=6 - DAYS)]
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(manifest.zone)).date()
    before: list[Hit] = []
    after: list[Hit] = []
    with connect(spill=spill_of(lake)) as connection:
        prepare(connection)
        if chosen:
            weeks.lay_out(connection, chosen[0], chosen[-1])
            sum_up(connection, chosen[0], chosen[-1], zone=manifest.zone)
        for week in chosen:
            weeks.lay_out_week(connection, week)
            for found, frames in ((before, None), (after, policy.frames())):
                if frames is None:
                    weeks.lay_out_policy(connection)
                else:
                    lay_out_frames(connection, frames)
                horizon = min(today, week + timedelta(days=6))
                judge(connection, week, horizon, zone=manifest.zone, k=k, summed_up=True)
                rows = connection.execute(
                    "SELECT finding, rule, app, scope, people_at_least, people_hidden, bytes_up, "
                    "bytes_up_max, sessions FROM finding_rows ORDER BY finding"
                ).fetchall()
                found.extend(_hits(week, rows))
    return Simulation(tuple(chosen), tuple(before), tuple(after))


def _hits(week: date, rows: list[tuple[object, ...]]) -> Iterator[Hit]:
    severities = {rule.name: rule.severity for rule in load_rules()}
    for finding, rule, app, scope, people, hidden, bytes_up, bytes_up_max, sessions in rows:
        yield Hit(
            week, str(finding), str(rule), severities[str(rule)], str(app), str(scope),
            _number(people), bool(hidden), _number(bytes_up), _number(bytes_up_max), _number(sessions),
        )  # fmt: skip


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))
