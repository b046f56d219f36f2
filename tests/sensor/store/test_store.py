"""Segments and compaction: nothing is lost, nothing doubles, readers are never fooled."""

import errno
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from sensor import schema
from sensor.errors import LakeError
from sensor.store import compaction
from sensor.store import lake as lake_module
from sensor.store.compaction import GRACE, Terms, compact, sweep, waiting
from sensor.store.lake import Lake
from sensor.store.purge import Deleted, Rule, purge
from sensor.store.segments import Commits, Progress

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake").create()


def _rows(*ids: int, version: str = "1", day: int = 10, source_input: str = "in") -> dict[str, pl.DataFrame]:
    frame = pl.DataFrame(
        {
            "event_id": list(ids),
            "seen_at": [datetime(2026, 11, day, tzinfo=UTC)] * len(ids),
            "catalog_version": version,
            "input": source_input,
        },
        schema_overrides={"seen_at": schema.TIME, "event_id": pl.Int64},
    )
    return {"sightings": schema.SIGHTINGS.conform(frame)}


def _cold_ids(lake: Lake) -> list[int]:
    cold = lake.manifest()["tables"]["sightings"]["cold"]
    files = [lake.path / file for day in cold.values() for file in day]
    return sorted(i for f in files for i in pl.read_parquet(f, hive_partitioning=False)["event_id"].to_list())


def _commit(lake: Lake, begin: int, end: int, frames: dict[str, pl.DataFrame], at: datetime = NOW) -> None:
    Commits(lake, "in", lambda: at).commit(begin, end, frames)


