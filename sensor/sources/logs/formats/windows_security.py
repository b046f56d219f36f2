r"""Windows Security events 4624, 4768, 4769, 4770, 4778: event XML; JSON of winlogbeat, NXLog, Azure, Wazuh.

    4624  logon at this computer from `IpAddress` (on a domain controller or server: the client's address)
    4768  Kerberos ticket for an account, 4769 for a service, 4770 renewed: from `IpAddress`, `Status` 0x0
    4778  remote desktop session reconnected from `ClientAddress`

No event says how long an account stays at an address: a logon is a lease of 10 h (a Kerberos ticket's
default life), or until a later event names another account. Logoffs (4634, 4647) carry no address, and those
of network logons come seconds after them: set aside, as are failures (4625, 4771, a `Status`), batch and
service logons (types 4, 5, 0), ANONYMOUS LOGON, SYSTEM, window manager accounts and the computer's own
addresses. 4776 (NTLM) names a workstation but no address: set aside. `NAME$` is a device. In 4624 the
workstation is taken for the device at the address; a remote desktop logon (type 10) is often another account
than the one that sits there: 0.6. Fields are found by their names in EventData: the message's text is in the
server's language and not read. Security ids, logon ids and ticket options are not kept. Stamps: XML and
winlogbeat UTC, NXLog's `EventTime` local. Source: Microsoft Learn, "Advanced security audit policy settings".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import polars as pl

from sensor.sources.logs.lines.framing import JOINT, MAX_RECORD_BYTES
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import events, objects
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.partial import filled
from sensor.sources.logs.text.reasons import (
    FAILED_SIGN_IN,
    LOOPBACK,
    NO_ADDRESS,
    NO_HOLDER,
    SIGN_IN_OF_A_PROGRAM,
)
from sensor.sources.logs.text.words import one_of

_DATA = (
    "TargetUserName", "TargetDomainName", "IpAddress", "WorkstationName", "LogonType", "Status",
    "AccountName", "AccountDomain", "ClientAddress", "ClientName",
)  # fmt: skip
_PROVIDER = "Microsoft-Windows-Security-Auditing"
#: An event of the Security log, and one of the filtering platform among them (windows_filtering.py).
AUDITED = (
    pl.col("line").str.contains(r"^\s*(?:\{|<(?:\?xml|Events?[ >]))")
    & (
        pl.col("line").str.contains(_PROVIDER, literal=True)
        | pl.col("line").str.contains(r'"[Cc]hannel"\s*:\s*"Security"')
    )
    & ~pl.col("line").str.contains("Microsoft-Windows-Sysmon", literal=True)
)
FILTERED = pl.col("line").str.contains(
    r'<EventID[^>]*>515[67]<|"(?:[eE]vent_?I[dD]|event_id|code)"\s*:\s*"?515[67]\b'
)
#: PowerShell's `Get-WinEvent | ConvertTo-Json` and Fluent Bit: no EventData, all is told by the message
#: (windows_security_text.py).
PRINTED = (
    objects.having("ProviderName", "TimeCreated", "Message")
    & objects.having_any("LogName", "StringInserts")
    & ~objects.having_any("TargetUserName", "EventData", "event_data")
)
#: NXLog's `to_syslog_ietf()`: the fields as structured data (RFC 5424) before the message.
_STRUCTURED = r'^(?:- )?\[NXLOG@14506 [^\]]*\bChannel="Security"'
_LOGONS, _TICKETS, _DESKTOP = ["4624"], ["4768", "4769", "4770"], ["4778"]
KNOWN = [*_LOGONS, *_TICKETS, *_DESKTOP]
_OPENS, _CLOSES = re.compile(r"<Event[ >]"), "</Event>"
_AROUND = re.compile(r"^\W{0,4}(?:<\?xml[^>]*>)?\s*(?:</?Events[^>]*>)?\s*$")
_SERVICE_TYPES = ["0", "4", "5"]
#: A computer's account.
_MACHINE = r"\$(?:@|$)"
#: Accounts of Windows itself; `accounts` knows SYSTEM and its like, too.
_WINDOWS = r"(?i)^(?:ANONYMOUS LOGON|SYSTEM|LOCAL SERVICE|NETWORK SERVICE|(?:DWM|UMFD)-\d+|-)$"
_OWN = r"(?i)^(?:::ffff:)?127\.|^::1$|^(?:0000:){7}0001$|^LOCAL$|^localhost$|^fe80:"


class Events:
    """XML events as Event Viewer saves them (all on one line) or tools print them (spread over lines)."""

    def fits(self, head: bytes) -> bool:
        """True if a line of `head` begins an event."""
        return (
            re.search(rb"^\W{0,4}(?:<\?xml[^>]*>\s*)?(?:<Events>\s*)?<Event[ >]", head, re.MULTILINE)
            is not None
        )

    def records(self, pieces: Iterable[str]) -> Iterator[str]:
        """One text per event; lines outside of events, which other programs wrote, stay what they are."""
        held = ""
        for piece in pieces:
            held += piece
            done, opens = 0, _OPENS.search(held)
            while opens is not None and (end := held.find(_CLOSES, opens.end())) >= 0:
                *lines, front = held[done : opens.start()].split("\n")
                yield from _said(lines)
                done = end + len(_CLOSES)
                yield _flat(front + held[opens.start() : done])
                opens = _OPENS.search(held, done)
            held = held[done:]
            if opens is None:
                *lines, held = held.split("\n")
                yield from _said(lines)
            if len(held) > MAX_RECORD_BYTES:
                yield _flat(held)
                held = ""
        yield from _said([_flat(held)] if _OPENS.search(held) else held.split("\n"))


def _said(lines: Iterable[str]) -> Iterator[str]:
    """Lines that are not only what stands around all events."""
    return (line.rstrip("\r") for line in lines if not _AROUND.match(line))


XML = Events()


def _flat(text: str) -> str:
    return text.strip().replace("\r", "").replace("\n", JOINT)


class WindowsSecurityFormat(LogFormat):
    """Reads logons and Kerberos tickets of Windows' Security log."""

    name = "windows-security"
    help = (
        "Windows Security events 4624, 4768, 4769, 4770, 4778 (Server 2008 R2 to 2025): XML, winlogbeat, "
        "NXLog (JSON, syslog), Azure, Wazuh JSON"
    )
    vantage = "identity"
    proof = ("user", "device")
    advice = (
        "Collect 4768 and 4769 of every domain controller (audit Kerberos authentication and service "
        "tickets, success): they name the account at the client's own address."
    )
    marks = ('"security"', "microsoft-windows-security-auditing")
    claims = (AUDITED & ~FILTERED & ~PRINTED) | pl.col("line").str.contains(_STRUCTURED)
    framing = XML

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        line = lines["line"]
        read = events.read(line, _DATA)
        if (structured := line.str.contains(_STRUCTURED)).any():
            mine = line.set(~structured, None)
            keys = {"event": "EventID"} | {name: name for name in _DATA}
            told = {name: mine.str.extract(rf'[ \[]{key}="([^"]*)"') for name, key in keys.items()}
            read = filled(read, pl.DataFrame(told))
        desktop = pl.col("event").is_in(_DESKTOP).fill_null(False)
        user, domain = (
            _either(desktop, "AccountName", "TargetUserName"),
            _either(desktop, "AccountDomain", "TargetDomainName"),
        )
        address = _either(desktop, "ClientAddress", "IpAddress")
        device = _either(desktop, "ClientName", "WorkstationName").str.strip_prefix("\\\\")
        return read.select(**sign_in(user, domain, address, device), reason=reason_of(user, address))


