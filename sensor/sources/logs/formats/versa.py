r"""Versa Networks VOS (SD-WAN, SASE): flow logs and secure access logs, `name=value` after the log's name.

    2026-10-06T10:00:00+0000 accessLog, applianceName=b1, tenantName=t1, flowId=7, flowCookie=1, …,
    sentOctets=900, recvdOctets=70,
    …, sourceIPv4Address=10.1.2.3, destinationIPv4Address=192.0.2.7, sourceTransportPort=40000,
    destinationTransportPort=443, …
    2026-10-06T10:00:00+0000 secAccUserConnEventLog, …, userName=ada@example.org, deviceName=pc7,
    racTunnelIP=10.9.8.7, racEventType=create

The logs of one flow share `flowId` and `flowCookie`: `flowIdLog` says who and where, others (`urlfLog`,
`sslLog` …) name it, `eventType=end` of the access log has the volumes. `sentOctets` is the initiator's.
`dnsfLog` is a lookup, its destination the resolver. Milliseconds of a flow are of the appliance's own
clock, which may run since it booted: their difference alone is used. Source: Versa Networks, "Flow Logs",
"Secure Access Logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "id": "flowId", "cookie": "flowCookie", "begun": "flowStartMilliseconds", "ended": "flowEndMilliseconds",
    "event": "eventType", "client": "sourceIPv4Address|sourceIPv6Address", "server": "destinationIPv4Address|"
    "destinationIPv6Address", "client_port": "sourceTransportPort|sourcePort",
    "port": "destinationTransportPort|"
    "destinationPort", "proto": "protocolIdentifier", "user": "fromUser|userName", "up": "sentOctets",
    "down": "recvdOctets", "action": "action|urlAction|dnsfAction|decryptAction", "url": "httpUrl|url",
    "asked": "dnsfDomain", "host": "httpHost|fqdn|hostname|sni|serverName|host", "device": "deviceName",
    "tunnel": "racTunnelIP", "kind": "racEventType", "mac": "macAddr", "appliance": "applianceName",
}  # fmt: skip
_NAME = r"(?:^|\s)([A-Za-z][A-Za-z0-9]*Log), applianceName="


class VersaFormat(LogFormat):
    """Reads Versa's flow and secure access logs."""

    name = "versa"
    help = "Versa Networks VOS: flow, access, URL, DNS and secure access logs (syslog)"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action")
    advice = "Log access rules at the end (volumes) and URL filtering (hosts)."
    marks = ("log, appliancename=",)
    claims = pl.col("line").str.contains(r"(?:^|\s)[A-Za-z][A-Za-z0-9]*Log, applianceName=")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record; tunnels of remote users as leases."""
        line = lines["line"]
        read = keyvalue.read(line, _WANTED, separator=",").with_columns(
            _told(name) for name in ("user", "device", "host", "url", "asked")
        )
        is_access = pl.lit(line.str.extract(_NAME) == "secAccUserConnEventLog").fill_null(False)
        told = pl.col("kind").is_in(["create", "delete"]) & pl.col("tunnel").str.contains(r"[0-9a-f][.:]")
        at_end = pl.col("up").is_not_null() & (pl.col("event") != "start").fill_null(True)
        lookup = pl.col("asked").is_not_null()
        named = pl.coalesce("host", "url").is_not_null()
        began, ended = (pl.col(name).cast(pl.Float64, strict=False) for name in ("begun", "ended"))
        flow = pl.concat_str("appliance", "id", "cookie", separator="|")
        return read.select(
            time=pl.lit(line.str.extract(r"^(\d{4}-\S+)")),
            at_end=~is_access & at_end,
            duration_s=pl.when(~is_access & at_end).then((ended - began) / 1000),
            kind=one_of(
                {
                    "lease": is_access,
                    "dns": lookup,
                    "http": pl.col("url").is_not_null(),
                    "tls": pl.col("host").is_not_null(),
                },
                otherwise="flow",
            ),
            client=pl.when(is_access).then("tunnel").otherwise("client"),
            client_port="client_port",
            client_mac="mac",
            user_name="user",
            device="device",
            host=pl.when(~is_access).then(pl.coalesce("asked", "host")),
            url="url",
            server="server",
            server_port="port",
            transport="proto",
            bytes_up=pl.when(at_end).then("up"),
            bytes_down=pl.when(at_end).then("down"),
            action=pl.coalesce("action", one_of({"allowed": ~is_access})),
            session=pl.when(~is_access & ~lookup & pl.col("id").is_not_null()).then(flow),
            phase=one_of({"end": at_end, "name": named}, otherwise="begin"),
            closes=is_access & (pl.col("kind") == "delete"),
            lease_s=pl.when(is_access).then(WORKING_DAY_S),
            origin=pl.lit("vpn"),
            reason=one_of(
                {
                    NO_CONNECTION: pl.when(is_access)
                    .then(~told.fill_null(False))
                    .otherwise(pl.col("server").is_null()),
                    NO_PORTS: ~is_access & ~has_ports(pl.col("proto")).fill_null(True),
                }
            ),
        )


def _told(name: str) -> pl.Expr:
    """An empty value, or `Unknown`, says nothing."""
    return pl.when(~pl.col(name).str.to_lowercase().is_in(["", "unknown"])).then(name)
