"""UniFi gateways and controllers: activity log in CEF (SIEM server).

Firewall and intrusion events name a connection (`src`, or the client behind it: `UNIFIsrcClientIp`),
client events who holds an address. UniFi Network 9 stamps in UTC; 10 in local time, and tells the UTC in
`UNIFIutcTime`, and later which way the bytes of an intrusion event went (`UNIFIbytesSent` is what its source
sent, in frames: of a SYN, 74); `UNIFItotalBytes` tells no direction. UniFi OS stamps in local time with a
field too few in its head. Firewall rules logged by the kernel are format `netfilter`.
Source: Ubiquiti, "UniFi System Logs & SIEM Integration".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "UNIFIutcTime",
    "client": "src|UNIFIsrcClientIp|UNIFIsrcDeviceIp",
    "holder": "UNIFIclientIp|src",
    "client_port": "spt",
    "mac": "UNIFIsrcClientMac|UNIFIclientMac",
    "device": "UNIFIsrcClientHostname|UNIFIsrcClientAlias|UNIFIclientHostname|UNIFIclientAlias",
    "server": "dst|UNIFIdstClientIp|UNIFIdstDeviceIp",
    "port": "dpt",
    "proto": "proto",
    "host": "dhost",
    "url": "request",
    "act": "act",
    "up": "UNIFIbytesSent",
    "down": "UNIFIbytesReceived",
    "packets_up": "UNIFIpacketsSent",
    "packets_down": "UNIFIpacketsReceived",
}


class UnifiFormat(LogFormat):
    """Reads UniFi's activity log."""

    name = "unifi"
    help = "Ubiquiti UniFi Network 9, 10 and UniFi OS: activity log in CEF"
    vantage = "firewall"
    counts_headers = "frame"
    proof = ("device", "bytes_up", "bytes_down", "action")
    advice = "The activity log has no hosts, and few volumes: switch on NetFlow (IPFIX) and log the resolver."
    #: UniFi Network 9's stamps; of UniFi OS, which writes local time, nothing is read
    own_zone = "UTC"
    marks = ("|ubiquiti|",)
    claims = cef.claims("Ubiquiti", "UniFi")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event: a connection (kind flow), or a client that came or went (kind lease)."""
        read = cef.read(lines["line"], _FIELDS).with_columns(
            connection=pl.any_horizontal(pl.col(n).is_not_null() for n in ("server", "host", "url")),
            came=pl.col("name").str.contains(r"Client (?:Connected|Disconnected|Roamed)").fill_null(False),
            left=pl.col("name").str.contains("Disconnected").fill_null(False),
        )
        lease = pl.col("came") & ~pl.col("connection") & pl.col("holder").is_not_null()
        said = pl.col("name").str.extract(r"(?i)(blocked|allowed)")
        return read.select(
            "time",
            "client_port",
            "device",
            "host",
            "url",
            "server",
            kind=one_of({"lease": lease}, otherwise="flow"),
            client=pl.when(lease).then("holder").otherwise("client"),
            client_mac="mac",
            server_port="port",
            transport="proto",
            bytes_up="up",
            bytes_down="down",
            packets_up="packets_up",
            packets_down="packets_down",
            action=pl.coalesce("act", said, pl.lit("unknown")),
            closes=pl.when(lease).then("left"),
            reason=one_of({NO_CONNECTION: ~pl.col("connection") & ~lease}),
        )
