"""Microsoft Entra Global Secure Access (Internet Access, Private Access): traffic logs as JSON.

    {"category": "NetworkAccessTrafficLogs", "properties": {"createdDateTime": …, "userPrincipalName": …,
    "sourceIp": …,
     "destinationFQDN": "www.example.org", "destinationPort": 443, "sentBytes": 900, "receivedBytes": 70,
     "action": "allow"}}

The same as table `NetworkAccessTraffic` of Log Analytics, names in capitals. `sourceIp` is the device's
public address. `sentBytes` went from the client. Where connections are logged, too
(`NetworkAccessConnectionEvents`), each of them stands in the traffic log by its `ConnectionId`. Source:
Microsoft Learn, "NetworkAccessTraffic", "NetworkAccessConnectionEvents", networkAccessTraffic resource type.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import CONNECTION_LOG
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "time": ("createdDateTime", "TimeGenerated"), "user": ("userPrincipalName", "UserPrincipalName"),
    "client": ("sourceIp", "SourceIp"), "client_port": ("sourcePort", "SourcePort"),
    "host": ("destinationFQDN", "destinationFqdn", "DestinationFqdn"), "url": ("destinationUrl",
    "DestinationUrl"),
    "server": ("destinationIp", "DestinationIp"), "port": ("destinationPort", "DestinationPort"),
    "proto": ("transportProtocol", "TransportProtocol"), "up": ("sentBytes", "SentBytes"),
    "down": ("receivedBytes", "ReceivedBytes"), "action": ("action", "Action"), "device": ("deviceId",
    "DeviceId"), "method": ("httpMethod", "HttpMethod"), "status": ("responseCode", "ResponseCode"),
}  # fmt: skip
_WANTED = {
    name: "|".join([f"properties.{key}" for key in keys] + list(keys)) for name, keys in _FIELDS.items()
}
_CONNECTIONS = r'"(?:category|Type)"\s*:\s*"NetworkAccessConnectionEvents"'


class GlobalSecureAccessFormat(LogFormat):
    """Reads traffic logs of Global Secure Access."""

    name = "global-secure-access"
    help = "Microsoft Entra Global Secure Access: traffic logs (diagnostic settings, Log Analytics)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action")
    advice = (
        "Send NetworkAccessTrafficLogs. URLs need TLS inspection; else there is only the name in the hello."
    )
    marks = ('"destinationfqdn"', '"networkaccesstrafficlogs"', '"networkaccessconnectionevents"')
    claims = (
        (objects.having("category", "properties") & objects.having_any("NetworkAccessTrafficLogs"))
        | (
            objects.having_any("DestinationFqdn", "destinationFQDN", "destinationFqdn")
            & objects.having_any("TransactionId", "transactionId")
            & pl.col("line").str.contains(r"^\s*\{")
        )
        | pl.col("line").str.contains(rf"^\s*\{{.*{_CONNECTIONS}")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        read = objects.read(lines["line"], _WANTED)
        filled = {name: said(name) for name in ("url", "host", "device", "user")}
        return read.select(
            "time",
            "client",
            "client_port",
            "server",
            "method",
            "status",
            kind=one_of({"http": filled["url"].is_not_null()}, otherwise="tls"),
            user_name=filled["user"],
            device=filled["device"],
            host=filled["host"],
            url=filled["url"],
            server_port="port",
            transport="proto",
            bytes_up="up",
            bytes_down="down",
            action=pl.col("action").str.to_lowercase(),
            reason=one_of({CONNECTION_LOG: pl.lit(lines["line"].str.contains(_CONNECTIONS))}),
        )
