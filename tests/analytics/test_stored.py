"""Stored relations: which row of one key is the row, and what several inputs hold counted once."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from analytics.lake import open_views
from analytics.refresh import refresh
from tests.analytics.handmade import ZONE, HandmadeLake, Row, at, sighting


def read(lake: HandmadeLake, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query over the published views."""
    refresh(lake.path, zone=ZONE)
    with open_views(lake.path, restricted=True) as connection:
        return connection.execute(query).fetchall()


def minute(first: str, last: str, **more: Any) -> Row:
    """A coverage row of 10:00 with ten packets."""
    row: Row = {
        "minute": at("2026-11-17 10:00"), "sensor": "span", "site": "hq", "source": "pcap", "input": "a",
        "packets": 10, "first_seen": at(f"2026-11-17 10:00:{first}"),
        "last_seen": at(f"2026-11-17 10:00:{last}"),
    }  # fmt: skip
    return row | more


PACKETS = "SELECT packets, CAST(EXTRACT(second FROM last_seen) AS INTEGER) FROM coverage"


@pytest.mark.parametrize(
    ("rows", "packets"),
    [
        ([minute("00", "20"), minute("20", "59")], 20),  # two segments of one input
        ([minute("00", "20"), minute("05", "59", input="b", packets=15)], 15),  # overlapping exports
        ([minute("00", "20"), minute("21", "59", input="b", packets=15)], 25),  # a log rotated mid-minute
        ([minute("00", "20"), minute("20", "59", input="b")], 20),  # rotated on the second
        ([minute("00", "24"), minute("20", "59", input="b")], 20),  # rotated, with requests that lasted
        ([minute("00", "40"), minute("20", "59", input="b")], 10),
        ([minute("00", "24"), minute("20", "34", input="b"), minute("30", "59", input="c")], 30),
        ([minute("00", "59"), minute("00", "59", input="b")], 10),  # a copy
        ([minute("59", "59"), minute("59", "59", input="b")], 10),  # a copy of a single record
        ([minute("00", "20"), minute("10", "30", input="b"), minute("31", "59", input="c")], 20),
        (
            [minute("00", "59"), minute("00", "59", input="b", sensor="span2")],
            10,
        ),  # another sensor: another row
    ],
)
def test_coverage_of_several_inputs_is_counted_once(tmp_path: Path, rows: list[Row], packets: int) -> None:
    lake = HandmadeLake(tmp_path)
    for row in rows[::-1]:
        lake.cold("coverage", [row])
    found = read(lake, PACKETS)
    assert found[0] == (packets, 59)


def name(first: str, last: str, **more: Any) -> Row:
    """A names row of 10:00 with two lookups by three clients."""
    row: Row = {
        "bucket": at("2026-11-17 10:00"), "sensor": "r", "site": "hq", "source": "zeek", "input": "a",
        "host": "x.test", "lookups": 2, "clients": 3, "first_seen": at(f"2026-11-17 10:0{first}"),
        "last_seen": at(f"2026-11-17 10:0{last}"),
    }  # fmt: skip
    return row | more


def test_names_add_and_clients_do_not(tmp_path: Path) -> None:
    lake = HandmadeLake(tmp_path)
    lake.cold("names", [name("0", "3", near_app="a/a", near_clients=1)])
    lake.cold("names", [name("4", "9", clients=5, near_app="b/b", near_clients=2)])
    lake.cold("names", [name("1", "2", input="a copy of part", lookups=1)])
    found = read(lake, "SELECT lookups, clients, near_app, near_clients, bytes_up FROM names")
    assert found == [(4, 5, "b/b", 2, None)]


def test_a_row_matched_by_a_newer_catalog_replaces_the_older(tmp_path: Path) -> None:
    old = sighting("2026-11-17 10:00", app="old/app", lookups=9)
    new = old | {"app": "new/app", "catalog_version": "2", "lookups": 1}
    more = new | {"lookups": 3, "input": "z"}
    lake = HandmadeLake(tmp_path)
    lake.cold("sightings", [new])
    lake.hot("sightings", [old, more], "2026-11-17T10.0001")
    assert read(lake, "SELECT app, lookups FROM sightings") == [("new/app", 3)]


