"""Views files: what an older, a moved, a stale or another DuckDB's reader gets."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from analytics import publish as publishing
from analytics.definitions import View, load_views
from analytics.lake import LakeUnreadable, connect, open_views, read_manifest
from analytics.refresh import refresh
from tests.analytics.handmade import ZONE, HandmadeLake, rows_of, sighting, whole
from tests.analytics.test_views import busy, everything

#: A Python with DuckDB 1.5, for the test that an older reader can use the files.
OLDER = os.environ.get("SHADOWAI_TEST_DUCKDB15_PYTHON", "")
HOUR, LATER = "2026-11-17T10.0001", "2026-11-17T11.0000"


def count(connection: duckdb.DuckDBPyConnection, view: str = "sightings") -> int:
    """Rows of a view."""
    row = connection.execute(f"SELECT COUNT(*) FROM {view}").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with rows of everything, built; only to be read."""
    lake = busy(tmp_path_factory.mktemp("busy"))
    refresh(lake.path, zone=ZONE, k=3)
    return lake.path


def test_the_open_file_names_nothing_restricted(lake: Path) -> None:
    with open_views(lake) as connection:
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
    assert b"restricted/" not in (lake / "open.duckdb").read_bytes()


def test_restricted_has_everything(lake: Path) -> None:
    with open_views(lake, restricted=True) as connection:
        names = {
            row[0]
            for row in connection.execute(
                "SELECT view_name FROM duckdb_views() WHERE database_name = 'lake'"
            ).fetchall()
        }
    assert {view.name for view in load_views()} <= names


def test_views_are_parsed_once_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of the first publishing serves the next, until the views are written down otherwise."""
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 09:00"))
    manifest, blanks = read_manifest(lake.path), tmp_path / "blanks"
    few = tuple(view for view in load_views() if view.name in ("usage_weekly", "sensors"))
    parsed: list[int] = []

    def parse() -> tuple[View, ...]:
        parsed.append(len(few))
        return few

    def publish() -> None:
        with connect() as connection:
            publishing.publish(lake.path, manifest, {}, zone=ZONE, connection=connection, blanks=blanks)
        with open_views(lake.path) as connection:
            assert count(connection, "sensors") == 4

    monkeypatch.setattr(publishing, "_blank", inspect.unwrap(publishing._blank))  # see conftest.py
    monkeypatch.setattr(publishing, "load_views", parse)
    publish()
    (left_behind := blanks / "views-0.duckdb.1.tmp").touch()
    os.utime(left_behind, (0, 0))
    publish()
    assert len(parsed) == len(list(blanks.iterdir())) == 2
    monkeypatch.setattr(publishing, "fingerprint", lambda: "of another release")
    publish()
    assert len(parsed) == len(list(blanks.iterdir())) == 4


def test_hot_rows_are_seen_at_once_and_cold_ones_once(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 09:00"))
    refresh(tmp_path, zone=ZONE)
    row = sighting("2026-11-17 10:00")
    with open_views(tmp_path, restricted=True) as reader:
        lake.hot("sightings", [row], HOUR)
        assert count(reader) == 2
        lake.watermark = HOUR
        lake.cold("sightings", [row])
        refresh(tmp_path, zone=ZONE)
        assert count(reader) == 2, "a reader opened before the compaction stays right"
    with open_views(tmp_path, restricted=True) as reader:
        assert count(reader) == 2


def test_segments_that_are_compacted_already_are_not_opened(tmp_path: Path) -> None:
    """There may be 20,000 of them, which took 40 s and 9 GB."""
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 09:00"))
    lake.hot("sightings", [sighting("2026-11-17 09:00")], HOUR)
    (merged,) = tmp_path.glob(f"restricted/sightings/hot/part={HOUR}/*.parquet")
    merged.write_bytes(b"not looked at")
    lake.watermark = HOUR
    lake.hot("sightings", [sighting("2026-11-17 10:00")], LATER)
    lake.write_manifest()
    refresh(tmp_path, zone=ZONE)
    with open_views(tmp_path, restricted=True) as reader:
        assert count(reader) == 2


def test_a_segment_of_an_older_release_may_lack_columns(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 09:00"))
    lake.hot("sightings", [sighting("2026-11-17 10:00")], LATER)
    older = rows_of("sightings", [sighting("2026-11-17 11:00")]).drop("bytes_up")
    segment = lake.path / f"restricted/sightings/hot/part={HOUR}/input-1.parquet"
    segment.parent.mkdir()
    older.write_parquet(segment)
    refresh(tmp_path, zone=ZONE)
    with open_views(tmp_path, restricted=True) as reader:
        assert reader.execute("SELECT COUNT(*), COUNT(bytes_up) FROM sightings").fetchone() == (3, 2)


def test_a_reader_opened_before_a_build_keeps_its_marts(tmp_path: Path) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-17 09:00"))
    refresh(tmp_path, zone=ZONE)
    with open_views(tmp_path, restricted=True) as reader:
        assert count(reader, "usage_hourly") == 1
        lake.cold("sightings", [sighting("2026-11-17 10:00")])
        refresh(tmp_path, zone=ZONE)
        assert count(reader, "usage_hourly") == 1
        with open_views(tmp_path, restricted=True) as newer:
            assert count(newer, "usage_hourly") == 2
        refresh(tmp_path, zone=ZONE, now=datetime.now(UTC) + timedelta(hours=49))
        with pytest.raises(duckdb.IOException):
            count(reader, "usage_hourly")


@pytest.fixture(scope="module")
def moved_on(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A lake whose hot files moved on since its views were published, and the same lake published anew."""
    stale, fresh = tmp_path_factory.mktemp("stale"), tmp_path_factory.mktemp("fresh")
    lake = HandmadeLake.furnished(stale, sighting("2026-11-17 09:00"))
    refresh(stale, zone=ZONE)
    lake.low_water(HOUR)
    shutil.copytree(stale, fresh, dirs_exist_ok=True)
    lake.path, lake.watermark = fresh, HOUR
    lake.write_manifest()
    refresh(fresh, zone=ZONE)
    return stale, fresh


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
def test_views_older_than_the_low_water_fail_loudly(moved_on: tuple[Path, Path], query: str) -> None:
    stale, fresh = moved_on
    with open_views(stale, restricted=True) as reader, pytest.raises(duckdb.Error, match="reconnect"):
        reader.execute(query).fetchall()
    with open_views(fresh, restricted=True) as reader:
        reader.execute(query).fetchall()


