"""Views files: what an older, a moved, a stale or another DuckDB's reader gets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from analytics.build import build
from analytics.definitions import load_views
from analytics.lake import LakeUnreadable, connect, open_views, read_manifest
from tests.analytics.handmade import ZONE, HandmadeLake, sighting
from tests.analytics.test_views import busy, everything

#: A Python with DuckDB 1.5, for the test that an older reader can use the files.
OLDER = os.environ.get("SHADOWAI_TEST_DUCKDB15_PYTHON", "")
HOUR = "2026-11-17T10.0001"


def count(connection: duckdb.DuckDBPyConnection, view: str = "sightings") -> int:
    """Rows of a view."""
    row = connection.execute(f"SELECT COUNT(*) FROM {view}").fetchone()
    assert row is not None
    return int(row[0])


def test_the_open_file_names_nothing_restricted(tmp_path: Path) -> None:
    build(busy(tmp_path).path, zone=ZONE)
    with open_views(tmp_path) as connection:
        text = str(
            connection.execute(
                "SELECT view_name, sql FROM duckdb_views() WHERE database_name = 'lake' UNION ALL "
                "SELECT function_name, macro_definition FROM duckdb_functions() WHERE database_name = 'lake'"
            ).fetchall()
        )
        assert "/open/marts/usage_weekly/" in text and "/restricted/" not in text
        names = {
            row[0]
            for row in connection.execute(
                "SELECT view_name FROM duckdb_views() WHERE database_name = 'lake'"
            ).fetchall()
        }
    restricted = {"sightings", "names", "leases", "directory", "usage_hourly", "not_use_hourly", "people"}
    assert not names & restricted
    assert b"restricted/" not in (tmp_path / "open.duckdb").read_bytes()


def test_restricted_has_everything(tmp_path: Path) -> None:
    build(busy(tmp_path).path, zone=ZONE)
    with open_views(tmp_path, restricted=True) as connection:
        names = {
            row[0]
            for row in connection.execute(
                "SELECT view_name FROM duckdb_views() WHERE database_name = 'lake'"
            ).fetchall()
        }
    assert {view.name for view in load_views()} <= names


def test_hot_rows_are_seen_at_once_and_cold_ones_once(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 09:00"))
    build(tmp_path, zone=ZONE)
    row = sighting("2026-11-17 10:00")
    with open_views(tmp_path, restricted=True) as reader:
        lake.hot("sightings", [row], HOUR)
        assert count(reader) == 2
        lake.watermark = HOUR
        lake.cold("sightings", [row])
        build(tmp_path, zone=ZONE)
        assert count(reader) == 2, "a reader opened before the compaction stays right"
    with open_views(tmp_path, restricted=True) as reader:
        assert count(reader) == 2


def test_a_reader_opened_before_a_build_keeps_its_marts(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 09:00"))
    build(tmp_path, zone=ZONE)
    with open_views(tmp_path, restricted=True) as reader:
        assert count(reader, "usage_hourly") == 1
        lake.cold("sightings", [sighting("2026-11-17 10:00")])
        build(tmp_path, zone=ZONE)
        assert count(reader, "usage_hourly") == 1
        with open_views(tmp_path, restricted=True) as newer:
            assert count(newer, "usage_hourly") == 2
        build(tmp_path, zone=ZONE, now=datetime.now(UTC) + timedelta(hours=49))
        with pytest.raises(duckdb.IOException):
            count(reader, "usage_hourly")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT COUNT(*) FROM sightings",
        "SELECT * FROM sightings WHERE app = 'none'",
        "SELECT EXISTS (SELECT 1 FROM sightings WHERE event_id IS NULL)",
        "SELECT 1 WHERE 1 NOT IN (SELECT event_id FROM sightings WHERE client = 'nobody')",
        "SELECT host FROM names WHERE host = 'nowhere'",
        "SELECT minute FROM coverage WHERE sensor = 'none'",
    ],
)
def test_views_older_than_the_low_water_fail_loudly(tmp_path: Path, query: str) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 09:00"))
    build(tmp_path, zone=ZONE)
    lake.low_water(HOUR)
    with open_views(tmp_path, restricted=True) as reader, pytest.raises(duckdb.Error, match="reconnect"):
        reader.execute(query).fetchall()
    lake.watermark = HOUR
    lake.write_manifest()
    build(tmp_path, zone=ZONE)
    with open_views(tmp_path, restricted=True) as reader:
        reader.execute(query).fetchall()


def test_a_moved_lake_needs_one_variable(tmp_path: Path) -> None:
    build(busy(tmp_path / "here").path, zone=ZONE, k=3)
    wanted = everything(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert everything(tmp_path / "there") == wanted
    with connect() as server:
        server.execute(f"ATTACH '{tmp_path / 'there' / 'open.duckdb'}' AS lake (READ_ONLY)")
        server.execute(f"SET VARIABLE lake = '{tmp_path / 'there'}'")
        assert server.execute("SELECT * FROM lake.usage_weekly").fetchall() == wanted["usage_weekly"]


READER = """
import duckdb, json, sys
lake, names = sys.argv[1], json.loads(sys.argv[2])
connection = duckdb.connect(lake + "/restricted.duckdb", read_only=True)
connection.execute("SET TimeZone = 'UTC'")
rows = {name: str(connection.execute("SELECT * FROM " + name).fetchall()) for name in names}
print(json.dumps({"version": duckdb.__version__, "rows": rows}))
"""


@pytest.mark.skipif(not OLDER, reason="SHADOWAI_TEST_DUCKDB15_PYTHON names no Python with DuckDB 1.5")
def test_duckdb_1_5_reads_the_same_rows(tmp_path: Path) -> None:
    build(busy(tmp_path).path, zone=ZONE, k=3)
    names = json.dumps([view.name for view in load_views()])
    found = subprocess.run(
        [OLDER, "-c", READER, str(tmp_path), names], capture_output=True, text=True, check=True
    )
    answer = json.loads(found.stdout)
    ours = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path), names], capture_output=True, text=True, check=True
    )
    assert answer["version"].startswith("1.5.")
    assert answer["rows"] == json.loads(ours.stdout)["rows"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 9}', '{"format": 1, "generation": 1, "watermark": "", "zone": "x\'y"}'],
)
def test_a_damaged_manifest_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(LakeUnreadable, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_no_lake_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LakeUnreadable, match="no lake here"):
        build(tmp_path, zone=ZONE)
    with pytest.raises(LakeUnreadable):
        build(tmp_path / "nowhere", zone=ZONE)
    with pytest.raises(LakeUnreadable, match="not published"):
        open_views(tmp_path)
