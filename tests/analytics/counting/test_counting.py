"""What two eyes saw is counted once: the cases of the design, and a slow, obvious model beside the SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.counting.clocks import apart
from analytics.counting.days import DRIFT_US, STEPS, TOLERANCE_US
from analytics.lake import connect, open_views
from analytics.refresh import refresh
from tests.analytics.handmade import (
    CATALOG,
    SENSORS,
    ZONE,
    HandmadeLake,
    Row,
    at,
    counted,
    lookup,
    proxied,
    sighting,
    tunnel,
)


@dataclass
class Counted:
    """Sums over usage_hourly, the columns the cases speak about."""

    sessions: int
    people: int
    up: int | None
    up_max: int | None
    lookups: int
    requests: int
    corroborations: int
    grade: int


def count(folder: Path, *rows: Row, leases: list[Row] | None = None) -> Counted:
    """Adds up the usage of a lake of these sightings."""
    lake = HandmadeLake.furnished(folder, *rows, leases=leases)
    with counted(lake, "usage_hourly") as marts:
        row = marts.execute("""
            SELECT COALESCE(SUM(connections), 0), COUNT(DISTINCT CASE WHEN grade >= 3 THEN subject END),
                   SUM(bytes_up), SUM(bytes_up_max), COALESCE(SUM(lookups), 0), COALESCE(SUM(requests), 0),
                   COALESCE(MAX(corroborations), 0), COALESCE(MAX(grade), 0)
            FROM usage_hourly""").fetchone()
    assert row is not None
    return Counted(*row)


def usage(folder: Path, columns: str, *rows: Row, leases: list[Row] | None = None) -> list[tuple[Any, ...]]:
    """Rows of usage_hourly of a lake of these sightings."""
    lake = HandmadeLake.furnished(folder, *rows, leases=leases)
    with counted(lake, "usage_hourly") as marts:
        return marts.execute(f"SELECT {columns} FROM usage_hourly ORDER BY ALL").fetchall()


def test_a_tunnel_in_slices_and_one_proxy_line_at_its_end(tmp_path: Path) -> None:
    line = proxied("2026-11-17 09:00:01", duration_s=3 * 3600.0 - 3, bytes_up=181_000)
    sums = count(tmp_path, *tunnel("2026-11-17 09:00", 180), line)
    assert (sums.sessions, sums.up, sums.up_max) == (1, 180_000, 361_000)
    assert sums.people == 1


def test_an_idle_tunnel_still_covers_its_proxy_line(tmp_path: Path) -> None:
    slices = tunnel("2026-11-17 09:00", 180)
    quiet = [slices[0], slices[179]]
    sums = count(tmp_path, *quiet, proxied("2026-11-17 09:00", duration_s=3 * 3600.0, bytes_up=2500))
    assert (sums.sessions, sums.up) == (1, 2000)


def test_a_laptop_that_moves_between_span_and_proxy_mid_hour(tmp_path: Path) -> None:
    office = tunnel("2026-11-17 10:00", 25)
    away = proxied("2026-11-17 10:30", duration_s=1500.0, bytes_up=7000)
    sums = count(tmp_path, *office, away)
    assert (sums.sessions, sums.up, sums.up_max, sums.people) == (2, 32_000, 32_000, 1)


def test_two_sensors_seeing_half_of_the_connections_each(tmp_path: Path) -> None:
    left = [sighting(f"2026-11-17 10:0{n}") for n in range(5)]
    right = [sighting(f"2026-11-17 10:0{n}", sensor="span2") for n in range(5)]
    sums = count(tmp_path, *left, *right)
    assert (sums.sessions, sums.up) == (10, 10_000)


def test_two_sensors_seeing_the_same_connections(tmp_path: Path) -> None:
    left = tunnel("2026-11-17 10:00", 5, flow=77)
    right = tunnel("2026-11-17 10:00:01.500", 5, flow=77, sensor="span2", bytes_up=990)
    sums = count(tmp_path, *left, *right)
    assert (sums.sessions, sums.up, sums.up_max) == (1, 5000, 5000)


def test_one_five_tuple_used_again_is_another_connection(tmp_path: Path) -> None:
    sums = count(
        tmp_path, *tunnel("2026-11-17 10:00", 2, flow=77), *tunnel("2026-11-17 10:00:03", 2, flow=77)
    )
    assert (sums.sessions, sums.up) == (2, 4000)


def test_a_two_minute_overlap_adds(tmp_path: Path) -> None:
    line = proxied("2026-11-17 10:10", duration_s=1800.0, bytes_up=9000)
    sums = count(tmp_path, *tunnel("2026-11-17 10:00", 12), line)
    assert (sums.sessions, sums.up, sums.up_max) == (2, 21_000, 21_000)


@pytest.mark.parametrize(("seconds", "up"), [(20 * 60, 10_000), (20 * 60 + 1, 11_000)])
def test_half_is_enough(tmp_path: Path, seconds: int, up: int) -> None:
    line = proxied("2026-11-17 10:00", duration_s=float(seconds), bytes_up=1000)
    assert count(tmp_path, *tunnel("2026-11-17 10:00", 10), line).up == up


def test_ecmp_halves(tmp_path: Path) -> None:
    out = tunnel("2026-11-17 10:00", 3, flow=77, bytes_down=None)
    back = tunnel("2026-11-17 10:00:00.800", 3, flow=77, sensor="span2", bytes_up=None, bytes_down=9000)
    rows = usage(tmp_path, "bytes_up, bytes_down, connections", *out, *back)
    assert rows == [(3000, 27_000, 1)]


def test_a_span_behind_the_proxy_corroborates_only(tmp_path: Path) -> None:
    line = proxied("2026-11-17 10:00", duration_s=60.0, bytes_up=1000)
    behind = sighting(
        "2026-11-17 10:00", client="proxyaddr", client_scope="proxy", user_name=None, bytes_up=1100
    )
    sums = count(tmp_path, line, behind)
    assert (sums.sessions, sums.people, sums.up, sums.up_max) == (1, 1, 1000, 1000)
    assert sums.corroborations == 2


def test_a_forwarders_copy_of_dns(tmp_path: Path) -> None:
    on_the_wire = lookup("2026-11-17 10:00:10", sensor="span", vantage="packets")
    in_the_log = lookup("2026-11-17 10:00:10")
    upstream = lookup("2026-11-17 10:00:10", client="forwarder", client_scope="proxy", user_name=None)
    sums = count(tmp_path, on_the_wire, in_the_log, upstream)
    assert (sums.lookups, sums.sessions, sums.people, sums.up) == (1, 0, 0, None)
    assert sums.corroborations == 2


def test_lookups_inside_one_vantage_add(tmp_path: Path) -> None:
    sums = count(tmp_path, lookup("2026-11-17 10:00:10", lookups=2), lookup("2026-11-17 10:00:40"))
    assert sums.lookups == 3


def test_one_session_seen_by_span_dns_log_and_proxy_at_once(tmp_path: Path) -> None:
    seen = sighting("2026-11-17 10:00:01", grade=4, bytes_up=5000)
    asked = lookup("2026-11-17 10:00:00")
    line = proxied("2026-11-17 10:00:01", duration_s=59.0, grade=5, bytes_up=4900)
    sums = count(tmp_path, seen, asked, line)
    assert sums == Counted(
        sessions=1, people=1, up=5000, up_max=9900, lookups=1, requests=0, corroborations=3, grade=5
    )


@pytest.mark.parametrize(("second", "up"), [("58", 1000), ("57", 2000)])
def test_an_instant_within_two_seconds_is_covered(tmp_path: Path, second: str, up: int) -> None:
    line = proxied(f"2026-11-17 09:59:{second}", duration_s=0.0)
    assert count(tmp_path, sighting("2026-11-17 10:00"), line).up == up


@pytest.mark.parametrize(
    ("begins", "minutes", "up"),
    [
        ("2026-11-17 10:30", 10, 10_000),
        ("2026-11-17 10:30", 21, 31_000),  # the mirror port saw less than half of it
        ("2026-11-17 11:04:50", 10, 10_000),
        ("2026-11-17 11:05:10", 10, 20_000),  # so much later it is another connection from the same port
    ],
)
def test_one_connection_is_known_by_its_ports_where_clocks_differ(
    tmp_path: Path, begins: str, minutes: int, up: int
) -> None:
    """A firewall's clock was 90 s off, and all short connections counted twice."""
    logged = tunnel(begins, minutes, flow=77, sensor="firewall", vantage="firewall", source="fortigate")
    assert count(tmp_path, *tunnel("2026-11-17 10:00", 10, flow=77), *logged).up == up


