"""A mart equals a rebuild, whatever arrived when; only what changed is built anew."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics import forget
from analytics.counting import day_marts
from analytics.counting.state import read_state
from analytics.lake import LakeUnreadable, open_views
from analytics.refresh import refresh
from tests.analytics.handmade import (
    CATALOG,
    SENSORS,
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

DAYS = (date(2026, 11, 17), date(2026, 11, 18), date(2026, 11, 19))


def story() -> list[Row]:
    """Four days of twelve people: tunnels over midnight, proxy lines over them, lookups, another service."""
    rows: list[Row] = []
    for n in range(12):
        who = {"user_name": f"u{n}", "client": f"a{n}"}
        rows += tunnel("2026-11-17 23:50", 20, **who)
        rows.append(proxied("2026-11-17 23:49", duration_s=1300.0, **who))
        rows.append(proxied("2026-11-18 12:00", app="bolt/code", host="code.bolt.test", **who))
        rows += [lookup("2026-11-19 08:00", **who), sighting(f"2026-11-20 09:{n:02}", **who)]
    return rows


def marts(lake: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What the marts say."""
    names = ["usage_hourly", "usage_weekly", "usage_daily", "first_seen", "people", "attribution_weekly"]
    with open_views(lake, restricted=True) as connection:
        found = {name: connection.execute(whole(name)).fetchall() for name in names}
        who = "SELECT event_id, subject, subject_kind, attributed_by FROM sightings_named ORDER BY ALL"
        return found | {"sightings_named": connection.execute(who).fetchall()}


def empty(path: Path) -> HandmadeLake:
    """A lake with sensors and catalog only."""
    lake = HandmadeLake(path)
    lake.cold("sensors", SENSORS)
    lake.cold("catalog", CATALOG)
    return lake


@pytest.mark.parametrize("seed", range(2))
def test_segments_in_any_order_make_the_same_marts(tmp_path: Path, seed: int) -> None:
    rows = story()
    at_once = HandmadeLake.furnished(tmp_path / "once", *rows)
    refresh(at_once.path, zone=ZONE)
    order = random.Random(seed)
    order.shuffle(rows)
    piecemeal = empty(tmp_path / "pieces")
    for size in (*order.sample((1, 150), 2), len(rows)):
        piecemeal.cold("sightings", [rows.pop() for _ in range(min(len(rows), size))])
        refresh(piecemeal.path, zone=ZONE)
    assert not rows
    assert marts(piecemeal.path) == marts(at_once.path)
    assert marts(at_once.path)["usage_hourly"]


def test_nothing_new_builds_nothing(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, *story())
    assert refresh(lake.path, zone=ZONE).days
    again = refresh(lake.path, zone=ZONE)
    assert (again.days, again.weeks) == ((), ())


