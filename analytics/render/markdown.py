"""Renders a page as Markdown, for a wiki, a ticket or a chat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analytics.render import words
from analytics.render.language import say, translated
from analytics.reports.sheet import Sheet
from analytics.reports.weekly.changes import Change
from analytics.reports.weekly.page import Page


def write(page: Page | Sheet) -> str:
    """The page in its order; the annex lists all figures with their hashes."""
    body = _weekly(page) if isinstance(page, Page) else _sheet(page)
    return "\n".join((*_head(page), *body, *_annex(page))) + "\n"


def _head(page: Page | Sheet) -> Iterator[str]:
    yield f"# {_text(page.title)}"
    yield ""
    yield _text(" · ".join((page.span, *page.facts)))
    yield ""
    verdict = page.sentence[len(page.claim) :]
    yield f"**{_text(page.claim)}**{_text(verdict)}"
    yield ""


def _weekly(page: Page) -> Iterator[str]:
    """The sections of the weekly page, in its order."""
    yield from _numbers(page)
    yield from _decisions(page)
    yield from _outcomes(page)
    yield from _changes(page)
    yield from _services(page)
    yield from _departments(page)
    if page.machines:
        yield from (f"## {say('machines.title')}", "", *_entries(page.machines), "")
    yield from _visibility(page)
    yield ""


def _numbers(page: Page) -> Iterator[str]:
    rows = [
        (n.label, _moon(n.grade), n.value, ", ".join(filter(None, (n.change, n.note)))) for n in page.numbers
    ]
    head = [say(f"markdown.{name}") for name in ("number", "evidence", "value", "note")]
    yield from _table(head, rows)
    yield say("page.bytes")


def _decisions(page: Page) -> Iterator[str]:
    yield from ("", f"## {say('decide.title')}", "")
    for nth, one in enumerate(page.decisions, 1):
        about = filter(None, (*one.duty, one.known_as))
        duty = f" ({', '.join(about)})" if one.duty else ""
        yield f"{nth}. **{_text(one.question)}** {_text(one.evidence)} {_moon(one.grade)}".rstrip()
        yield f"   {_text(' '.join(filter(None, (one.look, one.impact))) + duty)}"
    if page.unjudged or not page.decisions:
        yield from ("", _text(page.unjudged or say("decide.none")))
    if page.more_due:
        yield from ("", _text(say("decide.more", page.more_due)))
    yield ""


def _outcomes(page: Page) -> Iterator[str]:
    if not page.outcomes:
        return
    yield from (f"## {say('outcome.title')}", "")
    for outcome in page.outcomes:
        text = " ".join(filter(None, (outcome.result, outcome.moved)))
        yield f"- **{_text(outcome.service)}** ({_text(outcome.decided)}): {_text(text)}"
    yield ""


def _changes(page: Page) -> Iterator[str]:
    yield from (f"## {say('changes.title')}", "")
    yield from _entries(page.changes)
    if not page.changes and not page.caution:
        yield f"- {say('changes.none')}"
    for sentence in (*page.restated, *filter(None, (page.caution,))):
        yield f"- {_text(sentence)}"
    yield from (f"- {_text(f'{e.about}: {e.what} {e.when}, {e.owner}')}" for e in page.expiries)
    yield from (f"- {_text(line)}" for line in page.watch)
    yield from (f"- {_text(f'{d.what} {d.day}, {d.by}: {d.reason}')}" for d in page.deeds)


def _services(page: Page) -> Iterator[str]:
    yield from ("", f"## {page.where}", "")
    if page.standings:
        yield from (_text(f"{page.sanctioned} {page.approved}".strip()), "")
        rows = [(s.label, s.sent, s.change or "–", s.services) for s in page.standings]
        yield from _table(_columns("status", "sent", "change", "services"), rows)
    if not page.leading:
        yield from (_text(page.nowhere), "")
        return
    services = [
        (s.name, words.status(s.status) or "–", f"{s.sent} {_moon(s.grade)}", s.change or "–", s.people)
        for s in page.leading
    ] + [(o.name, "–", o.sent, "–", "–") for o in page.others]
    yield from _table((*_columns("service", "status", "sent", "change"), page.noun.heading), services)
    if page.unused:
        yield from (_text(page.unused), "")


def _departments(page: Page) -> Iterator[str]:
    matrix = page.departments
    if not matrix.departments:
        return
    yield from (f"## {say('departments.title')}", "")
    titles = (*_columns("department"), page.noun.heading, *_columns("sent"), *matrix.services)
    lines = [(d.name, d.people.text, d.sent, *(c.text for c in d.cells)) for d in matrix.departments]
    yield from _table(titles, lines)
    if matrix.pools:
        yield from (_text(say("departments.pool", k=page.k)), "")
    if matrix.whole:
        yield from (_text(say("departments.whole", services=words.listing(matrix.whole, 4))), "")


def _visibility(page: Page) -> Iterator[str]:
    seen = page.visibility
    yield from (f"## {say('visibility.title')}", "")
    for tier, sentences in (
        ("confident", seen.confident), ("sometimes", seen.sometimes), ("never", seen.never)
    ):  # fmt: skip
        yield f"**{say(f'visibility.{tier}')}**"
        yield ""
        yield from (f"- {_text(sentence)}" for sentence in sentences or (say("visibility.nothing"),))
        yield ""


def _entries(kinds: Sequence[Change]) -> Iterator[str]:
    for kind in kinds:
        items = " · ".join(
            f"{item.service} ({item.text}) {_moon(item.grade)}".rstrip() for item in kind.items
        )
        more = f" · {say('page.more', kind.more)}" if kind.more else ""
        yield f"- **{kind.label}:** {_text(items)}{more}"


def _sheet(page: Sheet) -> Iterator[str]:
    for section in page.sections:
        yield from (f"## {_text(section.heading)}", "")
        if section.rows:
            yield from _table(section.labels, [[cell.text for cell in row] for row in section.rows])
        else:
            yield from (section.none, "")


def _annex(page: Page | Sheet) -> Iterator[str]:
    yield from (f"## {say('markdown.figures')}", "")
    rows = [(t.figure.id, translated(t.figure.question), str(len(t.rows)), t.digest) for t in page.tables]
    head = [say(f"markdown.{name}") for name in ("figure", "question", "rows")]
    yield from _table((*head, "SHA-256"), rows)


def _columns(*names: str) -> tuple[str, ...]:
    return tuple(say(f"column.{name}") for name in names)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(map(_text, head))} |"
    yield f"|{'|'.join(' --- ' for _ in head)}|"
    yield from (f"| {' | '.join(map(_text, row))} |" for row in rows)
    yield ""


def _moon(grade: int | None) -> str:
    return f"{words.MOONS[grade]} {words.grade(grade)}" if grade else ""


def _text(text: str) -> str:
    """Text that no reader takes for markup."""
    flat = " ".join(text.split(" "))
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", flat.replace("\n", " "))
