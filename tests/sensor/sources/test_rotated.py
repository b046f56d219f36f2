"""The files of a rotated log in their order, as far as names tell it."""

from __future__ import annotations

import io
import random

import pytest

from sensor.sources.interface import File
from sensor.sources.rotated import predecessors, rotation


@pytest.mark.parametrize(
    "names",
    [
        ["access.log.10.gz", "access.log.2.gz", "access.log.1", "access.log"],
        ["eve.json-20261120.gz", "eve.json-20261121", "eve.json"],
        ["fw-2026-11-20.log.zst", "fw-2026-11-21.log", "fw.log"],
        ["fw_20261120_09.log", "fw_20261120_10.log", "fw.log"],
    ],
)
def test_each_file_continues_the_one_before(names: list[str]) -> None:
    files = [File(name, name, b"", 0, io.BytesIO) for name in (*names, "x-20261121.csv", "x-20261122.csv")]
    random.Random(1).shuffle(files)
    files.sort(key=rotation)
    before = {file.name: one and one.name for file, one in zip(files, predecessors(files), strict=True)}
    alone = dict.fromkeys(("x-20261121.csv", "x-20261122.csv"))
    assert before == dict(zip(names, [None, *names], strict=False)) | alone
