"""What went wrong on the disk is told of the file it went wrong with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensor import durable
from sensor.durable import explained, waiting_for_room, with_room
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


@pytest.mark.parametrize(
    ("number", "is_over", "tries"), [(28, [False, False], 3), (122, [False, True], 2), (13, [], 1)]
)
def test_a_full_disk_is_waited_for_and_no_other_error(
    number: int, is_over: list[bool], tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "RETRY_S", 0.0)
    count, said, over = 0, [], iter(is_over)

    def work() -> None:
        nonlocal count
        count += 1
        if count < 3:
            with explained(Path("lake")):
                raise OSError(number, "No room")

    if tries < 3:
        with pytest.raises(LakeError), waiting_for_room(said.append, lambda: next(over)):
            with_room(work)
    else:
        with waiting_for_room(said.append, lambda: next(over)):
            with_room(work)
    waits = ["lake: no room; waiting, what was received is kept in memory"]
    assert (count, said) == (tries, {3: [*waits, "there is room again"], 2: waits, 1: []}[tries])
    with pytest.raises(LakeError):
        count = 0
        with_room(work)  # outside
