"""sightings_named gives every sighting the subject it is counted for, though its mart has no sightings."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics.counting import day_marts, days
from analytics.counting.days import count_days
from analytics.lake import open_views
from analytics.refresh import refresh
from tests.analytics.handmade import ZONE, HandmadeLake, Row, at, lookup, proxied, sighting

SAID = """
SELECT a.event_id, f.subject, f.subject_kind, f.user_name, f.department, f.site, f.attributed_by, f.confidence
FROM attributed AS a JOIN facets AS f ON f.facet = a.facet WHERE a.in_day
"""
NAMED = """
SELECT event_id, subject, subject_kind, user_name, department, home_site, attributed_by,
       attribution_confidence
FROM sightings_named
"""
#: Reasons for whom a sighting is counted for.
REASONS = {
    "log", "owner", "nobody", "device", "service", "shared", "directory", "hint", "dhcp", "radius", "vpn"
}  # fmt: skip

#: A network that has all of them.
SEED = 4


def _network(draw: random.Random) -> tuple[list[Row], list[Row]]:
    """Sightings and leases of 56 hours at few addresses: owners, logins that grow stale, crowds, gaps."""

    def moment() -> str:
        minutes = timedelta(minutes=draw.randrange(60 * 56))
        return (at("2026-11-16 20:00") + minutes).strftime("%Y-%m-%d %H:%M:%S")

    rows = [
        draw.choice([sighting, proxied, lookup])(
            moment(),
            client=draw.choice([None, "a0", "a1", "a2", "a3"]),
            user_name=draw.choice([None] * 6 + [f"u{n}" for n in range(6)] + ["svc"]),
            device=draw.choice([None, None, "d1", "d2"]),
            site=draw.choice([None, "hq", "hq", "south"]),
            role=draw.choice(["use"] * 4 + ["embedded", "support"]),
            action=draw.choice(["allowed", "allowed", "blocked", None]),
            client_scope=draw.choice(["internal", "external", None, "proxy"]),
            app=draw.choice(["acme/chat", "bolt/code", "behaviours/ollama"]),
        )
        for _ in range(500)
    ]
    leases = []
    for begin in (at(moment()) for _ in range(30)):
        leases.append({
            "site": draw.choice(["hq", "hq", "south", "unknown"]), "address": f"a{draw.randrange(4)}",
            "mac": draw.choice([None, "m1", "m2", "m3"]), "device": draw.choice([None, "d1", "d2", "d3"]),
            "user_name": draw.choice([None, "u1", "u2", "u3", "svc"]), "valid_from": begin,
            "valid_to": draw.choice([None, begin + timedelta(minutes=draw.randrange(1, 600))]),
            "origin": draw.choice(["dhcp", "vpn", "directory", "csv", "radius", "log"]),
            "confidence": draw.choice([0.3, 0.8, 0.9, 1.0]), "shared": draw.random() < 0.07,
        })  # fmt: skip
    return rows, leases


def test_every_sighting_has_the_subject_of_its_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: dict[int, tuple[Any, ...]] = {}

    def noting(connection: duckdb.DuckDBPyConnection, *day: Any, **more: Any) -> None:
        count_days(connection, *day, **more)
        counted.update((row[0], row[1:]) for row in connection.execute(SAID).fetchall())

    monkeypatch.setattr(day_marts, "count_days", noting)
    start = at("2026-10-01 00:00")
    people: list[Row] = [{"user_name": f"u{n}", "department": "Legal", "kind": "person"} for n in range(4)]
    people[1]["site"], people[2]["device"], people[3]["mac"] = "south", "d1", "m3"
    rows, leases = _network(random.Random(SEED))
    lake = HandmadeLake.furnished(tmp_path, *rows, leases=leases)
    directory = [*people, {"user_name": "svc", "kind": "service"}]
    lake.cold("directory", [row | {"valid_from": start} for row in directory])
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path, restricted=True) as views:
        named = views.execute(NAMED).fetchall()
    assert len(named) == len(rows)
    for event_id, *who in named:
        assert tuple(who) == counted.get(event_id, (None,) * 7)
    assert {attributed_by for *_, attributed_by, _ in counted.values()} >= REASONS
    assert "outside" in {kind for _, kind, *_ in counted.values()}


@pytest.mark.parametrize("clash", [False, True])
def test_each_sighting_falls_into_the_lease_of_its_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clash: bool
) -> None:
    """Addresses with 1, 7 and 33 leases, asked at every edge; `clash`: with the first salt two hash alike."""
    if clash:
        count, clashes = days._number, [1]
        monkeypatch.setattr(
            days,
            "_number",
            lambda connection, query: (
                clashes.pop() if clashes and "told" in query else count(connection, query)
            ),
        )
    leases: list[Row] = []
    rows: list[Row] = []
    expected: list[tuple[str, str | None, str | None]] = []
    midnight = at("2026-11-17 00:00")  # u13 has gone by then
    for address, many in (("a1", 1), ("a7", 7), ("a33", 33)):
        for nth in range(many):
            # two minutes each; between two of them nobody for a minute, after every third nobody waits
            begin = at("2026-11-16 23:20") + timedelta(minutes=3 * nth - nth // 3)
            end = begin + timedelta(minutes=2)
            free = nth % 3 != 2 or nth == many - 1
            user = f"u{nth}"
            leases.append({"site": "hq", "address": address, "user_name": user, "valid_from": begin,
                           "valid_to": end, "origin": "vpn", "confidence": 0.9})  # fmt: skip
            second = timedelta(seconds=1)
            then = None if free else f"u{nth + 1}"
            for moment, who in ((begin, user), (end - second, user), (end, then)):
                rows.append(sighting(moment.isoformat(" ")[:19], client=address, user_name=None))
                known = who in ("u13", "u20") and moment >= midnight
                expected.append((address, who, "Legal" if known else None))
        rows.append(sighting("2026-11-16 23:19:59", client=address, user_name=None))
        expected.append((address, None, None))
    lake = HandmadeLake.furnished(tmp_path, *rows, leases=leases)
    legal: Row = {"department": "Legal", "kind": "person", "valid_from": midnight}
    lake.cold("directory", [legal | {"user_name": user} for user in ("u13", "u20")])
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path, restricted=True) as views:
        named = views.execute(
            "SELECT client, user_name, NULLIF(department, 'unattributed') FROM sightings_named "
            "ORDER BY event_id"
        ).fetchall()
    wanted = dict(zip((row["event_id"] for row in rows), expected, strict=True))
    assert named == [wanted[event] for event in sorted(wanted)]