def test_sensors_whose_clocks_differ_are_found(tmp_path: Path) -> None:
    def seen(second: str, flows: range, **more: str) -> list[Row]:
        return [sighting(f"2026-11-17 {flow}:00:{second}", flow=flow, **more) for flow in flows]

    late = seen("45", range(10, 20), sensor="firewall", vantage="firewall")
    few = seen("50", range(10, 19), sensor="netflow", vantage="flow")
    close = seen("02", range(10, 20), sensor="zeek", vantage="zeek")
    lake = HandmadeLake.furnished(tmp_path, *seen("00", range(10, 20)), *late, *few, *close)
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path, restricted=True) as views:
        assert apart(views) == [("firewall", "span", -45.0, 10), ("firewall", "zeek", -43.0, 10)]


def test_another_host_or_person_is_not_covered(tmp_path: Path) -> None:
    seen = sighting("2026-11-17 10:00")
    host = proxied("2026-11-17 10:00", host="api.acme.test")
    person = proxied("2026-11-17 10:00", user_name="u2")
    assert count(tmp_path, seen, host, person).up == 3000


@pytest.mark.parametrize(
    ("above", "below"), [(None, "chat.acme.test"), ("chat.acme.test", None), (None, None)]
)
def test_where_a_host_is_unknown_the_app_decides(
    tmp_path: Path, above: str | None, below: str | None
) -> None:
    seen, line = sighting("2026-11-17 10:00", host=above), proxied("2026-11-17 10:00", host=below)
    assert count(tmp_path, seen, line).up == 1000


