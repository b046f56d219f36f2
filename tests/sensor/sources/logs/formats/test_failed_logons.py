"""A sign-in that failed puts nobody at an address, whichever log tells it; the same record of one that worked does."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from tests.sensor.sources.logs.formats.reading import rows
from tests.sensor.sources.logs.formats.test_panos import csv
from tests.sensor.sources.logs.formats.test_windows_security_csv import HEAD, TICKET, saved


def _windows(event: int, **data: str) -> str:
    fields = {"TargetUserName": "ada", "TargetDomainName": "CORP", "IpAddress": "10.1.2.3", **data}
    told = "".join(f"<Data Name='{name}'>{value}</Data>" for name, value in fields.items())
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider "
        f"Name='Microsoft-Windows-Security-Auditing'/><EventID>{event}</EventID><TimeCreated "
        f"SystemTime='2026-10-06T10:00:00.000Z'/></System><EventData>{told}</EventData></Event>"
    )


def _saved(keyword: str, event: int) -> str:
    return HEAD + saved(event, TICKET).replace("Audit Success", f"Audit {keyword}")


def _okta(result: str) -> str:
    return json.dumps(
        {"eventType": "user.session.start", "published": "2026-10-06T10:00:00.000Z", "outcome": {"result": result},
         "actor": {"type": "User", "alternateId": "ada@example.com"}, "client": {"ipAddress": "10.1.2.3"},
         "uuid": "u-1", "severity": "INFO", "displayMessage": "User login", "target": None}
    )  # fmt: skip


def _tunnel(status: str) -> str:
    return csv(
        "GLOBALPROTECT", "0", f8="vsys1", f9="gateway-register", f10="register", f13="ada", f15="LAP7",
        f16="198.51.100.7", f18="10.9.0.4", f29=status,
    )  # fmt: skip


def _fortigate(status: str) -> str:
    return (
        'date=2026-10-06 time=10:00:00 devname="fw" devid="FG1" logid="0102043008" type="event" subtype="user" '
        'level="notice" vd="root" eventtime=1791280800000000000 tz="+0000" logdesc="Authentication" '
        f'srcip=10.1.2.3 user="ada" action="authentication" status="{status}"'
    )


def _onelogin(event: int, **more: object) -> str:
    return json.dumps(
        {"id": 1, "created_at": "2026-10-06T10:00:00.000Z", "event_type_id": event, "ipaddr": "10.1.2.3",
         "user_name": "ada byron", "actor_user_name": "ada byron", "assuming_acting_user_id": None} | more
    )  # fmt: skip


def _pingone(action: str, result: str, **more: object) -> str:
    return json.dumps(
        {"id": "a", "recordedAt": "2026-10-06T10:00:00.697Z", "correlationId": "c", "action": {"type": action},
         "source": {"ipAddress": "10.1.2.3"}, "result": {"status": result},
         "resources": [{"type": "USER", "id": "u", "name": "ada"}]} | more
    )  # fmt: skip


def _jumpcloud(event: str, **more: object) -> str:
    return json.dumps(
        {"event_type": event, "service": "directory", "organization": "o", "client_ip": "10.1.2.3",
         "initiated_by": {"type": "user", "username": "ada"}, "timestamp": "2026-10-06T10:00:00.921Z"} | more
    )  # fmt: skip


def _auth0(event: str) -> str:
    return json.dumps(
        {"log_id": "l", "data": {"date": "2026-10-06T10:00:00.706Z", "type": event, "ip": "10.1.2.3",
         "client_name": "Portal", "user_name": "ada@example.com", "log_id": "l"}}
    )  # fmt: skip


def _onepassword(category: str) -> str:
    return json.dumps(
        {"uuid": "u", "session_uuid": "s", "timestamp": "2026-10-06T10:00:00Z", "category": category,
         "target_user": {"email": "ada@example.com"}, "client": {"ip_address": "10.1.2.3"}}
    )  # fmt: skip


def _keycloak(event: str, level: str = "DEBUG") -> str:
    return (
        f'2026-10-06 10:00:00,123 {level} [org.keycloak.events] (executor-thread-1) type="{event}", '
        'realmId="r", realmName="acme", clientId="portal", userId="u", ipAddress="10.1.2.3", username="ada"'
    )


def _fortiauthenticator(status: str, told: str = "from 10.1.2.3 ", action: str = "Authentication") -> str:
    return (
        'date=2026-10-06 time=10:00:00+0000 oid=8888 logid=20000 cat="Event" subcat="Authentication" '
        f'level="information" nas="10.0.0.2" action="{action}" status="{status}" '
        f'msg="Local user authentication {told}with no token" user="ada"'
    )


def _workspace(event: str) -> str:
    return json.dumps(
        {"protoPayload": {"serviceName": "login.googleapis.com", "methodName": f"google.login.LoginService.{event}",
         "authenticationInfo": {"principalEmail": "ada@example.com"}, "requestMetadata": {"callerIp": "10.1.2.3"}},
         "timestamp": "2026-10-06T10:00:00Z"}
    )  # fmt: skip


def _google(event: str) -> str:
    return json.dumps(
        {"kind": "admin#reports#activity", "id": {"time": "2026-10-06T10:00:00.000Z", "applicationName": "login"},
         "actor": {"email": "ada@example.com"}, "ipAddress": "10.1.2.3", "events": [{"type": "login", "name": event}]}
    )  # fmt: skip


#: (one that worked, those that failed or were no sign-in of a person who sits there)
CASES = {
    "kerberos": (_windows(4768, Status="0x0"), [
        _windows(4768, Status="0x6"), _windows(4768, Status="0x18"), _windows(4769, Status="0x1b"),
        _windows(4771, Status="0x18"), _windows(4772), _windows(4773)]),
    "logon": (_windows(4624, LogonType="3"), [
        _windows(4625, LogonType="3", Status="0xc000006d"), _windows(4625, LogonType="10"),
        _windows(4776, Status="0xc000006a"), _windows(4740)]),
    "saved": (_saved("Success", 4768), [
        _saved("Failure", 4768), _saved("Failure", 4771), _saved("Failure", 4625)]),
    "okta": (_okta("SUCCESS"), [_okta("FAILURE"), _okta("DENY"), _okta("CHALLENGE")]),
    "globalprotect": (_tunnel("success"), [_tunnel("failure")]),
    "fortigate": (_fortigate("success"), [
        _fortigate("failure"), _fortigate("failed"), _fortigate("denied"), _fortigate("timed_out")]),
    "onelogin": (_onelogin(5), [
        _onelogin(6), _onelogin(7), _onelogin(68), _onelogin(5, assuming_acting_user_id=7)]),
    "pingone": (_pingone("PASSWORD.CHECK_SUCCEEDED", "SUCCESS"), [
        _pingone("PASSWORD.CHECK_FAILED", "FAILED"), _pingone("USER.ACCESS_ALLOWED", "FAILED"),
        _pingone("APPLICATION.UPDATED", "SUCCESS"), _pingone("PASSWORD.CHECK_SUCCEEDED", "SUCCESS", source=None)]),
    "jumpcloud": (_jumpcloud("user_login_attempt", success=True), [
        _jumpcloud("user_login_attempt", success=False), _jumpcloud("sso_auth", sso_token_success=False),
        _jumpcloud("radius_auth_attempt", success=True), _jumpcloud("user_update")]),
    "auth0": (_auth0("s"), [_auth0("f"), _auth0("fp"), _auth0("seacft"), _auth0("slo")]),
    "onepassword": (_onepassword("success"), [_onepassword("credentials_failed"), _onepassword("mfa_failed")]),
    "fortiauthenticator": (_fortiauthenticator("Success"), [
        _fortiauthenticator("Failed"), _fortiauthenticator("Success", told="from (null) "),
        _fortiauthenticator("Success", told=""), _fortiauthenticator("Success", action="Logout")]),
    "google": (_google("login_success"), [_google("login_failure"), _google("logout")]),
    "workspace": (_workspace("loginSuccess"), [_workspace("loginFailure"), _workspace("logout")]),
    "keycloak": (_keycloak("LOGIN"), [
        _keycloak("LOGIN_ERROR", "WARN"), _keycloak("CLIENT_LOGIN"), _keycloak("REFRESH_TOKEN")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_only_a_sign_in_that_worked_is_a_lease(name: str) -> None:
    worked, failed = CASES[name]
    *_, lease = rows(worked).iter_rows(named=True)  # a heading may stand before it
    assert (lease["kind"], lease["reason"]) == ("lease", None) and "ada" in lease["user_name"]
    for text in failed:
        *_, row = rows(text).iter_rows(named=True)
        assert row["reason"] is not None, text


@pytest.mark.parametrize("event", ["login_failure", "logout"])
def test_what_is_no_sign_in_to_google_is_not_told_as_a_page(event: str) -> None:
    (row,) = rows(_google(event)).iter_rows(named=True)
    assert row["reason"] == {"login_failure": FAILED_SIGN_IN, "logout": NO_SIGN_IN}[event]