def test_busy_and_quiet_days_are_counted_in_one_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, rows = empty(tmp_path), []
    for day in range(1, 29, 3):
        busy = [sighting(f"2026-09-{day:02} 10:{n:02}") for n in range(60 if day % 2 else 1)]
        lake.cold("sightings", busy)
        rows += busy
    sizes = [path.stat().st_size for path in tmp_path.glob("restricted/sightings/cold/*/*.parquet")]
    monkeypatch.setattr(day_marts, "SMALL_BYTES", (min(sizes) + max(sizes)) // 2)
    assert len(refresh(lake.path, zone=ZONE).days) == len(sizes)
    with open_views(lake.path, restricted=True) as connection:
        counted = connection.execute("SELECT sum(bytes_up) FROM usage_hourly").fetchall()
    assert counted == [(sum(row["bytes_up"] for row in rows),)]


def test_what_every_scan_writes_anew_is_nothing_new(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, *story())
    staff: list[Row] = [
        {"user_name": f"u{n}", "department": "Legal", "kind": "person", "valid_from": at("2026-11-01 00:00")}
        for n in range(12)
    ]
    lake.cold("directory", staff)
    refresh(lake.path, zone=ZONE)
    before = json.loads((lake.path / "marts.json").read_text())["files"]
    for table, rows in (("sensors", SENSORS), ("catalog", CATALOG), ("directory", staff)):
        lake.cold(table, rows)
    again = refresh(lake.path, zone=ZONE)
    assert (again.days, again.weeks) == ((), ())
    assert json.loads((lake.path / "marts.json").read_text())["files"] == before
    assert before["evaluations_weekly"], "weeks were judged"
    lake.cold("directory", [staff[0] | {"user_name": "u12", "valid_from": at("2026-11-19 12:00")}])
    assert refresh(lake.path, zone=ZONE).days == (date(2026, 11, 19), date(2026, 11, 20))


def test_a_late_row_makes_its_day_and_the_neighbours_dirty(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(
        tmp_path, *(sighting(f"2026-11-{day} 10:00") for day in (10, 15, 17, 18, 19, 20))
    )
    refresh(lake.path, zone=ZONE)
    lake.cold("sightings", [sighting("2026-11-18 11:00")])
    built = refresh(lake.path, zone=ZONE)
    assert built.days == DAYS
    assert built.weeks == (date(2026, 11, 16),)
    sunday, monday = date(2026, 11, 15), date(2026, 11, 16)
    lake.cold("sightings", [sighting("2026-11-16 11:00")])
    built = refresh(lake.path, zone=ZONE)
    assert built.days == (sunday, monday, DAYS[0])
    assert built.weeks == (monday,), "its Sunday comes out the same, so the week before stands"
    lake.cold("sightings", [sighting("2026-11-15 23:30")])  # Monday on the zone's clock
    assert refresh(lake.path, zone=ZONE).weeks == (date(2026, 11, 9), monday)


def test_a_late_lease_names_people_afterwards(tmp_path: Path) -> None:
    rows = [sighting(f"2026-11-{day} 10:00", user_name=None) for day in (10, 17)]
    lake = HandmadeLake.furnished(tmp_path, *rows)
    refresh(lake.path, zone=ZONE)
    assert {row[1] for row in marts(lake.path)["usage_hourly"]} == {"addr1"}
    lake.cold("leases", [
        {"site": "hq", "address": "addr1", "user_name": "u7", "valid_from": at("2026-11-17 08:00"),
         "valid_to": at("2026-11-17 18:00")}
    ])  # fmt: skip
    assert refresh(lake.path, zone=ZONE).days == (date(2026, 11, 17),)
    assert [row[1] for row in marts(lake.path)["usage_hourly"]] == ["addr1", "u7"]


def test_another_zone_or_rank_rebuilds_and_another_k_only_the_cubes(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, *story())
    days = refresh(lake.path, zone=ZONE).days
    again = refresh(lake.path, zone=ZONE, k=4)
    assert (again.days, again.weeks) == ((), (date(2026, 11, 16),))
    assert refresh(lake.path, zone="Asia/Tokyo", k=4).days == days
    (squid,) = (sensor for sensor in SENSORS if sensor["sensor"] == "squid")
    files = json.loads((lake.path / "marts.json").read_text())["files"]
    lake.cold("sensors", [squid | {"sensor": "new", "vantage": "new", "rank": 0, "zone": "Asia/Tokyo"}])
    assert refresh(lake.path, zone="Asia/Tokyo", k=4).days == (), "nobody saw a day from there"
    assert json.loads((lake.path / "marts.json").read_text())["files"] == files, "no week was judged"
    lake.cold("sensors", [squid | {"rank": 0, "landed_at": "2026-11-22 10:00"}])
    assert refresh(lake.path, zone="Asia/Tokyo", k=4).days == days


def test_days_that_left_the_lake_keep_their_marts(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-10 10:00"), sighting("2026-11-17 10:00"))
    refresh(lake.path, zone=ZONE)
    before = marts(lake.path)
    del lake.files["sightings"]["2026-11-10"]
    lake.write_manifest()
    refresh(lake.path, zone=ZONE)
    after = marts(lake.path)
    del before["sightings_named"][0]  # evidence goes with its sighting
    assert after == before


def test_a_day_whose_rows_were_all_replaced_by_none_has_no_use(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-10 10:00"), sighting("2026-11-17 10:00"))
    refresh(lake.path, zone=ZONE)
    lake.files["sightings"]["2026-11-10"] = []
    lake.write_manifest()
    refresh(lake.path, zone=ZONE)
    assert [row[0] for row in marts(lake.path)["usage_hourly"]] == [at("2026-11-17 10:00")]


def test_a_killed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, *story())
    refresh(lake.path, zone=ZONE)
    before = marts(lake.path)
    orphan = lake.path / "restricted/marts/usage_hourly/day=2026-11-18/00000077.parquet"
    orphan.write_bytes(b"half")
    (lake.path / "restricted/spill-left").mkdir()
    for name in ("open.duckdb.1.tmp", "restricted.duckdb.1.tmp.wal", "marts.json.1.tmp"):
        (lake.path / name).touch()
    refresh(lake.path, zone=ZONE)
    assert not orphan.exists() and not list((lake.path / "restricted").glob("spill-*"))
    assert marts(lake.path) == before
    assert not [path for path in lake.path.rglob("*") if ".tmp" in path.name]


def test_the_running_week_goes_on_when_days_before_it_go(tmp_path: Path) -> None:
    """Its findings compare it with the six weeks before, whose hours are kept less long where settings say
    so."""
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-15 09:00"), sighting("2026-11-17 09:00"))
    refresh(lake.path, zone=ZONE)
    monday = date(2026, 11, 16)
    forget.expire(lake.path, restricted=monday, published=monday - timedelta(days=30), running=monday)
    state = read_state(lake.path)
    before, running = ({f"week/{week}", f"findings/{week}"} for week in ("2026-11-09", monday))
    assert {*before, *running} <= state.inputs.keys()
    assert before <= set(state.final) and not running & set(state.final)


def test_superseded_files_go_after_twelve_hours(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 10:00"))
    now = datetime(2026, 11, 22, tzinfo=UTC)
    refresh(lake.path, zone=ZONE, now=now)
    lake.cold("sightings", [sighting("2026-11-17 11:00")])
    refresh(lake.path, zone=ZONE, now=now)
    folder = lake.path / "restricted/marts/usage_hourly/day=2026-11-17"
    assert len(list(folder.iterdir())) == 2
    refresh(lake.path, zone=ZONE, now=now + timedelta(hours=11))
    assert len(list(folder.iterdir())) == 2
    refresh(lake.path, zone=ZONE, now=now + timedelta(hours=49))
    assert len(list(folder.iterdir())) == 1


def test_rows_without_a_time_count_nowhere(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 10:00"))
    lake.files["sightings"]["unknown"] = lake.files["sightings"].pop("2026-11-17")
    lake.write_manifest()
    assert refresh(lake.path, zone=ZONE).days == ()


def test_a_damaged_state_is_one_clear_error(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 10:00"))
    (lake.path / "marts.json").write_text("{")
    with pytest.raises(LakeUnreadable, match=r"marts\.json"):
        refresh(lake.path, zone=ZONE)
    for of_another, said in (
        ({"format": 2, "periods": []}, "written by a newer release .format 2, this one reads 1.; use that"),
        (
            {"format": 1, "vantages": {}, "ears": {}},
            "written by another release .this one does not know ears.; use",
        ),
    ):
        (lake.path / "marts.json").write_text(json.dumps(of_another))
        with pytest.raises(LakeUnreadable, match=rf"marts\.json: {said}"):
            refresh(lake.path, zone=ZONE)
    (lake.path / "marts.json").write_text(json.dumps({"format": 0}))
    assert refresh(lake.path, zone=ZONE).days


def test_a_column_that_the_manifest_does_not_name_yet_is_one_clear_error(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 10:00"))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["tables"]["sightings"]["columns"]["client_class"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(
        LakeUnreadable, match=r"manifest.json .* another release .*client_class.*; compact the lake"
    ):
        refresh(lake.path, zone=ZONE)


def test_the_zone_is_checked_before_it_stands_in_sql(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path)
    with pytest.raises(ValueError, match="IANA"):
        refresh(lake.path, zone="Europe/Berlin'; DROP")


def seen_name(bucket: str, host: str, clients: int, **more: Any) -> Row:
    """A row of names: 10 connections, 1000 bytes up."""
    start = at(bucket)
    row: Row = {
        "bucket": start, "sensor": "span", "site": "hq", "source": "pcap", "input": "i", "host": host,
        "connections": 10, "bytes_up": 1000, "clients": clients, "first_seen": start, "last_seen": start,
    }  # fmt: skip
    return row | more


def weekly_names(lake: Path, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of the open names."""
    with open_views(lake) as connection:
        return connection.execute(f"SELECT {', '.join(columns)} FROM names_weekly").fetchall()


def test_a_name_is_open_where_k_clients_share_it_and_without_volume(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path)
    lake.cold("names", [
        seen_name("2026-11-17 09:00", "few.test", 4), seen_name("2026-11-18 09:00", "few.test", 4),
        seen_name("2026-11-17 10:00", "many.test", 1), seen_name("2026-11-18 10:00", "many.test", 5),
        seen_name("2026-11-17 10:00", "few.test", 1, sensor="squid", source="squid", bytes_up=None),
        seen_name("2026-11-17 10:00", "few.test", 1, sensor="dns", connections=0, bytes_up=None),
    ])  # fmt: skip
    assert refresh(tmp_path, zone=ZONE).weeks == (date(2026, 11, 16),)
    assert weekly_names(tmp_path, "sensor", "host", "first_seen", "connects", "bytes_known") == [
        ("dns", None, None, False, False),
        ("span", None, None, True, True),
        ("span", "many.test", date(2026, 11, 18), True, True),
        ("squid", None, None, True, False),
    ]
    assert refresh(tmp_path, zone=ZONE).weeks == ()
    lake.cold("names", [seen_name("2026-11-18 09:00", "few.test", 6)])
    assert refresh(tmp_path, zone=ZONE).weeks == (date(2026, 11, 16),)
    assert "few.test" in {host for (host,) in weekly_names(tmp_path, "host")}


@pytest.mark.parametrize(("zone", "week"), [(ZONE, date(2026, 11, 16)), ("UTC", date(2026, 11, 9))])
def test_names_fall_into_the_week_of_the_report_zone(tmp_path: Path, zone: str, week: date) -> None:
    lake = HandmadeLake.furnished(tmp_path)
    lake.cold("names", [seen_name("2026-11-15 23:30", "late.test", 9)])
    refresh(tmp_path, zone=zone)
    assert {found for (found,) in weekly_names(tmp_path, "week")} == {week}


def test_restricted_marts_are_closed_to_others_each_for_itself(tmp_path: Path) -> None:
    refresh(HandmadeLake.furnished(tmp_path, *story()).path, zone=ZONE)
    for zone, folder_mode, file_mode in (("restricted", 0o750, 0o640), ("open", 0o755, 0o644)):
        made = [tmp_path / zone, *(tmp_path / zone / "marts").rglob("*"), tmp_path / zone / "marts"]
        modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in made}
        assert modes == {(True, folder_mode), (False, file_mode)}


def test_accounts_that_are_nobody_do_not_make_a_small_group_look_large(tmp_path: Path) -> None:
    """Four people and a service account are four people; what the account did stands by itself."""
    people = [sighting(f"2026-11-18 09:{n:02}", user_name=f"u{n}", client=f"a{n}") for n in range(9)]
    few = [
        sighting(f"2026-11-18 10:{n:02}", app="bolt/code", user_name=f"u{n}", client=f"a{n}")
        for n in range(4)
    ]
    robot = sighting("2026-11-18 10:00", app="bolt/code", user_name="svc", client="a20", bytes_up=7000)
    lake = HandmadeLake.furnished(tmp_path, *people, *few, robot)
    lake.cold(
        "directory",
        [{"user_name": "svc", "kind": "service", "origin": "ldif", "valid_from": at("2026-11-01 00:00")}],
    )
    refresh(tmp_path, zone=ZONE)
    with open_views(tmp_path) as connection:
        shown = connection.execute(
            "SELECT app, people, people_hidden, bytes_up FROM usage_weekly WHERE department = 'all'"
        ).fetchall()
        nobodies = connection.execute("SELECT app, kind, subjects, bytes_up FROM nobodies_weekly").fetchall()
    assert ("bolt/code", None, True, None) in shown
    assert ("all", 9, False) in [row[:3] for row in shown]
    assert nobodies == [("bolt/code", "service", 1, 7000)]


def test_what_nobodies_were_refused_is_told_beside_groups_that_are_not(tmp_path: Path) -> None:
    """Four people, one address of many and a machine were refused; only the machine's attempts are told."""
    tried = {"action": "blocked", "user_name": None}
    people = [sighting(f"2026-11-18 09:{n:02}", **tried, client=f"a{n}") for n in range(4)]
    nat = sighting("2026-11-18 10:00", **tried, client="nat")
    other = sighting("2026-11-18 10:00", **tried, client="nat", app="bolt/code")
    robots = [sighting("2026-11-18 10:00", **tried | {"user_name": "pc$"}, client=f"b{n}") for n in range(3)]
    lake = HandmadeLake.furnished(
        tmp_path, *people, nat, other, *robots,
        leases=[{"site": "hq", "address": "nat", "shared": True, "valid_from": at("2026-11-01 00:00")}],
    )  # fmt: skip
    lake.cold("directory", [{"user_name": "pc$", "kind": "machine", "valid_from": at("2026-11-01 00:00")}])
    refresh(tmp_path, zone=ZONE)
    with open_views(tmp_path) as connection:
        told = connection.execute("SELECT app, attempts FROM blocked_weekly").fetchall()
    assert told == [("acme/chat", 3), ("bolt/code", None)]


def test_minutes_watched_belong_to_the_zones_days_and_are_counted_anew_when_more_land(tmp_path: Path) -> None:
    place = {"sensor": "span", "site": "hq", "source": "pcap", "input": "i", "records": None}
    minutes = [
        ("2026-11-15 22:59", 10),
        ("2026-11-15 23:00", 5),
        ("2026-11-15 23:01", 0),
        ("2026-11-22 22:59", 1),
    ]
    lake = empty(tmp_path)
    lake.cold("coverage", [place | {"minute": at(when), "packets": packets} for when, packets in minutes])

    def watched() -> list[tuple[Any, ...]]:
        with open_views(tmp_path) as views:
            columns = "day, vantage, minutes_seen, minutes_silent, packets"
            return views.execute(f"SELECT {columns} FROM coverage_daily").fetchall()

    monday, sunday = date(2026, 11, 16), date(2026, 11, 22)
    touched = (date(2026, 11, 9), monday, date(2026, 11, 23))  # that UTC Sunday ends on a Monday of the zone
    assert refresh(tmp_path, zone=ZONE).weeks == touched
    expected = [
        (date(2026, 11, 15), "packets", 1, 0, 10), (monday, "packets", 1, 1, 5), (sunday, "packets", 1, 0, 1),
    ]  # fmt: skip
    assert watched() == expected
    assert refresh(tmp_path, zone=ZONE).weeks == ()
    lake.cold("coverage", [place | {"minute": at("2026-11-16 12:00"), "packets": 7}])
    assert monday in refresh(tmp_path, zone=ZONE).weeks
    assert watched() == [expected[0], (monday, "packets", 2, 1, 12), expected[2]]
