r"""Windows Security log saved as CSV by an English Event Viewer: logons and Kerberos tickets as leases.

    Keywords,Date and Time,Source,Event ID,Task Category
    Audit Success,10/6/2026 10:00:00 AM,Microsoft-Windows-Security-Auditing,4624,Logon,"An account was …
    New Logon: … Account Name: ada … Network Information: … Source Network Address: 10.1.2.3 …"

The message is the only place of account and address, in the language of the computer that saved it: only
English is read, other languages are rejects (save as XML instead, see `windows_security.py`, whose rules on
what is a lease apply). Stamps are local. Source: Microsoft Learn, pages of events 4624 and 4768 to 4770.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats import windows_security as rules
from sensor.sources.logs.lines.framing import QUOTED
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_HOLDER
from sensor.sources.logs.text.words import one_of

#: Where a 4624 tells of the new session: the subject before it is the program that asked.
_NEW = r"(?s)New Logon:(.*)$"
LANGUAGE = "a message in another language than English: save the log as XML"


class WindowsSecurityCsvFormat(LogFormat):
    """Reads the Security log as Event Viewer's CSV."""

    name = "windows-security-csv"
    help = "Windows Security events 4624, 4768, 4769, 4770 as CSV of an English Event Viewer"
    vantage = "identity"
    proof = ("user", "device")
    advice = "Save the log as XML: it does not depend on the language."
    header = r"(?i)^\ufeff?(?:Keywords|Level),Date and Time,Source,Event ID,Task Category"
    framing = QUOTED
    marks = (",microsoft-windows-security-auditing,", "event id,")
    claims = pl.col("line").str.contains(
        r"^Audit (?:Success|Failure),[^,]*,Microsoft-Windows-Security-Auditing,\d+,"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = commas.read(lines["line"], ["keywords", "stamp", "", "event", "", "message"])
        text = read["message"].str.replace_all("\x1f", "\n")
        new = either(text.str.extract(_NEW), text)
        told = read.with_columns(
            user=_after(new, "Account Name"),
            domain=_after(new, "Account Domain"),
            address=pl.coalesce(_after(new, "Source Network Address"), _after(new, "Client Address")),
            WorkstationName=_after(new, "Workstation Name"),
            LogonType=_after(text, "Logon Type"),
            Status=pl.coalesce(_after(text, "Result Code"), _after(text, "Failure Code")),
        )
        user, address = pl.col("user"), pl.col("address")
        refused = (pl.col("keywords") == "Audit Failure") & pl.col("event").is_in(rules.KNOWN)
        reason = one_of({FAILED_SIGN_IN: refused}, otherwise=rules.reason_of(user, address))
        return told.select(
            **rules.sign_in(user, pl.col("domain"), address, pl.col("WorkstationName")),
            reason=one_of(
                {LANGUAGE: (reason != NO_HOLDER).fill_null(True) & user.is_null()}, otherwise=reason
            ),
        )


def _after(text: pl.Series, label: str) -> pl.Series:
    """What stands after `label:` on its line."""
    return text.str.extract(rf"(?m)^\s*{label}:[ \t]+(\S[^\n\r]*?)\s*$")