def test_a_session_over_midnight_is_counted_once(tmp_path: Path) -> None:
    line = proxied("2026-11-17 23:40", duration_s=2400.0, bytes_up=41_000)
    after = proxied("2026-11-18 00:10", duration_s=300.0, bytes_up=5000)
    sums = count(tmp_path, *tunnel("2026-11-17 23:40", 40), line, after)
    assert (sums.sessions, sums.up, sums.people) == (1, 40_000, 1)


def test_a_sessions_grade_is_the_highest_of_its_slices_also_over_midnight(tmp_path: Path) -> None:
    slices = tunnel("2026-11-17 23:58", 4, grade=3)
    slices[3]["grade"] = 4
    assert usage(tmp_path, "DISTINCT grade", *slices) == [(4,)]


def test_a_blocked_attempt_neither_counts_nor_hides_use(tmp_path: Path) -> None:
    blocked = sighting("2026-11-17 10:00", action="blocked", grade=2)
    allowed = proxied("2026-11-17 10:00")
    lake = HandmadeLake.furnished(tmp_path, blocked, allowed, sighting("2026-11-17 11:00", role="support"))
    with counted(lake, "usage_hourly", "blocked_weekly", weeks=True, k=1) as marts:
        assert marts.execute("SELECT SUM(connections), SUM(bytes_up) FROM usage_hourly").fetchall() == [
            (1, 1000)
        ]
        assert marts.execute("SELECT app, attempts FROM blocked_weekly").fetchall() == [("acme/chat", 1)]


