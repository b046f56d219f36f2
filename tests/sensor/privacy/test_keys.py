"""Epochs and their keys: made once, rotated on a Monday, shredded for ever."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from sensor import schema
from sensor.cli.keys import app
from sensor.errors import LakeError, UsageError
from sensor.privacy.keys import EPOCH_WEEKS, Keys
from sensor.privacy.subject import Subject

NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)


def _epoch(keys: Keys, moment: datetime) -> int:
    (epoch,) = keys.epochs_in(pl.Series([moment], dtype=schema.TIME))
    return epoch


def test_a_shredded_key_is_never_made_again(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    epoch = _epoch(keys, NOW)
    secret = keys.of(epoch)
    keys.shred(epoch, NOW)
    for again in (keys, Keys(tmp_path, "UTC")):
        assert again.is_shredded(epoch)
        with pytest.raises(LakeError, match="shredded"):
            again.of(epoch)
    assert all(secret not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    (told,) = keys.epochs()
    assert (told.number, told.shredded_at) == (epoch, NOW)
    with pytest.raises(UsageError, match="no key"):
        keys.shred(epoch, NOW)


def test_a_shredded_key_that_came_back_is_told_and_can_be_shredded_again(tmp_path: Path) -> None:
    """A backup was restored, or the machine stopped between the note of the shredding and the shredding."""
    keys = Keys(tmp_path, "UTC")
    epoch = _epoch(keys, NOW)
    secret, file = keys.of(epoch), tmp_path / "keys" / f"epoch-{epoch}.key"
    keys.shred(epoch, NOW)
    file.touch(mode=0o600)
    file.write_bytes(secret)
    assert keys.problems() == [f"{file} is there, although it was shredded; shred it again"]
    told = CliRunner().invoke(
        app, ["shred", str(epoch), "--reason", "restored", "--yes", "--lake", str(tmp_path / "lake"),
              "--state", str(tmp_path)]
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert not file.exists() and keys.problems() == []


@pytest.mark.parametrize("level", ["pseudonymous", "aggregate"])
@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Auckland"])
def test_a_capture_without_a_clock_lies_in_the_first_epoch(tmp_path: Path, level: str, zone: str) -> None:
    keys = Keys(tmp_path, zone, level)
    moment = datetime(1970, 1, 1, tzinfo=UTC)
    assert _epoch(keys, moment) == 0
    keys.of(0)
    (told,) = keys.epochs()
    assert told.begin <= moment < told.end
    assert keys.go_with(keys.prints(), tmp_path)


def test_a_key_that_the_lake_knows_is_not_made_anew_where_it_is_missing(tmp_path: Path) -> None:
    """The state folder was restored from a backup that is older than the running epoch."""
    whole = Keys(tmp_path, "UTC")
    now = datetime.now(UTC)
    before, epoch = _epoch(whole, now - timedelta(weeks=20)), _epoch(whole, now)
    whole.of(before), whole.of(epoch)
    prints = whole.prints()
    (tmp_path / "keys" / f"epoch-{epoch}.key").unlink()
    restored = Keys(tmp_path, "UTC")
    assert restored.go_with(prints, tmp_path / "lake")
    with pytest.raises(LakeError, match="missing, and the lake has tokens made with it"):
        restored.of(epoch)
    assert [f"epoch-{epoch}.key is missing" in told for told in restored.problems()] == [True]
    assert restored.of(before) == whole.of(before)
    assert Subject.of(["ada"], restored, "pseudonymous").missing == (f"epoch-{epoch}.key",)
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "manifest.json").write_text(json.dumps({"format": 1, "keys": prints}))
    words = ["init", "--state", str(tmp_path), "--lake", str(tmp_path / "lake")]
    assert isinstance(CliRunner().invoke(app, words).exception, LakeError)
    assert [one.number for one in restored.epochs()] == [before]


def test_files_that_are_no_keys_lie_beside_them_without_harm(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    epoch = _epoch(keys, NOW)
    keys.of(epoch)
    for name in (f"epoch-{epoch}.key.bak", "epoch--13.key", "epoch-old.key"):
        (tmp_path / "keys" / name).write_bytes(b"x")
    assert [told.number for told in keys.epochs()] == [epoch]
    assert list(keys.prints()) == [f"epoch-{epoch}.key"]


def test_a_rotation_begins_on_the_next_monday_and_moves_nothing_before(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "Europe/Berlin")
    before = _epoch(keys, NOW)
    begun = keys.rotate(NOW)
    assert begun.begin == datetime(2026, 11, 15, 23, tzinfo=UTC)
    for same in (keys, Keys(tmp_path, "Europe/Berlin")):
        assert _epoch(same, NOW) == before
        assert _epoch(same, begun.begin - timedelta(microseconds=1)) == before
        assert _epoch(same, begun.begin) == begun.number
        assert same.bounds(before)[1] == begun.begin
    assert keys.rotate(NOW) == begun
    assert keys.of(before) != keys.of(begun.number)


def test_a_running_capture_follows_a_rotation_by_another_process(tmp_path: Path) -> None:
    """Else it would go on with the old key, while every other process makes tokens with the new one."""
    running = Keys(tmp_path, "Europe/Berlin")
    before = _epoch(running, NOW)
    for later in (timedelta(), timedelta(weeks=2)):
        begun = Keys(tmp_path, "Europe/Berlin").rotate(NOW + later)
        assert _epoch(running, begun.begin) == begun.number
        assert running.bounds(begun.number) == (begun.begin, begun.end)
    assert _epoch(running, NOW) == before


@settings(max_examples=40, deadline=None)
@given(
    weeks=st.lists(st.integers(2900, 3000), max_size=4),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland"]),
    hours=st.integers(2890 * 168, 3010 * 168),
)
def test_every_moment_lies_in_the_bounds_of_its_epoch(
    tmp_path_factory: pytest.TempPathFactory, weeks: list[int], zone: str, hours: int
) -> None:
    keys = Keys(tmp_path_factory.mktemp("state"), zone)
    for week in weeks:
        keys.rotate(datetime(1970, 1, 7, tzinfo=UTC) + timedelta(weeks=week - 1))
    moment = datetime(1970, 1, 5, tzinfo=UTC) + timedelta(hours=hours)
    begin, end = keys.bounds(_epoch(keys, moment))
    assert begin <= moment < end
    assert end - begin <= timedelta(weeks=EPOCH_WEEKS, hours=1)


def test_at_aggregate_every_week_has_its_own_key(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC", "aggregate")
    first, second = _epoch(keys, NOW), _epoch(keys, NOW + timedelta(weeks=1))
    assert second == first + 1
    assert keys.bounds(first)[1] == keys.bounds(second)[0]
    assert keys.of(first) != keys.of(second) != Keys(tmp_path, "UTC").of(first)
    with pytest.raises(UsageError, match="every week"):
        keys.rotate(NOW)


def test_what_others_may_read_is_told(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    assert keys.problems() == []
    keys.of(1)
    assert keys.problems() == []
    (tmp_path / "keys" / "epoch-1.key").chmod(0o644)
    (tmp_path / "keys").chmod(0o755)
    assert [problem.split(" (")[0].split("/")[-1] for problem in keys.problems()] == [
        "keys is open to others",
        "epoch-1.key is open to others",
    ]


def test_a_damaged_list_of_rotations_is_refused(tmp_path: Path) -> None:
    Keys(tmp_path, "UTC").of(1)
    (tmp_path / "keys" / "rotations.json").write_text("[")
    with pytest.raises(LakeError, match="rotations"):
        Keys(tmp_path, "UTC")


def test_a_folder_of_another_account_is_told_from_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(LakeError, match=r"rotations\.json: permission denied; run as the account"):
        Keys(tmp_path, "UTC")
