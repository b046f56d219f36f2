"""Rows that are added up when they are first read, and days that are read together: the same marts as where
every row and every day stays by itself."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics.counting import day_marts, days, threads
from analytics.steps import Steps
from sensor.ingest.installation import DEFAULT_RANKS
from tests.analytics.handmade import (
    CATALOG,
    SENSORS,
    HandmadeLake,
    Row,
    at,
    counted,
    lookup,
    proxied,
    sighting,
)

#: Half an hour off: hours of the report begin in the middle of UTC's.
ZONE = "Asia/Kolkata"
EYES = [("span", "packets"), ("span2", "packets"), ("zeek", "zeek")]
DAILY = ["usage_hourly", "not_use_hourly", "rhythm_daily", "ai_servers_daily", "named_daily"]


def _network(draw: random.Random) -> tuple[list[Row], list[Row]]:
    """Two days of connections in slices that one to three eyes saw, proxy lines and lookups, and leases."""

    def moment() -> Any:
        return at("2026-11-16 20:00") + timedelta(seconds=draw.randrange(3600 * 30))

    def seen(make: Any, when: Any, **more: Any) -> Row:
        return make("2026-11-16 00:00", **({"seen_at": when} | more))

    rows: list[Row] = []
    for flow in range(1, 70):
        begin, one = moment(), draw.randrange(4)
        about = {
            "client": draw.choice([f"a{one}", None]), "user_name": draw.choice([None, None, f"u{one}"]),
            "app": draw.choice([*["acme/chat"] * 5, *["bolt/code"] * 4, "behaviours/ollama"]),
            "host": draw.choice(["one.test", "two.test", None]),
            "action": draw.choice(["allowed"] * 5 + ["blocked"]),
            "client_scope": draw.choice(["internal", "internal", "proxy", "external"]),
        }  # fmt: skip
        for sensor, vantage in draw.sample(EYES, draw.choice([1, 1, 1, 1, 2, 3])):
            late = timedelta(seconds=draw.choice([0, 0, 1.5, 4]))
            rows += [
                seen(
                    sighting, begin + late + timedelta(minutes=nth), started_at=begin + late, slice=nth,
                    flow=flow, connection=flow, connections=int(nth == 0), sensor=sensor, vantage=vantage,
                    bytes_up=draw.choice([None, 0, 900]), grade=draw.choice([3, 4, 5]), **about,
                )
                for nth in range(draw.choice([1, 3, 20, 70]))
                if draw.random() < 0.95
            ]  # fmt: skip
        if draw.random() < 0.1:  # told again, otherwise
            rows.append(rows[-1] | {"event_id": 10**9 + flow, "bytes_up": 5000})
        for _ in range(draw.choice([0, 1, 4])):
            when = begin + timedelta(seconds=draw.choice([0, 0, 20, 900]))
            said = {"user_name": draw.choice([about["user_name"], *(f"u{n}" for n in range(4))])}
            rows.append(seen(proxied, when, grade=draw.choice([3, 5]), **(about | said)))
            rows.append(seen(lookup, when, vantage=draw.choice(["dns", "packets"]), **about))
    leases = [
        {
            "site": "hq", "address": f"a{draw.randrange(2)}", "device": draw.choice([None, "d1", "d2"]),
            "user_name": draw.choice([None, "u1", "u2"]), "valid_from": begin, "confidence": 0.9,
            "valid_to": begin + timedelta(minutes=draw.randrange(1, 300)), "shared": False,
            "origin": draw.choice(["dhcp", "directory", "vpn"]),
        }
        for begin in (moment() for _ in range(6))
    ]  # fmt: skip
    return rows, leases


def _built(folder: Path, rows: list[Row], leases: list[Row]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every daily mart."""
    lake = HandmadeLake(folder)
    lake.cold("sensors", [*SENSORS, SENSORS[0] | {"sensor": "zeek", "vantage": "zeek", "rank": 2}])
    lake.cold("catalog", CATALOG)
    lake.cold("leases", leases)
    lake.cold("sightings", rows)
    with counted(lake, *DAILY, zone=ZONE) as marts:
        return {mart: marts.execute(f"SELECT * FROM {mart} ORDER BY ALL").fetchall() for mart in DAILY}


