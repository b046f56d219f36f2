"""ESET PROTECT (ESMC, Remote Administrator): what endpoints refused, as exported to syslog (JSON, LEEF).

    {"event_type":"FilteredWebsites_Event","ipv4":"10.1.2.3","hostname":"pc1",
     "occured":"06-Oct-2026 10:00:00","event":"An attempt to connect to URL","target_address":"192.0.2.7",
     "action_taken":"Blocked","object_uri":"https://chat.example.com/a","username":"ACME\\ada", …}
    {"event_type":"FirewallAggregated_Event","source_address":"10.1.2.3","target_port":443,"inbound":false, …}
    LEEF:1.0|ESET|RemoteAdministrator|7.0|Filtered Website Event|cat=ESET … src=10.1.2.3 objectUri=https://…

`ipv4` and `src` are the endpoint, times are UTC. The firewall tells of what it refused unless it says
otherwise, whichever side began. There are no volumes. Source: ESET PROTECT online help, "Events exported to
JSON format", "Events exported to LEEF format".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, layouts, objects
from sensor.sources.logs.text.reasons import FROM_OUTSIDE, NO_CONNECTION, NO_PORTS, NO_SERVICE
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_JSON = {
    "type": "event_type", "time": "occured|occurred", "own": "ipv4|ipv6", "device": "hostname",
    "source": "source_address", "source_port": "source_port", "server": "target_address",
    "port": "target_port", "proto": "protocol", "url": "object_uri", "user": "username|account",
    "incoming": "inbound",
    "action": "action_taken|action",
}  # fmt: skip
_LEEF = {
    "type": "cat", "time": "devTime", "own": "src", "device": "deviceName", "source": "sourceAddress",
    "source_port": "srcPort", "server": "dst|targetAddress", "port": "dstPort", "proto": "proto|protocol",
    "url": "objectUri", "user": "usrName|accountName|user", "incoming": "inbound",
    "action": "actionTaken|action",
}  # fmt: skip


class EsetFormat(LogFormat):
    """Reads refused sites and connections of endpoints."""

    name = "eset"
    help = (
        "ESET PROTECT / Security Management Center 7 to 12: filtered websites, firewall events (JSON, LEEF)"
    )
    vantage = "endpoint"
    is_stateless = True
    own_zone = "UTC"
    proof = ("host", "path", "user", "device", "action")
    advice = "Only what was refused is logged: scan the log of the proxy, resolver or firewall, too."
    marks = ('"event_type"', "|eset|")
    claims = (
        objects.having("event_type", "source_uuid") & objects.having_any("occured", "occurred")
    ) | cef.claims("ESET", "")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _JSON))),
                (pl.lit(True), lambda part: _rows(cef.read(part["line"], _LEEF).select(*_LEEF))),
            ],
        )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    site = pl.col("type").str.contains("(?i)filtered ?website")
    firewall = pl.col("type").str.contains("(?i)firewall")
    return read.select(
        "time",
        "url",
        "device",
        kind=one_of({"http": site}, otherwise="flow"),
        client=pl.coalesce(pl.when(firewall).then("source"), "own"),
        client_port="source_port",
        user_name="user",
        server="server",
        server_port="port",
        transport="proto",
        action=pl.coalesce("action", pl.lit("blocked")),
        reason=one_of(
            {
                NO_SERVICE: ~(site | firewall) | (site & pl.col("url").is_null()),
                FROM_OUTSIDE: pl.col("incoming").str.to_lowercase() == "true",
                NO_CONNECTION: firewall & pl.col("server").is_null(),
                NO_PORTS: firewall & ~has_ports(pl.col("proto")),
            }
        ),
    )
