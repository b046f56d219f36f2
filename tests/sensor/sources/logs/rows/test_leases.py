"""Leases that are given up blocks later, and clocks that are wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from sensor import schema
from sensor.sources.logs.formats.checkpoint import CheckpointFormat
from sensor.sources.logs.formats.clavister import ClavisterFormat
from sensor.sources.logs.rows.leases import LeaseTracker, reported
from tests.sensor.sources.logs.formats.reading import read

TEN, HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC), timedelta(hours=1)


def lease(address: str, begin: datetime, *, closes: bool = False) -> pl.DataFrame:
    end = begin if closes else begin + 8 * HOUR
    row = {"address": address, "origin": "dhcp", "user_name": "ann", "valid_from": begin, "valid_to": end}
    times = {"valid_from": schema.TIME, "valid_to": schema.TIME}
    return pl.DataFrame([row | {"closes": closes}], schema_overrides=times)


def test_a_logout_ends_the_lease_and_begins_none() -> None:
    checkpoint = (
        "CEF:0|Check Point|Connectra|Check Point|{0}|Log|Unknown|act={0} duser=ada rt={1} loguid={{0x1}} "
        "origin=192.0.2.1 office_mode_ip=10.1.2.3 product=Connectra proto=6 src=192.0.2.2\n"
    )
    clavister = (
        "Nov 22 1{1}:00:00 fw id=3700102 event=user_{0} [message=User ][userauth username=ada authagent=HTTPS "
        "srcip=10.1.2.3 ]\n"
    )
    begin = round(TEN.timestamp())
    for log_format, text in (
        (
            CheckpointFormat,
            checkpoint.format("Log In", f"{begin}000") + checkpoint.format("Log Out", f"{begin + 3600}000"),
        ),
        (ClavisterFormat, clavister.format("login", 0) + clavister.format("logout", 1)),
    ):
        held = LeaseTracker().update(reported(read(log_format, text), log_format.vantage))
        assert held.select("address", "valid_from", "valid_to").rows() == [("10.1.2.3", TEN, TEN + HOUR)]


def test_a_lease_from_the_future_does_not_end_the_others() -> None:
    tracker = LeaseTracker()
    tracker.update(lease("10.0.0.7", TEN))
    tracker.update(lease("10.0.0.8", TEN + timedelta(days=400)))
    (given_up,) = tracker.update(lease("10.0.0.7", TEN + HOUR, closes=True)).iter_rows(named=True)
    assert (given_up["valid_from"], given_up["valid_to"], given_up["closed"]) == (TEN, TEN + HOUR, True)


def test_a_lease_that_is_over_is_not_ended_again() -> None:
    tracker = LeaseTracker()
    tracker.update(lease("10.0.0.7", TEN))
    for hours in (9, 10):
        tracker.update(lease("10.0.0.8", TEN + hours * HOUR))
    assert tracker.update(lease("10.0.0.7", TEN + 11 * HOUR, closes=True)).is_empty()
