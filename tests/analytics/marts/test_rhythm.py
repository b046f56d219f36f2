"""Scripted agents and scripted people, with published waiting times, and what `agents` says of them.

Agents: TraceLab (arXiv 2606.30560): generation 5.7 s at the median, tools 0.3 s at the median and 13.6 s at
the 90th percentile, context grows by 7 kB a step. People: Mooncake's conversations: 129 s to the next request
at the median, 30 s at the 5th percentile. Both are log-normal here. The seeds set no threshold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from analytics.lake import open_views
from analytics.refresh import refresh
from tests.analytics.handmade import ZONE, HandmadeLake, Row, at, proxied

EACH = 60
KINDS = ("agent", "person", "desk", "typing", "embedding")


def session(kind: str, number: int) -> Iterator[Row]:
    """A day of one subject: requests as a proxy logs them."""
    rng = np.random.default_rng((20261126, KINDS.index(kind), number))
    now, context = at("2026-11-17 09:00") + timedelta(minutes=number), float(rng.uniform(20_000, 60_000))
    for _ in range(int(rng.integers(6, 30))):
        lasted = float(np.exp(rng.normal(np.log(5.7), 1.06)))
        if kind == "agent":
            wait, sent = float(np.exp(rng.normal(np.log(0.3), 2.97))), context
            context += float(rng.uniform(1000, 13_000))
        elif kind == "typing":  # an editor's completions: driven by a person, answered at once
            lasted, wait, sent = (
                float(rng.uniform(0.1, 0.6)),
                float(rng.exponential(4)),
                float(rng.uniform(2000, 9000)),
            )
        elif kind == "embedding":  # a batch: no answer is streamed
            lasted, wait, sent = float(rng.uniform(0.1, 0.9)), 0.05, float(rng.uniform(8000, 16_000))
        else:  # a browser, or a desktop program that says nothing else
            wait, sent = float(np.exp(rng.normal(np.log(129), 0.89))), float(rng.uniform(1500, 6000))
        yield proxied(
            now.strftime("%Y-%m-%d %H:%M:%S.%f"), user_name=f"{kind}{number}", client=f"{kind}{number}",
            duration_s=lasted, bytes_up=int(sent), access="web" if kind == "person" else "api",
            client_class="browser" if kind == "person" else "program",
        )  # fmt: skip
        now += timedelta(seconds=lasted + wait)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bool]]:
    rows = [row for kind in KINDS for number in range(EACH) for row in session(kind, number)]
    lake = HandmadeLake.furnished(tmp_path_factory.mktemp("rhythm"), *rows)
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path, restricted=True) as views:
        found = views.execute("SELECT subject, BOOL_OR(agent_like) FROM agents GROUP BY subject").fetchall()
    said = {str(subject): bool(like) for subject, like in found}
    return {kind: [said.get(f"{kind}{number}", False) for number in range(EACH)] for kind in KINDS}


def test_agents_are_told_from_people(judged: dict[str, list[bool]]) -> None:
    hits = {kind: sum(judged[kind]) for kind in KINDS}
    assert hits["agent"] >= 0.9 * EACH, hits
    assert hits["person"] == 0, hits  # browsers are no programs, so not even looked at


def test_programs_that_a_person_drives_are_seldom_called_agents(judged: dict[str, list[bool]]) -> None:
    hits = {kind: sum(judged[kind]) for kind in KINDS}
    assert hits["desk"] <= 0.05 * EACH, hits
    assert hits["typing"] <= 0.05 * EACH and hits["embedding"] <= 0.05 * EACH, hits


@pytest.mark.parametrize(
    ("zone", "moments", "requests"),
    [
        ("America/New_York", ["16 02:00", "16 15:00", "16 15:10", "16 15:20"], [1, 3]),
        ("Asia/Kolkata", ["15 18:20", "15 18:40", "15 18:50"], [1, 2]),  # hours begin at half past there
    ],
)
def test_requests_of_a_utc_day_count_in_the_weeks_of_the_report_zone(
    tmp_path: Path, zone: str, moments: list[str], requests: list[int]
) -> None:
    """In New York Monday's first five UTC hours are Sunday's: they must not take the whole day with them."""
    rows = [
        proxied(f"2026-11-{moment}", user_name="u", client="c", access="api", client_class="program")
        for moment in moments
    ]
    lake = HandmadeLake.furnished(tmp_path, *rows)
    refresh(lake.path, zone=zone)
    with open_views(lake.path, restricted=True) as views:
        found = views.execute("SELECT week, requests FROM agents ORDER BY week").fetchall()
    assert found == [(date(2026, 11, 9), requests[0]), (date(2026, 11, 16), requests[1])]