def test_embedded_hosts_are_never_use(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, *tunnel("2026-11-17 10:00", 3, role="embedded"))
    refresh(lake.path, zone=ZONE, k=1)
    with open_views(lake.path, restricted=True) as views:
        assert views.execute("SELECT * FROM usage_hourly").fetchall() == []
        assert views.execute("SELECT connections FROM embedded").fetchall() == [(1,)]


def lease(start: str, end: str | None, **who: Any) -> Row:
    """A lease of addr1 at hq."""
    row: Row = {
        "site": "hq",
        "address": "addr1",
        "valid_from": at(start),
        "origin": "dhcp",
        "confidence": 0.9,
    }
    return row | {"valid_to": at(end) if end else None, "shared": False} | who


def test_leases_name_the_holder_and_a_vpn_lease_wins_while_it_lasts(tmp_path: Path) -> None:
    leases = [
        lease("2026-11-17 00:00", None, device="laptop"),
        lease("2026-11-17 10:00", "2026-11-17 11:00", user_name="u9", origin="vpn"),
    ]
    rows = [sighting(f"2026-11-17 {hour}:30", user_name=None) for hour in ("09", "10", "11")]
    found = usage(tmp_path, "EXTRACT(hour FROM hour), subject, subject_kind, user_name", *rows, leases=leases)
    assert found == [(9, "laptop", "device", None), (10, "u9", "user", "u9"), (11, "laptop", "device", None)]


def test_a_shared_address_names_nobody(tmp_path: Path) -> None:
    leases = [
        lease("2026-11-17 00:00", None, user_name="u9"),
        lease("2026-11-17 10:00", "2026-11-17 11:00", user_name="u8", shared=True),
    ]
    rows = [sighting(f"2026-11-17 {hour}:30", user_name=None) for hour in ("10", "11")]
    found = usage(tmp_path, "subject, subject_kind", *rows, leases=leases)
    assert found == [("addr1", "shared"), ("u9", "user")]


def test_one_address_at_two_sites_is_two(tmp_path: Path) -> None:
    rows = [
        sighting("2026-11-17 10:30", user_name=None, client="10.0.0.9", site=site) for site in ("hq", "south")
    ]
    found = usage(tmp_path, "subject, subject_kind", *rows)
    assert found == [("10.0.0.9 at hq", "address"), ("10.0.0.9 at south", "address")]


