r"""Windows Security events as text: Snare's layout (also NXLog), WinCollect's, Splunk's, PowerShell's.

    MSWinEventLog<TAB>1<TAB>Security<TAB>4021<TAB>Tue Oct 06 10:00:00 2026<TAB>4624<TAB>
      Microsoft-Windows-…<TAB>CORP\ada<TAB>N/A<TAB>Success Audit<TAB>dc1<TAB>Logon<TAB><TAB>
      An account was successfully logged on. … New Logon: … Account Name: ada … Source Network
      Address: 10.1.2.3 …

    AgentDevice=WindowsLog<TAB>AgentLogFile=Security<TAB>…<TAB>EventID=4624<TAB>…<TAB>EventType=8<TAB>…<TAB>
      TimeGenerated=1791280800<TAB>…<TAB>Message=An account was successfully logged on. …      WinCollect's

    10/06/2026 10:00:00 AM          Splunk's, over several lines
    LogName=Security
    EventCode=4624
    …
    Message=An account was successfully logged on. …

    {"Id": 4624, "ProviderName": "Microsoft-Windows-Security-Auditing", "LogName": "Security", …,
     "TimeCreated": "\/Date(1791280800000)\/", "Message": "An account was …"}    Get-WinEvent | ConvertTo-Json

The message is the only place of account and address, in the language of the computer: English, German and
French are read, others are rejects. Rules of what is a lease as in `windows_security.py`. Stamps are local.
Events of other logs, and those of Windows before Vista (528, 540, 672), are set aside. Some senders put a
blank for the tab before the stamp. Source: Snare for Windows, "Event output format"; IBM, WinCollect user
guide; Splunk, "Monitor Windows event log data" (renderXml off); Microsoft Learn, pages of events 4624 and
4768 to 4770.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats import windows_security as rules
from sensor.sources.logs.lines.framing import JOINT, MultiLine
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.partial import either, filled
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN
from sensor.sources.logs.text.words import one_of

_FIELDS = ("", "log", "", "stamp", "event", "", "", "", "audit", "", "", "", "message")
_START = r"^MSWinEventLog(?:\t| |#011)\d(?:\t|#011)"
#: WinCollect's pairs, and what its numbers of types say.
_PAIRS = r"^AgentDevice=WindowsLog\tAgentLogFile=Security\t"
_PAIR = {"log": "AgentLogFile", "stamp": "TimeGenerated", "event": "EventIDCode", "audit": "EventType"}
_AUDIT_FAILED = "16"
_SPLUNK_STAMP = r"^(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d(?:\.\d+)? [AP]M)"
#: Names of PowerShell and Fluent Bit, and the keyword of failures (a signed number there).
_OBJECT = {
    "log": "LogName|Channel", "stamp": "TimeCreated", "event": "Id|EventID", "audit": "Keywords",
    "message": "Message",
}  # fmt: skip
_KEYWORD_FAILED = ("-9218868437227405312", "0x8010000000000000")
#: What other logs' lines begin with and no line of an event's message does: priority, stamp, object, header.
_OTHER_LOG = (
    r"^(?:<\d{1,3}>|\d{4}[-/]\d\d[-/]\d\d[T ]|\d{10}[. ]|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d |"
    r"\d{1,3}(?:\.\d{1,3}){3} - |\{\"|#[A-Z]\w*[: ]|MSWinEventLog|CEF:\d|LEEF:\d|date=\d)"
)
#: Each event begins with its stamp and goes on until the next, or the line of another log.
SPLUNK_EVENTS = MultiLine(_SPLUNK_STAMP + r"\r?$", ends=r"[^\s\S]", apart=_OTHER_LOG)
SPLUNK_EVENT = _SPLUNK_STAMP + rf"[ \r{JOINT}]+LogName=([^{JOINT}]+?)[ \r]*{JOINT}"
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
#: What follows a label, unless that is the next label: a logon over the network names no workstation.
_VALUE = rf"(?:(?:{_LABELS['address']})\s?:|(\S+))"
LANGUAGE = "a message in a language that is not read: send the event as XML or JSON"


class WindowsSecurityTextFormat(LogFormat):
    """Reads the Security log in Snare's layout."""

    name = "windows-security-text"
    help = (
        "Windows Security events 4624, 4768, 4769, 4770 in Snare's layout (Snare, NXLog), WinCollect's and "
        "as Splunk's WinEventLog, PowerShell's ConvertTo-Json: English, German, French"
    )
    vantage = "identity"
    proof = ("user", "device")
    advice = "Send events as JSON or XML: their fields do not depend on the language."
    marks = (
        "mswineventlog", "logname=", "agentlogfile=", "microsoft-windows-security-auditing", '"security"',
    )  # fmt: skip
    claims = (
        pl.col("line").str.contains(f"{_START}|{_PAIRS}")
        | (pl.col("line").str.extract(SPLUNK_EVENT, 2) == "Security")
        | (rules.AUDITED & rules.PRINTED)
    )
    framing = SPLUNK_EVENTS

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        # A daemon that writes control characters out makes a tab `#011`.
        line = (
            lines["line"].str.replace_all("#011", "\t", literal=True).str.replace(r"^MSWinEventLog[\t ]", "")
        )
        read = filled(filled(_pairs(lines["line"]), splunk_event(lines["line"])), _split(line))
        if (printed := lines["line"].str.starts_with("{")).any():
            read = filled(_printed(lines["line"].set(~printed, None)), read)
        text = read["message"].fill_null("").str.replace_all(rf"[\t\r\n{JOINT}]", "  ")
        new = either(text.str.extract(_NEW), text)
        told = read.with_columns(
            user=new.str.extract(rf"(?:{_ACCOUNT})\s?:\s*(\S[^:]*?)\s+(?:{_DOMAIN})\s?:"),
            domain=new.str.extract(rf"(?:{_DOMAIN})\s?:\s*(\S+)"),
            **{name: text.str.extract(rf"(?:{labels})\s?:\s*{_VALUE}") for name, labels in _LABELS.items()},
        )
        user, address = pl.col("user"), pl.col("address")
        known = pl.col("event").is_in(rules.KNOWN).fill_null(False)
        refused = known & pl.col("audit").str.contains("(?i)fail|fehler|échec").fill_null(False)
        return told.select(
            **rules.sign_in(user, pl.col("domain"), address, pl.col("WorkstationName")),
            reason=one_of(
                {FAILED_SIGN_IN: refused, LANGUAGE: known & user.is_null()},
                otherwise=rules.reason_of(user, address),
            ),
        )


