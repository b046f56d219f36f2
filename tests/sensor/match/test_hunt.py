"""Rows of `names_by_client` are counted beside sightings of the same names: each use once."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sensor import schema
from sensor.match.hunt import counted_once

AT = datetime(2026, 11, 11, 9, 1, tzinfo=UTC)


def _rows(table: schema.Table, **row: object) -> pl.DataFrame:
    whole = {"site": "hq", "source": "nextdns", "host": "new.example", "client": "a1", "seen_at": AT} | row
    types = {name: table.dtypes[name] for name in whole}
    return table.conform(pl.DataFrame([whole], schema_overrides=types))


@pytest.mark.parametrize(
    ("device", "of", "kept"),
    [("d1", "two", 0), ("d1", "one", 1), ("d2", "two", 1), (None, "two", 1)],
)
def test_a_sighting_in_another_copy_counts_for_its_own_device_only(
    device: str | None, of: str, kept: int
) -> None:
    """NextDNS logs the address of the office for all of its devices."""
    unknown = _rows(
        schema.NAMES_BY_CLIENT, event_id=1, input="one", device="d1", kind="dns", duration_s=60.0, lookups=1
    )
    seen = _rows(schema.SIGHTINGS, event_id=2, input=of, device=device, seen_at=AT + timedelta(seconds=9))
    assert counted_once(unknown, seen).height == kept
