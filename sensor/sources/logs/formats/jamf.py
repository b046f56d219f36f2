"""Jamf Security Cloud (JSON): network traffic stream (DNS lookups of managed devices), threat events stream.

A lookup has the name asked, the device's user and whether it was blocked; `source.ip` is the public
address and is often left out. A threat event names where the device went. There are no sizes. Source:
Jamf Learning Hub, "Network Traffic Stream", "Threat Events Stream".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import NO_DESTINATION
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    name: f"event.{path}|{path}"
    for name, path in {
        "time": "timestamp",
        "client": "source.ip",
        "client_port": "source.port",
        "asked": "hostName",
        "email": "user.email",
        "person": "user.name",
        "named": "device.userDeviceName",
        "device": "device.deviceId",
        "type": "dns.recordType",
        "rcode": "dns.responseStatus",
        "ttl": "dns.ttl",
        "blocked": "blocked",
        "action": "action",
        "host": "destination.name",
        "server": "destination.ip",
        "port": "destination.port",
    }.items()
}
_IPS = ("event.destination.ips", "destination.ips")


class JamfFormat(LogFormat):
    """Reads Jamf's network traffic and threat streams."""

    name = "jamf"
    help = "Jamf Security Cloud: network traffic stream, threat events stream (JSON)"
    vantage = "dns"
    proof = ("host", "user", "device", "action")
    marks = ('"network traffic stream"', '"threat events stream"')
    claims = pl.col("line").str.contains(r'"vendor"\s*:\s*"Jamf"') & pl.col("line").str.contains(
        r'"product"\s*:\s*"(?:Network Traffic|Threat Events) Stream"'
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event: a lookup (kind dns), or a threat (kind flow)."""
        read = objects.read(lines["line"], _FIELDS, lists=_IPS)
        read = read.with_columns(said(n) for n in _FIELDS)
        dns = pl.col("type").is_not_null() | pl.col("rcode").is_not_null()
        blocked = (pl.col("blocked") == "true").fill_null(False)
        return read.select(
            "time",
            "client",
            "client_port",
            kind=one_of({"dns": dns}, otherwise="flow"),
            name_from=one_of({"dns_answer": ~dns}),
            user_name=pl.coalesce("email", "person"),
            device=pl.coalesce("named", "device"),
            host=pl.when(dns).then("asked").otherwise("host"),
            server=pl.when(~dns).then("server"),
            server_port=pl.when(~dns).then("port"),
            answers=pl.when(dns).then(pl.coalesce(_IPS)),
            ttl_s="ttl",
            action=one_of(
                {"blocked": blocked},
                otherwise=pl.when(dns).then(lookups.verdict(pl.col("rcode"))).otherwise("action"),
            ),
            qtype=pl.col("type"),
            reason=one_of({NO_DESTINATION: ~dns & pl.col("host").is_null() & pl.col("server").is_null()}),
        )