def test_departments_come_from_the_directory(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(
        tmp_path, sighting("2026-11-17 10:00"), sighting("2026-11-17 10:00", user_name="u2")
    )
    start = at("2026-10-01 00:00")
    lake.cold("directory", [{"user_name": "u1", "department": "Legal", "site": "south", "valid_from": start}])
    with counted(lake, "usage_hourly") as marts:
        rows = marts.execute("SELECT subject, department, site FROM usage_hourly").fetchall()
    assert rows == [("u1", "Legal", "south"), ("u2", "unattributed", "hq")]


def test_each_sighting_has_the_subject_it_is_counted_for(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(
        tmp_path,
        *[sighting(f"2026-11-17 {hour}:30", user_name=None) for hour in ("09", "10", "11")],
        sighting("2026-11-17 12:00", role="support"),
    )
    login = lease("2026-11-17 10:00", "2026-11-17 11:00", user_name="u9", origin="vpn")
    lake.cold("leases", [lease("2026-11-17 00:00", None, device="laptop"), login])
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path, restricted=True) as views:
        found = views.execute("SELECT role, subject, subject_kind, user_name FROM sightings_named").fetchall()
        sums = views.execute(
            "SELECT subject, SUM(bytes_up) FROM usage_hourly GROUP BY 1 ORDER BY 1"
        ).fetchall()
        named = views.execute(
            "SELECT subject, SUM(bytes_up) FROM sightings_named WHERE role = 'use' GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert found == [
        ("use", "laptop", "device", None), ("use", "u9", "user", "u9"), ("use", "laptop", "device", None),
        ("support", None, None, None),
    ]  # fmt: skip
    assert named == sums


def test_figures_of_people_have_their_denominators(tmp_path: Path) -> None:
    """Headcounts of everyone and of departments shown by name; who is behind the sensors."""
    lake = HandmadeLake(tmp_path)
    lake.cold("catalog", CATALOG)
    lake.cold("sensors", [SENSORS[0] | {"population": 30}, *SENSORS[1:]])
    lake.cold(
        "coverage",
        [{"minute": at("2026-11-17 10:00"), "sensor": "span", "site": "hq", "source": "pcap", "packets": 9}],
    )
    lake.cold(
        "sightings", [sighting("2026-11-17 10:00", user_name=f"u{n}", client=f"a{n}") for n in range(14)]
    )
    start, keys_change = at("2026-10-01 00:00"), at("2026-11-17 23:00")
    staff = {f"u{n}": "Legal" if n < 8 else "Sales" for n in range(14)} | {"u100": "Idle", "u101": "Idle"}
    staff |= {f"quiet{n}": "Legal" if n < 5 else "Idle" for n in range(8)}
    people = [{"user_name": name, "department": where, "kind": "person"} for name, where in staff.items()]
    robot = {"user_name": "robot", "department": "Legal", "kind": "service"}
    lake.cold("directory", [row | {"valid_from": start, "valid_to": keys_change} for row in (*people, robot)])
    # With new keys everybody has another token, and is no second person on the day that has both.
    later = [row | {"user_name": f"new-{row['user_name']}", "valid_from": keys_change} for row in people]
    lake.cold("directory", later)
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path) as views:
        weekly = views.execute(
            "SELECT department, people_watched, headcount FROM usage_weekly WHERE app = 'all'"
        ).fetchall()
        daily = views.execute("SELECT people_watched, headcount FROM usage_daily").fetchall()
        departments = views.execute("SELECT department, headcount FROM departments").fetchall()
    # All of Sales used something: their number would say so.
    assert weekly == [("Legal", None, 13), ("Sales", None, None), ("all", 30, 24)]
    assert daily == [(30, 24)]
    assert departments == [("Legal", 13), ("Sales", None)]


def test_who_moves_has_the_department_under_which_most_was_used(tmp_path: Path) -> None:
    staff = {f"u{n}": "Legal" if n < 5 else "Zoning" for n in range(11)}
    days = dict.fromkeys(staff, ("16",)) | {"mover": ("16", "18", "19")}
    lake = HandmadeLake.furnished(
        tmp_path,
        *[
            sighting(f"2026-11-{day} 10:00", user_name=name, client=f"a-{name}")
            for name, used in days.items()
            for day in used
        ],
    )
    start, moved = at("2026-10-01 00:00"), at("2026-11-17 00:00")
    directory: list[Row] = [
        {"user_name": name, "department": where, "kind": "person", "valid_from": start}
        for name, where in (staff | {"mover": "Legal"}).items()
    ]
    directory[-1]["valid_to"] = moved
    lake.cold(
        "directory",
        [*directory, directory[-1] | {"department": "Zoning", "valid_from": moved, "valid_to": None}],
    )
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path) as views:
        sql = "SELECT department, people, connections FROM departments"
        assert views.execute(sql).fetchall() == [("Legal", 5, 5), ("Zoning", 7, 9)]
    with open_views(lake.path, restricted=True) as views:
        sql = "SELECT department, connections FROM people WHERE subject = 'mover'"
        assert views.execute(sql).fetchall() == [("Zoning", 3)]


