"""Names of rotated logs, and which file of a set continues which."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sensor.sources.interface import File

_PACKED = r"(?:\.(?:gz|zst|bz2|xz))?"
#: `access.log.2.gz`, as logrotate, newsyslog and most programs name them
_NUMBERED = re.compile(rf"^(?P<base>.+)\.(?P<number>\d{{1,4}}){_PACKED}$")
#: `access.log-20261116.gz`, as logrotate's `dateext` does, or `access-2026-11-16.log`, as rsyslog and others.
#: Exports (`.csv`, `.json`) have such names, too, but may overlap.
_DATED = re.compile(
    r"^(?P<base>.+)[-_.](?P<date>20\d\d-?\d\d-?\d\d(?:[-_]?\d{2,10})?)"
    rf"(?P<ending>\.log)?{_PACKED}$"
)
#: the file that is being written
_CURRENT = "~"


def rotation(file: File) -> tuple[str, str, int, str]:
    """A key that sorts the oldest of a rotated set first: `access.log.2.gz`, `access.log.1`, `access.log`."""
    if found := _DATED.match(file.name):
        return found["base"] + (found["ending"] or ""), found["date"], 0, file.name
    if found := _NUMBERED.match(file.name):
        return found["base"], _CURRENT, -int(found["number"]), file.name
    return file.name, _CURRENT, 0, file.name


def predecessors(files: Sequence[File]) -> list[File | None]:
    """For each of `files`, sorted by `rotation`, the one of its set that was written before it."""
    previous = [None, *files[:-1]]
    return [
        one if one is not None and rotation(one)[0] == rotation(file)[0] else None
        for one, file in zip(previous, files, strict=False)
    ]
