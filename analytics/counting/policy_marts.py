"""Stores the policy and its rules as tables, and the findings of every week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import duckdb

from analytics.counting.build import Build, Values
from analytics.counting.frames import store_frame
from analytics.counting.inputs import content, fingerprint, rules
from analytics.counting.threads import each, runs
from analytics.lake import literal
from analytics.policy.judge import judge, prepare, sum_up
from analytics.policy.rows import Compiled
from analytics.policy.weeks import POLICY_MARTS, Weeks, rule_frames
from analytics.stored import LANDED, files_sql

#: Weeks judged together, so that their comparison weeks are summed only once.
WEEKS_A_RUN = 7


def store_policy(build: Build, policy: Compiled | None) -> None:
    """Writes the rules, and `policy` unless it is None, to where the views read them."""
    frames = rule_frames() | (policy.frames() if policy else {})
    for name, frame in frames.items():
        digest = fingerprint(rules(), frame.write_json())
        if build.state.inputs.get(name) != digest:
            store_frame(build.connection, f"compiled_{name}", frame)
            mart = build.mart(name)
            build.store(mart, "all", mart.sql)
            build.state.inputs[name] = digest


def make_findings(build: Build) -> list[date]:
    """Judges every dirty week by the policy; returns the Mondays. Another policy makes all weeks dirty.

    A week that has no figures any more (its rows were replaced, or landed later than `build.now`) loses its
    findings.
    """
    marts = {mart.name: mart for mart in build.marts}
    weeks = Weeks(build.lake, build.manifest, build.state.files, marts, build.zone)
    today = build.now.astimezone(ZoneInfo(build.zone)).date()
    inputs = [build.state.inputs.get(name) for name in POLICY_MARTS]
    clocks = "SELECT site, MIN(zone) AS zone FROM sensors GROUP BY site"
    elsewhere = f"SELECT * FROM ({clocks}) AS clocks WHERE zone <> {literal(build.zone)}"
    for rows in (f"SELECT * EXCLUDE ({LANDED}) FROM ({build.cold('catalog')}) AS known", elsewhere):
        inputs.append(content(build.connection, rows))
    horizons = {week: min(today, week + timedelta(days=6)) for week in weeks.known()}
    dirty = {}
    for week, horizon in horizons.items():
        digest = fingerprint(rules(), build.zone, build.k, inputs, str(horizon), weeks.fingerprint(week))
        if build.is_dirty(f"findings/{week}", digest):
            dirty[week] = digest

    # Of all weeks, and as they were before: threads replace them meanwhile.
    found = files_sql(
        marts["findings_weekly"].types,
        [*build.state.files.get("findings_weekly", {}).values()],
        root=build.root,
    )
    known = (  # a row of an older release tells no day
        "SELECT finding, CASE WHEN COUNT(found_on) = COUNT(*) THEN MIN(found_on) END AS found_on "
        f"FROM ({found}) AS found GROUP BY finding"
    )

    published = {f"findings/{week}" for week in weeks.published()}
    for period in [key for key in build.state.inputs if key.startswith("findings/")]:
        if period not in published and period not in build.state.final:
            del build.state.inputs[period]
            for mart in build.marts:
                if mart.of == "findings":
                    build.state.replace(mart.name, period.removeprefix("findings/"), None, build.now)

    def make(connection: duckdb.DuckDBPyConnection, run: Sequence[date]) -> None:
        weeks.lay_out(connection, run[0], run[-1])
        sum_up(connection, run[0], run[-1], zone=build.zone)
        for week in run:
            watched = weeks.lay_out_week(connection, week)
            judge(
                connection, week, horizons[week], zone=build.zone, k=build.k, summed_up=True,
                sources=weeks.sources(connection, week),
            )  # fmt: skip
            values: Values = {
                "week": week.isoformat(),
                "horizon": horizons[week].isoformat(),
                "today": today.isoformat(),
                "watched_minutes": watched,
                "policy_version": weeks.policy_version(connection),
            }
            build.on(connection).store_week(week, values, of="findings")
            build.state.inputs[f"findings/{week}"] = dirty[week]

    def begin(connection: duckdb.DuckDBPyConnection) -> None:
        prepare(connection)
        weeks.lay_out_policy(connection)
        build.on(connection).relation("TABLE", "known_findings", known)

    together = runs(build.connection, sorted(dirty), apart=timedelta(days=7), most=WEEKS_A_RUN)
    each(build.connection, together, make, begin=begin)
    return list(dirty)
