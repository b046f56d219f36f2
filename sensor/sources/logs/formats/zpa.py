"""Zscaler Private Access, Log Streaming Service (JSON, LEEF): user activity, requests, user status.

User activity is told when a connection opens, while it lasts and when it closes, with totals so far:
`ZENTotalBytesRxClient` is what the service edge received from the client. Browser access and AppProtection
are one line a request; the latter counts heads and bodies apart. User status says who is signed in at which
device: a lease of its private address, or a weak one of its public address, as Okta's. Audit and connector
logs name no connection. Source: Zscaler Help, "About User Activity Log Fields", "About Web Browser Access Log
Fields", "About AppProtection Log Fields", "About User Status Log Fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, layouts, objects
from sensor.sources.logs.text.held import SIGN_IN_CONFIDENCE, SIGN_IN_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, SIGNED_OUT
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "start": "TimestampConnectionStart|TimestampRequestReceiveStart",
    "end": "TimestampConnectionEnd",
    "written": "LogTimestamp|ModifiedTime",
    "session": "ConnectionID",
    "status": "ConnectionStatus",
    "why": "InternalReason",
    "client": "ClientPrivateIP|ClientPrivateIp|PrivateIP",
    "public": "ClientPublicIP|ClientPublicIp|PublicIP",
    "signed_in": "SessionStatus",
    "device": "Hostname",
    "client_port": "ClientPublicPort",
    "user": "Username|NameID|UserID",
    "host": "Host",
    "path": "URL",
    "method": "Method",
    "code": "StatusCode",
    "agent": "UserAgent",
    "server": "ServerIP",
    "port": "ServerPort|ServicePort|ApplicationPort",
    "proto": "IPProtocol",
    "up": "ZENTotalBytesRxClient|RequestSize",
    "down": "ZENTotalBytesTxClient|ResponseSize",
    "head_up": "RequestHdrSize",
    "body_up": "RequestBodySize",
    "head_down": "ResponseHdrSize",
    "body_down": "ResponseBodySize",
}
#: What LEEF's template calls otherwise.
_LEEF = _FIELDS | {
    "written": "devTime",
    "start": "TimestampConnectionStart:iso8601",
    "end": "TimestampConnectionEnd:iso8601",
    "client": "srcPreNAT",
    "public": "src",
    "device": "identHostName",
    "user": "usrName",
    "host": "ApplicationName",
    "server": "dst",
    "port": "ServerPort|dstPort",
    "proto": "proto",
}
_PHASES = {"open": "begin", "active": "update", "close": "end"}


class ZpaFormat(LogFormat):
    """Reads Zscaler Private Access logs."""

    name = "zpa"
    help = (
        "Zscaler Private Access LSS: user activity, browser access, AppProtection, user status (JSON, LEEF)"
    )
    vantage = "proxy"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    marks = ('"auditoperationtype"', '"logtimestamp"', "|zpa|")
    claims = (
        cef.claims("Zscaler", r"ZPA\|")
        | objects.having("LogTimestamp", "Customer")
        & objects.having_any(
            "ZENTotalBytesRxClient",
            "ClientZEN",
            "NameID",
            "ZEN",
            "Connector",
            "ConnectorZEN",
            "SessionType",
            "AuditOperationType",
            "InspectionPolicy",
        )
        | objects.having("AuditOperationType", "AuditNewValue", "ObjectType")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _FIELDS))),
                (pl.lit(True), lambda part: _rows(cef.read(part["line"], _LEEF))),
            ],
        )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    read = read.with_columns(said(n) for n in read.columns)
    page = pl.col("code").is_not_null()
    # A connector's own status names nobody.
    holds = pl.col("signed_in").is_not_null() & pl.col("user").is_not_null()
    word = pl.col("status").str.to_lowercase()
    refused = pl.col("why").str.contains("(?i)policy|reject|denied|block").fill_null(False)
    phase = word.replace_strict(_PHASES, default="update", return_dtype=pl.String)
    return read.select(
        "client_port",
        "host",
        "method",
        "server",
        time=pl.coalesce("start", "written"),
        ended=pl.when(~page & ~holds).then(pl.coalesce("end", "written")),
        kind=one_of({"http": page, "lease": holds}, otherwise="flow"),
        name_from=one_of({"http_host": page}, otherwise="address"),
        client=pl.coalesce("client", "public"),
        user_name="user",
        device="device",
        path="path",
        status="code",
        user_agent="agent",
        server_port="port",
        transport=one_of({"tcp": page}, otherwise=pl.col("proto")),
        bytes_up=pl.coalesce("up", _sum("head_up", "body_up")),
        bytes_down=pl.coalesce("down", _sum("head_down", "body_down")),
        lease_s=pl.when(holds).then(SIGN_IN_S),
        origin=one_of({"directory": holds}),
        confidence=pl.when(holds & pl.col("client").is_null()).then(SIGN_IN_CONFIDENCE),
        action=one_of({"blocked": refused, "allowed": ~holds}),
        session=pl.when(~page).then("session"),
        phase=pl.when(~page).then(phase),
        reason=one_of(
            {
                SIGNED_OUT: holds & ~pl.col("signed_in").str.ends_with("_AUTHENTICATED"),
                NO_CONNECTION: ~holds & pl.col("host").is_null() & pl.col("server").is_null(),
            }
        ),
    )


def _sum(*names: str) -> pl.Expr:
    """As text, as the other counts are; NULL if one is missing."""
    return pl.sum_horizontal(
        (pl.col(n).cast(pl.Int64, strict=False) for n in names), ignore_nulls=False
    ).cast(pl.String)
