"""A sign-in that failed puts nobody at an address, whichever log tells it; the same record of one that worked does."""

from __future__ import annotations

import json

import pytest

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


#: (one that worked, those that failed)
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
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_only_a_sign_in_that_worked_is_a_lease(name: str) -> None:
    worked, failed = CASES[name]
    *_, lease = rows(worked).iter_rows(named=True)  # a heading may stand before it
    assert (lease["kind"], lease["reason"]) == ("lease", None) and "ada" in lease["user_name"]
    for text in failed:
        *_, row = rows(text).iter_rows(named=True)
        assert row["reason"] is not None, text
