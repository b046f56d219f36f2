"""NextDNS logs: the download (CSV), by its header line because the set has changed over time, and the API.

    timestamp,domain,query_type,dnssec,protocol,client_ip,status,reasons,destination_country,root_domain,device_id,
    device_name,device_model,device_local_ip,matched_name,client_name

`client_ip` is the public address: the device's own (`device_local_ip`) goes first where it is known.
Source: NextDNS, Logs, Download.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, objects
from sensor.sources.logs.text.partial import filled

_WANTED = (
    "timestamp", "domain|name", "query_type|type", "client_ip", "status", "device_name", "device_id",
    "device_local_ip|local_ip", "client_name",
)  # fmt: skip
#: The same of the API and its stream, by the names above.
_OBJECT = {
    "timestamp": "timestamp", "domain": "domain", "query_type": "queryType|type", "client_ip": "clientIp",
    "status": "status",
    "device_name": "device.name", "device_id": "device.id", "device_local_ip": "device.localIp",
    "client_name": "client",
}  # fmt: skip
_ACTIONS = {
    "default": "allowed",
    "allowed": "allowed",
    "blocked": "blocked",
    "error": "unknown",
    "relayed": "allowed",
}


class NextdnsFormat(LogFormat):
    """Reads NextDNS log downloads."""

    name = "nextdns"
    help = "NextDNS log download (CSV with its header line), and log API (JSON)"
    vantage = "dns"
    proof = ("host", "device", "action")
    advice = "Without the NextDNS app only the public address is known; logs exist only if logging is on."
    header = r'^\x{FEFF}?"?timestamp"?,"?(?:domain|name)"?,"?(?:query_type|type)"?,'
    marks = ('"protocol"', "timestamp,", 'timestamp",')
    claims = objects.having("domain", "status", "protocol") & objects.having_any("clientIp", "encrypted")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        read = commas.read_headed(lines.select("line", "header"), _WANTED)
        read = filled(read, objects.read(lines["line"], _OBJECT))
        return read.select(
            time="timestamp",
            kind=pl.lit("dns"),
            client=pl.coalesce("device_local_ip", "client_ip"),
            device=pl.coalesce("device_name", "device_id"),
            host="domain",
            action=pl.col("status").str.to_lowercase().replace_strict(_ACTIONS, default="unknown"),
            qtype=pl.col("query_type"),
        )
