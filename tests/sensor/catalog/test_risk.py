"""The score is the sum the rubric says, and what is unknown makes it a range."""

import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from sensor.catalog.entry import Entry
from sensor.catalog.files import collect
from sensor.catalog.load import BUILT_IN, load
from sensor.catalog.model import Attribute, Vendor
from sensor.catalog.read import draft
from sensor.catalog.risk import Rubric, score

TODAY = datetime.date(2026, 11, 22)
TABLE: dict[str, Any] = {
    "category": {"chat": 20, "api": 10},
    "country": {"near": {"points": 0, "countries": ["DE"]}, "far": {"points": 15}},
    "attribute": {
        "trains_by_default": {"points": {True: 30, False: 0}},
        "tenant_header": {"points": {"none": 8, "present": 0}, "only": ["chat"]},
        "open_weights": {"points": {True: 0, False: 5}, "never": ["chat"]},
    },
    "valid_days": 365,
}
RUBRIC = Rubric.model_validate(TABLE)


def entry(country: str | None = "DE", category: str = "chat", **attributes: bool | str) -> Entry:
    vendor = Vendor(name="V", country=country, homepage="https://v.example")
    dated = {
        name: Attribute(value=value, reference="https://v.example", checked=TODAY)
        for name, value in attributes.items()
    }
    return Entry("v/s", "S", category, (), vendor=vendor, attributes=dated)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (entry(), (20, 58, 1, 3)),
        (entry(None), (20, 73, 0, 3)),
        (entry("US"), (35, 73, 1, 3)),
        (entry(trains_by_default=True), (50, 58, 2, 3)),
        (entry(trains_by_default=False, tenant_header="none"), (28, 28, 3, 3)),
        (entry(trains_by_default=False, tenant_header="X-Tenant"), (20, 20, 3, 3)),
        (entry(category="api"), (10, 45, 1, 3)),
        (entry(category="unheard"), (10, 55, 1, 3)),
    ],
)
def test_points_add_up(service: Entry, expected: tuple[int, int, int, int]) -> None:
    told = score(service, RUBRIC, TODAY)
    assert (told.low, told.high, told.known, told.asked) == expected
    assert told.low == sum(reason.low for reason in told.reasons)
    assert told.high == sum(reason.high for reason in told.reasons)


def test_an_old_reading_counts_as_unknown() -> None:
    later = TODAY + datetime.timedelta(days=366)
    assert score(entry(trains_by_default=True), RUBRIC, later).low == 20


def test_a_score_never_exceeds_a_hundred() -> None:
    heavy = Rubric.model_validate({**TABLE, "category": {"chat": 90}})
    assert score(entry("US", trains_by_default=True), heavy, TODAY).high == 100


def test_a_rubric_has_exactly_one_rest() -> None:
    for country in ({"near": {"points": 0, "countries": ["DE"]}}, {"a": {"points": 1}, "b": {"points": 2}}):
        with pytest.raises(ValidationError, match="the rest"):
            Rubric.model_validate({**TABLE, "country": country})


def test_the_shipped_rubric_weighs_every_category_and_stays_within_bounds() -> None:
    drafted = draft(collect([BUILT_IN]))
    assert drafted.rubric.category.keys() == drafted.vocabulary.category.keys()
    services = load().services
    assert services.filter(services["risk_low"] > services["risk_high"]).is_empty()
    assert services["risk_high"].max() <= 100  # type: ignore[operator]
