"""Reads manually maintained CSV files. Invalid lines are reported by number and counted; the others are
used."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from sensor.errors import UsageError, reason_of

#: Maximum invalid lines reported one by one; further ones are only counted.
MOST_LISTED = 10
#: maximum file size: a directory of 100,000 people has tens of megabytes
MOST_BYTES = 512 << 20


@dataclass
class Problems:
    """Invalid lines: the first few with their location, and the number of all."""

    count: int = 0
    listed: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int, what: str) -> None:
        """Record an invalid line; `what` must not contain any of its text."""
        self.count += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append(f"{path}:{line}: {what}")

    def lines(self) -> list[str]:
        """Texts to print: one per problem, and one for those that are only counted."""
        more = self.count - len(self.listed)
        return [*self.listed, *([f"and {more} more lines that could not be used"] if more else [])]


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16 (with byte order mark) or Windows-1252. Raises UsageError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError("too large for a directory", place=str(path), hint="export accounts only")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(
            reason_of(error),
            place=str(path),
            hint="check --people, or [identity] in the settings",
        ) from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.removeprefix(codecs.BOM_UTF8).decode("cp1252", errors="replace")


def rows(
    path: Path,
    names: Mapping[str, tuple[str, ...]],
    required: tuple[str, ...],
    problems: Problems,
    hint: str = "",
) -> list[tuple[int, dict[str, str | None]]]:
    """Line number and fields of each row; see `columns`."""
    found = columns(path, names, required, problems, hint)
    return [(line, dict(zip(names, fields, strict=True))) for line, *fields in found.iter_rows()]


def columns(
    path: Path,
    names: Mapping[str, tuple[str, ...]],
    required: tuple[str, ...],
    problems: Problems,
    hint: str = "",
) -> pl.DataFrame:
    """`line`, the line number (Int64) of each row, and its fields (String); empty or absent fields are NULL.

    `names`: key of a field → allowed names of its column in the header, lower case. The separator (comma,
    semicolon or tab) is that of the header. Rows with more fields than the header go to `problems`. Raises
    UsageError if a `required` column is missing, with `hint`, which says where such a file may belong
    instead.
    """
    text = text_of(path)
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text))
    lines: list[int] = []
    table: list[list[str]] = []
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
        for cells in reader:
            if not "".join(cells).strip() or cells[0].startswith("#TYPE"):
                continue
            if len(cells) > len(head):
                problems.add(path, reader.line_num, f"{len(cells)} fields where the head has {len(head)}")
                continue
            lines.append(reader.line_num)
            table.append(cells)
    except csv.Error as error:
        raise UsageError(
            f"not a CSV file: {error}", place=f"{path}:{reader.line_num}", hint=f"columns {required}"
        ) from None
    fields = [pl.Series(name, _fields(table, at), dtype=pl.String) for name, at in places.items()]
    return pl.DataFrame([pl.Series("line", lines, dtype=pl.Int64), *fields])


def _delimiter(text: str) -> str:
    head = next((line for line in io.StringIO(text) if line.strip()), "")
    return max(",;\t", key=head.count)


def _fields(table: list[list[str]], at: int | None) -> list[str | None]:
    if at is None:
        return [None] * len(table)
    return [(cells[at].strip() or None) if at < len(cells) else None for cells in table]