def test_a_set_of_files_knows_what_was_read_of_it_before(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake").create()
    for name, files in (("one", ()), ("two", ("one", "b")), ("other", ("one", "z")), ("never", ("b", "c"))):
        commits = Commits(lake, name, files=files)
        assert commits.progress() == Progress()
        if name != "never":
            commits.finish(7)
    grown = Commits(lake, "grown", files=("one", "b", "c"))
    parts = grown.parts()
    assert [part.progress().files for part in parts] == [(), ("one", "b")]
    for part in parts:
        part.forget()
    assert grown.parts() == [] and Commits(lake, "one").progress() == Progress(replacing=True)
    assert Commits(lake, "alone").parts() == []


def test_zones_have_their_modes(lake: Lake) -> None:
    assert stat.S_IMODE((lake.path / "restricted").stat().st_mode) == 0o750
    assert stat.S_IMODE((lake.path / "open").stat().st_mode) == 0o755


def test_a_replayed_segment_overwrites_itself_even_an_hour_later(lake: Lake) -> None:
    _commit(lake, 0, 10, _rows(1, 2))
    _commit(lake, 0, 10, _rows(1, 2), NOW + timedelta(hours=1))
    segments = list(lake.hot(schema.SIGHTINGS).glob("part=2*/*.parquet"))
    assert len(segments) == 1
    assert Commits(lake, "in").progress() == Progress(10, complete=False)


def test_a_table_without_rows_is_no_file_and_takes_away_an_earlier_try(lake: Lake) -> None:
    told = schema.LEASES.conform(pl.DataFrame({"valid_from": [NOW], "address": ["10.0.0.1"]}))
    _commit(lake, 0, 10, _rows(1) | {"leases": told, "coverage": schema.COVERAGE.empty()})
    assert len(list(lake.hot(schema.LEASES).glob("part=2*/*.parquet"))) == 1
    assert not list(lake.hot(schema.COVERAGE).glob("part=2*/*.parquet"))
    _commit(lake, 0, 10, {"leases": schema.LEASES.empty()})
    assert not list(lake.hot(schema.LEASES).glob("part=2*/*.parquet"))
    (segment,) = lake.hot(schema.SIGHTINGS).glob("part=2*/*.parquet")
    assert pl.read_parquet(segment, hive_partitioning=False).is_empty()
    assert Commits(lake, "in").progress() == Progress(10, complete=False)


def test_a_day_of_many_names_is_sorted_in_pieces(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces follow one another in time: read in order they are what one file would be."""
    monkeypatch.setattr(compaction, "PIECE_ROWS", 8)

    def names(*numbers: int) -> dict[str, pl.DataFrame]:
        start = datetime(2026, 11, 10, 22, tzinfo=UTC)
        rows = {
            "bucket": [start + timedelta(minutes=15 * (n % 11)) for n in numbers],
            "host": [f"h{n}.example" for n in numbers],
        }
        frame = pl.DataFrame(rows, schema_overrides={"bucket": schema.TIME})
        return {"names": schema.NAMES.conform(frame.with_columns(sensor=pl.lit("s")))}

    _commit(lake, 0, 10, names(*range(0, 44)))
    _commit(lake, 10, 20, names(*range(44, 60)))
    assert compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    cold = lake.manifest()["tables"]["names"]["cold"]
    assert [len(cold[day]) for day in ("2026-11-10", "2026-11-11")] == [6, 2]
    read = pl.concat([pl.read_parquet(lake.path / file) for day in sorted(cold) for file in cold[day]])
    assert read.height == 60
    assert read.equals(read.sort("bucket", "host"))
    _commit(lake, 20, 30, names(60, 61))
    assert compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    again = lake.manifest()["tables"]["names"]["cold"]
    assert sum(pl.read_parquet(lake.path / f).height for day in again.values() for f in day) == 62


def test_a_day_of_many_sightings_is_settled_in_pieces(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event is there once, in the piece of its time, sorted as readers expect."""
    monkeypatch.setattr(compaction, "PIECE_ROWS", 5)

    def sightings(version: str, *numbers: int) -> dict[str, pl.DataFrame]:
        start = datetime(2026, 11, 10, 8, tzinfo=UTC)
        rows = [
            {
                "event_id": n,
                "seen_at": start + timedelta(minutes=n // 2),
                "app": f"acme/{version if n % 3 else 'a'}",
                "client": f"a1-{n % 4}",
                "catalog_version": version,
            }
            for n in numbers
        ]
        frame = pl.DataFrame(rows, schema_overrides={"seen_at": schema.TIME})
        return {"sightings": schema.SIGHTINGS.conform(frame)}

    _commit(lake, 0, 10, sightings("1", *range(12)))
    assert compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    _commit(lake, 10, 20, sightings("2", *range(8, 16)))
    assert compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    files = lake.manifest()["tables"]["sightings"]["cold"]["2026-11-10"]
    pieces = [pl.read_parquet(lake.path / file) for file in files]
    assert len(pieces) > 2
    assert all(piece.equals(piece.sort("app", "client", "seen_at", "event_id")) for piece in pieces)
    assert all(a["seen_at"].max() < b["seen_at"].min() for a, b in pairwise(pieces))
    versions = dict(pl.concat(pieces).select("event_id", "catalog_version").iter_rows())
    assert sum(piece.height for piece in pieces) == 16
    assert versions == {n: "1" if n < 8 else "2" for n in range(16)}


def test_compaction_joins_days_and_keeps_the_newest_catalog(lake: Lake) -> None:
    _commit(lake, 0, 10, _rows(1, 2) | {})
    assert compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    _commit(lake, 10, 20, _rows(2, 3, version="2"), NOW)
    assert compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    assert _cold_ids(lake) == [1, 2, 3]
    (file,) = lake.manifest()["tables"]["sightings"]["cold"]["2026-11-10"]
    versions = dict(pl.read_parquet(lake.path / file).select("event_id", "catalog_version").iter_rows())
    assert versions == {1: "1", 2: "2", 3: "2"}


_NINE, _TEN, _NOON = (NOW.replace(hour=hour) for hour in (9, 10, 12))


@pytest.mark.parametrize(
    ("table", "landed", "kept"),
    [
        pytest.param(
            schema.LEASES,
            [{"valid_to": _NINE}, {"valid_to": _TEN, "closed": True}, {"valid_to": _NOON, "closed": False}],
            [{"valid_to": _TEN, "closed": True}],
            id="of a lease, when it was given back",
        ),
        pytest.param(
            schema.LEASES,
            [{"valid_to": _NINE}, {"valid_to": None}, {"valid_to": _NOON}, {"valid_to": _TEN}],
            [{"valid_to": _NOON}],
            id="else the one that lasts longest",
        ),
        pytest.param(
            schema.SIGHTINGS,
            [{"bytes_up": 5, "bytes_down": None}, {"bytes_up": 2, "bytes_down": 1}],
            [{"bytes_up": 5, "bytes_down": None}],
            id="of a sighting, the most bytes, without those unknown",
        ),
        pytest.param(
            schema.DIRECTORY,
            [{"department": name} for name in "aabbca"],
            [{"department": name} for name in "abca"],
            id="of a history, each change as it landed",
        ),
    ],
)
def test_which_rows_of_a_key_are_kept(
    lake: Lake, table: schema.Table, landed: list[dict[str, object]], kept: list[dict[str, object]]
) -> None:
    """A row lands each minute, and the later it lands, the earlier its file is by name."""
    key = {name: value for name, value in {"event_id": 7, table.time: NOW}.items() if name in table.dtypes}
    for minute, row in enumerate(landed):
        frame = table.conform(pl.DataFrame([key | row], schema_overrides=table.dtypes))
        frames = {"sightings": schema.SIGHTINGS.empty(), table.name: frame}
        _commit(lake, 90 - minute, 91 - minute, frames, NOW + timedelta(minutes=minute))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    ((file,),) = lake.manifest()["tables"][table.name]["cold"].values()
    assert pl.read_parquet(lake.path / file).select(*kept[0]).rows(named=True) == kept


def test_a_sensor_that_says_no_population_keeps_the_one_it_had(lake: Lake) -> None:
    """One of the same name at another site is another one: logs of one kind are named after their kind."""

    def said(hour: int, population: int | None, site: str) -> None:
        rows = [
            {"sensor": "hq", "site": site, "population": population},
            {"sensor": "lab", "site": "main", "population": None},
        ]
        frame = schema.SENSORS.conform(pl.DataFrame(rows, schema_overrides={"population": pl.Int64}))
        _commit(lake, hour, hour, {"sensors": frame}, NOW + timedelta(hours=hour))
        assert compact(lake, Terms("UTC"), now=NOW + timedelta(hours=hour), settle=timedelta())

    def kept() -> list[tuple[object, ...]]:
        (file,) = lake.manifest()["tables"]["sensors"]["cold"]["all"]
        return pl.read_parquet(lake.path / file).select("sensor", "site", "population").rows()

    said(0, 50, "main")
    said(1, None, "main")
    assert kept() == [("hq", "main", 50), ("lab", "main", None)]
    said(2, 60, "branch")
    assert kept() == [("hq", "branch", 60), ("hq", "main", 50), ("lab", "main", None)]


def test_a_run_without_inputs_of_a_sensor_leaves_what_is_known_of_it(lake: Lake) -> None:
    known = {"sensor": "hq", "site": "main", "vantage": "proxy", "rank": 3, "kind": "logs", "cadence_s": 60}
    less = known | dict.fromkeys(("vantage", "rank", "kind")) | {"cadence_s": 90}
    for hour, row in enumerate((known, less)):
        frame = schema.SENSORS.conform(pl.DataFrame([row], schema_overrides=schema.SENSORS.dtypes))
        _commit(lake, hour, hour, {"sensors": frame}, NOW + timedelta(hours=hour))
        assert compact(lake, Terms("UTC"), now=NOW + timedelta(hours=hour), settle=timedelta())
    (file,) = lake.manifest()["tables"]["sensors"]["cold"]["all"]
    assert pl.read_parquet(lake.path / file).select(*known).rows(named=True) == [known | {"cadence_s": 90}]


@pytest.mark.parametrize(
    "table", [schema.LEASES, schema.DIRECTORY, schema.CATALOG], ids=lambda table: table.name
)
def test_a_day_is_written_anew_only_if_it_changes(lake: Lake, table: schema.Table) -> None:
    """Each scan tells again what the files say about 200,000 people."""
    key = next(name for name in table.key if table.dtypes[name] == pl.String())

    def cold(hour: int, *told: str) -> list[str]:
        at = NOW + timedelta(hours=hour)
        rows = pl.DataFrame({key: told} | ({table.time: [NOW] * len(told)} if table.time else {}))
        _commit(lake, hour, hour + 1, {"sightings": schema.SIGHTINGS.empty(), table.name: rows}, at)
        assert compact(lake, Terms("UTC"), now=at, settle=timedelta())
        (files,) = lake.manifest()["tables"][table.name]["cold"].values()
        return list(files)

    first = cold(0, "ada", "ben")
    assert cold(1, "ben", "ada") == first and cold(2, "ada") == first
    assert lake.manifest()["retired"] == {}
    assert cold(3, "ada", "cleo") != first


def test_the_current_hour_waits_without_settle(lake: Lake) -> None:
    _commit(lake, 0, 10, _rows(1))
    assert compact(lake, Terms("UTC"), now=NOW)
    assert waiting(lake)
    assert lake.manifest()["tables"]["sightings"]["cold"] == {}
    assert compact(lake, Terms("UTC"), now=NOW + timedelta(minutes=49))
    assert _cold_ids(lake) == []
    assert compact(lake, Terms("UTC"), now=NOW + timedelta(minutes=51))
    assert not waiting(lake)
    assert _cold_ids(lake) == [1]


def test_what_landed_while_the_clock_was_ahead_does_not_wait_for_that_time(lake: Lake) -> None:
    """Nor does what lands after the clock was put right."""
    _commit(lake, 0, 10, _rows(1), NOW + timedelta(days=300))
    for begin in (10, 20):
        assert compact(lake, Terms("UTC"), now=NOW)
        assert not waiting(lake) and len(_cold_ids(lake)) == begin // 10
        _commit(lake, begin, begin + 10, _rows(begin))


def test_writers_move_on_when_a_part_is_closed(lake: Lake) -> None:
    _commit(lake, 0, 10, _rows(1))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    _commit(lake, 10, 20, _rows(2))
    parts = sorted(p.name for p in lake.hot(schema.SIGHTINGS).glob("part=2*"))
    assert parts == ["part=2026-11-22T10.0000", "part=2026-11-22T10.0001"]
    assert lake.manifest()["watermark"] == "2026-11-22T10.0000"


def test_what_a_killed_commit_left_waits_for_the_scan_that_repeats_it(lake: Lake) -> None:
    bucket = pl.DataFrame({"bucket": [NOW], "host": ["h.example"]}, schema_overrides={"bucket": schema.TIME})
    frames = _rows(1) | {"names": schema.NAMES.conform(bucket)}

    def stored() -> list[int]:
        cold = lake.manifest()["tables"]["names"]["cold"].values()
        return [pl.read_parquet(lake.path / file).height for files in cold for file in files]

    _commit(lake, 0, 10, frames)
    (last_renamed,) = lake.hot(schema.SIGHTINGS).glob("part=2*/*.parquet")
    last_renamed.unlink()
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    assert stored() == []
    _commit(lake, 0, 10, frames, NOW + timedelta(hours=1))
    for _ in range(2):
        compact(lake, Terms("UTC"), now=NOW + timedelta(hours=1), settle=timedelta())
        assert (stored(), _cold_ids(lake)) == ([1], [1])


def test_a_segment_landing_late_is_counted(lake: Lake) -> None:
    _commit(lake, 0, 10, _rows(1))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    late = lake.hot(schema.SIGHTINGS) / "part=2026-11-22T10.0000" / "other-0000000000000000.parquet"
    lake_module.write_parquet(late, _rows(7, source_input="other")["sightings"], {})
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    assert _cold_ids(lake) == [1, 7]
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    assert _cold_ids(lake) == [1, 7]


def test_a_replaced_input_leaves_no_old_row(lake: Lake) -> None:
    _commit(lake, 0, 10, _rows(1, 2))
    other = Commits(lake, "other", lambda: NOW)
    other.commit(0, 10, _rows(9, source_input="other"))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    Commits(lake, "in", lambda: NOW).forget()
    _commit(lake, 0, 10, _rows(2))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    assert _cold_ids(lake) == [2, 9]
    assert not Commits(lake, "in").progress().replacing
    for name in ("in", "other"):
        Commits(lake, name, lambda: NOW).forget()
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    assert _cold_ids(lake) == []
    days = lake.manifest()["tables"]["sightings"]["cold"]
    assert days == {"2026-11-10": []}, "the day is counted again, without rows"
    assert not list((lake.path / "sources").iterdir()), "of what is gone nothing is kept"


def test_hot_files_outlive_a_compaction_by_half_a_day(lake: Lake) -> None:
    _commit(lake, 0, 10, _rows(1))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    hot = lake.hot(schema.SIGHTINGS)
    assert sweep(lake, now=NOW + GRACE) == 0
    assert list(hot.glob("part=2*/*.parquet"))
    assert sweep(lake, now=NOW + GRACE + timedelta(seconds=1)) > 0
    assert not list(hot.glob("part=2*"))
    mark = pl.read_parquet(lake.path / "low_water.parquet").item()
    assert mark == lake.manifest()["watermark"]
    assert _cold_ids(lake) == [1]


def test_a_lost_manifest_is_not_replaced_by_one_that_names_nothing(lake: Lake) -> None:
    """It was, with exit code 0, and half a day later all cold files were gone."""
    _commit(lake, 0, 10, _rows(1))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    (lake.path / "manifest.json").unlink()
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())  # the segments are still there
    assert _cold_ids(lake) == [1]
    sweep(lake, now=NOW + GRACE + timedelta(seconds=1))
    (lake.path / "manifest.json").unlink()
    with pytest.raises(LakeError, match=r"manifest\.json: no such file, .*; restore it from a backup"):
        compact(lake, Terms("UTC"), now=NOW + GRACE, settle=timedelta())
    assert list(lake.cold(schema.SIGHTINGS).glob("day=*/*.parquet"))


def test_an_input_goes_on_after_all_its_segments_were_deleted(lake: Lake) -> None:
    for begin in (0, 10, 20):
        _commit(lake, begin, begin + 10, _rows(begin))
    Commits(lake, "reference").commit(9, 9, {})
    Commits(lake, "whole").commit(0, 9, {})
    Commits(lake, "whole").finish(9)
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    sweep(lake, now=NOW + GRACE + timedelta(seconds=1))
    assert not list(lake.hot(schema.SIGHTINGS).glob("part=2*"))
    assert Commits(lake, "in").progress() == Progress(30)
    assert Commits(lake, "whole").progress().complete
    assert sorted(file.stem for file in (lake.path / "sources").iterdir()) == ["in", "whole"]


def test_files_no_manifest_names_go_after_half_a_day(lake: Lake) -> None:
    _commit(lake, 0, 10, _rows(1))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    _commit(lake, 10, 20, _rows(2))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    day = lake.cold(schema.SIGHTINGS) / "day=2026-11-10"
    assert len(list(day.glob("*.parquet"))) == 2
    halves = [lake.path / name for name in (".closed.1.tmp", "sources/.in.json.1.tmp")]
    for half in (*halves, day / ".00000003.1.tmp"):
        half.touch()
        os.utime(half, (0, 0))
    (being_written := lake.path / ".manifest.json.1.tmp").touch()
    os.utime(being_written, (NOW.timestamp() + 60,) * 2)
    sweep(lake, now=NOW + GRACE + timedelta(seconds=1))
    assert len(list(day.glob("*.parquet"))) == 1
    assert list(lake.path.rglob("*.tmp")) == [being_written]
    assert _cold_ids(lake) == [1, 2]


def test_what_must_outlast_a_kill_is_done_before_rows_go(lake: Lake) -> None:
    """Figures of past weeks are made final then: counted again without one person, they would tell."""
    _commit(lake, 0, 10, _rows(1, 2))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())

    def killed(gone: list[Deleted]) -> None:
        assert [one.deleted for one in gone] == [1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purge(lake, {"sightings": Rule(lambda frame: frame["event_id"] == 1)}, now=NOW, before=killed)
    assert _cold_ids(lake) == [1, 2]


def test_segments_of_other_releases_are_merged(lake: Lake) -> None:
    _commit(lake, 0, 10, _rows(1))
    ours = _rows(2)["sightings"]
    for name, theirs in (
        ("older", ours.drop("path").with_columns(server_port=pl.lit(443, dtype=pl.Int32))),
        ("newer", ours.with_columns(event_id=pl.lit(3), mood=pl.lit("fine"))),
    ):
        part = lake.hot(schema.SIGHTINGS) / "part=2026-11-22T10.0000"
        lake_module.write_parquet(part / f"{name}-0000000000000000.parquet", theirs, {})
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    assert _cold_ids(lake) == [1, 2, 3]
    (file,) = lake.manifest()["tables"]["sightings"]["cold"]["2026-11-10"]
    merged = pl.read_parquet(lake.path / file)
    assert merged.schema == schema.SIGHTINGS.dtypes
    assert merged.sort("event_id")["server_port"].to_list() == [None, 443, None]


def test_readers_learn_of_a_new_column_from_the_file_without_rows(lake: Lake) -> None:
    """An older release made it; its time, by which the lake's age is told, stays."""
    (zero,) = lake.hot(schema.NAMES).glob("part=0000/*.parquet")
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    schema.NAMES.empty().drop("host").write_parquet(zero)
    os.utime(zero, (7, 7))
    manifest = lake.manifest()
    del manifest["tables"]["names"]["columns"]["host"]
    (lake.path / "manifest.json").write_text(json.dumps(manifest))
    compact(lake, Terms("UTC"), now=NOW, settle=timedelta())
    assert pl.read_parquet_schema(zero) == schema.NAMES.dtypes
    assert zero.stat().st_mtime == 7


def test_two_compactors_do_not_meet(lake: Lake) -> None:
    with lake.lock("compact", exclusive=True):
        assert compact(lake, Terms("UTC"), now=NOW) is False


@pytest.mark.parametrize(
    ("said", "room", "number"),
    [
        ("underlying IO error: No space left on device (os error 28)", 1 << 30, 28),
        ("underlying IO error: Input/output error (os error 5)", 0, 5),
        ("Invalid thrift: transport error", 4096, 28),  # the footer
        ("Invalid thrift: transport error", 1 << 30, 5),
    ],
)
def test_what_the_system_says_while_parquet_is_written_is_told(
    said: str, room: int, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything was called a full disk, for which those wait that cannot read again."""

    def fails(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError(f"parquet: File out of specification: {said}")

    left = SimpleNamespace(f_bavail=room // 4096, f_frsize=4096)
    monkeypatch.setattr(lake_module.os, "statvfs", lambda _: left)
    monkeypatch.setattr(pl.DataFrame, "write_parquet", fails)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        lake_module.stage_parquet(tmp_path / "a.parquet", _rows(1)["sightings"], {}, zone="restricted")
    assert caught.value.errno == number and list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "segment")

    monkeypatch.setattr(lake_module.os, "fsync", full)
    with pytest.raises(LakeError, match="no space left on device; free space"):
        _commit(lake, 0, 10, _rows(1))
    monkeypatch.undo()
    assert list(lake.path.rglob("*.tmp")) == []
    assert Commits(lake, "in").progress() == Progress()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"format": 2, "layers": {}}',
            r"written by a newer release \(format 2, this one writes 1\); use that",
        ),
        *((text, "does not describe a lake; restore it") for text in ("[]", "null", '{"tables": {}}', "{")),
    ],
)
def test_a_manifest_that_is_not_ours_is_left_as_it_is(lake: Lake, text: str, said: str) -> None:
    path = lake.path / "manifest.json"
    path.write_text(text)
    with pytest.raises(LakeError, match=rf"manifest\.json: {said}"):
        compact(lake, Terms("UTC"), now=NOW)
    assert path.read_text() == text
