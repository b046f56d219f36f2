"""CSV of leases."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings

from sensor.sources.logs.formats.leases_csv import NO_END, NO_HOLDER, LeasesCsvFormat
from tests.sensor.sources.logs.formats.reading import HOSTILE, read

HEAD = "address,user_name,device,mac,valid_from,valid_to"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_are_found_by_name(separator: str) -> None:
    head = separator.join(["note", "valid_to", "valid_from", "mac", "device", "user_name", "address"])
    row = separator.join(
        ["x", "2026-11-22 18:00", "2026-11-22 08:00", "02-00-5E-00-00-07", "ADA-PC", "CORP\\ada", "10.1.2.3"]
    )
    found = read(LeasesCsvFormat, f"{head}\n{row}\n", zone="Europe/Berlin").filter(pl.col("reason").is_null())
    assert found.select(
        "client", "user_name", "device", "client_mac", "seen_at", "lease_to", "origin"
    ).rows() == [
        (
            "10.1.2.3",
            "CORP\\ada",
            "ADA-PC",
            "02:00:5e:00:00:07",
            datetime(2026, 11, 22, 7, tzinfo=UTC),
            datetime(2026, 11, 22, 17, tzinfo=UTC),
            "csv",
        )
    ]


def test_a_spreadsheets_days_have_one_order() -> None:
    text = f"{HEAD}\n10.1.2.3,ada,,,06/10/2026 08:00,31/10/2026 18:00\n"
    (row,) = read(LeasesCsvFormat, text).rows(named=True)
    assert (row["seen_at"], row["lease_to"]) == (
        datetime(2026, 10, 6, 8, tzinfo=UTC),
        datetime(2026, 10, 31, 18, tzinfo=UTC),
    )


def test_open_leases_and_bad_rows() -> None:
    text = "\n".join(
        [
            HEAD,
            "10.1.2.3,ada,,,2026-11-22T08:00:00Z,",
            "10.1.2.3,,,,2026-11-22T08:00:00Z,",
            "10.1.2.3,ada,,,2026-11-22T08:00:00Z,tomorrow",
            "10.1.2.3,ada,,,2026-11-22T08:00:00Z,2026-11-21T08:00:00Z",
            ",ada,,,2026-11-22T08:00:00Z,",
        ]
    )
    found = read(LeasesCsvFormat, text + "\n")
    assert found["reason"].to_list() == [None, NO_HOLDER, NO_END, NO_END, "set aside: names no client"]
    assert found["lease_to"][0] is None


@settings(max_examples=5, deadline=None)
@given(HOSTILE)
def test_hostile_rows_never_raise(texts: list[str]) -> None:
    rows = "".join(f"10.1.2.3,{text}\n" for text in texts)
    assert read(LeasesCsvFormat, f"{HEAD}\n{rows}").height >= 1
