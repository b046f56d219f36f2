"""Entra ID sign-in logs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sensor.sources.logs.formats.entra import EntraFormat
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN, SIGN_IN_OF_A_PROGRAM
from tests.sensor.sources.logs.formats.reading import read

SIGN_IN: dict[str, Any] = {
    "createdDateTime": "2026-11-22T10:00:00Z", "userPrincipalName": "ada@example.org", "appDisplayName": "Mail",
    "ipAddress": "198.51.100.7", "status": {"errorCode": 0}, "deviceDetail": {"displayName": "ADA-PC"},
    "isInteractive": True, "uniqueTokenIdentifier": "very-secret",
}  # fmt: skip


def diagnostic(category: str, **more: Any) -> str:
    return json.dumps(
        {
            "time": "2026-11-22T10:00:00Z", "resourceId": "/tenants/1/providers/Microsoft.aadiam",
            "category": category, "callerIpAddress": "198.51.100.7", "properties": SIGN_IN | more,
        }
    )  # fmt: skip


def test_the_same_sign_in_in_four_forms() -> None:
    table = {
        "Type": "SigninLogs", "TimeGenerated": "2026-11-22T10:00:00Z", "UserPrincipalName": "ada@example.org",
        "IPAddress": "198.51.100.7", "ResultType": "0", "AppDisplayName": "Mail",
    }  # fmt: skip
    head = "Date (UTC),Request ID,User,Username,Application,IP address,Status"
    row = "2026-11-22T10:00:00Z,1,Ada L,ada@example.org,Mail,198.51.100.7,Success"
    for text in (diagnostic("SignInLogs"), json.dumps(SIGN_IN), json.dumps(table), f"{head}\n{row}"):
        found = read(EntraFormat, text + "\n")
        last = found.row(-1, named=True)
        assert (last["reason"], last["kind"], last["client"], last["user_name"], last["confidence"]) == (
            None,
            "lease",
            "198.51.100.7",
            "ada@example.org",
            0.3,
        )
        assert last["seen_at"].isoformat() == "2026-11-22T10:00:00+00:00"
        assert "very-secret" not in str(found.rows())


def test_a_renewed_token_says_less() -> None:
    (row,) = read(EntraFormat, diagnostic("NonInteractiveUserSignInLogs") + "\n").rows(named=True)
    assert (row["confidence"], row["device"], row["lease_s"]) == (0.2, "ADA-PC", 3600.0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (diagnostic("ServicePrincipalSignInLogs"), SIGN_IN_OF_A_PROGRAM),
        (diagnostic("ManagedIdentitySignInLogs"), SIGN_IN_OF_A_PROGRAM),
        (diagnostic("AuditLogs"), NO_SIGN_IN),
        (diagnostic("SignInLogs", status={"errorCode": 50126}), FAILED_SIGN_IN),
        (diagnostic("SignInLogs", ipAddress={"a": 1}, status=[], deviceDetail="x"), None),
    ],
)
def test_what_tells_nobody_s_address_is_set_aside(line: str, reason: str | None) -> None:
    found = read(EntraFormat, line + "\n")
    assert found.height == 1
    if reason:
        assert found["reason"].to_list() == [reason]
