"""Decides whether figures count people, or devices or addresses because too few are tied to a person."""

from __future__ import annotations

from datetime import date

from analytics.render import words
from analytics.render.language import say
from analytics.render.words import EITHER, PEOPLE, Noun
from analytics.reports.result import Result, Row


def counted(result: Result, week: date | None = None) -> Noun:
    """The noun for the subjects of `week` (the week under report).

    A subject is a user, else a device, else an address; so a laptop without a known user is one subject per
    address. If the share tied to a person is unknown or hidden, the noun names both.
    """
    row = tied(result, week)
    if row is None and not _any(result, week):
        return PEOPLE  # zero people and zero addresses are the same
    return words.noun(row["counted"] if row else None)


def counted_at_any_grade(result: Result) -> Noun:
    """The noun for subjects seen at any grade. Only connections tell whether subjects are people."""
    return counted(result) if _any(result, None) else EITHER


def tied(result: Result, week: date | None = None) -> Row | None:
    """How many connections of `week` (the week under report) are tied to a person, as published."""
    return result.of_week("attribution", week or result.scope.week)


def tied_share(row: Row) -> str | None:
    """The share of connections tied to a person, or at least so much, as text; None if it is not known."""
    part, whole = row["attributed_connections"], row["connections"]
    if row["exact"] is False and part:
        return say("due.least", count=f"{100 * part // whole}{words.THIN}%")
    return None if part is None or row["exact"] is False else words.share(part, whole)


def _any(result: Result, week: date | None) -> bool:
    """True if the week counts any subject, or the number is hidden."""
    total = result.of_week("totals", week or result.scope.week)
    return total is not None and (total["people"] is None or total["people"] > 0)
