"""What went wrong on the disk is told of the file it went wrong with."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    ],
)
def test_an_error_names_the_file_that_could_not_be_written(error: OSError, told: str) -> None:
    with pytest.raises(LakeError) as raised, explained(Path("lake")):
        raise error
    assert str(raised.value).startswith(told)
