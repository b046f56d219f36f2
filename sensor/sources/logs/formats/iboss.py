"""iboss cloud and node gateways: web log as JSON behind syslog.

    {"logType": "WEB_LOG", "privateIp": …, "username": …, "url": …, "action": "Allowed",
     "upstreamByteUsage": …, "downstreamByteUsage": …, "proxyTransactionStartTime": …}

`privateIp` is the client's own address, `sourceIpAddress` the one the gateway sees, `ipAddress` the origin
server's. `upstreamByteUsage` is what the client sent. Source: iboss, "Log Forwarding, JSON fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "day": "logTime",
    "clock": "time",
    "started": "proxyTransactionStartTime",
    "private": "privateIp",
    "client": "sourceIpAddress",
    "client_port": "sourcePort",
    "mac": "macAddress|computerMacAddress",
    "user": "username",
    "device": "computerName",
    "url": "url",
    "host": "host",
    "path": "uriPath",
    "method": "requestMethod",
    "status": "responseCode",
    "agent": "userAgent",
    "server": "ipAddress",
    "port": "destinationPort",
    "up": "upstreamByteUsage",
    "down": "downstreamByteUsage",
    "action": "action|sAction",
}


class IbossFormat(LogFormat):
    """Reads iboss logs."""

    name = "iboss"
    help = "iboss cloud and node gateways: web and DLP log (JSON, syslog)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    marks = ('"downstreambyteusage"', '"ibossipaddress"')
    claims = objects.having("ibossIpAddress") | objects.having("upstreamByteUsage", "downstreamByteUsage")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        read = objects.read(lines["line"], _FIELDS)
        started = pl.when(pl.col("started").str.contains(r"^\d{9}")).then("started")
        refused = pl.col("action").str.contains("(?i)block|deny|denied").fill_null(False)
        return read.select(
            time=pl.coalesce(started, pl.concat_str("day", "clock", separator=" ")),
            kind=pl.lit("proxy"),
            client=pl.coalesce(said("private", "-"), "client"),
            client_port="client_port",
            client_mac="mac",
            user_name="user",
            device="device",
            url="url",
            host="host",
            name_from=pl.lit("url"),
            path="path",
            method="method",
            status="status",
            user_agent="agent",
            server="server",
            server_port="port",
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": refused}, otherwise=pl.col("action")),
        )
