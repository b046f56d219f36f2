"""The page in about twelve lines of plain text, in the same order: what a terminal shows after a scan."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from analytics.render import words
from analytics.render.language import say
from analytics.reports.weekly.page import Page
from analytics.reports.weekly.verdict import SAID_FIRST

WIDTH = 96
SERVICES = 4
#: Columns of a label at most; what is longer is cut.
LABEL = 34


def summary(lake: Path, week: str | None = None) -> str:
    """The newest (or named ISO) week of a lake in words; one line where the lake holds no week yet."""
    from analytics.reports.prepare import NoWeek, page_of

    try:
        return page_text(page_of(lake, week=week))
    except NoWeek as error:
        return str(error)


def page_text(page: Page) -> str:
    """Verdict, five numbers, leading services, gaps in coverage that the verdict does not name, and a
    remedy."""
    labels = [number.label for number in page.numbers] + [one.name for one in page.leading[:SERVICES]]
    width = min(max(map(len, labels)), LABEL)
    blocks = (_heading(page), _numbers(page, width), _services(page, width), _visibility(page))
    return "\n".join(_printable(line) for block in blocks for line in block)


def moon(grade: int | None) -> str:
    """'◕', or a blank of the same width."""
    return words.MOONS[grade] if grade else " "


def _heading(page: Page) -> Iterator[str]:
    yield f"{page.title} · {page.span} · {page.zone}"
    yield from textwrap.wrap(page.sentence, WIDTH)
    if page.privacy == "clear":
        yield say("text.clear")
    yield ""


def _numbers(page: Page, width: int) -> Iterator[str]:
    for number in page.numbers:
        remarks = ", ".join(part for part in (number.change, number.note) if part)
        yield f"  {number.label:<{width}}  {moon(number.grade)} {number.value:>12}  {remarks}".rstrip()
    yield ""


def _services(page: Page, width: int) -> Iterator[str]:
    for service in page.leading[:SERVICES]:
        known = "" if service.people == words.unknown() else f"  {service.counted}"
        yield f"  {_clipped(service.name):<{width}}  {moon(service.grade)} {service.sent:>12}{known}"
    if page.leading:
        yield ""


def _visibility(page: Page) -> Iterator[str]:
    seen = page.coverage
    if seen.blind:
        yield from textwrap.wrap(say("text.blind"), WIDTH)
    elif more := seen.unsaid[SAID_FIRST:]:
        yield from textwrap.wrap(say("verdict.cannot_tell", what=words.listing(more, 5)), WIDTH)
    elif not seen.doubts:
        limits = (*page.visibility.sometimes, *page.visibility.confident)  # what limits the view first
        yield from textwrap.wrap(" · ".join(limits[:2]), WIDTH)
    if page.remedy:
        yield from textwrap.wrap(page.remedy, WIDTH)


def _clipped(name: str) -> str:
    return name if len(name) <= LABEL else name[: LABEL - 1] + "…"


def _printable(line: str) -> str:
    """A name may hold anything: control characters and text-direction tricks must not reach a terminal."""
    return "".join(c if c.isprintable() or c == words.THIN else "\N{REPLACEMENT CHARACTER}" for c in line)
