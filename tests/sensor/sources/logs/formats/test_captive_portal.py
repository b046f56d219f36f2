"""Captive portals of pfSense and OPNsense."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.captive_portal import CaptivePortalFormat
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read

ENDS = "02:00:5e:00:00:07, 10.1.2.3"


@pytest.mark.parametrize(
    ("text", "user", "closes", "reason"),
    [
        (f"Zone: guests - ACCEPT: ada, {ENDS}", "ada", False, None),
        (f"MACHINE LOGIN: 02-00-5e-00-00-07, {ENDS}", None, False, None),
        (f"Zone: guests - LOGOUT: ada, {ENDS}", "ada", True, None),
        (f"Zone: guests - FAILURE: ada, {ENDS}, Invalid credentials specified", "ada", False, FAILED_SIGN_IN),
        ("Reconfiguring captive portal(guests).", None, None, NO_ADDRESS),
    ],
)
def test_who_signed_in_and_left(text: str, user: str | None, closes: bool | None, reason: str | None) -> None:
    (row,) = read(CaptivePortalFormat, f"Oct  6 10:00:00 fw1 logportalauth[11]: {text}\n").iter_rows(
        named=True
    )
    assert (row.get("user_name"), row.get("closes"), row["reason"]) == (user, closes, reason)
