"""PingFederate's security audit log."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.pingfederate import PingFederateFormat
from sensor.sources.logs.text.held import SIGN_IN_CONFIDENCE
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from tests.sensor.sources.logs.formats.reading import read

LINE = "2026-10-06 10:00:00,342| tid:Lx1| {}| {}| 10.1.2.3 | App| conn1| SAML20| idp.example| IdP| {}| LDAP| | 200\n"


@pytest.mark.parametrize(
    ("event", "user", "status", "reason"),
    [
        ("SSO", "ada", "success", None),
        ("AUTHN_ATTEMPT", "ada", "failure", FAILED_SIGN_IN),
        ("AUTHN_ATTEMPT", "", "inprogress", NO_SIGN_IN),
        # The subject may be a program.
        ("OAuth", "some-client", "success", NO_SIGN_IN),
    ],
)
def test_only_a_sign_in_that_came_about_is_a_weak_lease(
    event: str, user: str, status: str, reason: str | None
) -> None:
    (row,) = read(PingFederateFormat, LINE.format(event, user, status)).iter_rows(named=True)
    assert (row["reason"], row["client"], row["confidence"]) == (reason, "10.1.2.3", SIGN_IN_CONFIDENCE)
