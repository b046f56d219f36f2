"""CEF and LEEF.

In CEF `in` and `out` mean opposite things by template: header product `PAN-OS` binds `in` to bytes sent, `LF`
(Strata Logging Service) to bytes received.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos.columns import LOGINS
from sensor.sources.logs.text import cef, layouts

_CEF = {
    "serial": "deviceExternalId|PanOSDeviceSN",
    "generated": "start|rt",
    "began": "PanOSSessionStartTime",
    "zone": "dtz",
    "src": "src",
    "dst": "dst|PanOSDNSResolverIP",
    "user": "suser|suser0|PanOSSourceUser|PanOSSourceUserName",
    "session": "cn1|externalId|PanOSSessionID",
    "sport": "spt",
    "dport": "dpt",
    "proto": "proto",
    "action": "act",
    "elapsed": "PanOSSessionDuration|cn3|cn2",
    "url": "request|PanOSURL",
    "agent": "requestClientApplication|PanOSUserAgent",
    "method": "requestMethod|PanOSHTTPMethod",
    "sni": "PanOSServerNameIndication|PanOSSNI",
    "xff": "PanOSX-Forwarded-ForIP",
    "mac": "smac|PanOSSourceDeviceMac",
    "device": "shost|PanOSSourceDeviceHost",
    "event_id": "PanOSEventIDValue|PanOSEventName",
    "status": "PanOSEventStatus|outcome",
    "tunnel": "PanOSPrivateIPv4",
    "endpoint": "PanOSEndpointDeviceName",
    "timeout": "PanOSMappingTimeout|cn:MappingTimeout",
    "packets_sent": "PanOSPacketsSent",
    "packets_received": "PanOSPacketsReceived",
    "ended_by": "reason|PanOSSessionEndReason",
    "sent": "PanOSBytesSent",
    "received": "PanOSBytesReceived",
    "in": "in",
    "out": "out",
    "logged_in": "duser|duser0",
}
_LEEF = {
    "type": "cat",
    "subtype": "SubType|Subtype",
    "serial": "SerialNumber|DeviceSN",
    "generated": "devTime|ReceiveTime",
    "began": "SessionStartTime",
    "src": "src",
    "dst": "dst",
    "user": "usrName|SourceUser",
    "session": "SessionID",
    "sport": "srcPort",
    "dport": "dstPort",
    "proto": "proto",
    "action": "action|Action|act",
    "sent": "PanOSBytesSent|srcBytes",
    "received": "PanOSBytesReceived|dstBytes",
    "logged_in": "duser|duser0",
    "packets_sent": "srcPackets",
    "packets_received": "dstPackets",
    "elapsed": "ElapsedTime|SessionDuration",
    "ended_by": "SessionEndReason",
    "url": "Miscellaneous|URL",
    "agent": "UserAgent",
    "method": "RequestMethod|HTTPMethod",
    "sni": "ServerNameIndication",
    "xff": "XForwarderfor|identSrc",
    "xff_ip": "X-Forwarded-ForIP",
    "mac": "SourceDeviceMac",
    "device": "SourceDeviceHost",
}


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of these lines, as far as they have them."""
    found = layouts.read(lines, [("LEEF:", _leef), (pl.lit(True), _cef)])
    # Whose connection it was is the source's; who logged in is the destination's in some templates.
    is_login = pl.col("type").str.to_uppercase().is_in(LOGINS)
    return found.with_columns(user=pl.coalesce("user", pl.when(is_login).then("logged_in")))


def _leef(lines: pl.DataFrame) -> pl.DataFrame:
    read = cef.read(lines["line"], _LEEF)
    # Strata Logging Service names a session's verdict in the head alone.
    is_session = pl.col("type").str.to_uppercase() == "TRAFFIC"
    return read.with_columns(action=pl.coalesce("action", pl.when(is_session).then("event")))


def _cef(lines: pl.DataFrame) -> pl.DataFrame:
    read = cef.read(lines["line"], _CEF)
    by_device = (pl.col("product") != "LF").fill_null(True)
    # PAN-OS puts the subtype before the type, LF after it.
    swapped = by_device & pl.col("name").str.contains("^[A-Z-]+$").fill_null(False)
    sent = pl.when(by_device).then("in").otherwise("out")
    received = pl.when(by_device).then("out").otherwise("in")
    return read.with_columns(
        type=pl.when(swapped).then("name").otherwise("event"),
        subtype=pl.when(swapped).then("event").otherwise("name"),
        sent=pl.coalesce("sent", sent),
        received=pl.coalesce("received", received),
    )