def test_a_moved_lake_needs_one_variable(lake: Path, tmp_path: Path) -> None:
    wanted, there = everything(lake), tmp_path / "there"
    assert wanted["usage_weekly"]
    shutil.move(lake, there)
    try:
        assert everything(there) == wanted
        with connect() as server:
            server.execute(f"ATTACH '{there / 'open.duckdb'}' AS lake (READ_ONLY)")
            server.execute(f"SET VARIABLE lake = '{there}'")
            assert server.execute("SELECT * FROM lake.usage_weekly").fetchall() == wanted["usage_weekly"]
    finally:
        shutil.move(there, lake)


READER = """
import duckdb, json, sys
lake, asked = sys.argv[1], json.loads(sys.argv[2])
connection = duckdb.connect(lake + "/restricted.duckdb", read_only=True)
connection.execute("SET TimeZone = 'UTC'")
rows = {name: str(connection.execute(sql).fetchall()) for name, sql in asked.items()}
print(json.dumps({"version": duckdb.__version__, "rows": rows}))
"""


@pytest.mark.skipif(not OLDER, reason="SHADOWAI_TEST_DUCKDB15_PYTHON names no Python with DuckDB 1.5")
def test_duckdb_1_5_reads_the_same_rows(lake: Path) -> None:
    asked = json.dumps({view.name: whole(view.name) for view in load_views()})
    found = subprocess.run(
        [OLDER, "-c", READER, str(lake), asked], capture_output=True, text=True, check=True
    )
    answer = json.loads(found.stdout)
    ours = subprocess.run(
        [sys.executable, "-c", READER, str(lake), asked], capture_output=True, text=True, check=True
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


def test_a_manifest_of_a_newer_release_says_so(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 2, "layers": {}}')
    with pytest.raises(
        LakeUnreadable, match=r"manifest\.json: written by a newer release .*use that release"
    ):
        read_manifest(tmp_path)


def test_no_lake_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LakeUnreadable, match="no lake here"):
        refresh(tmp_path, zone=ZONE)
    with pytest.raises(LakeUnreadable):
        refresh(tmp_path / "nowhere", zone=ZONE)
    with pytest.raises(LakeUnreadable, match="not published"):
        open_views(tmp_path)
