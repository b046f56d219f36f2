"""Runs a report on the views of a lake, opened read-only: period, subject, figures and page."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb

from analytics.asof import views
from analytics.lake import LakeUnreadable, read_manifest
from analytics.render import words
from analytics.render.document import Document
from analytics.render.language import speaking
from analytics.reports import run, sheet
from analytics.reports.periods import Period, around, parse
from analytics.reports.result import Facts
from analytics.reports.spec import Spec, read
from analytics.reports.weekly.page import Page, build

if TYPE_CHECKING:
    from analytics.counting.people_marts import Counting

#: Up to this many minutes of a Monday, after a Sunday with coverage, do not make a new week.
MOST_SPILT = 180
_REPORTS = files("analytics.reports")
#: How messages name the subject of a report.
_KINDS = {"app": "service", "department": "department"}


class NoWeek(ValueError):
    """No week was named, and the lake has neither use nor coverage from which to choose one."""


class Unknown(ValueError):
    """The lake has no such service or department."""


@cache
def names() -> tuple[str, ...]:
    """Names of all reports: the folders with a report.yml."""
    return tuple(sorted(f.name for f in _REPORTS.iterdir() if f.joinpath("report.yml").is_file()))


@cache
def spec_of(name: str) -> Spec:
    """The specification of report `name`; read once per process."""
    return read(_folder(name), _folder)


def page_of(
    lake: Path, *, week: str | None = None, as_of: datetime | None = None, now: datetime | None = None
) -> Page:
    """The content of the weekly report, independent of any format. Arguments and errors as `write.weekly`."""
    page = prepare(lake, period=week, as_of=as_of, now=now).page
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
    now: datetime | None = None,
    over: bool = False,
) -> Document:
    """Run report `name` for `period` (by default the newest with data), in `language`.

    `about` names the service, department or token that some reports are about. `controls` adds the evidence
    for controls. `counting` counts people over several weeks as of an earlier moment. `now` and `over` as in
    `write.weekly`. Raises as that does, ValueError for a period to come without data, and Unknown for a
    service or department that the lake does not know.
    """
    facts, spec = _facts(lake, as_of), spec_of(name)
    today = (facts.as_of or now or datetime.now(UTC)).astimezone(ZoneInfo(facts.zone)).date()
    with views(lake, as_of=as_of, restricted=spec.restricted, counting=counting) as connection:
        known = run.weeks(connection)
        chosen = (
            parse(spec.period, period)
            if period
            else _newest(connection, spec.period, known, today, facts, over=over)
        )
        if chosen.first > max([today, *(monday + timedelta(days=6) for monday in known)]):
            raise ValueError(f"{chosen.name} begins on {chosen.first}, after {today}: nothing is known of it")
        subject, named = _subject(connection, spec.about, about)
        days = (chosen.first, chosen.last)
        telling = [monday for monday in run.telling_weeks(connection) if monday <= chosen.week]
        if chosen.first <= today <= chosen.last:
            facts = replace(facts, today=today)
            # A day that has just begun counts once a sensor reported; the weekly page handles this itself.
            if name != "weekly" and chosen.first < today and not _watched(connection, today):
                facts = replace(facts, today=today - timedelta(days=1))
        scope = run.scope_of(
            chosen.week, telling or known, facts.zone, days=days, today=facts.today, about=subject
        )
        result = run.run(connection, spec, facts, scope)
    with speaking(language):
        page = build(result, controls=controls) if name == "weekly" else sheet.build(result, chosen, named)
    return Document(name, chosen.name, subject, result, page, _template(name))


def _watched(lake: duckdb.DuckDBPyConnection, day: date) -> bool:
    """True if any sensor reported on `day`."""
    sql = "SELECT COUNT(*) FROM coverage_daily WHERE day = ? AND minutes_seen > 0"
    return lake.execute(sql, [day]).fetchall() != [(0,)]


def _folder(name: str) -> Traversable:
    return files(import_module(f"analytics.reports.{name}"))


def _template(name: str) -> str:
    own = _folder(name).joinpath("page.html.j2")
    source = own if own.is_file() else _REPORTS.joinpath("sheet.html.j2")
    return source.read_text(encoding="utf-8")


def _subject(lake: duckdb.DuckDBPyConnection, kind: str, named: str) -> tuple[str, str]:
    """Id and name of the subject: a service, named by either; a department, as the lake spells it; a token,
    with what it stands for (user, device …).

    Raises Unknown with similar names, or if there are none, with some of those in the lake.
    """
    if kind == "app":
        sql = (  # services in use first
            "SELECT c.app, MAX(c.service) FROM catalog c LEFT JOIN usage_weekly u ON u.app = c.app "
            "WHERE c.app IS NOT NULL GROUP BY c.app ORDER BY COUNT(u.app) = 0, c.app"
        )
    elif kind == "department":
        sql = "SELECT DISTINCT department, department FROM usage_weekly WHERE department <> 'all' ORDER BY 1"
    elif kind == "person":
        sql = "SELECT MIN(subject_kind) FROM people WHERE subject = ? HAVING COUNT(*) > 0"
        if (kinds := lake.execute(sql, [named]).fetchone()) is None:
            raise Unknown(f"{named!r} is no token in this lake; they stand in the restricted view `people`")
        return named, str(kinds[0])
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


def _near(named: str, known: Mapping[str, str]) -> str:
    """Suggestions by id or name; the first ones of the lake if none is similar."""
    spelt = {text.lower(): one for one, name in known.items() for text in (one, name)}
    close = [text for text in spelt if named.lower() in text]  # in the lake's order
    close += difflib.get_close_matches(named.lower(), list(spelt), 5, 0.6)
    if near := list(dict.fromkeys(spelt[text] for text in close))[:5]:
        return f"similar: {', '.join(near)}"
    return f"known: {words.listing(list(known), 8)}" if known else "it shows none"


def _newest(
    lake: duckdb.DuckDBPyConnection,
    kind: str,
    known: list[date],
    today: date,
    facts: Facts,
    *,
    over: bool = False,
) -> Period:
    """The newest period with data that had begun by `today`; without data that of `as_of`. Raises NoWeek.

    `over`: the week before that of `today`, if the lake goes back that far. What is sent every Monday must
    say that nothing reported, not repeat an older week. Months and quarters are those of the newest week with
    data that is over: one that began yesterday has nothing to report.
    """
    if kind == "day":
        rows = lake.execute("SELECT DISTINCT day FROM coverage_daily WHERE minutes_seen > 0").fetchall()
        known = sorted(row[0] for row in rows)
    if not known and facts.as_of is None:
        raise NoWeek(
            "The lake holds no week yet: scan something, compact once an hour was captured, or name a week."
        )
    # A sensor whose clock is ahead must not choose the period, unless it has all the data.
    begun = [start for start in known if start <= today]
    ended = today - timedelta(days=today.weekday() + 7)
    if over and begun and begun[0] <= ended:
        return around(kind, ended)
    if kind in ("month", "quarter"):
        begun = [monday for monday in begun if monday + timedelta(days=6) < today] or begun
    if len(begun) > 1 and kind != "day" and _spilt(lake, begun[-1]):
        del begun[-1]
    return around(kind, begun[-1] if begun else known[-1] if facts.as_of is None else today)


def _spilt(lake: duckdb.DuckDBPyConnection, monday: date) -> bool:
    """True if the only coverage of a week is its first minutes, directly after a Sunday with coverage.

    Logs are rotated in another time zone than the report's, and captures end after midnight: a report about
    that week would be empty.
    """
    days = lake.execute(
        "SELECT day, MAX(minutes_seen) FROM coverage_daily WHERE minutes_seen > 0 AND day BETWEEN ? AND ? "
        "GROUP BY day",
        [monday - timedelta(days=1), monday + timedelta(days=6)],
    ).fetchall()
    seen = dict(days)
    return set(seen) == {monday - timedelta(days=1), monday} and seen[monday] <= MOST_SPILT


def _facts(lake: Path, as_of: datetime | None) -> Facts:
    zone = read_manifest(lake).zone
    terms = json.loads((lake / "manifest.json").read_text(encoding="utf-8"))
    if not {"k", "privacy"} <= set(terms):
        raise LakeUnreadable(f"{lake / 'manifest.json'}: names no k or privacy level; compact the lake again")
    moment = as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else None
    browsing = any(terms.get("tables", {}).get("names_by_client", {}).get("cold", {}).values())
    return Facts(zone, int(terms["k"]), str(terms["privacy"]), moment, browsing)
