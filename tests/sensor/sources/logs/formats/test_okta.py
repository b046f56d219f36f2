"""Okta System Log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sensor.sources.logs.formats.okta import OktaFormat
from sensor.sources.logs.text.held import SIGN_IN_CONFIDENCE
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN, SIGN_IN_OF_A_PROGRAM
from tests.sensor.sources.logs.formats.reading import read


def event(kind: str, **more: Any) -> str:
    return json.dumps(
        {
            "published": "2026-11-22T10:00:00.000Z", "eventType": kind, "outcome": {"result": "SUCCESS"},
            "actor": {"type": "User", "alternateId": "ada@example.org", "displayName": "Ada"},
            "authenticationContext": {"externalSessionId": "very-secret"},
            "client": {"ipAddress": "198.51.100.7"}, "securityContext": {"isProxy": None},
        }
        | more
    )  # fmt: skip


def test_a_sign_in_is_a_weak_lease_and_its_end_closes_nothing() -> None:
    found = read(OktaFormat, event("user.session.start") + "\n" + event("user.session.end") + "\n")
    assert found["reason"].to_list() == [None, NO_SIGN_IN]
    assert (
        found.select("kind", "client", "user_name", "confidence").rows()
        == [("lease", "198.51.100.7", "ada@example.org", SIGN_IN_CONFIDENCE)] * 2
    )
    assert found["lease_s"][0] == 3600.0
    assert "very-secret" not in str(found.rows())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (event("user.session.start", outcome={"result": "FAILURE"}), FAILED_SIGN_IN),
        (event("group.user_membership.add"), NO_SIGN_IN),
        (
            event("user.authentication.sso", actor={"type": "PublicClientApp", "alternateId": "x"}),
            SIGN_IN_OF_A_PROGRAM,
        ),
        (event("user.authentication.sso", client={"ipAddress": None}), "set aside: names no client"),
        (event("user.authentication.sso", actor="?", client=[], outcome=3), FAILED_SIGN_IN),
    ],
)
def test_what_tells_nobody_s_address_is_set_aside(line: str, reason: str) -> None:
    assert read(OktaFormat, line + "\n")["reason"].to_list() == [reason]


def test_a_proxy_is_shared() -> None:
    line = event("user.authentication.auth_via_mfa", securityContext={"isProxy": True})
    assert read(OktaFormat, line + "\n")["shared"].to_list() == [True]
