"""Windows Security log as CSV."""

from __future__ import annotations

from sensor.sources.logs.formats.windows_security_csv import LANGUAGE, WindowsSecurityCsvFormat
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_HOLDER
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Keywords,Date and Time,Source,Event ID,Task Category\r\n"


def saved(event: int, message: str) -> str:
    provider = "Microsoft-Windows-Security-Auditing"
    return f'Audit Success,11/22/2026 10:00:00 AM,{provider},{event},Logon,"{message}"\r\n'


LOGON = (
    "An account was successfully logged on.\r\n\r\nSubject:\r\n\tSecurity ID:\t\tS-1-0-0\r\n\tAccount Name:\t\tDC1$\r\n"
    "\r\nLogon Type:\t\t\t3\r\n\r\nNew Logon:\r\n\tSecurity ID:\t\tCORP\\ada\r\n\tAccount Name:\t\tada\r\n"
    "\tAccount Domain:\t\tCORP\r\n\r\nNetwork Information:\r\n\tWorkstation Name:\tADA-PC\r\n"
    "\tSource Network Address:\t10.1.2.3\r\n\tSource Port:\t\t49827\r\n"
)
TICKET = (
    "A Kerberos authentication ticket (TGT) was requested.\r\n\r\nAccount Information:\r\n\tAccount Name:\t\tada\r\n"
    "\r\nNetwork Information:\r\n\tClient Address:\t\t::ffff:10.1.2.3\r\n\r\nAdditional Information:\r\n"
    "\tResult Code:\t\t0x0\r\n"
)


def test_logons_and_tickets() -> None:
    found = read(WindowsSecurityCsvFormat, HEAD + saved(4624, LOGON) + saved(4768, TICKET))
    assert found.select("reason", "client", "user_name", "device", "confidence").rows() == [
        (None, "10.1.2.3", "CORP\\ada", "ADA-PC", 0.7),
        (None, "10.1.2.3", "ada", None, 0.8),
    ]
    assert found["seen_at"][0].isoformat() == "2026-11-22T10:00:00+00:00"


def test_failures_other_events_and_other_languages() -> None:
    text = (
        HEAD
        + saved(4768, TICKET.replace("0x0", "0x6"))
        + saved(4634, LOGON)
        + saved(4624, "L'ouverture de session.\r\n\tNom du compte :\tada\r\n")
    )
    assert read(WindowsSecurityCsvFormat, text)["reason"].to_list() == [FAILED_SIGN_IN, NO_HOLDER, LANGUAGE]
