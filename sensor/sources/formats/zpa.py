"""Zscaler Private Access, Log Streaming Service (JSON): user activity, browser access.

User activity is told when a connection opens, while it lasts and when it closes, with totals so far:
`ZENTotalBytesRxClient` is what the service edge received from the client. Browser access is one line a
request. Status, audit and connector logs name no connection. Source: Zscaler Help, "About User Activity
Log Fields", "About Web Browser Access Log Fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import objects

_FIELDS = {
    "start": "TimestampConnectionStart|TimestampRequestReceiveStart",
    "end": "TimestampConnectionEnd",
    "written": "LogTimestamp|ModifiedTime",
    "session": "ConnectionID",
    "status": "ConnectionStatus",
    "why": "InternalReason",
    "client": "ClientPrivateIP|ClientPrivateIp",
    "public": "ClientPublicIP|ClientPublicIp",
    "client_port": "ClientPublicPort",
    "user": "Username|NameID",
    "host": "Host",
    "path": "URL",
    "method": "Method",
    "code": "StatusCode",
    "agent": "UserAgent",
    "server": "ServerIP",
    "port": "ServerPort|ApplicationPort",
    "proto": "IPProtocol",
    "up": "ZENTotalBytesRxClient|RequestSize",
    "down": "ZENTotalBytesTxClient|ResponseSize",
}
_PHASES = {"open": "begin", "active": "update", "close": "end"}
OTHER = "set aside: event that names no connection"


class ZpaFamily(Family):
    """Reads Zscaler Private Access logs."""

    name = "zpa"
    help = "Zscaler Private Access LSS: user activity, browser access (JSON)"
    vantage = "proxy"
    proof = Proof(
        host=True, path=True, user=True, bytes_up=True, bytes_down=True, action=True, user_agent=True
    )
    marks = ('"auditoperationtype"', '"logtimestamp"')
    claims = objects.having("LogTimestamp", "Customer") & objects.having_any(
        "ZENTotalBytesRxClient",
        "ClientZEN",
        "NameID",
        "ZEN",
        "Connector",
        "ConnectorZEN",
        "SessionType",
        "AuditOperationType",
    ) | objects.having("AuditOperationType", "AuditNewValue", "ObjectType")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        read = objects.read(lines["line"], _FIELDS)
        read = read.with_columns(pl.when(pl.col(n) != "").then(n).alias(n) for n in read.columns)
        page = pl.col("code").is_not_null()
        word = pl.col("status").str.to_lowercase()
        refused = pl.col("why").str.contains("(?i)policy|reject|denied|block").fill_null(False)
        phase = word.replace_strict(_PHASES, default="update", return_dtype=pl.String)
        return read.select(
            "client_port",
            "host",
            "method",
            "server",
            time=pl.coalesce("start", "written"),
            ended=pl.when(~page).then(pl.coalesce("end", "written")),
            kind=pl.when(page).then(pl.lit("http")).otherwise(pl.lit("flow")),
            name_from=pl.when(page).then(pl.lit("http_host")).otherwise(pl.lit("address")),
            client=pl.coalesce("client", "public"),
            user_name="user",
            path="path",
            status="code",
            user_agent="agent",
            server_port="port",
            transport=pl.when(page).then(pl.lit("tcp")).otherwise("proto"),
            bytes_up="up",
            bytes_down="down",
            action=pl.when(refused).then(pl.lit("blocked")).otherwise(pl.lit("allowed")),
            session=pl.when(~page).then("session"),
            phase=pl.when(~page).then(phase),
            reason=pl.when(pl.col("host").is_null() & pl.col("server").is_null()).then(pl.lit(OTHER)),
        )
