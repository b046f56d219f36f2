"""Opens a lake read-only, runs a report over its views and writes it in any of the formats."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb

from analytics import whole
from analytics.asof import views
from analytics.lake import LakeUnreadable, read_manifest
from analytics.render import words
from analytics.render.formats import FORMATS, Document
from analytics.render.language import speaking
from analytics.reports import run, sheet
from analytics.reports.periods import Period, around, parse
from analytics.reports.result import Facts
from analytics.reports.spec import Spec, read
from analytics.reports.weekly.page import Page, build

if TYPE_CHECKING:
    from analytics.build import Counting

_REPORTS = files("analytics.reports")


class NoWeek(ValueError):
    """The lake holds neither use nor coverage, and no week was named."""


class Unknown(ValueError):
    """No such service or department in this lake."""


@dataclass(frozen=True, slots=True)
class Report:
    """A written weekly report."""

    path: Path
    week: str  # ISO week, '2026-W46'
    page: Page  # what it says
    document: Document  # the same, ready for any format


@cache
def names() -> tuple[str, ...]:
    """Every folder with a report.yml."""
    return tuple(sorted(f.name for f in _REPORTS.iterdir() if f.joinpath("report.yml").is_file()))


@cache
def spec_of(name: str) -> Spec:
    """The report of that name; read once a process."""
    return read(_folder(name), _folder)


def weekly(
    lake: Path,
    out: Path,
    *,
    week: str | None = None,
    as_of: datetime | None = None,
    language: str = "en",
) -> Report:
    """Write the weekly report of `lake` to the HTML file `out`.

    `week` is an ISO week such as '2026-W46'; without it, the newest week with data that had begun at
    `as_of` (UTC where it names no zone), else by now. Days after that count as still to come, not as
    unwatched; what landed in the lake after `as_of` is not counted. Same data, week and `as_of` give the same
    bytes, once the week is over. Raises ValueError for a week that cannot be read, NoWeek for a lake without
    any, LakeUnreadable for a folder without a lake.
    """
    found = prepare(lake, period=week, as_of=as_of, language=language)
    whole.write(out, FORMATS["html"].write(found))
    assert isinstance(found.page, Page)
    return Report(out, found.period, found.page, found)


def page_of(lake: Path, *, week: str | None = None, as_of: datetime | None = None) -> Page:
    """What the weekly report says, without any format."""
    page = prepare(lake, period=week, as_of=as_of).page
    assert isinstance(page, Page)
    return page


def prepare(
    lake: Path,
    name: str = "weekly",
    *,
    period: str | None = None,
    about: str = "",
    as_of: datetime | None = None,
    controls: bool = False,
    language: str = "en",
    counting: Counting | None = None,
) -> Document:
    """Run report `name` for `period` (the newest with data) and whom it is `about`, told in `language`.

    `counting` counts people over weeks as of an earlier moment.

    Raises as `weekly` does, and Unknown for a service or department the lake does not know.
    """
    facts, spec = _facts(lake, as_of), spec_of(name)
    with views(lake, as_of=as_of, restricted=spec.restricted, counting=counting) as connection:
        known = run.weeks(connection)
        chosen = parse(spec.period, period) if period else _newest(connection, spec.period, known, facts)
        subject, named = _subject(connection, spec.about, about)
        days = (chosen.first, chosen.last)
        scope = run.scope_of(chosen.week, known, facts.zone, days=days, about=subject)
        today = _today(facts)
        if chosen.first <= today <= chosen.last:
            facts = replace(facts, today=today)
        result = run.run(connection, spec, facts, scope)
    with speaking(language):
        page = build(result, controls=controls) if name == "weekly" else sheet.build(result, chosen, named)
    return Document(name, chosen.name, subject, result, page, _template(name))


def write(found: Document, out: Path, forms: Sequence[str]) -> list[Path]:
    """Write `found` in each format, at `out` unless that name is another format's; with several, it gives the
    place and the stem. Returns the files."""
    written = []
    for form in forms:
        others = {one.suffix for name, one in FORMATS.items() if name != form}
        named = len(forms) == 1 and out.suffix and out.suffix.lower() not in others
        path = out if named else out.with_suffix(FORMATS[form].suffix)
        whole.write(path, FORMATS[form].write(found))
        written.append(path)
    return written


def archive(lake: Path, found: Document) -> Path | None:
    """Keep the result in the open zone under its own hash, so that it survives retention.

    None for a restricted report, which is never kept. Raises OSError where the lake cannot be written.
    """
    if found.result.spec.restricted:
        return None
    content = FORMATS["json"].write(found)
    about = f"-{found.digest(found.about.encode())[:12]}" if found.about else ""
    name = f"{found.period}{about}-{found.digest(content)[:16]}.json"
    path = lake / "open" / "reports" / found.name / name
    if not path.exists():
        whole.write(path, content)
    return path


def kept_rows(lake: Path, report: str, figure: str) -> Iterator[dict[str, Any]]:
    """Rows of a figure in every archived result of `report`; what is no archived result is passed over."""
    for path in sorted((lake / "open" / "reports" / report).glob("*.json")):
        try:
            figures = json.loads(path.read_bytes())["figures"]
            yield from (row for one in figures if one["id"] == figure for row in one["rows"])
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _folder(name: str) -> Traversable:
    return files(import_module(f"analytics.reports.{name}"))


def _template(name: str) -> str:
    own = _folder(name).joinpath("page.html.j2")
    source = own if own.is_file() else _REPORTS.joinpath("sheet.html.j2")
    return source.read_text(encoding="utf-8")


def _subject(lake: duckdb.DuckDBPyConnection, kind: str, named: str) -> tuple[str, str]:
    """Id and name of what was named: a service by either, a department as the lake spells it.

    Raises Unknown with what is near, else with what there is.
    """
    if kind == "app":
        sql = (  # those in use first
            "SELECT c.app, MAX(c.service) FROM catalog c LEFT JOIN usage_weekly u ON u.app = c.app "
            "WHERE c.app IS NOT NULL GROUP BY c.app ORDER BY COUNT(u.app) = 0, c.app"
        )
    elif kind == "department":
        sql = "SELECT DISTINCT department, department FROM usage_weekly WHERE department <> 'all' ORDER BY 1"
    elif kind == "person":
        sql = "SELECT subject FROM people WHERE subject = ? LIMIT 1"
        if lake.execute(sql, [named]).fetchone() is None:
            raise Unknown(f"{named!r} is no token in this lake; they stand in the restricted view `people`")
        return named, named
    else:
        return named, named
    known = {str(row[0]): str(row[1] or row[0]) for row in lake.execute(sql).fetchall()}
    if named in known:
        return named, known[named]
    found = [one for one, name in known.items() if named.lower() in (one.lower(), name.lower())]
    if len(found) == 1:
        return found[0], known[found[0]]
    if found:
        raise Unknown(f"{named!r} stands for several: {', '.join(found)}")
    raise Unknown(f"{named!r} is no {_KINDS[kind]} this lake shows; {_near(named, known)}")


#: What a report is about, as a reader calls it.
_KINDS = {"app": "service", "department": "department"}


def _near(named: str, known: Mapping[str, str]) -> str:
    """What may have been meant, by id or name; where nothing is near, the first that there are."""
    spelt = {text.lower(): one for one, name in known.items() for text in (one, name)}
    close = [text for text in spelt if named.lower() in text]  # in the order of what there is
    close += difflib.get_close_matches(named.lower(), list(spelt), 5, 0.6)
    if near := list(dict.fromkeys(spelt[text] for text in close))[:5]:
        return f"similar: {', '.join(near)}"
    return f"known: {words.listing(list(known), 8)}" if known else "it shows none"


def _newest(lake: duckdb.DuckDBPyConnection, kind: str, known: list[date], facts: Facts) -> Period:
    """The newest period with data that had begun at `as_of`, else by now; without data that of `as_of`."""
    today = _today(facts)
    if kind == "day":
        rows = lake.execute("SELECT DISTINCT day FROM coverage_daily WHERE minutes_seen > 0").fetchall()
        known = sorted(row[0] for row in rows)
    if facts.as_of is None:
        if not known:
            raise NoWeek("The lake holds no week yet: scan something, or name a week.")
        # A sensor whose clock runs ahead must not decide what everybody reads, unless there is nothing else.
        return around(kind, max((start for start in known if start <= today), default=known[-1]))
    return around(kind, max((start for start in known if start <= today), default=today))


def _today(facts: Facts) -> date:
    """The day in the report's zone: at `as_of`, else now."""
    return (facts.as_of or datetime.now(UTC)).astimezone(ZoneInfo(facts.zone)).date()


def _facts(lake: Path, as_of: datetime | None) -> Facts:
    zone = read_manifest(lake).zone
    terms = json.loads((lake / "manifest.json").read_text(encoding="utf-8"))
    if not {"k", "privacy"} <= set(terms):
        raise LakeUnreadable(f"{lake / 'manifest.json'}: names no k or privacy level; compact the lake again")
    moment = as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else None
    browsing = bool(terms.get("tables", {}).get("names_by_client", {}).get("cold"))
    return Facts(zone, int(terms["k"]), str(terms["privacy"]), moment, browsing)