def _spoil(file: Path) -> None:
    """Leaves of a Parquet file what says where its rows lie and between which bounds, not the rows."""
    content = file.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    file.write_bytes(content[:4] + bytes(footer - 4) + content[footer:])


def test_a_week_of_a_year_is_read_without_the_rest_of_it(tmp_path: Path) -> None:
    rows = [sighting(f"2026-11-{day} 10:00") for day in range(10, 15)]
    lake = HandmadeLake.furnished(tmp_path, *rows)
    again = [row | {"catalog_version": "2"} for row in rows]
    lake.hot("sightings", again, "2026-11-17T10.0001")
    refresh(lake.path, zone=ZONE)
    for day in ("10", "11", "14"):
        _spoil(tmp_path / lake.files["sightings"][f"2026-11-{day}"][0])
    with open_views(lake.path, restricted=True) as connection:
        times = {"sightings": "seen_at", "sightings_named": "seen_at", "sessions": "started_at"}
        for view, time in times.items():
            those = f"{time} >= '2026-11-12' AND {time} < '2026-11-14'"
            found = connection.execute(f"SELECT CAST({time} AS DATE) FROM {view} WHERE {those}").fetchall()
            assert sorted(found) == [(date(2026, 11, 12),), (date(2026, 11, 13),)]
        with pytest.raises(duckdb.Error):
            connection.execute("SELECT SUM(bytes_up) FROM sessions").fetchall()


def test_a_closed_lease_replaces_the_open_one(tmp_path: Path) -> None:
    lake = HandmadeLake(tmp_path)
    start = {"site": "hq", "address": "a", "user_name": "u", "device": "d", "origin": "dhcp"}
    lake.cold("leases", [start | {"valid_from": at("2026-11-17 08:00"), "valid_to": at("2026-11-17 18:00")}])
    lake.hot("leases", [start | {"valid_from": at("2026-11-17 08:00")}], "2026-11-17T10.0001")
    assert read(lake, "SELECT valid_to FROM leases") == [(at("2026-11-17 18:00"),)]


def test_the_latest_settings_of_a_sensor_stand(tmp_path: Path) -> None:
    lake = HandmadeLake(tmp_path)
    lake.cold("sensors", [{"sensor": "span", "rank": 9}])
    lake.hot("sensors", [{"sensor": "span", "rank": 1}], "2026-11-17T10.0001")
    assert read(lake, "SELECT sensor, rank FROM sensors") == [("span", 1)]


def test_files_of_an_older_release_may_lack_a_column(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 10:00"))
    file = tmp_path / lake.files["sightings"]["2026-11-17"][0]
    pl.read_parquet(file, hive_partitioning=False).drop("tunnel", "device").write_parquet(file)
    assert read(lake, "SELECT tunnel, app FROM sightings") == [(None, "acme/chat")]
    assert read(lake, "SELECT app FROM usage_hourly") == [("acme/chat",)]


def test_what_files_say_of_an_account_holds_until_they_say_something_else(tmp_path: Path) -> None:
    lake = HandmadeLake(tmp_path)
    said = [(None, 20), ("Legal", 21), ("Sales", 22), ("Sales", 23), ("Legal", 24)]
    row: Row = {"user_name": "u1", "kind": "person", "valid_from": at("2026-11-01 00:00")}
    for department, day in said[::-1]:
        lake.cold("directory", [row | {"department": department, "landed_at": at(f"2026-11-{day} 23:59")}])
    days = "EXTRACT(day FROM valid_from AT TIME ZONE 'UTC'), EXTRACT(day FROM valid_to AT TIME ZONE 'UTC')"
    found = read(lake, f"SELECT department, {days} FROM directory ORDER BY valid_from, valid_to")
    # The first department was the person's before, too, as far as is known.
    assert found == [(None, 1, 22), ("Legal", 1, 23), ("Sales", 23, 25), ("Legal", 25, None)]
