"""What went wrong on the disk is told of the file it went wrong with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensor import durable
from sensor.durable import explained
from sensor.errors import LakeError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "lake/open.tmp"), "lake/open.tmp: no space left on device"),
        # a copy names where it read first
        (
            OSError(28, "No space left on device", "state/blank", None, "lake/open.tmp"),
            "lake/open.tmp: no space left on device",
        ),
        (OSError(30, "Read-only file system"), "lake: read-only file system"),
        (OSError(1, "Operation not permitted"), "lake: operation not permitted; check the folder's owner"),
    ],
)
def test_an_error_names_the_file_that_could_not_be_written(error: OSError, told: str) -> None:
    with pytest.raises(LakeError) as raised, explained(Path("lake")):
        raise error
    assert str(raised.value).startswith(told)


def test_a_full_disk_that_names_no_file_is_told_of_the_one_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for standard output: `keys rotate` told to write to another place."""

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as raised:
        durable.write(tmp_path / "rotations.json", b"{}")
    assert raised.value.filename == str(tmp_path / "rotations.json")
    assert not list(tmp_path.iterdir())
