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
from sensor.privacy.rotation import LeaseRotation

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


def test_an_open_lease_goes_on_in_the_next_epoch(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    (epoch,) = keys.epochs_in(pl.Series([NOON]))
    end = keys.bounds(epoch)[1]
    (following,) = keys.epochs_in(pl.Series([end]))
    leases = LeaseRotation(keys, tmp_path / "leases.sealed")
    assert _spans(leases.carry(_lease(NOON), [epoch])) == [(NOON, end)]
    assert _spans(leases.carry(_none(), [epoch])) == []
    assert _spans(leases.carry(_none(), [following])) == [(end, keys.bounds(following)[1])]
    assert _spans(leases.carry(_none(), [following])) == []


def test_what_is_open_outlives_the_process_and_is_not_readable(tmp_path: Path) -> None:
    keys, file = Keys(tmp_path, "UTC"), tmp_path / "leases.sealed"
    (epoch,) = keys.epochs_in(pl.Series([NOON]))
    LeaseRotation(keys, file).carry(_lease(NOON), [epoch])
    assert b"ada" not in file.read_bytes() and b"10.0.0.1" not in file.read_bytes()
    (following,) = keys.epochs_in(pl.Series([keys.bounds(epoch)[1]]))
    assert LeaseRotation(keys, file).carry(_none(), [following])["user_name"].to_list() == ["ada"]
    keys.shred(following, NOON)
    assert LeaseRotation(keys, file).carry(_none(), [epoch]).is_empty()


def test_a_full_disk_of_the_state_folder_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    keys = Keys(tmp_path, "UTC")
    (epoch,) = keys.epochs_in(pl.Series([NOON]))
    keys.derived(epoch, "leases")
    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(LakeError, match=r"open\.sealed: no space left on device; free space there"):
        LeaseRotation(keys, tmp_path / "open.sealed").carry(_lease(NOON), [epoch])


def test_a_closed_lease_is_cut_at_the_boundary_and_does_not_come_again(tmp_path: Path) -> None:
    keys = Keys(tmp_path, "UTC")
    (epoch,) = keys.epochs_in(pl.Series([NOON]))
    end = keys.bounds(epoch)[1]
    (following,) = keys.epochs_in(pl.Series([end]))
    leases = LeaseRotation(keys)
    leases.carry(_lease(NOON), [epoch])
    closed = end + timedelta(days=1)
    assert _spans(leases.carry(_lease(NOON, closed), [epoch])) == [(NOON, end), (end, closed)]
    assert leases.carry(_none(), [following]).is_empty()
