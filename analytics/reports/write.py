"""Writes a report in any of the formats, and keeps results in the archive of the lake."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from analytics import atomic
from analytics.render.document import Document
from analytics.render.formats import FORMATS
from analytics.reports.prepare import prepare
from analytics.reports.weekly.page import Page


@dataclass(frozen=True, slots=True)
class Report:
    """A written weekly report."""

    path: Path
    week: str  # ISO week, '2026-W46'
    page: Page  # its content
    document: Document  # the same, ready for any format


def weekly(
    lake: Path,
    out: Path,
    *,
    week: str | None = None,
    as_of: datetime | None = None,
    language: str = "en",
    now: datetime | None = None,
    over: bool = False,
) -> Report:
    """Write the weekly report of `lake` to the HTML file `out`.

    `week` is an ISO week such as '2026-W46'; by default the newest week with data that had begun at `as_of`
    (UTC if it has no zone; by default `now`). Days after `as_of` count as still to come, not as unwatched;
    rows that landed in the lake later are not counted. Once a week is over, the same data, week and `as_of`
    give the same bytes. `now` is when the report is written, by default the clock's time. With `over`, the
    default is the newest week that has ended, also if no sensor reported in it.
    Raises ValueError for an invalid week, NoWeek for a lake without any, LakeUnreadable.
    """
    found = prepare(lake, period=week, as_of=as_of, language=language, now=now, over=over)
    atomic.write(out, FORMATS["html"].write(found))
    assert isinstance(found.page, Page)
    return Report(out, found.period, found.page, found)


def write(found: Document, out: Path, forms: Sequence[str]) -> list[Path]:
    """Write `found` in each of the formats `forms`, and return the files.

    A single format goes to `out`. If `out` has the suffix of another format, or there are several, the suffix
    is replaced by that of each format. CSV files are in an archive: `a.csv` is written as `a.csv.zip`.
    """
    written = []
    for form in forms:
        others = {one.suffix for name, one in FORMATS.items() if name != form}
        named = len(forms) == 1 and out.suffix and out.suffix.lower() not in others
        path = out if named else out.with_suffix(FORMATS[form].suffix)
        if FORMATS[form].suffix == f"{path.suffix.lower()}.zip":
            path = path.with_name(f"{path.name}.zip")
        atomic.write(path, content(found, form))
        written.append(path)
    return written


def content(found: Document, form: str) -> bytes:
    """`found` in the format `form`; CSV files as an archive."""
    return FORMATS[form].write(found)


def archive(lake: Path, found: Document) -> Path | None:
    """Keep the result as JSON in the open zone, named by its hash, so that it survives retention.

    Returns the file; None for a restricted report, which is never kept. Raises OSError.
    """
    if found.result.spec.restricted:
        return None
    result = content(found, "json")
    about = f"-{found.digest(found.about.encode())[:12]}" if found.about else ""
    name = f"{found.period}{about}-{found.digest(result)[:16]}.json"
    path = lake / "open" / "reports" / found.name / name
    if not path.exists():
        atomic.write(path, result)
    return path


def kept_rows(lake: Path, report: str, figure: str) -> Iterator[dict[str, Any]]:
    """Rows of `figure` in all archived results of `report`; other files in the archive are ignored."""
    for path in sorted((lake / "open" / "reports" / report).glob("*.json")):
        try:
            figures = json.loads(path.read_bytes())["figures"]
            yield from (row for one in figures if one["id"] == figure for row in one["rows"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