def _either(desktop: pl.Expr, one: str, other: str) -> pl.Expr:
    return pl.when(desktop).then(pl.col(one).str.strip_chars()).otherwise(pl.col(other).str.strip_chars())


def sign_in(user: pl.Expr, domain: pl.Expr, address: pl.Expr, device: pl.Expr) -> dict[str, pl.Expr]:
    """The columns of a row but its `reason`, from those and from columns `stamp`, `event`, `LogonType`."""
    event = pl.col("event")
    remote = event.is_in(_DESKTOP).fill_null(False) | (pl.col("LogonType") == "10").fill_null(False)
    return {
        "time": pl.col("stamp"),
        "kind": pl.lit("lease"),
        "client": address,
        "user_name": _account(user, domain),
        "device": pl.when(~user.str.contains(_MACHINE).fill_null(False)).then(device),
        "lease_s": pl.lit(WORKING_DAY_S),
        "origin": pl.lit("directory"),
        "confidence": pl.when(remote).then(0.6).when(event.is_in(_TICKETS)).then(0.8).otherwise(0.7),
    }


def _account(user: pl.Expr, domain: pl.Expr) -> pl.Expr:
    r"""`DOMAIN\user`, unless the name has its domain already."""
    whole = user.str.contains(r"[@\\]") | domain.is_in(["", "-"]) | domain.is_null()
    return pl.when(whole).then(user).otherwise(pl.concat_str(domain, pl.lit("\\"), user))


def reason_of(user: pl.Expr, address: pl.Expr) -> pl.Expr:
    event, status = pl.col("event"), pl.col("Status")
    known = event.is_in(KNOWN).fill_null(False)
    failed = event.is_in(_TICKETS) & ~status.str.contains(r"^0x0+$|^0$").fill_null(True)
    service = event.is_in(_LOGONS) & pl.col("LogonType").is_in(_SERVICE_TYPES).fill_null(False)
    windows = user.str.contains(_WINDOWS).fill_null(True)
    return one_of(
        {
            NO_HOLDER: ~known,
            FAILED_SIGN_IN: failed,
            SIGN_IN_OF_A_PROGRAM: service | windows,
            NO_ADDRESS: address.is_null() | address.is_in(["", "-"]),
            LOOPBACK: address.str.contains(_OWN),
        }
    )
