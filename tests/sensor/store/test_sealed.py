"""Sealed rows: nothing of a person in the lake, readable until the week is closed, then never again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.errors import LakeError
from sensor.privacy.keys import Keys
from sensor.privacy.weekly import WeekSeal
from sensor.store.lake import Lake
from sensor.store.sealed import SealedRows
from sensor.store.segments import Commits

MONDAY = datetime(2026, 11, 9, tzinfo=UTC)


def _keys(folder: Path) -> Keys:
    return Keys(folder / "state", "UTC", "aggregate")


def _sealed(folder: Path) -> SealedRows:
    return SealedRows(folder / "state" / "sealed", WeekSeal(_keys(folder)))


def _frames(*moments: datetime) -> dict[str, pl.DataFrame]:
    rows = [{"event_id": n, "seen_at": at, "user_name": "u1-token"} for n, at in enumerate(moments)]
    seen = schema.SIGHTINGS.conform(pl.DataFrame(rows, schema_overrides={"seen_at": schema.TIME}))
    covered = schema.COVERAGE.conform(pl.DataFrame({"minute": list(moments), "packets": [1] * len(moments)}))
    return {"sightings": seen, "coverage": covered}


def test_rows_go_to_their_week_and_the_lake_gets_the_commit_alone(tmp_path: Path) -> None:
    lake, sealed = Lake(tmp_path / "lake").create(), _sealed(tmp_path)
    commits = Commits(lake, "in", lambda: MONDAY, sealed)
    frames = _frames(MONDAY, MONDAY + timedelta(days=7))
    commits.commit(0, 9, frames)
    assert len(sealed.weeks()) == 2
    # What files say of people holds from when it landed.
    landed = frames["sightings"].with_columns(landed_at=pl.lit(MONDAY, dtype=schema.TIME))
    assert sealed.rows("sightings").sort("event_id").equals(landed)
    assert sealed.rows("sightings", ["user_name"]).to_dict(as_series=False) == {"user_name": ["u1-token"] * 2}
    (segment,) = lake.hot(schema.SIGHTINGS).glob("part=2*/*.parquet")
    assert pl.read_parquet(segment).height == 0 and commits.progress().position == 9
    (covered,) = lake.hot(schema.COVERAGE).glob("part=2*/*.parquet")
    assert pl.read_parquet(covered).height == 2
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(b"u1-token" not in path.read_bytes() for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "state").rglob("*.sealed"))


def test_a_replay_replaces_and_a_new_reading_forgets(tmp_path: Path) -> None:
    lake, sealed = Lake(tmp_path / "lake").create(), _sealed(tmp_path)
    commits = Commits(lake, "in", sealed=sealed)
    commits.commit(0, 9, _frames(MONDAY, MONDAY + timedelta(days=7)))
    commits.commit(0, 9, _frames(MONDAY))
    assert sealed.rows("sightings").height == 1
    commits.forget()
    assert sealed.rows("sightings").is_empty()


def test_a_week_is_over_when_it_has_ended_and_no_row_came_for_a_while(tmp_path: Path) -> None:
    sealed = _sealed(tmp_path)
    sealed.put("in-0", _frames(MONDAY, MONDAY + timedelta(days=7)))
    now = datetime.now(UTC)
    assert sealed.over(MONDAY + timedelta(days=6), quiet_s=0) == []
    assert sealed.over(now, quiet_s=3600) == []
    assert sealed.over(now + timedelta(days=60), quiet_s=3600) == sealed.weeks()


def test_a_closed_week_cannot_be_opened_and_what_still_comes_is_thrown_away(tmp_path: Path) -> None:
    keys = _keys(tmp_path)
    sealed = SealedRows(tmp_path / "state" / "sealed", WeekSeal(keys))
    sealed.put("in-0", _frames(MONDAY))
    (week,) = sealed.weeks()
    backup = {path: path.read_bytes() for path in (tmp_path / "state" / "sealed").rglob("*.sealed")}
    keys.shred(week, MONDAY)
    assert sealed.delete(week) == 1
    for path, content in backup.items():  # somebody restores the files
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert _sealed(tmp_path).rows("sightings").is_empty()
    assert not list((tmp_path / "state" / "sealed").rglob("*.sealed"))


def test_a_changed_file_is_said_in_one_line(tmp_path: Path) -> None:
    sealed = _sealed(tmp_path)
    sealed.put("in-0", _frames(MONDAY))
    (path,) = (tmp_path / "state" / "sealed").rglob("*.sealed")
    held = path.read_bytes()
    path.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    with pytest.raises(LakeError, match="cannot be opened"):
        sealed.rows("sightings")
