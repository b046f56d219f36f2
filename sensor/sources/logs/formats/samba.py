r"""Samba as a domain controller or file server: its audit of sign-ins, as JSON and as text.

    {"timestamp": "2026-10-06T10:00:00.685738+0000", "type": "Authentication", "Authentication": {
      "eventId": 4624, "status": "NT_STATUS_OK", "remoteAddress": "ipv4:10.1.2.3:56646",
      "serviceDescription": "SMB2", "authDescription": "NTLMSSP", "workstation": "PC12",
      "becameAccount": "ann", "becameDomain": "CORP", …}}
    {…, "type": "KDC Authorization", "KDC Authorization": {"status": …, "remoteAddress": …, "account": …}}
    {…, "type": "Authorization", "Authorization": {"remoteAddress": …, "authType": "krb5", "account": …}}
      Auth: [Kerberos KDC,ENC-TS Pre-authentication] user [(null)]\[ann@EXAMPLE.COM] at [Tue, 06 Oct 2026
      10:00:00.685738 UTC] with […] status [NT_STATUS_OK] workstation [(null)] remote host
      [ipv4:10.1.2.3:45548] became [CORP]\[ann] [S-1-5-21-…]. local host [NULL]

What a server passes on (SamLogon, winbind, simple binds of LDAP) comes from the server's own address.
Source: Samba wiki, "Setting up Audit Logging"; auth/auth_log.c; checked with 4.25.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, objects, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, LEASE_OF_NOBODY, NO_ADDRESS, PASSED_ON
from sensor.sources.logs.text.words import one_of

_TYPES = ("Authentication", "Authorization", "KDC Authorization")


def _any(*keys: str) -> str:
    return "|".join(f"{kind}.{key}" for key in keys for kind in _TYPES)


_KEYS = {
    "time": "timestamp", "status": _any("status"), "remote": _any("remoteAddress"),
    "service": _any("serviceDescription"), "how": _any("authDescription", "authType"),
    "account": _any("becameAccount", "account"), "domain": _any("becameDomain", "domain"),
    "workstation": "Authentication.workstation",
}  # fmt: skip
_TEXT = (
    r"^\s*(?:(?P<kind>Successful AuthZ)|Auth): \[(?P<service>[^\],]*),(?P<how>[^\]]*)\] "
    r"user \[[^\]]*\]\\\[.*?\] "
    r"(?:\[S-[\d-]+\] )?at \[\w+, (?P<time>[^\]]+)\] (?:with \[[^\]]*\] status \[(?P<status>[^\]]*)\] "
    r"workstation \[(?P<workstation>[^\]]*)\] )?[Rr]emote host \[(?P<remote>[^\]]*)\]"
    r"(?: became \[(?P<domain>[^\]]*)\]\\\[(?P<account>[^\]]*)\])?"
)
_AUTHORISED = r"^\s*Successful AuthZ: \[[^\]]*\] user \[([^\]]*)\]\\\[(.*?)\] \["
_IS_TEXT = r"^\s*(?:Auth|Successful AuthZ): \[[^\]]*,[^\]]*\] user \[[^\]]*\]\\\["


class SambaFormat(LogFormat):
    """Reads who signed in from where."""

    name = "samba"
    help = "Samba 4.7 and later, domain controllers and file servers: auth_json_audit, auth_audit"
    vantage = "identity"
    proof = ("user", "device")
    advice = "On domain controllers: log level = 1 auth_json_audit:3@/var/log/samba/auth.json"
    marks = ('"remoteaddress"', " remote host [")
    claims = pl.col("line").str.contains(
        r'^\s*\{.*"type"\s*:\s*"(?:KDC )?Auth(?:entication|orization)"'
        r'.*"remoteAddress"\s*:.*"serviceDescription"\s*:'
    ) | pl.col("line").str.contains(_IS_TEXT)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per sign-in that succeeded."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _leases(objects.read(part["line"], _KEYS))),
                (pl.lit(True), lambda part: _leases(_text(part["line"]))),
            ],
        )


def _text(line: pl.Series) -> pl.DataFrame:
    read = patterns.read(line, _TEXT)
    return read.with_columns(
        domain=pl.coalesce("domain", pl.lit(line.str.extract(_AUTHORISED, 1))),
        account=pl.coalesce("account", pl.lit(line.str.extract(_AUTHORISED, 2))),
        status=pl.coalesce("status", pl.when(pl.col("kind").is_not_null()).then(pl.lit("NT_STATUS_OK"))),
    )


def _leases(read: pl.DataFrame) -> pl.DataFrame:
    address = pl.col("remote").str.extract(r"^ipv[46]:(.*):\d+$")
    person = pl.when(~pl.col("domain").is_in(["NT AUTHORITY", "(null)"]).fill_null(False)).then("account")
    own = pl.col("workstation").is_in(["", "(null)"])
    passed_on = pl.col("how").str.contains("(?i)simple bind") | pl.col("service").is_in(
        ["SamLogon", "winbind"]
    )
    failed = pl.col("status").is_not_null() & (pl.col("status") != "NT_STATUS_OK")
    return read.select(
        "time",
        kind=pl.lit("lease"),
        client=address,
        user_name=pl.concat_str("domain", person, separator="\\"),
        device=pl.when(~own).then("workstation"),
        lease_s=pl.lit(WORKING_DAY_S),
        origin=pl.lit("directory"),
        confidence=pl.when(pl.col("service").str.contains("^Kerberos KDC$|@")).then(0.8).otherwise(0.7),
        reason=one_of(
            {
                FAILED_SIGN_IN: failed,
                NO_ADDRESS: address.is_null(),
                PASSED_ON: passed_on,
                LEASE_OF_NOBODY: person.is_null(),
            }
        ),
    )
