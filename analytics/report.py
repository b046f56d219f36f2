"""Opens a lake read-only, runs a report over its open views and writes one HTML file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from analytics.asof import views
from analytics.lake import LakeUnreadable, read_manifest
from analytics.render import html
from analytics.reports import run
from analytics.reports.result import Facts, Result
from analytics.reports.spec import read
from analytics.reports.weekly.page import Page, build

_FOLDER = files("analytics.reports").joinpath("weekly")


class NoWeek(ValueError):
    """The lake holds neither use nor coverage, and no week was named."""


@dataclass(frozen=True, slots=True)
class Report:
    """A written report."""

    path: Path
    week: str  # ISO week, '2026-W46'
    page: Page  # what it says


def weekly(lake: Path, out: Path, *, week: str | None = None, as_of: datetime | None = None) -> Report:
    """Write the weekly report of `lake` to the file `out`.

    `week` is an ISO week such as '2026-W46'; without it, the newest week with data that had begun at
    `as_of` (UTC where it names no zone). Days after it count as still to come, not as unwatched, and what
    landed in the lake later is not counted. Same data, week and `as_of` give the same bytes. Raises
    ValueError for a week that cannot be read, NoWeek for a lake without any, LakeUnreadable for a folder
    without a lake.
    """
    page = page_of(lake, week=week, as_of=as_of)
    template = _FOLDER.joinpath("page.html.j2").read_text(encoding="utf-8")
    _write(out, html.page(template, html.stylesheet(), page))
    return Report(out, page.week, page)


def page_of(lake: Path, *, week: str | None = None, as_of: datetime | None = None) -> Page:
    """What the weekly report says, without any format."""
    return build(result_of(lake, week=week, as_of=as_of))


def result_of(lake: Path, *, week: str | None = None, as_of: datetime | None = None) -> Result:
    """The weekly report's figures for one week."""
    facts = _facts(lake, as_of)
    with views(lake, as_of=as_of) as connection:
        known = run.weeks(connection)
        chosen = run.monday(week) if week else _newest(known, facts)
        return run.run(connection, read(_FOLDER), facts, run.scope_of(chosen, known, facts.zone))


def _newest(known: list[date], facts: Facts) -> date:
    """The newest week with data that had begun at `as_of`; an empty lake reports the week of `as_of`."""
    if facts.as_of is None:
        if not known:
            raise NoWeek("The lake holds no week yet: scan something, or name a week.")
        return max(known)
    today = facts.as_of.astimezone(ZoneInfo(facts.zone)).date()
    this_week = date.fromordinal(today.toordinal() - today.weekday())
    return max((monday for monday in known if monday <= this_week), default=this_week)


def _facts(lake: Path, as_of: datetime | None) -> Facts:
    zone = read_manifest(lake).zone
    terms = json.loads((lake / "manifest.json").read_text(encoding="utf-8"))
    if not {"k", "privacy"} <= set(terms):
        raise LakeUnreadable(f"{lake / 'manifest.json'}: names no k or privacy level; compact the lake again")
    moment = as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else None
    return Facts(zone, int(terms["k"]), str(terms["privacy"]), moment)


def _write(out: Path, text: str) -> None:
    """Whole or not at all: written beside the target, then renamed."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(out)
