"""Whose word ties use to somebody, in shares: a slow model beside the SQL, and no share of a small group."""

from __future__ import annotations

import random
from collections import defaultdict
from string import Template

import pytest

from analytics.definitions import load_marts
from analytics.lake import connect

K = 4
Hour = tuple[str, str, str, str, str, float | None, int, int | None]
WAYS = [("user", "owner", 0.81), ("user", "directory", 0.8), ("user", "log", 1.0), ("user", "hint", 0.4),
        ("device", "device", None), ("address", "nobody", None), ("shared", "shared", None),
        ("machine", "machine", None)]  # fmt: skip


def _told(hours: list[Hour]) -> dict[tuple[str, str], dict[tuple[str, str], tuple[float, float | None]]]:
    """(day, site) → (tied_to, attributed_by) → shares of connections and bytes."""
    (mart,) = (mart for mart in load_marts() if mart.name == "attribution_quality")
    with connect() as connection:
        connection.execute(
            "CREATE TABLE all_hours (day VARCHAR, site VARCHAR, subject VARCHAR, subject_kind VARCHAR, "
            "attributed_by VARCHAR, confidence DOUBLE, connections BIGINT, bytes_up BIGINT, grade INT)"
        )
        marks = ", ".join("?" * 8)
        connection.executemany(
            f"INSERT INTO all_hours VALUES ({marks}, 3)",
            hours,
        )
        found = connection.execute(Template(mart.sql).substitute(k=K, dominance=0.8)).fetchall()
    told: dict[tuple[str, str], dict[tuple[str, str], tuple[float, float | None]]] = defaultdict(dict)
    for day, site, tied, by, connections, up, _ in found:
        told[day, site][tied, by] = (connections, up)
    return told


def _hours(draw: random.Random) -> list[Hour]:
    hours: list[Hour] = []
    for _ in range(draw.choice((5, 20, 60))):
        kind, by, sure = draw.choice(WAYS)
        subject = f"{kind[0]}{draw.randrange(draw.choice((2, 12)))}"
        where = (draw.choice(("mon", "tue")), draw.choice(("hq", "branch")))
        hours.append((*where, subject, kind, by, sure, draw.randrange(1, 9), draw.choice((None, 10, 900))))
    return hours


@pytest.mark.parametrize("seed", range(12))
def test_every_share_is_of_k_subjects_or_of_nobody(seed: int) -> None:
    hours = _hours(random.Random(seed))
    told = _told(hours)
    for day in ("mon", "tue"):
        for site in ("hq", "branch", "all"):
            here = [hour for hour in hours if hour[0] == day and site in (hour[1], "all")]
            persons = {hour[2] for hour in here if hour[3] in ("user", "device", "address")}
            ways = told.get((day, site))
            assert (ways is None) == (len(persons) < K), "nothing is said of fewer than k"
            if ways is None:
                continue
            assert sum(share for share, _ in ways.values()) == pytest.approx(100, abs=len(ways) / 2)
            single = set(ways) - {("few", "few")}
            groups = [{h[2] for h in here if h[4] == by} for _, by in single if by != "machine"]
            few = {h[2] for h in here if h[4] != "machine" and h[4] not in {by for _, by in single}}
            assert all(len(group) >= K for group in groups)
            assert (("few", "few") in ways) == bool(few) and (not few or len(few) >= K)
            total = sum(hour[6] for hour in here)
            for _, by in single:
                ours = sum(hour[6] for hour in here if hour[4] == by)
                assert ways[_, by][0] == pytest.approx(100 * ours / total, abs=0.51)


def test_who_sends_most_of_a_share_hides_the_bytes_of_all() -> None:
    hours: list[Hour] = [("mon", "hq", f"u{n}", "user", "log", 1.0, 5, 100) for n in range(6)]
    hours += [("mon", "hq", f"a{n}", "address", "nobody", None, 5, 9000 if n == 0 else 1) for n in range(6)]
    shares = _told(hours)["mon", "hq"]
    assert shares == {("person", "log"): (50.0, None), ("nobody", "nobody"): (50.0, None)}
    even: list[Hour] = [(*hour[:7], 100) for hour in hours]
    assert _told(even)["mon", "hq"]["person", "log"] == (50.0, 50.0)
