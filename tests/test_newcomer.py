"""Somebody who knows SQL but not us answers ten questions from `.tables` and `.schema` alone.

Each question says the words a newcomer would look for. They must stand in the description of the view that
answers, and the SQL may use no name that is not described there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analytics.definitions import View, load_views
from analytics.lake import open_views

# The lake of the cookbook: twelve people, six in each department, two weeks.
from tests.test_cookbook import lake

__all__ = ["lake"]
VIEWS = {view.name: view for view in load_views() if view.zone == "open"}
LAST_WEEK = "DATE '2026-11-16'"
_ABOUT_PEOPLE = re.compile(
    r"bytes_(up|down)\w*|people\w*|connections|requests|lookups|attempts|subjects|sessions"
)
#: Of what a sensor measures NULL is unknown, as the page of views says at its top; here it may be hidden.
FIGURES = {
    name: figures
    for name, view in VIEWS.items()
    if (figures := [column for column in view.columns if _ABOUT_PEOPLE.fullmatch(column)])
    and not name.startswith("coverage")
}
_KEYWORDS = {"select", "distinct", "from", "where", "and", "order", "by", "desc", "limit", "date"}


@dataclass(frozen=True)
class Question:
    """A question in words, what one would look for, the SQL, and the answer known by hand."""

    asks: str
    words: str
    sql: str
    answer: list[tuple[Any, ...]]


QUESTIONS = [
    Question(
        "How many people used AI last week, all services together?",
        r"distinct subjects with grade 3 or more",
        f"SELECT people FROM usage_weekly WHERE week = {LAST_WEEK} AND department = 'all' AND app = 'all'",
        [(12,)],
    ),
    Question(
        "Which service was sent most, and how much: counted once, and by all who saw it?",
        r"payload sent, counted once.*summed over all sensors",
        f"SELECT service, bytes_up, bytes_up_max FROM usage_weekly WHERE week = {LAST_WEEK} "
        "AND department = 'all' AND app <> 'all' ORDER BY bytes_up DESC LIMIT 1",
        [("Acme Chat", 24_000, 54_000)],
    ),
    Question(
        "How many people of Sales used any of it last week?",
        r"a department in a week.*may be added",
        f"SELECT people FROM departments WHERE week = {LAST_WEEK} AND department = 'Sales'",
        [(6,)],
    ),
    Question(
        "By which way was Bolt Code used: in the browser or by programs through its API? How sure is that?",
        r"access class, how it was reached.*evidence",
        f"SELECT access, evidence, people FROM access_weekly WHERE week = {LAST_WEEK} "
        "AND department = 'all' AND service = 'Bolt Code'",
        [("api", "exchanged", 12)],
    ),
    Question(
        "Which vendors sit in Germany, and with how many services?",
        r"country of the vendor's head office",
        "SELECT vendor, services FROM vendors WHERE country = 'DE'",
        [("Bolt", 1)],
    ),
    Question(
        "On which day was Bolt Code used for the first time?",
        r"first day with any evidence",
        "SELECT first_seen FROM apps WHERE service = 'Bolt Code'",
        [(date(2026, 11, 18),)],
    ),
    Question(
        "What did our controls block, and how often was it tried?",
        r"refused.*attempt",
        f"SELECT service, attempts FROM blocked_weekly WHERE week = {LAST_WEEK}",
        [("Acme Chat", 12)],
    ),
    Question(
        "How long did each sensor watch on 17 November?",
        r"minutes with any input",
        "SELECT sensor, minutes_seen FROM coverage_daily WHERE day = DATE '2026-11-17'",
        [("span", 2)],
    ),
    Question(
        "Which uses of services break the policy and are still open, and how bad are they?",
        r"low, medium, high or critical",
        "SELECT DISTINCT service, severity FROM findings WHERE rule = 'unsanctioned_use' AND status = 'open' "
        "ORDER BY service",
        [("Acme Chat", "high")],
    ),
    Question(
        "Which exceptions run out before December, and who answers for them?",
        r"who answers for it.*its last day",
        "SELECT exception, owner, expires FROM exceptions WHERE expires < DATE '2026-12-01'",
        [("EX-1", "ada", date(2026, 11, 30))],
    ),
]


def described(view: View) -> str:
    """What `.schema` says about a view, on one line."""
    return " ".join([view.row, *(f"{name} {column.meaning}" for name, column in view.columns.items())])


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == 10


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.asks)
def test_the_answer_is_found_by_what_the_schema_says(question: Question, lake: Path) -> None:
    (name,) = re.findall(r"FROM (\w+)", question.sql)
    view = VIEWS[name]
    assert re.search(question.words, described(view)), f"{name} does not say {question.words}"
    bare = re.sub(r"'[^']*'", "", question.sql)
    used = set(re.findall(r"[a-z_]+", bare.lower())) - _KEYWORDS - {name}
    assert used <= set(view.columns), f"{sorted(used - set(view.columns))} is not in the schema of {name}"
    with open_views(lake) as connection:
        assert connection.execute(question.sql).fetchall() == question.answer


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_about_people_that_can_be_missing_says_what_null_means(name: str, lake: Path) -> None:
    figures, columns = FIGURES[name], VIEWS[name].columns
    with open_views(lake) as connection:
        counts = ", ".join(f"COUNT(*) - COUNT({figure})" for figure in figures)
        missing = connection.execute(f"SELECT {counts} FROM {name}").fetchall()[0]
    silent = [
        f for f, nulls in zip(figures, missing, strict=True) if nulls and "NULL" not in columns[f].meaning
    ]
    assert not silent, f"{name}: NULL in {', '.join(silent)} is not explained"
