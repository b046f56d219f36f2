"""Computes risk scores by the published rubric `signatures/risk.yml`, as a range if facts are unknown. Pure.

A score is a sum of factors: what kind of service it is, where its vendor sits, and each attribute the
rubric asks of its category. An unknown fact adds its fewest points to the low end and its most points to the
high end; so two services are only as comparable as what is known about them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from sensor.catalog.entry import Entry
from sensor.catalog.model import Attribute, Country, Strict, Vocabulary

Points = Annotated[int, Field(ge=0, le=100)]
#: How a value that is neither true nor false nor listed counts.
PRESENT = "present"
MAX_SCORE = 100


class CountryGroup(Strict):
    """Countries of head offices that get the same points; without `countries`, all that are in no other
    group."""

    points: Points
    countries: tuple[Country, ...] = ()


class Factor(Strict):
    """Points of an attribute by its value; `present` stands for all values not listed.

    `only` and `never` name the categories for which the attribute counts, or does not.
    """

    points: Annotated[dict[bool | str, Points], Field(min_length=1)]
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    def is_asked(self, category: str) -> bool:
        """True if services of this category are scored by it."""
        return category not in self.never and (not self.only or category in self.only)

    def of(self, attribute: Attribute | None) -> tuple[int, int]:
        """Fewest and most points, given what is known."""
        if attribute is not None:
            value = attribute.value if isinstance(attribute.value, bool | str) else PRESENT
            points = self.points.get(value, self.points.get(PRESENT))
            if points is not None:
                return points, points
        return min(self.points.values()), max(self.points.values())


class Rubric(Strict):
    """`risk.yml`: the whole table of points."""

    category: Annotated[dict[str, Points], Field(min_length=1)]
    country: dict[str, CountryGroup]
    attribute: dict[str, Factor]
    #: an attribute read longer before the newest date of the catalog counts as unknown
    valid_days: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _one_rest(self) -> Rubric:
        if sum(not group.countries for group in self.country.values()) != 1:
            raise ValueError("exactly one group of country must leave its countries out: the rest")
        return self

    def unknown_words(self, vocabulary: Vocabulary) -> Iterator[tuple[tuple[str, ...], str]]:
        """Place and complaint for every word that `categories.yml` does not list."""
        for name in self.category.keys() - vocabulary.category.keys():
            yield ("category", name), f"unknown category '{name}'"
        for name, factor in self.attribute.items():
            if name not in vocabulary.attribute:
                yield ("attribute", name), f"unknown attribute '{name}'"
            for category in (*factor.only, *factor.never):
                if category not in vocabulary.category:
                    yield ("attribute", name), f"unknown category '{category}'"

    def categories(self, category: str) -> tuple[int, int]:
        """Fewest and most points of a category; the range of all categories if it has none of its own."""
        points = [self.category[category]] if category in self.category else self.category.values()
        return min(points), max(points)

    def countries(self, country: str | None) -> tuple[int, int]:
        """Fewest and most points of the country of a head office."""
        if country is None:
            points = [group.points for group in self.country.values()]
            return min(points), max(points)
        rest = next(group for group in self.country.values() if not group.countries)
        group = next((group for group in self.country.values() if country in group.countries), rest)
        return group.points, group.points


@dataclass(frozen=True)
class Reason:
    """What a factor adds: its value as text (None if unknown), and fewest and most points."""

    factor: str
    value: str | None
    low: int
    high: int


@dataclass(frozen=True)
class Score:
    """A score from 0 to 100: `low` and `high` differ if facts are unknown; `known` of the `asked` factors are
    known."""

    low: int
    high: int
    known: int
    asked: int
    reasons: tuple[Reason, ...]


def score(entry: Entry, rubric: Rubric, newest: datetime.date) -> Score:
    """The score of `entry`; `newest` is the newest date in the catalog."""
    reasons = tuple(_reasons(entry, rubric, newest))
    low = min(MAX_SCORE, sum(reason.low for reason in reasons))
    high = min(MAX_SCORE, sum(reason.high for reason in reasons))
    if entry.risk is not None:
        low = high = entry.risk
        reasons = (Reason("organisation", "own score", entry.risk, entry.risk), *reasons)
    asked = [reason for reason in reasons if reason.factor not in ("category", "organisation")]
    return Score(low, high, sum(reason.value is not None for reason in asked), len(asked), reasons)


def _reasons(entry: Entry, rubric: Rubric, newest: datetime.date) -> Iterator[Reason]:
    yield Reason("category", entry.category, *rubric.categories(entry.category))
    for name, factor in rubric.attribute.items():
        if factor.is_asked(entry.category):
            attribute = entry.attributes.get(name)
            if attribute and (newest - attribute.checked).days > rubric.valid_days:
                attribute = None
            yield Reason(name, text(attribute) if attribute else None, *factor.of(attribute))
    if entry.vendor is not None:
        yield Reason("country", entry.vendor.country, *rubric.countries(entry.vendor.country))


def text(attribute: Attribute) -> str:
    """The value of an attribute as text for people."""
    value = attribute.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else ", ".join(value)
