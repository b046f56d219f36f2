r"""Windows Security events as text, over syslog: Snare, and NXLog or others in Snare's layout.

    MSWinEventLog<TAB>1<TAB>Security<TAB>4021<TAB>Tue Oct 06 10:00:00 2026<TAB>4624<TAB>
      Microsoft-Windows-…<TAB>CORP\ada<TAB>N/A<TAB>Success Audit<TAB>dc1<TAB>Logon<TAB><TAB>
      An account was successfully logged on. … New Logon: … Account Name: ada … Source Network
      Address: 10.1.2.3 …

The message is the only place of account and address, in the language of the computer: English, German and
French are read, others are rejects. Rules of what is a lease as in `windows_security.py`. Stamps are local.
Events of other logs, and those of Windows before Vista (528, 540, 672), are set aside. Source: Snare for
Windows, "Event output format"; Microsoft Learn, pages of events 4624 and 4768 to 4770.
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from sensor.sources.family import Family
from sensor.sources.formats import windows_security as rules
from sensor.sources.interface import Proof

_FIELDS = ("", "log", "", "stamp", "event", "", "", "", "audit", "", "", "", "message")
_START = r"^MSWinEventLog(?:\t| |#011)\d(?:\t|#011)"
#: Where a 4624 tells of the new session: the subject before it is the program that asked.
_NEW = r"(?:New Logon|Neue Anmeldung|Nouvelle ouverture de session)\s?:(.*)$"
_ACCOUNT = "Account Name|Kontoname|Nom du compte"
_DOMAIN = (
    "Account Domain|Supplied Realm Name|Kontodomäne|Bereitgestellter Bereichsname|Domaine du compte|"
    "Nom de domaine Kerberos fourni"
)
_LABELS = {
    "address": "Source Network Address|Client Address|Quellnetzwerkadresse|Clientadresse|"
    "Adresse du réseau source|Adresse du client",
    "WorkstationName": "Workstation Name|Arbeitsstationsname|Nom de la station de travail",
    "LogonType": "Logon Type|Anmeldetyp|Type d[’']ouverture de session",
    "Status": "Result Code|Failure Code|Ergebniscode|Fehlercode|Code de résultat|Code d[’']échec",
}
LANGUAGE = "a message in a language that is not read: send the event as XML or JSON"


class WindowsSecurityTextFamily(Family):
    """Reads the Security log in Snare's layout."""

    name: ClassVar[str] = "windows-security-text"
    help: ClassVar[str] = (
        "Windows Security events 4624, 4768, 4769, 4770 in Snare's layout (Snare, NXLog): "
        "English, German, French"
    )
    vantage: ClassVar[str] = "identity"
    proof: ClassVar[Proof] = Proof(user=True, device=True)
    advice: ClassVar[str] = "Send events as JSON or XML: their fields do not depend on the language."
    claims: ClassVar[pl.Expr] = pl.col("line").str.contains(_START)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        # A daemon that writes control characters out makes a tab `#011`.
        line = (
            lines["line"].str.replace_all("#011", "\t", literal=True).str.replace(r"^MSWinEventLog[\t ]", "")
        )
        read = _split(line)
        text = read["message"].fill_null("").str.replace_all("\t", "  ")
        new = pl.select(pl.coalesce(text.str.extract(_NEW), text)).to_series()
        told = read.with_columns(
            user=new.str.extract(rf"(?:{_ACCOUNT})\s?:\s*(\S[^:]*?)\s+(?:{_DOMAIN})\s?:"),
            domain=new.str.extract(rf"(?:{_DOMAIN})\s?:\s*(\S+)"),
            **{name: text.str.extract(rf"(?:{labels})\s?:\s*(\S+)") for name, labels in _LABELS.items()},
        )
        user, address = pl.col("user"), pl.col("address")
        known = pl.col("event").is_in(rules.KNOWN).fill_null(False)
        refused = known & pl.col("audit").str.contains("(?i)fail|fehler|échec").fill_null(False)
        return told.select(
            time="stamp",
            kind=pl.lit("lease"),
            client=address,
            user_name=rules.account_of(user, pl.col("domain")),
            device=pl.when(~rules.is_machine(user)).then("WorkstationName"),
            lease_s=pl.lit(rules.LEASE_S),
            origin=pl.lit("directory"),
            confidence=pl.when(pl.col("LogonType") == "10").then(0.6).otherwise(0.7),
            reason=pl.when(refused)
            .then(pl.lit(rules.FAILED))
            .when(known & user.is_null())
            .then(pl.lit(LANGUAGE))
            .otherwise(rules.reason_of(user, address)),
        )


def _split(line: pl.Series) -> pl.DataFrame:
    """The fields before the message, and the message with whatever stands behind it."""
    parts = line.str.splitn("\t", len(_FIELDS)).struct.unnest()
    parts.columns = [name or f"_{n}" for n, name in enumerate(_FIELDS)]
    return parts.select(name for name in _FIELDS if name)