@pytest.mark.parametrize("midnight", ["2026-11-17 23:00", "2026-11-18 05:00"], ids=["Berlin", "New York"])
def test_who_moves_at_midnight_of_a_zone_has_the_old_department_on_the_day_before(
    tmp_path: Path, midnight: str
) -> None:
    lake = HandmadeLake.furnished(tmp_path, *[sighting(f"2026-11-{day} 10:00") for day in (16, 17, 18, 19)])
    old = {"user_name": "u1", "department": "Legal", "origin": "csv", "valid_from": at("2026-10-01 00:00")}
    lake.cold("directory", [old, old | {"department": "Zoning", "valid_from": at(midnight)}])
    with counted(lake, "usage_hourly") as marts:
        found = marts.execute("SELECT department FROM usage_hourly ORDER BY hour").fetchall()
        assert found == [("Legal",), ("Legal",), ("Zoning",), ("Zoning",)]


def test_addresses_that_only_looked_names_up_are_no_further_people(tmp_path: Path) -> None:
    """A resolver's log knows addresses, a proxy's accounts: who goes through both was two."""
    asked = [lookup("2026-11-17 15:00", client=f"a{n}", user_name=None) for n in range(6)]
    used = [proxied("2026-11-17 10:00", client=f"b{n}", user_name=f"u{n}") for n in range(6)]
    sql = "SELECT people, people_any_grade FROM usage_weekly WHERE department = 'all'"
    for folder, rows, told in (
        ("both", used + asked, [(6, None)] * 2),
        ("users", used, [(6, 6)] * 2),
        ("addresses", asked, [(0, 6)] * 2),
    ):
        with counted(HandmadeLake.furnished(tmp_path / folder, *rows), "usage_weekly", weeks=True) as marts:
            assert marts.execute(sql).fetchall() == told, folder


def test_who_left_with_the_old_keys_does_not_hide_that_everybody_used_something(tmp_path: Path) -> None:
    """Their tokens end in the first hour of the week, so its first UTC day still has the old directory."""
    keys_change = at("2026-11-15 23:00")
    people = [f"u{n}" for n in range(10)]
    lake = HandmadeLake.furnished(
        tmp_path,
        sighting("2026-11-15 12:00"),
        *[sighting("2026-11-17 10:00", user_name=name, client=f"a{name}") for name in people],
    )
    old = {"department": "Legal", "valid_from": at("2026-08-16 22:00"), "valid_to": keys_change}
    new = {"department": "Legal", "valid_from": keys_change}
    lake.cold("directory", [old | {"user_name": f"old{n}"} for n in range(20)])
    lake.cold("directory", [new | {"user_name": name} for name in people])
    with counted(lake, "usage_weekly", "usage_daily", weeks=True) as marts:
        week = "SELECT headcount FROM usage_weekly WHERE week = '2026-11-16'"
        assert set(marts.execute(week).fetchall()) == {(None,)}
        day = "SELECT people, headcount FROM usage_daily WHERE day = '2026-11-17'"
        assert marts.execute(day).fetchall() == [(10, None)]


def test_hours_follow_a_clock_that_is_half_an_hour_off(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(
        tmp_path, sighting("2026-11-17 18:20"), sighting("2026-11-17 18:40", user_name="u2")
    )
    with counted(lake, "usage_hourly", "usage_daily", zone="Asia/Kolkata", weeks=True) as marts:
        hours = marts.execute("SELECT hour FROM usage_hourly ORDER BY hour").fetchall()
        assert hours == [(at("2026-11-17 17:30"),), (at("2026-11-17 18:30"),)]
        days = marts.execute("SELECT CAST(day AS VARCHAR) FROM usage_daily ORDER BY day").fetchall()
        assert days == [("2026-11-17",), ("2026-11-18",)]


def test_hostile_durations_and_unknowns_do_no_harm(tmp_path: Path) -> None:
    rows = [
        proxied("2026-11-17 10:00", duration_s=value)
        for value in (float("nan"), float("inf"), -5.0, None, 1e300)
    ]
    rows.append(
        sighting("2026-11-17 10:00", user_name=None, client=None, site=None, vantage=None, grade=None)
    )
    assert count(tmp_path, *rows).sessions == 6


Interval = tuple[int, int]
intervals = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 200)), max_size=8)


