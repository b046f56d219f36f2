"""A lease is told in every epoch it touches, and what is open goes on after a boundary and a restart."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor import durable, schema
from sensor.errors import LakeError
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import token
from sensor.privacy.rotation import LeaseRotation, forget

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)


def _lease(begin: datetime, end: datetime | None = None, user: str = "ada") -> pl.DataFrame:
    row = {"site": "hq", "address": "10.0.0.1", "user_name": user, "valid_from": begin, "valid_to": end}
    return schema.LEASES.conform(
        pl.DataFrame([row], schema_overrides={"valid_from": schema.TIME, "valid_to": schema.TIME})
    )


def _spans(leases: pl.DataFrame) -> list[tuple[datetime, datetime]]:
    return sorted(leases.select("valid_from", "valid_to").iter_rows())


def _none() -> pl.DataFrame:
    return schema.LEASES.empty()


def _rotation(keys: Keys, file: Path | None = None, now: datetime = NOON) -> LeaseRotation:
    return LeaseRotation(keys, file, lambda: now)


def _epoch(keys: Keys, moment: datetime) -> int:
    (epoch,) = keys.epochs_in(pl.Series([moment]))
    return epoch


def _holder(leases: pl.DataFrame, at: datetime) -> list[str]:
    """The users of the leases at a moment, the one that began last first."""
    held = leases.filter(pl.col("valid_from") <= at, pl.col("valid_to") > at)
    return held.sort("valid_from", descending=True)["user_name"].to_list()


def test_an_open_lease_goes_on_in_the_next_epoch(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    epoch = _epoch(keys, NOON)
    end = keys.bounds(epoch)[1]
    following = _epoch(keys, end)
    leases = _rotation(keys, tmp_path / "leases.sealed")
    assert _spans(leases.carry(_lease(NOON), [epoch], last=False)) == [(NOON, end)]
    assert _spans(leases.carry(_none(), [epoch], last=False)) == []
    ((begin, until),) = _spans(leases.carry(_none(), [following], last=False))
    assert end <= begin <= end + timedelta(seconds=1) and until == keys.bounds(following)[1]
    assert _spans(leases.carry(_none(), [following], last=False)) == []


def test_what_is_open_outlives_the_process_and_is_not_readable(tmp_path: Path) -> None:
    keys, file = Keys(tmp_path, "UTC"), tmp_path / "leases.sealed"
    epoch = _epoch(keys, NOON)
    _rotation(keys, file).carry(_lease(NOON), [epoch], last=True)
    assert b"ada" not in file.read_bytes() and b"10.0.0.1" not in file.read_bytes()
    later = keys.bounds(epoch)[1]
    following = _epoch(keys, later)
    carried = _rotation(keys, file, later).carry(_none(), [following], last=False)
    assert carried["user_name"].to_list() == ["ada"]
    keys.shred(following, NOON)
    assert _rotation(keys, file, later).carry(_none(), [following], last=True).is_empty()


def test_an_erased_person_does_not_come_back_with_the_next_epoch(tmp_path: Path) -> None:
    keys, file = Keys(tmp_path, "UTC"), tmp_path / "leases" / "one.sealed"
    named = [
        _lease(NOON),
        _lease(NOON, user="bob").with_columns(address=pl.lit("10.0.0.2")),
        _lease(NOON).with_columns(
            pl.lit(None).alias("user_name"), address=pl.lit("10.0.0.3"), device=pl.lit("ada-pc")
        ),
    ]
    running = _rotation(keys, file)
    running.carry(pl.concat(named, how="vertical_relaxed"), [_epoch(keys, NOON)], last=False)
    later = keys.bounds(_epoch(keys, NOON))[1]
    epoch = _epoch(keys, NOON)
    things = [token(keys.of(epoch), epoch, "org", "device", "ada-pc")]
    assert forget(file.parent, keys, ["ada"], things, NOON) == 2
    assert forget(file.parent, keys, ["ada"], things, NOON) == 0
    cyd = _lease(NOON, user="cyd").with_columns(address=pl.lit("10.0.0.4"))
    running.carry(cyd, [epoch], last=False)  # stores what it holds
    for rotation in (running, _rotation(keys, file, later)):
        carried = rotation.carry(_none(), [_epoch(keys, later)], last=True)
        assert sorted(carried["user_name"].unique()) == ["bob", "cyd"]


def test_a_full_disk_of_the_state_folder_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    keys = Keys(tmp_path, "UTC")
    epoch = _epoch(keys, NOON)
    keys.derived(epoch, "leases")
    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(LakeError, match=r"open\.sealed: no space left on device; free space or inodes there"):
        _rotation(keys, tmp_path / "open.sealed").carry(_lease(NOON), [epoch], last=True)


def test_a_closed_lease_is_cut_at_the_boundary_and_does_not_come_again(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    epoch = _epoch(keys, NOON)
    end = keys.bounds(epoch)[1]
    closed = end + timedelta(days=1)
    leases = _rotation(keys, now=closed)
    leases.carry(_lease(NOON), [epoch], last=False)
    (first, (begin, until)) = _spans(leases.carry(_lease(NOON, closed), [epoch], last=True))
    assert first == (NOON, end) and end <= begin <= end + timedelta(seconds=1) and until == closed
    assert leases.carry(_none(), [_epoch(keys, end)], last=True).is_empty()


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("is_open", [False, True])
def test_a_lease_over_the_boundary_holds_until_the_next_one_of_its_address(
    tmp_path: Path, apart: bool, is_open: bool
) -> None:
    """Its successor may be in the same batch as the first row of the new epoch."""
    keys = Keys(tmp_path, "UTC")
    epoch = _epoch(keys, NOON)
    boundary, hour = keys.bounds(epoch)[1], timedelta(hours=1)
    change = boundary + 4 * hour
    before = _lease(boundary - 2 * hour, None if is_open else change, "ada")
    after = _lease(change, None if is_open else change + 6 * hour, "bob")
    leases = _rotation(keys, now=change + 6 * hour)
    batches = [(before, [epoch]), (after, [_epoch(keys, boundary)])]
    if not apart:
        batches = [(pl.concat([before, after]), [epoch, _epoch(keys, boundary)])]
    last = len(batches) - 1
    stated = pl.concat(leases.carry(rows, of, last=n == last) for n, (rows, of) in enumerate(batches))
    assert _holder(stated, boundary - hour)[:1] == ["ada"]
    assert _holder(stated, boundary + 2 * hour) == ["ada"]
    assert _holder(stated, change + hour)[:1] == ["bob"]


def test_leases_of_other_inputs_hold_in_every_epoch_up_to_now(tmp_path: Path) -> None:
    """A log of leases has no traffic of its own; that of other inputs may come before or after it."""
    keys, began = Keys(tmp_path, "UTC"), NOON - timedelta(weeks=60)
    spans = {
        "open": (began, None),
        "far": (began, datetime(2038, 1, 19, tzinfo=UTC)),
        "old": (NOON - timedelta(weeks=600), None),
    }
    for name, (begin, end) in spans.items():
        stated = _rotation(keys).carry(_lease(begin, end), [], last=True)
        for at in (began + timedelta(days=1), NOON - timedelta(weeks=30), NOON):
            assert _holder(stated, at) == ["ada"], (name, at)
        assert stated["valid_from"].max() < NOON, name


def test_one_lease_of_another_time_does_not_remove_the_others(tmp_path: Path) -> None:
    """A clock that went wrong once, or two years in one batch."""
    keys = Keys(tmp_path, "UTC")
    for other in (datetime(2039, 1, 1, tzinfo=UTC), datetime(2009, 11, 18, tzinfo=UTC)):
        wrong = _lease(other, other + timedelta(days=1), "eve")
        leases = pl.concat([_lease(NOON, NOON + timedelta(days=1)), wrong])
        stated = _rotation(keys).carry(leases, [], last=True)
        assert _holder(stated, NOON) == ["ada"] and _holder(stated, other) == ["eve"]


def test_the_later_of_two_holders_goes_on(tmp_path: Path) -> None:
    """Whichever of them is read first, and in one input or in two."""
    keys, now = Keys(tmp_path, "UTC"), NOON + timedelta(weeks=13)
    first, second = _lease(NOON, user="ada"), _lease(NOON + timedelta(days=2), user="bob")
    for one, other in ((first, second), (second, first)):
        together = _rotation(keys, now=now).carry(pl.concat([one, other]), [], last=True)
        alone = [_rotation(keys, now=now).carry(lease, [], last=True) for lease in (one, other)]
        assert _holder(together, now)[0] == _holder(pl.concat(alone), now)[0] == "bob"


def test_a_lease_that_ended_before_the_epoch_it_was_continued_in_is_cancelled(tmp_path: Path) -> None:
    keys, file = Keys(tmp_path, "UTC"), tmp_path / "leases.sealed"
    now = NOON + timedelta(weeks=13)
    (continued,) = _rotation(keys, file, now).carry(_lease(NOON), [], last=True)["valid_from"][1:]
    end = NOON + timedelta(days=1)
    closed = _lease(NOON, end).with_columns(closed=pl.lit(True))
    leases = _rotation(keys, file, now)
    stated = [leases.carry(closed, [], last=False), leases.carry(_none(), [], last=True)]
    assert _spans(pl.concat(stated)) == [(NOON, end), (continued, continued)]
    assert pl.concat(stated)["closed"].to_list() == [True, True]
