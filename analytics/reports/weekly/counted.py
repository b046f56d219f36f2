"""Decides whether figures count people, or devices or addresses because too few are tied to a person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from analytics.render.words import ADDRESSES, DEVICES, EITHER, PEOPLE, Noun
from analytics.reports.result import Result, Row

#: From this share of connections tied to a person on, a count of subjects is called a count of people.
LEAST_TIED = 0.90


def counted(result: Result, week: date | None = None) -> Noun:
    """The noun for the subjects of `week` (the week under report).

    A subject is a user, else a device, else an address; so a laptop without a known user is one subject per
    address. If the share tied to a person is unknown or hidden, the noun names both.
    """
    row = tied(result, week)
    if row is None and not _any(result, week):
        return PEOPLE  # zero people and zero addresses are the same
    return noun_of(row)


def noun_of(row: Row | None) -> Noun:
    """The noun for subjects of whose connections as many are tied to a person as `row` says."""
    if row is None or not row["connections"] or row["attributed_connections"] is None:
        return EITHER
    if row["attributed_connections"] >= LEAST_TIED * row["connections"]:
        return PEOPLE
    return DEVICES if row["by_device"] else ADDRESSES


def counted_over(result: Result, weeks: Iterable[date]) -> Noun:
    """The noun for the subjects of several weeks; one that names both if the weeks count different ones."""
    nouns = {noun_of(tied(result, week)) for week in weeks}
    return PEOPLE if not nouns else nouns.pop() if len(nouns) == 1 else EITHER


def counted_at_any_grade(result: Result) -> Noun:
    """The noun for subjects seen at any grade. Only connections tell whether subjects are people."""
    return counted(result) if _any(result, None) else EITHER


def tied(result: Result, week: date | None = None) -> Row | None:
    """How many connections of `week` (the week under report) are tied to a person, as published."""
    return result.of_week("attribution", week or result.scope.week)


def _any(result: Result, week: date | None) -> bool:
    """True if the week counts any subject, or the number is hidden."""
    total = result.of_week("totals", week or result.scope.week)
    return total is not None and (total["people"] is None or total["people"] > 0)
