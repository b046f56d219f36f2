"""Separated values as JSON objects, and separated values that a spreadsheet saved with other separators."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator

from sensor.sources.logs.lines.framing import QUOTED, text_of

#: Columns of exports that hold the line as it was logged.
HOLDS = (
    "_raw", "SyslogMessage", "event.original", "rawMessage", "RawData", "raw_message", "full_log",
    "full_message", "message", "@message", "Raw Event Log", "rawEventMsg", "Line", "Content", "Message",
    "Payload",
)  # fmt: skip
#: The name of a column; a line with fewer names is no header.
_NAME = re.compile(r"^[A-Za-z@_#][\w .@/()\[\]#:%-]{0,60}$")
_FEWEST_NAMES = 3
#: A column of times as a console exports it: in UTC, or in the zone its reader had chosen.
_UTC, _LOCAL = " [UTC]", " [Local Time]"
_NO_ZONE = re.compile(r":\d\d(?:\.\d+)?(?: [AP]M)?$")
_GROUPED = re.compile(r"^\d{1,3}(?:,\d{3})+$")


class Table:
    """Separated values whose records become JSON objects; `of_lines`: one column holds whole lines."""

    def __init__(self, *, of_lines: bool = True) -> None:
        self.of_lines = of_lines

    def fits(self, head: bytes) -> bool:
        """True if the first line names such a column; without `of_lines`, if it looks like a header."""
        names = _names(text_of(head).partition("\n")[0])
        if self.of_lines:
            return any(name in HOLDS for name in names)
        return len(names) >= _FEWEST_NAMES and all(_NAME.match(name) for name in names if name)

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """A JSON object per record, without empty columns; of tables put together, each has its header."""
        names: list[str] = []
        utc: set[str] = set()
        separator = ","
        for record in QUOTED.records(pieces):
            separator = separator if names else _separator(record)
            try:
                (values,) = csv.reader([record], delimiter=separator)
            except (csv.Error, ValueError):
                yield record
                continue
            if not names or _names_again(values, names):
                titles = _names(record)
                utc = {_bare(name) for name in titles if name.endswith(_UTC)}
                names = [_bare(name) for name in titles]
                continue
            yield json.dumps(
                {
                    name: _zoned(value) if name in utc else _ungrouped(value)
                    for name, value in zip(names, values, strict=False)
                    if name and value
                },
                ensure_ascii=False,
            )


class Resaved:
    """Separated values that a spreadsheet saved with semicolons or tabs: with commas again."""

    def fits(self, head: bytes) -> bool:
        """True if the first line has at least two separators that are no commas."""
        header = text_of(head).partition("\n")[0]
        return header.count(separator := _separator(header)) > 1 and separator != ","

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """The records with commas; a line that is no record stays as it is."""
        separator = None
        for record in QUOTED.records(pieces):
            separator = separator or _separator(record)
            try:
                (values,) = csv.reader([record], delimiter=separator)
            except (csv.Error, ValueError):
                yield record
                continue
            yield _separated(values)


#: An export of log lines (Splunk, Sentinel, Kibana): one column holds the line (`HOLDS`).
TABLE = Table()
#: An export whose columns are the fields of records that are known as JSON.
ROWS = Table(of_lines=False)
RESAVED = Resaved()


def _ungrouped(value: str) -> str:
    """`2,214` as 2214: tables made for people have such separators."""
    return value.replace(",", "") if _GROUPED.match(value) else value


def _names(header: str) -> list[str]:
    """Names of the columns in a header line."""
    try:
        (names,) = csv.reader([header.strip("\ufeff\r\n")], delimiter=_separator(header))
    except (csv.Error, ValueError):
        return []
    return [name.strip() for name in names]


def _names_again(values: list[str], names: list[str]) -> bool:
    """True for another header: its first value is the name of a column, as most others are."""
    is_first = bool(values) and _bare(values[0].strip("\ufeff ")) in names
    return is_first and 2 * sum(_bare(value.strip()) in names for value in values) > len(values)


def _bare(name: str) -> str:
    """`TimeGenerated [UTC]` without its zone."""
    return name.removesuffix(_UTC).removesuffix(_LOCAL)


def _zoned(value: str) -> str:
    """A time of a column in UTC, with its zone."""
    return f"{value} UTC" if _NO_ZONE.search(value) else value


def _separator(header: str) -> str:
    """The separator of a header line: a comma, a spreadsheet's semicolon or tab, or a dump's bar."""
    return next((one for one in "\t;|" if header.count(one) > header.count(",")), ",")


def _separated(values: list[str]) -> str:
    """A record of CSV, with quotes where they are needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()
