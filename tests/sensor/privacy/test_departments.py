"""Departments too small to hide in are not named beside a token."""

import polars as pl

from sensor import schema
from sensor.privacy.departments import OTHER, without_small


def test_small_departments_become_other_and_none_stays_none() -> None:
    rows = [("a", "Sales"), ("b", "Sales"), ("c", "Sales"), ("d", "Board"), ("e", None)]
    people = pl.DataFrame(rows, schema=["user_name", "department"], orient="row")
    out = without_small(schema.DIRECTORY.conform(people), 3)
    assert out["department"].to_list() == ["Sales", "Sales", "Sales", OTHER, None]
    assert without_small(out, 1).equals(out)
    assert without_small(schema.DIRECTORY.empty(), 5).is_empty()
