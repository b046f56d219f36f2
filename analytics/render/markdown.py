"""The page as Markdown: for a wiki, a ticket or a chat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analytics.render import words
from analytics.reports.sheet import Sheet
from analytics.reports.weekly.page import Page


def write(page: Page | Sheet) -> str:
    """In the order of the page; the annex lists each figure with its hash."""
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
    rows = [
        (n.label, _moon(n.grade), n.value, ", ".join(filter(None, (n.change, n.note)))) for n in page.numbers
    ]
    yield from _table(("Number", "Evidence", "Value", "Change, note"), rows)
    yield "Bytes are not sensitivity: one line can be a secret, a gigabyte can be harmless."
    yield from ("", "## Decisions due", "")
    for nth, one in enumerate(page.decisions, 1):
        duty = f" ({one.severity}, {one.owner}, by {one.day}, {' '.join(one.findings)})" if one.owner else ""
        yield f"{nth}. **{_text(one.question)}** {_text(one.evidence)} {_moon(one.grade)}".rstrip()
        yield f"   {_text(' '.join(filter(None, (one.look, one.impact))) + duty)}"
    if not page.decisions:
        yield "None."
    yield ""
    if page.outcomes:
        yield from ("## Results of last week’s decisions", "")
        for outcome in page.outcomes:
            said = " ".join(filter(None, (outcome.result, outcome.moved)))
            yield f"- **{_text(outcome.service)}** ({_text(outcome.decided)}): {_text(said)}"
        yield ""
    yield from ("## What changed", "")
    for change in page.changes:
        items = " · ".join(f"{item.service} ({item.text}) {_moon(item.grade)}" for item in change.items)
        yield f"- **{change.label}:** {_text(items)}{f' · {change.more} more' if change.more else ''}"
    for sentence in (*page.restated, *filter(None, (page.caution,))):
        yield f"- {_text(sentence)}"
    yield from ("", "## Where the data went", "")
    if page.standings:
        yield from (_text(page.sanctioned), "")
        rows = [(s.label, s.sent, s.change or "–", s.services) for s in page.standings]
        yield from _table(("Status", "Sent up", "On last week", "Services"), rows)
    services = [
        (s.name, words.STATUSES.get(s.status, "–"), f"{s.sent} {_moon(s.grade)}", s.change or "–", s.people)
        for s in page.leading
    ] + [(o.name, "–", o.sent, "–", "–") for o in page.others]
    yield from _table(("Service", "Status", "Sent up", "On last week", page.noun.many), services)
    if page.departments.departments:
        yield from ("## Departments", "")
        head = ("Department", page.noun.many, "Sent up", *page.departments.services)
        lines = [
            (d.name, d.people.text, d.sent, *(c.text for c in d.cells)) for d in page.departments.departments
        ]
        yield from _table(head, lines)
    yield from ("## What we can and cannot see", "")
    tiers = (("Seen with confidence", page.sight.confident), ("Seen sometimes", page.sight.sometimes))
    for heading, sentences in (*tiers, ("Not seen", page.sight.never)):
        yield f"**{heading}**"
        yield ""
        yield from (f"- {_text(sentence)}" for sentence in sentences or ("nothing",))
        yield ""
    yield from ("## Exceptions, watch list, personal data", "")
    yield from (f"- {_text(f'{e.about}: {e.what} {e.when}, {e.owner}')}" for e in page.expiries)
    yield from (f"- {_text(line)}" for line in page.watch)
    yield from (f"- {_text(f'{d.what} {d.day}, {d.by}: {d.reason}')}" for d in page.deeds)
    yield ""


def _sheet(page: Sheet) -> Iterator[str]:
    for section in page.sections:
        yield from (f"## {_text(section.heading)}", "")
        if section.rows:
            yield from _table(section.labels, [[cell.text for cell in row] for row in section.rows])
        else:
            yield from ("None.", "")


def _annex(page: Page | Sheet) -> Iterator[str]:
    yield from ("## Figures and their hashes", "")
    rows = [(t.figure.id, t.figure.question, str(len(t.rows)), t.digest) for t in page.tables]
    yield from _table(("Figure", "Question", "Rows", "SHA-256"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(map(_text, head))} |"
    yield f"|{'|'.join(' --- ' for _ in head)}|"
    yield from (f"| {' | '.join(map(_text, row))} |" for row in rows)
    yield ""


def _moon(grade: int | None) -> str:
    return f"{words.GRADES[grade][0]} {words.GRADES[grade][1]}" if grade else ""


def _text(text: str) -> str:
    """Text that no reader takes for markup."""
    flat = " ".join(text.split(" "))
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", flat.replace("\n", " "))
