"""Microsoft Entra ID (Azure AD) sign-ins as weak leases: diagnostic JSON, Graph, Log Analytics, portal CSV.

    {"category": "SignInLogs", "properties": {"userPrincipalName": …, "ipAddress": …, "status": {…}}}
    {"createdDateTime": …, "userPrincipalName": …, "ipAddress": …, "status": …}   Graph: the properties alone
    {"Type": "SigninLogs", "TimeGenerated": …, "UserPrincipalName": …, "IPAddress": …, "ResultType": "0"}
    Date (UTC),Request ID,…,Username,…,IP address,…,Status                               English portal

`ipAddress` is what Microsoft saw, nearly always a public address that many share: an account was used
there, which is no more than a hint who holds it. Hence a confidence of 0.3 for interactive and 0.2 for
non-interactive sign-ins (a token renewed by a program), for one hour. Service principals and managed
identities are programs: set aside. Tokens, session ids and locations are not read. Source: Microsoft Learn,
"signIn resource type", "Sign-in log schema in Azure Monitor".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, layouts, objects
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN, SIGN_IN_OF_A_PROGRAM
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "properties.createdDateTime|createdDateTime|CreatedDateTime|time|TimeGenerated",
    "category": "category|Category|Type",
    "user": "properties.userPrincipalName|userPrincipalName|UserPrincipalName",
    "client": "properties.ipAddress|ipAddress|IPAddress|callerIpAddress|CallerIPAddress",
    "device": "properties.deviceDetail.displayName|deviceDetail.displayName|DeviceDetail.displayName",
    "error": "properties.status.errorCode|status.errorCode|Status.errorCode|resultType|ResultType",
    "interactive": "properties.isInteractive|isInteractive|IsInteractive",
    "program": "properties.servicePrincipalName|servicePrincipalName|ServicePrincipalName",
}  # fmt: skip
_HEADED = {
    "time": "date (utc)|date", "user": "username|user principal name", "client": "ip address",
    "device": "device display name", "error": "status", "program": "service principal name",
}  # fmt: skip
LEASE_S, INTERACTIVE, RENEWED = 3600.0, 0.3, 0.2


class EntraFormat(LogFormat):
    """Reads Entra ID sign-in logs."""

    name = "entra"
    help = (
        "Microsoft Entra ID (Azure AD) sign-ins: diagnostic, Graph, Log Analytics JSON, portal CSV (English)"
    )
    vantage = "identity"
    proof = ("user", "device")
    advice = "Entra sees public addresses: who is who behind a shared gateway, only other logs can tell."
    header = r'(?i)^\ufeff?"?Date(?: \(UTC\))?"?,.*"?Request ID"?,.*\bIP address\b'
    marks = ("microsoft.aadiam", "signinlogs", '"createddatetime"', "request id")
    claims = pl.col("line").str.contains(r"^\s*\{") & (
        (
            pl.col("line").str.contains(r"(?i)providers/microsoft\.aadiam")
            # Traffic of Global Secure Access goes by the same resource.
            & ~objects.having_any("NetworkAccessTrafficLogs", "NetworkAccessConnectionEvents")
        )
        | pl.col("line").str.contains(
            r'"(?:[cC]ategory|Type)"\s*:\s*"(?:AAD)?(?:NonInteractiveUser|ServicePrincipal|ManagedIdentity)?'
            r'Sign[iI]nLogs"'
        )
        | (objects.having("createdDateTime", "appDisplayName", "ipAddress"))
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per sign-in."""
        return layouts.read(lines, [(r"^\s*\{", _objects), (pl.lit(True), _headed)])


def _objects(lines: pl.DataFrame) -> pl.DataFrame:
    return _rows(objects.read(lines["line"], _FIELDS))


def _headed(lines: pl.DataFrame) -> pl.DataFrame:
    read = commas.read_headed(lines, _HEADED)
    failed = pl.col("error").str.to_lowercase() != "success"
    nothing = pl.lit(None, dtype=pl.String)
    return _rows(
        read.with_columns(
            error=one_of({"1": failed}, otherwise="0"),
            category=nothing,
            interactive=nothing,
        )
    )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    category = pl.col("category").str.to_lowercase()
    sign_in = category.is_null() | category.str.ends_with("signinlogs")
    renewed = category.str.contains("noninteractive").fill_null(False) | (
        category.is_null() & (pl.col("interactive") == "false").fill_null(False)
    )
    program = category.str.contains("serviceprincipal|managedidentity").fill_null(False) | (
        pl.col("user").is_null() & (pl.col("program") != "").fill_null(False)
    )
    return read.select(
        time="time",
        kind=pl.lit("lease"),
        client="client",
        user_name="user",
        device="device",
        origin=pl.lit("directory"),
        lease_s=pl.lit(LEASE_S),
        confidence=pl.when(renewed).then(RENEWED).otherwise(INTERACTIVE),
        reason=one_of(
            {NO_SIGN_IN: ~sign_in, SIGN_IN_OF_A_PROGRAM: program, FAILED_SIGN_IN: pl.col("error") != "0"}
        ),
    )
