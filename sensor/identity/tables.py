"""CSV files that people keep, read so that one bad line costs one line: it is counted and told by place."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sensor.errors import UsageError

#: bad lines told one by one; the rest is only counted
MOST_LISTED = 10
#: a directory of 100,000 people takes tens of megabytes; more than this is not one
MOST_BYTES = 512 << 20


@dataclass
class Problems:
    """Lines of files that could not be used: the first few by place, all of them counted."""

    count: int = 0
    listed: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int, what: str) -> None:
        """One more; `what` never holds the line's content."""
        self.count += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append(f"{path}:{line}: {what}")

    def lines(self) -> list[str]:
        """What to print: one line a problem, and one for those not told."""
        more = self.count - len(self.listed)
        return [*self.listed, *([f"and {more} more lines that could not be used"] if more else [])]


def text_of(path: Path) -> str:
    """The file's text: UTF-8, UTF-16 with a mark, else Windows-1252. Raises UsageError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError("too large for a directory", place=str(path), hint="export accounts only")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(error.strerror or str(error), place=str(path), hint="check [identity]") from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def rows(
    path: Path,
    names: Mapping[str, tuple[str, ...]],
    required: tuple[str, ...],
    problems: Problems,
    hint: str = "",
) -> list[tuple[int, dict[str, str | None]]]:
    """Line number and fields of each row, by our names; fields not in the file or empty are None.

    `names`: our name → heads that mean it, lower case. Comma, semicolon or tab, as the head has it. A row
    with more fields than the head goes to `problems`. Raises UsageError for a file without the heads
    `required`, which adds `hint`: where such a file may belong instead.
    """
    reader = csv.reader(io.StringIO(text_of(path)), delimiter=_delimiter(path))
    try:
        head = [cell.strip().strip("\ufeff").lower() for cell in next(reader, [])]
        places = {
            name: next((head.index(word) for word in (name, *words) if word in head), None)
            for name, words in names.items()
        }
        missing = [name for name in required if places[name] is None]
        if missing:
            needs = "; ".join(filter(None, (f"it needs {', '.join(required)}", hint)))
            raise UsageError(f"no column {', '.join(missing)}", place=f"{path}:1", hint=needs)
        found = []
        for cells in reader:
            if not any(cell.strip() for cell in cells) or cells[0].startswith("#TYPE"):
                continue
            if len(cells) > len(head):
                problems.add(path, reader.line_num, f"{len(cells)} fields where the head has {len(head)}")
                continue
            found.append((reader.line_num, {name: _cell(cells, at) for name, at in places.items()}))
    except csv.Error as error:
        raise UsageError(
            f"not a CSV file: {error}", place=f"{path}:{reader.line_num}", hint=f"columns {required}"
        ) from None
    return found


def _delimiter(path: Path) -> str:
    head = next((line for line in text_of(path).splitlines() if line.strip()), "")
    return max(",;\t", key=head.count)


def _cell(cells: list[str], at: int | None) -> str | None:
    return (cells[at].strip() or None) if at is not None and at < len(cells) else None