def test_a_vantage_that_no_sensor_is_listed_with_has_the_rank_of_its_kind(tmp_path: Path) -> None:
    """A syslog server is one sensor, listed with the kind of its last file; the proxy's lines come first."""
    assert days.DEFAULT_RANKS == DEFAULT_RANKS
    proxy, firewall = {"sensor": "siem", "bytes_up": 7000}, {"sensor": "siem", "bytes_up": 900}
    moment = "2026-11-17 10:00"
    lake = HandmadeLake(tmp_path)
    lake.cold("sensors", [SENSORS[2] | {"sensor": "siem", "vantage": "firewall", "rank": 4}])
    lake.cold("catalog", CATALOG)
    lake.cold("sightings", [proxied(moment, **proxy), proxied(moment, vantage="firewall", **firewall)])
    with counted(lake, "usage_hourly") as marts:
        assert marts.execute("SELECT bytes_up FROM usage_hourly").fetchall() == [(7000,)]


def test_what_is_added_up_early_makes_the_same_marts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, leases = _network(random.Random(7))
    events: list[int] = []
    count_days = days.count_days

    def counting(connection: duckdb.DuckDBPyConnection, *day: Any, **more: Any) -> None:
        count_days(connection, *day, **more)
        events.append(connection.execute("SELECT COUNT(*) FROM events").fetchall()[0][0])

    monkeypatch.setattr(day_marts, "count_days", counting)
    early, few = _built(tmp_path / "early", rows, leases), sum(events)
    events.clear()
    steps = shutil.copytree(days.STEPS.folder, tmp_path / "counting")
    together = (steps / "01_events.sql").read_text()
    each_by_itself = together.replace("NOT n.in_day OR", "true OR")
    assert each_by_itself != together
    (steps / "01_events.sql").write_text(each_by_itself)
    monkeypatch.setattr(days, "STEPS", Steps(steps))
    assert early == _built(tmp_path / "late", rows, leases)
    assert all(early.values())
    assert few < 0.85 * sum(events), "most of these are apart: seen twice, at addresses that change hands"


@pytest.mark.parametrize(("seed", "limit", "alone"), [(0, "DAYS_A_RUN", 1), (1, "BYTES_A_RUN", 0)])
def test_days_read_together_make_the_marts_of_each_read_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, limit: str, alone: int
) -> None:
    draw, rows, leases = random.Random(seed), [], []
    for days_later in range(3):
        more, of_addresses = _network(draw)
        later = timedelta(days=days_later)
        times = ("seen_at", "started_at", "valid_from", "valid_to")
        for row in (*more, *of_addresses):
            row.update({time: row[time] + later for time in times if row.get(time)})
        rows += more
        leases += of_addresses
    rows += [  # a line of three days; and a connection of as many, with a slice in each hour
        proxied("2026-11-17 22:00", duration_s=3 * 86_400.0, user_name="u1", bytes_up=7000),
        *(
            sighting(
                "2026-11-17 23:00", seen_at=at("2026-11-17 23:00") + timedelta(hours=nth), slice=60 * nth,
                started_at=at("2026-11-17 23:00"), flow=10**7, connection=10**7, user_name="u2",
                grade=3 + nth // 50,
            )
            for nth in range(60)
        ),
    ]  # fmt: skip
    monkeypatch.setattr(threads, "processors", lambda connection: 1)
    runs: list[int] = []
    read_days = days.read_days

    def reading(connection: duckdb.DuckDBPyConnection, days: Sequence[date], *, zone: str) -> None:
        runs.append(len(days))
        read_days(connection, days, zone=zone)

    monkeypatch.setattr(day_marts, "read_days", reading)
    together = _built(tmp_path / "together", rows, leases)
    assert runs == [5]
    monkeypatch.setattr(day_marts, limit, alone)
    assert together == _built(tmp_path / "alone", rows, leases)
    assert runs == [5, *[1] * 5]
    assert all(together.values())