def kept_by_hand(above: list[Interval], below: list[Interval]) -> int:
    """How many of `below` (start, length in seconds) are not covered, second by second."""
    covered = {second for start, length in above for second in range(start, start + length)}
    kept = 0
    for start, length in below:
        if length <= 2:
            hit = any(a - 2 <= start + length and start <= a + size + 2 for a, size in above)
        else:
            hit = 2 * len(covered & set(range(start, start + length))) >= length
        kept += not hit
    return kept


@settings(max_examples=4, deadline=None)
@given(st.lists(st.tuples(intervals, intervals), min_size=4, max_size=6))
def test_covering_agrees_with_counting_seconds(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[list[Interval], list[Interval]]]
) -> None:
    """Several people in one lake, for a lake costs a second: each has a digit of the sum to themselves."""
    noon = at("2026-11-17 12:00")

    def rows(person: int, spans: list[Interval], vantage: str, up: int) -> list[Row]:
        return [
            proxied("2026-11-17 12:00", seen_at=noon + timedelta(seconds=start), duration_s=float(length),
                    vantage=vantage, bytes_up=up * 10**person, user_name=f"u{person}")
            for start, length in spans
        ]  # fmt: skip

    folder = tmp_path_factory.mktemp("lake")
    told = [
        row
        for person, (above, below) in enumerate(people)
        for row in (*rows(person, above, "packets", 0), *rows(person, below, "proxy", 1))
    ]
    expected = sum(kept_by_hand(*spans) * 10**person for person, spans in enumerate(people))
    assert (count(folder, *told).up or 0) == expected


def test_spans_that_are_all_the_same_cover_no_more_than_one_of_them() -> None:
    """Two hosts used in the same seconds, and a record of an unknown host between: sorts order ties anew."""
    minute = 60_000_000
    with connect() as connection:
        connection.execute(f"""
            CREATE TABLE cover AS
            SELECT s AS usage_key, h AS host_id, NULL AS flow,
                   i * 9 * {minute} AS from_us, (i * 9 + 1) * {minute} AS to_us
            FROM range(200) AS a (s), range(1, 3) AS b (h), range(3) AS c (i)
            ORDER BY HASH(s * 77 + h * 3 + i)""")
        connection.execute(f"""
            CREATE TABLE records AS
            SELECT s * 10 + i AS event_id, s AS usage_key, 0 AS host_id, 2 * 8 + 1 AS vantage_day,
                   (i * 9 + 4) * {minute} AS start_us, (i * 9 + 5) * {minute} AS end_us, NULL AS flow,
                   start_us AS from_us, end_us AS to_us
            FROM range(200) AS a (s), range(3) AS c (i)""")
        connection.execute("CREATE TABLE dropped (event_id BIGINT, usage_key BIGINT)")
        values = {"rank": 2, "tolerance": TOLERANCE_US, "drift": DRIFT_US, "first_us": 0}
        STEPS.run(connection, "11_covered", values)
        assert connection.execute("FROM dropped").fetchall() == []


def test_forged_amounts_add_up_to_what_64_bits_hold(tmp_path: Path) -> None:
    """What else was sent is counted; those of one instant that do not fit are unknown."""
    people = [{"user_name": f"u{n}", "client": f"a{n}"} for n in range(7)]
    instant = [proxied("2026-11-17 10:00", bytes_up=1 << 62, **one) for one in people * 3]
    forged = [proxied("2026-11-18 10:00", bytes_up=1 << 61, **one) for one in people]
    lake = HandmadeLake.furnished(tmp_path, *instant, *forged, sighting("2026-11-18 15:00", bytes_up=7000))
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path) as views:
        week = "SELECT people, bytes_up FROM usage_weekly WHERE department = 'all' AND app = 'all'"
        assert views.execute(week).fetchall() == [(7, 7 * (2**56 // 8) + 7000)]
