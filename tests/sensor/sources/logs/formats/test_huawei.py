"""Huawei firewalls: whose clock a line tells."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.huawei import HuaweiFormat
from tests.sensor.sources.logs.formats.reading import read

MATCH = (
    "%%01POLICY/6/POLICYPERMIT(l):vsys=public, protocol=6, source-ip=10.1.2.3, source-port=50000, "
    "destination-ip=192.0.2.7, destination-port=443, time=2026/10/6 18:00:00, rule-name=out."
)


@pytest.mark.parametrize(
    ("head", "seen"),
    [
        ("<190>Oct  6 2026 10:00:00 fw1 ", "2026-10-06T10:00:00+00:00"),
        ("2026-10-06 10:00:00 fw1 ", "2026-10-06T10:00:00+00:00"),
        # Nothing else tells the time.
        ("", "2026-10-06T18:00:00+00:00"),
    ],
)
def test_the_head_is_in_utc_and_the_match_in_the_zone_of_the_firewall(head: str, seen: str) -> None:
    (row,) = read(HuaweiFormat, head + MATCH).rows(named=True)
    assert (row["seen_at"].isoformat(), row["client"], row["action"]) == (seen, "10.1.2.3", "allowed")
