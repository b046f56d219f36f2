"""The weekly report as a letter: its verdict, figures and decisions as text, the page attached."""

from __future__ import annotations

import hashlib
import textwrap
from dataclasses import replace
from datetime import datetime

from analytics.delivery.letter import Attachment, Letter
from analytics.render import words
from analytics.render.formats import FORMATS
from analytics.render.language import say, speaking
from analytics.reports.weekly.page import Page
from analytics.reports.write import Report

_WIDTH = 78


def letter(report: Report, now: datetime) -> Letter:
    """The letter of a written report, in its language.

    Its key is made from the content, so that the same week with other figures is sent again.
    """
    with speaking(report.page.language):
        return _letter(report, now)


def with_pdf(letter: Letter, report: Report) -> Letter:
    """`letter` with the report as PDF attached as well. Raises ExtraMissing without WeasyPrint."""
    content = FORMATS["pdf"].write(report.document)
    attached = Attachment(f"shadow-ai-{report.week}.pdf", "application/pdf", content)
    return replace(letter, attachments=(*letter.attachments, attached))


def _letter(report: Report, now: datetime) -> Letter:
    content = report.path.read_bytes()
    page = report.page
    digest = hashlib.sha256(content).hexdigest()
    return Letter(
        key=f"weekly {report.week} {digest}",
        kind="report",
        subject=_subject(page),
        text=_text(page),
        written_at=now,
        facts={"report": "weekly", "week": report.week, "sha256": digest, "decisions": len(page.decisions)},
        attachments=(Attachment(f"shadow-ai-{report.week}.html", "text/html", content),),
    )


def _subject(page: Page) -> str:
    """What has to be done, short enough for a list of mails; what is claimed if that is nothing, or if
    nothing was watched."""
    due = 0 if page.coverage.blind else len(page.decisions)
    claim = say("verdict.due", due) if due else page.claim
    return f"{page.title}: {claim}".replace(words.THIN, " ").rstrip(" :.")


def _text(page: Page) -> str:
    """What a reader on a phone needs, without opening anything."""
    lines = [f"{page.title} ({page.span})", "", *_wrapped(page.sentence), ""]
    for number in page.numbers:
        mark = f" {words.MOONS[number.grade]}" if number.grade else ""
        parts = (f"{number.value}{mark}", number.change_words, number.note)
        lines += _wrapped(f"{number.label}: {', '.join(filter(None, parts))}", "- ")
    if page.decisions:
        lines += ["", say("decide.title"), ""]
        for nth, decision in enumerate(page.decisions, 1):
            lines += _wrapped(decision.question, f"{nth}. ")
            lines += _wrapped(decision.evidence, "   ")
            lines += _wrapped(decision.look, "   ")
            duty = " · ".join(filter(None, (", ".join(decision.duty), decision.known_as)))
            lines += _wrapped(f"{duty[:1].upper()}{duty[1:]}", "   ")
    if page.more_due:
        lines += ["", *_wrapped(say("decide.more", page.more_due))]
    lines += ["", *_wrapped(say("letter.attached"))]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, first: str = "") -> list[str]:
    """Lines of `text`, the first of which begins with `first`. None ends inside a number."""
    flat = " ".join(filter(None, text.replace("\n", " ").split(" ")))
    lines = textwrap.wrap(flat, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first))
    return [line.replace(words.THIN, " ") for line in lines]