def splunk_event(line: pl.Series) -> pl.DataFrame:
    """Stamp, log, event, audit, computer and message of Splunk's events; NULL where a line is none."""
    short = {"event": "EventCode", "audit": "Keywords", "computer": "ComputerName"}
    told = pl.DataFrame(
        {"stamp": line.str.extract(SPLUNK_EVENT, 1), "log": line.str.extract(SPLUNK_EVENT, 2)}
        | {name: line.str.extract(rf"{JOINT}{key}=([^\r{JOINT}]*)") for name, key in short.items()}
        | {"message": line.str.extract(rf"(?s){JOINT}Message=(.*)$")}
    )
    return told.with_columns(
        pl.when(pl.col("log").is_not_null()).then(name).alias(name) for name in told.columns
    )


def _pairs(line: pl.Series) -> pl.DataFrame:
    """As `splunk_event`, of WinCollect's lines."""
    mine = line.set(~line.str.contains(_PAIRS), None)
    told = pl.DataFrame({name: mine.str.extract(rf"\t{key}=([^\t]*)") for name, key in _PAIR.items()})
    failed = pl.col("audit") == _AUDIT_FAILED
    return told.with_columns(
        mine.str.extract(r"(?s)\tMessage=(.*)$").alias("message"),
        audit=one_of({"failure": failed}, otherwise=pl.col("audit")),
    )


def _printed(line: pl.Series) -> pl.DataFrame:
    """As `splunk_event`, of PowerShell's objects."""
    told = objects.read(line, _OBJECT)
    failed = pl.col("audit").is_in(_KEYWORD_FAILED)
    return told.with_columns(audit=one_of({"failure": failed}, otherwise=pl.col("audit")))


def _split(line: pl.Series) -> pl.DataFrame:
    """The fields before the message, and the message with whatever stands behind it."""
    parts = line.str.replace(r"^(\d\t[^\t]+\t\d+)\s+", "$1\t").str.splitn("\t", len(_FIELDS)).struct.unnest()
    parts.columns = [name or f"_{n}" for n, name in enumerate(_FIELDS)]
    return parts.select(name for name in _FIELDS if name)
