"""Objects of Strata Logging Service, and those made of the fields' own names."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos.columns import OWN_NAMES
from sensor.sources.logs.text import objects

#: Of the fields' own names.
NAMED = r'^\s*\{.*"type"\s*:\s*"(?:TRAFFIC|THREAT|DECRYPTION)"'
CLAIMS = (objects.having("time_generated", "src", "dst", "serial") & pl.col("line").str.contains(NAMED)) | (
    pl.col("line").str.contains(r'^\s*\{.*"LogType"\s*:')
    & pl.col("line").str.contains(
        r'"(?:DeviceSN|LogSourceID|PanOS\w+|ConfigVersion)"\s*:|"VendorName"\s*:\s*"Palo'
    )
)
_KEYS = {
    "type": "LogType",
    "subtype": "Subtype|SubType",
    "serial": "DeviceSN|LogSourceID",
    "generated": "TimeGenerated|EventTime|TimeReceived",
    "began": "SessionStartTime",
    "precise": "TimeGeneratedHighResolution",
    "src": "SourceAddress|SourceIP",
    "dst": "DestinationAddress|DestinationIP",
    "user": "SourceUser|SourceUserName|User",
    "session": "SessionID",
    "sport": "SourcePort",
    "dport": "DestinationPort",
    "proto": "Protocol",
    "action": "Action",
    "sent": "BytesSent",
    "received": "BytesReceived",
    "elapsed": "SessionDuration",
    "ended_by": "SessionEndReason",
    "url": "URL",
    "host": "URLDomain",
    "agent": "UserAgent",
    "method": "HTTPMethod",
    "sni": "ServerNameIndication|SNI|SNIHostname",
    "xff": "X-Forwarded-ForIP|XForwardedForIP",
    "mac": "SourceDeviceMac",
    "device": "SourceDeviceHost",
    "packets_sent": "PacketsSent",
    "packets_received": "PacketsReceived",
    "event_id": "EventIDValue|EventName",
    "status": "EventStatus",
    "tunnel": "PrivateIPv4|PrivateIP",
    "timeout": "MappingTimeout",
    "endpoint": "EndpointDeviceName",
}


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of objects, as far as they have them."""
    return objects.read(lines["line"], _KEYS)


def read_named(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of objects made of the fields' own names, as far as they have them."""
    return objects.read(lines["line"], OWN_NAMES)
