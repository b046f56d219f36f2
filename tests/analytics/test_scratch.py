"""Where rows go that do not fit into memory: beside the restricted rows, or nowhere."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analytics.counting import memory_marts
from analytics.counting.state import GRACE, locked
from analytics.lake import LakeUnreadable, connect, spill_of
from analytics.refresh import refresh
from analytics.scratch import scratch_database
from sensor import schema
from tests.analytics.handmade import ZONE, HandmadeLake, sighting

#: Sorted, it is some 60 MB.
LARGE = "SELECT i, 'row ' || HASH(i) AS text FROM range(2_000_000) AS r (i) ORDER BY text"


def test_what_does_not_fit_lies_beside_the_rows_until_the_reader_ends(tmp_path: Path) -> None:
    (tmp_path / "restricted").mkdir()
    with connect(memory="40MB", spill=spill_of(tmp_path)) as connection:
        connection.execute("SET threads = 1")
        connection.execute(f"CREATE TEMP TABLE ordered AS {LARGE}")
        assert [path.name[:6] for path in (tmp_path / "restricted").iterdir()] == ["asked-"]
        assert connection.execute("SELECT COUNT(DISTINCT text) FROM ordered").fetchone() == (2_000_000,)
    assert not list((tmp_path / "restricted").iterdir())


def test_a_lake_that_cannot_be_written_gets_no_pages(tmp_path: Path) -> None:
    assert spill_of(tmp_path / "nowhere") is None


def test_pages_of_killed_readers_go_with_a_later_build(tmp_path: Path) -> None:
    restricted = tmp_path / "restricted"
    old = (datetime.now(UTC) - GRACE - timedelta(hours=1)).timestamp()
    for name in ("asked-old", "as-of-old", "asked-new", "spill-killed"):
        (restricted / name).mkdir(parents=True)
        if name.endswith("old"):
            os.utime(restricted / name, (old, old))
    with locked(tmp_path), scratch_database(tmp_path):
        pass
    assert [path.name for path in restricted.iterdir()] == ["asked-new"]


class _Unstored:
    def __init__(self, sightings: pl.DataFrame) -> None:
        self._sightings = sightings

    def rows(self, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        rows = self._sightings if table == "sightings" else schema.TABLES[table].empty()
        return rows.select(columns or rows.columns)


def test_rows_that_must_not_be_written_and_do_not_fit_are_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = HandmadeLake.furnished(tmp_path, sighting("2026-11-18 09:00"))
    at = datetime(2026, 11, 18, 9, tzinfo=UTC)
    rows = pl.DataFrame({"event_id": range(100_000)}).with_columns(
        seen_at=pl.lit(at), app=pl.lit("openai/chatgpt"), role=pl.lit("use"), grade=pl.lit(4)
    )
    monkeypatch.setattr(memory_marts, "most_memory", lambda: "8MB")
    with pytest.raises(LakeUnreadable, match="more than 8MB of memory; at privacy level aggregate"):
        refresh(lake.path, zone=ZONE, unstored=_Unstored(schema.SIGHTINGS.conform(rows)))
    assert not [path for path in lake.path.rglob("*") if "spill" in path.name or "asked" in path.name]
