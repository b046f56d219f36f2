"""Snare's layout: logons and tickets in three languages; failures, services and other languages are none."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.windows_security_text import LANGUAGE, WindowsSecurityTextFormat
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_HOLDER, SIGN_IN_OF_A_PROGRAM
from tests.sensor.sources.logs.formats.reading import read

FRENCH = (
    "L’ouverture de session d’un compte s’est correctement déroulée.  Objet :  Nom du compte : -  Domaine du "
    "compte : -  Type d’ouverture de session : 3  Nouvelle ouverture de session :  Nom du compte : ada  Domaine "
    "du compte : ACME  ID : 0x5  Nom de la station de travail : WS77  Adresse du réseau source : 10.1.2.3"
)
ENGLISH = (
    "An account was successfully logged on.  Subject:  Account Name: -  Account Domain: -  Logon Type: {kind}  "
    "New Logon:  Account Name: {name}  Account Domain: ACME  Logon ID: 0x5  Source Network Address: 10.1.2.3"
)
TICKET = (
    "A Kerberos authentication ticket (TGT) was requested.  Account Information:  Account Name: ada  Supplied Realm "
    "Name: ACME  User ID: S-1-5  Client Address: ::ffff:10.1.2.3  Result Code: {code}"
)


def _line(event: int, message: str, audit: str = "Success Audit") -> str:
    head = "<13>Oct  6 10:00:00 dc1 MSWinEventLog\t1\tSecurity\t40\tTue Oct 06 10:00:00 2026"
    return f"{head}\t{event}\tMicrosoft-Windows-Security-Auditing\tN/A\tN/A\t{audit}\tdc1\tLogon\t\t{message}\t41\n"


@pytest.mark.parametrize(
    ("event", "message"),
    [(4624, FRENCH), (4624, ENGLISH.format(kind=3, name="ada")), (4768, TICKET.format(code="0x0"))],
)
def test_who_is_where(event: int, message: str) -> None:
    (row,) = read(WindowsSecurityTextFormat, _line(event, message)).iter_rows(named=True)
    assert (row["kind"], row["client"], row["user_name"]) == ("lease", "10.1.2.3", "ACME\\ada")
    assert row["reason"] is None


@pytest.mark.parametrize(("told", "device"), [("", None), ("WS77", "ws77"), ("Source", "source")])
def test_a_workstation_that_is_not_named_is_not_the_next_label(told: str, device: str | None) -> None:
    message = ENGLISH.format(kind=3, name="ada").replace(
        "Source Net", f"Workstation Name: {told}  Source Net"
    )
    assert read(WindowsSecurityTextFormat, _line(4624, message))["device"].str.to_lowercase().to_list() == [
        device
    ]


def test_a_blank_for_the_tab_before_the_stamp() -> None:
    line = (
        _line(4624, ENGLISH.format(kind=3, name="ada")).replace("\tTue Oct", " Oct").replace("\t40 ", "\t41 ")
    )
    assert read(WindowsSecurityTextFormat, line)["user_name"].to_list() == ["ACME\\ada"]


def test_pairs_of_wincollect() -> None:
    line = (
        "<13>Oct  6 10:00:00 dc1 AgentDevice=WindowsLog\tAgentLogFile=Security\tSource=Microsoft-Windows-Security-Auditing\t"
        "Computer=dc1\tUser=\tDomain=\tEventID=4624\tEventIDCode=4624\tEventType={}\tEventCategory=12544\tRecordNumber=1\t"
        "TimeGenerated=1791280800\tTimeWritten=1791280800\tMessage="
        + ENGLISH.format(kind=3, name="ada")
        + "\n"
    )
    found = read(WindowsSecurityTextFormat, line.format(8) + line.format(16))
    assert found["reason"].to_list() == [None, FAILED_SIGN_IN]
    assert found.select("client", "user_name").row(0) == ("10.1.2.3", "ACME\\ada")
    assert found["seen_at"][0].timestamp() == 1791280800


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (_line(4624, ENGLISH.format(kind=5, name="ada")), SIGN_IN_OF_A_PROGRAM),
        (_line(4624, ENGLISH.format(kind=3, name="ANONYMOUS LOGON")), SIGN_IN_OF_A_PROGRAM),
        (_line(4768, TICKET.format(code="0x6")), FAILED_SIGN_IN),
        (_line(4624, ENGLISH.format(kind=3, name="ada"), "Failure Audit"), FAILED_SIGN_IN),
        (_line(4624, "アカウントが正常にログオンしました。"), LANGUAGE),
        (_line(528, "Successful Logon:  User Name: ada  Domain: ACME"), NO_HOLDER),
    ],
)
def test_what_names_nobody(line: str, reason: str) -> None:
    assert read(WindowsSecurityTextFormat, line)["reason"].to_list() == [reason]


_SPLUNK = """10/06/2026 10:00:00 AM
LogName=Security
EventCode=4624
EventType=0
ComputerName=dc1.corp.example
SourceName=Microsoft Windows security auditing.
Keywords=Audit Success
Message=An account was successfully logged on.

Subject:
\tSecurity ID:\t\tS-1-0-0
\tAccount Name:\t\t-
\tAccount Domain:\t\t-

Logon Information:
\tLogon Type:\t\t3

New Logon:
\tSecurity ID:\t\tS-1-5-21-1-2-3-1104
\tAccount Name:\t\tada
\tAccount Domain:\t\tCORP

Network Information:
\tWorkstation Name:\tPC7
\tSource Network Address:\t10.1.2.3
\tSource Port:\t\t50000
10/06/2026 10:00:01 AM
LogName=Security
EventCode=4768
Keywords=Audit Failure
Message=A Kerberos authentication ticket (TGT) was requested.

Account Information:
\tAccount Name:\t\teve
\tSupplied Realm Name:\tCORP

Network Information:
\tClient Address:\t\t::ffff:10.1.2.4
"""


def test_splunks_events_of_several_lines() -> None:
    found = read(WindowsSecurityTextFormat, _SPLUNK)
    assert found.select("client", "user_name", "device", "reason").rows() == [
        ("10.1.2.3", "CORP\\ada", "PC7", None),
        ("10.1.2.4", "CORP\\eve", None, FAILED_SIGN_IN),
    ]
    assert str(found["seen_at"][0]) == "2026-10-06 10:00:00+00:00"
