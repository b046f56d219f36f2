"""Palo Alto Networks PAN-OS and Prisma Access: TRAFFIC, THREAT (url), DECRYPTION; CSV, CEF, LEEF, JSON.

    TRAFFIC      a session with volume; `start` opens it, `end` closes it, drop, deny and reset were blocked
    THREAT url   a request of such a session: host and path, no bytes
    THREAT spyware at port 53: a lookup that DNS Security or a sinkhole list judged; of Strata Logging
                 Service it is DNS SECURITY, with the resolver asked
    DECRYPTION   its SNI
    USERID       who logged in where, for the mapping's timeout; GLOBALPROTECT who got which tunnel address,
                 HIPMATCH which computer reports its state from there, for 12 h; logouts close them

CSV fields are found by position (PAN-OS 8 to 11; newer versions append). The stamp of CSV is the
firewall's local time, unless the high-resolution time with offset is there. In CEF `in` and `out`
mean opposite things by template: header product `PAN-OS` binds `in` to bytes sent, `LF` (Strata
Logging Service) to bytes received. Source: PAN-OS Administrator's Guide, "Syslog Field Descriptions";
Strata Logging Service, "Log Reference".
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, commas, keyvalue, layouts, objects
from sensor.sources.logs.text.held import HALF_DAY_S
from sensor.sources.logs.text.partial import filled, only
from sensor.sources.logs.text.reasons import ALERT, NO_SERVICE
from sensor.sources.logs.text.words import one_of

#: Fields by position (1-based), for each type; the first seven are common.
_COMMON = {3: "serial", 4: "type", 5: "subtype", 7: "generated"}
_SESSION = {
    8: "src",
    9: "dst",
    13: "user",
    15: "app",
    23: "session",
    25: "sport",
    26: "dport",
    30: "proto",
    31: "action",
}
_TRAFFIC = (
    _COMMON
    | _SESSION
    | {
        33: "sent",
        34: "received",
        36: "opened",
        37: "elapsed",
        45: "packets_sent",
        46: "packets_received",
        47: "ended_by",
        76: "xff",
        83: "device",
        84: "mac",
        103: "precise",
    }
)
_THREAT = (
    _COMMON
    | _SESSION
    | {
        32: "url",
        36: "direction",
        47: "agent",
        49: "xff",
        64: "method",
        80: "xff_ip",
        87: "device",
        88: "mac",
        108: "precise",
    }
)
_DECRYPTION = _COMMON | _SESSION | {61: "subject", 64: "sni", 73: "precise", 80: "device", 81: "mac"}
_USERID = _COMMON | {9: "src", 10: "user", 14: "timeout", 16: "last_port", 34: "precise"}
_GLOBALPROTECT = _COMMON | {
    9: "event",
    10: "stage",
    13: "user",
    15: "device",
    16: "public",
    18: "tunnel",
    29: "status",
}
_HIPMATCH = _COMMON | {8: "user", 10: "device", 12: "src"}
_SYSTEM = _COMMON | {9: "event", 15: "text"}
_LOGINS = ["USERID", "GLOBALPROTECT", "HIPMATCH"]
_POSITIONS = {
    "TRAFFIC": _TRAFFIC,
    "THREAT": _THREAT,
    "DECRYPTION": _DECRYPTION,
    "USERID": _USERID,
    "GLOBALPROTECT": _GLOBALPROTECT,
    "HIPMATCH": _HIPMATCH,
    "SYSTEM": _SYSTEM,
}
#: The same names in CEF, LEEF and JSON; `|` lists spellings, the first that is there counts.
_CEF = {
    "serial": "deviceExternalId|PanOSDeviceSN",
    "generated": "start|rt",
    "began": "PanOSSessionStartTime",
    "zone": "dtz",
    "src": "src",
    "dst": "dst|PanOSDNSResolverIP",
    "user": "suser|suser0|PanOSSourceUser|PanOSSourceUserName",
    "app": "app",
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
    "event": "PanOSEventIDValue|PanOSEventName",
    "status": "PanOSEventStatus|outcome",
    "tunnel": "PanOSPrivateIPv4",
    "endpoint": "PanOSEndpointDeviceName",
    "timeout": "PanOSMappingTimeout",
    "packets_sent": "PanOSPacketsSent",
    "packets_received": "PanOSPacketsReceived",
    "ended_by": "reason|PanOSSessionEndReason",
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
    "app": "Application",
    "session": "SessionID",
    "sport": "srcPort",
    "dport": "dstPort",
    "proto": "proto",
    "action": "action|Action|act",
    "sent": "srcBytes",
    "received": "dstBytes",
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
_JSON = {
    "type": "LogType",
    "subtype": "Subtype|SubType",
    "serial": "DeviceSN|LogSourceID",
    "generated": "TimeGenerated|EventTime|TimeReceived",
    "began": "SessionStartTime",
    "precise": "TimeGeneratedHighResolution",
    "src": "SourceAddress|SourceIP",
    "dst": "DestinationAddress|DestinationIP",
    "user": "SourceUser|SourceUserName",
    "app": "Application",
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
    "direction": "DirectionOfAttack",
    "packets_sent": "PacketsSent",
    "packets_received": "PacketsReceived",
    "event": "EventName",
    "status": "EventStatus",
    "tunnel": "PrivateIPv4|PrivateIP",
    "endpoint": "EndpointDeviceName",
    "account": "SourceUser|UserName",
}
#: Log forwarding templates of monitoring services, `name=value` with commas or bars between.
_PAIRS = {
    "serial": "serial", "type": "type", "subtype": "subtype", "generated": "time_generated",
    "precise": "high_res_timestamp", "src": "network.client.ip|src", "dst": "network.destination.ip|dst",
    "user": "usr.id|srcuser|suser", "app": "app", "session": "sessionid",
    "sport": "network.client.port|sport",
    "dport": "network.destination.port|dport", "proto": "proto",
    "action": "evt.name|action|act",
    "sent": "network.bytes_read|bytes_sent", "received": "network.bytes_written|bytes_received",
    "elapsed": "elapsed", "ended_by": "session_end_reason", "packets_sent": "pkts_sent|pktsent",
    "packets_received": "pkts_received|pktrcvd", "url": "misc",
    "agent": "http.useragent|user_agent", "method": "http_method", "xff_ip": "xff_ip", "device": "src_host",
    "mac": "src_mac", "sni": "sni",
}  # fmt: skip
_IS_PAIRS = r"\bserial=[^,|]*(?:, |\|)type=(?:TRAFFIC|THREAT|DECRYPTION)\b"
_HAS_BARS = r"\bserial=[^,|]*\|type="
_NAMES = tuple(dict.fromkeys([*(n for p in _POSITIONS.values() for n in p.values()), *_CEF, *_JSON]))
_TYPES = (
    "TRAFFIC|THREAT|DECRYPTION|USERID|GLOBALPROTECT|SYSTEM|CONFIG|HIPMATCH|HIP-MATCH|AUTHENTICATION"
    "|CORRELATION|URL|DATA|WILDFIRE|TUNNEL|SCTP|IPTAG|GTP"
)
_START = (
    r"^[:\s]*(?:\d*,)?(?P<date>\d{1,4}/\d{1,2}/\d{1,4} \d{1,2}:\d\d(?::\d\d(?:\.\d{1,9})?)?,[^,]*,)"
    # PAN-OS 9.1 put GlobalProtect's sequence number and action flags before the type.
    rf"(?:\d+,0x[0-9a-fA-F]+,)?(?P<kind>(?:{_TYPES}),)"
)
#: An export may quote every field: then so begins a line, and fields without need for it lose their quotes.
_QUOTED_START = rf'^"\d*","\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d","[^"]*","(?:{_TYPES})",'
_NEEDLESS = r'"([^",]*)"'
#: Links that an SD-WAN session changed between: one field, with commas in it and no quotes around.
_LINKS = r",\{[^{}]*\}"
#: Events by which a tunnel's address is given up, and how long one holds where no such event is seen.
_GONE = r"(?i)^gateway-(?:logout|config-release)$"
_RELEASED, _CONNECTED = "gateway-config-release", "gateway-connected"
_SAID = {"tunnel": "Private IP", "user": "User name", "device": "Device name"}
#: The name that was asked for, where a resolver's traffic is judged: bare, or in the threat's name.
_ASKED = r"(?i)^\"?(?:[^(]*\((?:[\w -]+:)?)?([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z][a-z0-9-]+)\.?\)?\"?$"
#: Why a session ended that a profile (of URLs, threats, decryption) or a rule for its application blocked.
_CUT_OFF = "^(?:threat|policy-deny|decrypt-)"
#: No header of a request is longer, as far as servers take them: what was sent beyond it had passed.
_LONGEST_REQUEST = 16_384
#: What the address of who is behind a proxy says where there is none.
_NOBODY = ("", "0.0.0.0", "::")


class PanosFormat(LogFormat):
    """Reads PAN-OS logs."""

    name = "panos"
    help = (
        "Palo Alto PAN-OS 8 to 11, Prisma Access: traffic, url, decryption, userid, globalprotect; "
        "CSV, CEF, LEEF, JSON"
    )
    vantage = "firewall"
    is_on_site = True
    counts_headers = "frame"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "PAN-OS names hosts in URL logs and volumes in TRAFFIC logs: forward both (log at session end, a URL "
        "filtering profile with action alert instead of allow)."
    )
    marks = (
        *(f",{quote}{kind.lower()}{quote}," for kind in _TYPES.split("|") for quote in ("", '"')),
        "|palo alto networks|", "serial=", '"logtype"',
    )  # fmt: skip
    claims = (
        pl.col("line").str.contains(_START)
        | pl.col("line").str.contains(_QUOTED_START)
        | cef.claims("Palo Alto Networks")
        | pl.col("line").str.contains(_IS_PAIRS)
        | (
            pl.col("line").str.contains(r'^\s*\{.*"LogType"\s*:')
            & pl.col("line").str.contains(
                r'"(?:DeviceSN|LogSourceID|PanOS\w+|ConfigVersion)"\s*:|"VendorName"\s*:\s*"Palo'
            )
        )
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        line = lines["line"]
        if (quoted := line.str.contains(_QUOTED_START)).any():
            line = line.zip_with(~quoted, line.str.replace_all(_NEEDLESS, "$1"))
        csv_lines, is_json = line.str.contains(_START), line.str.contains(r"^\s*\{")
        out = _by_position(only(line, csv_lines))
        if is_json.any():
            out = filled(out, _from_json(only(line, is_json)))
        is_pairs = line.str.contains(_IS_PAIRS)
        if is_pairs.any():
            # Values have blanks in them; empty ones are none.
            bars = line.str.contains(_HAS_BARS)
            for told in (
                keyvalue.read(only(line, is_pairs & ~bars), _PAIRS, spaced=True),
                keyvalue.read(only(line, is_pairs & bars), _PAIRS, separator="|"),
            ):
                out = filled(out, layouts.conformed(told.select(pl.all().replace("", None)), _NAMES))
        other = ~csv_lines & ~is_json & ~is_pairs
        if other.any():
            out = filled(out, _from_cef(only(line, other)))
        named = out.with_columns(pl.col("type").str.to_uppercase(), pl.col("subtype").str.to_lowercase())
        return named.with_columns(**_in_words()).select(
            **_when(), **_who(), **_what(), **_volume(), reason=_reason()
        )


def _in_words() -> dict[str, pl.Expr]:
    """Up to PAN-OS 9.0, system messages tell in words whom GlobalProtect gave an address."""
    said = {
        name: pl.col("text").str.extract(rf"{words}: ([^,]+?)\.?(?:,|$)") for name, words in _SAID.items()
    }
    mine = (
        (pl.col("type") == "SYSTEM") & said["tunnel"].is_not_null() & said["user"].is_not_null()
    ).fill_null(False)
    gone = pl.col("event").str.contains("(?i)logout|release")
    told = {"type": pl.lit("GLOBALPROTECT"), "event": one_of({_RELEASED: gone}, otherwise=_CONNECTED)} | said
    return {name: pl.when(mine).then(value).otherwise(name) for name, value in told.items()}


def _by_position(line: pl.Series) -> pl.DataFrame:
    """CSV: each type has its own positions."""
    text = line.str.replace(_START, "1,$date$kind")
    kind = text.str.extract(r"^1,[^,]*,[^,]*,([A-Z-]+),")
    text = text.zip_with((kind != "TRAFFIC").fill_null(True), text.str.replace(_LINKS, ","))
    out = pl.DataFrame({name: [None] * len(line) for name in _NAMES}, schema=dict.fromkeys(_NAMES, pl.String))
    for name in kind.unique().drop_nulls():
        positions = _POSITIONS.get(name, _COMMON)
        fields = [positions.get(n, "") for n in range(1, max(positions) + 1)]
        read = commas.read(only(text, kind == name), fields)
        out = filled(out, layouts.conformed(read.with_columns(pl.when(kind == name).then(pl.all())), _NAMES))
    return out


def _from_json(line: pl.Series) -> pl.DataFrame:
    return layouts.conformed(objects.read(line, _JSON), _NAMES)


def _from_cef(line: pl.Series) -> pl.DataFrame:
    keys = [key for names in (_CEF, _LEEF) for spellings in names.values() for key in spellings.split("|")]
    read = cef.read(
        line,
        [
            *(*keys, "duser", "duser0", "in", "out", "PanOSBytesSent", "PanOSBytesReceived"),
            *("cn1Label", "cn2Label", "cn3Label"),
        ],
    )
    leef = line.str.contains("LEEF:", literal=True)
    product = line.str.extract(r"\|Palo Alto Networks\|([^|]*)\|")
    on_device = ~leef & (product != "LF").fill_null(True)
    named = {name: _spelled(name, leef) for name in dict.fromkeys([*_CEF, *_LEEF])}
    # Our templates differ: PAN-OS puts the subtype before the type, LF after it.
    swapped = pl.lit(on_device) & read["name"].str.contains("^[A-Z-]+$").fill_null(False)
    kind = pl.when(pl.lit(leef)).then("cat").when(swapped).then("name").otherwise("event")
    subtype = (
        pl.when(pl.lit(leef))
        .then(pl.coalesce("SubType", "Subtype"))
        .when(swapped)
        .then("event")
        .otherwise("name")
    )
    # Whose connection it was is the source's; who logged in is the destination's in some templates.
    login = kind.str.to_uppercase().is_in(_LOGINS)
    named["user"] = pl.coalesce(named["user"], pl.when(login).then(pl.coalesce("duser", "duser0")))
    # Strata Logging Service's LEEF names a session's verdict in the head alone.
    told = pl.when(pl.lit(leef) & (kind.str.to_uppercase() == "TRAFFIC")).then("event")
    named["action"] = pl.coalesce(named["action"], told)
    sent = pl.coalesce("PanOSBytesSent", pl.when(pl.lit(on_device)).then("in").otherwise("out"), "srcBytes")
    received = pl.coalesce(
        "PanOSBytesReceived", pl.when(pl.lit(on_device)).then("out").otherwise("in"), "dstBytes"
    )
    return layouts.conformed(
        read.select(**named | {"type": kind, "subtype": subtype, "sent": sent, "received": received}), _NAMES
    )


def _spelled(name: str, leef: pl.Series) -> pl.Expr:
    def of(names: Mapping[str, str]) -> pl.Expr:
        return pl.coalesce(names[name].split("|")) if name in names else pl.lit(None, dtype=pl.String)

    return pl.when(pl.lit(leef)).then(of(_LEEF)).otherwise(of(_CEF))


def _when() -> dict[str, pl.Expr]:
    precise = pl.col("precise").str.contains(r"^\d{4}-\d\d-\d\dT")
    # A session is logged when it has aged out, which may be long after its last packet.
    opened = pl.when(pl.col("opened").str.contains(r"^20\d\d/\d\d/\d\d ")).then("opened")
    offset = pl.col("precise").str.extract(r"T[\d:.]+([+-]\d\d:\d\d)$")
    began = pl.coalesce("began", pl.concat_str(opened, offset.fill_null("")))
    return {
        "time": pl.coalesce(began, pl.when(precise).then("precise").otherwise("generated")),
        "zone": pl.col("zone"),
        "at_end": (pl.col("type") == "TRAFFIC") & began.is_null(),
        "duration_s": pl.when(pl.col("type") == "TRAFFIC").then("elapsed"),
    }


def _who() -> dict[str, pl.Expr]:
    # Who stands behind a proxy in front of the firewall, where `x-forwarded-for` is logged.
    forwarded = pl.coalesce(
        pl.when(~pl.col(name).is_in(_NOBODY)).then(name) for name in ("xff_ip", "xff")
    ).str.extract(r"^(?:x-fwd-for: )?([0-9a-fA-F.:]{3,})")
    by_user = pl.col("user").str.extract(r"^x-fwd-for: ([0-9a-fA-F.:]+)")
    tunnel = pl.col("type") == "GLOBALPROTECT"
    return {
        "client": pl.when(tunnel)
        .then(pl.coalesce("tunnel", "src"))
        .otherwise(pl.coalesce(by_user, forwarded, "src")),
        "client_port": pl.col("sport"),
        "client_mac": pl.col("mac"),
        # Before a logon, GlobalProtect names the computer's tunnel so.
        "user_name": pl.when(by_user.is_null() & (pl.col("user") != "pre-logon")).then("user"),
        "device": pl.when(tunnel).then(pl.coalesce("endpoint", "device")).otherwise("device"),
        "server": pl.col("dst"),
        "server_port": pl.col("dport"),
        "transport": pl.col("proto"),
    }


def _is_url() -> pl.Expr:
    return (pl.col("type").is_in(["THREAT", "URL"]) & (pl.col("subtype") == "url")) | (
        pl.col("type") == "URL"
    )


def _is_lookup() -> pl.Expr:
    """A lookup that DNS Security or a sinkhole list has judged."""
    judged = (pl.col("type") == "THREAT") & (pl.col("subtype") == "spyware") & (pl.col("dport") == "53")
    judged |= pl.col("type").str.contains("(?i)^dns.security$")
    return (judged & pl.col("url").str.contains(_ASKED)).fill_null(False)


def _what() -> dict[str, pl.Expr]:
    return {
        "kind": one_of(
            {
                "lease": pl.col("type").is_in(_LOGINS),
                "http": _is_url(),
                "dns": _is_lookup(),
                "tls": pl.col("type") == "DECRYPTION",
            },
            otherwise="flow",
        ),
        "host": pl.when(_is_lookup())
        .then(pl.col("url").str.extract(_ASKED))
        .otherwise(pl.coalesce("sni", "subject")),
        "name_from": one_of({"certificate": pl.col("sni").is_null()}),
        "url": pl.when(_is_url()).then(pl.coalesce("url", "host").str.strip_chars('\\"')),
        "method": pl.when(pl.col("method").str.to_lowercase() != "unknown").then(
            pl.col("method").str.to_uppercase()
        ),
        "user_agent": pl.when(_is_url()).then(pl.col("agent").str.strip_chars('"')),
        "action": one_of({"blocked": _is_cut_off()}, otherwise=pl.col("action")),
        "origin": one_of({"vpn": pl.col("type").is_in(["GLOBALPROTECT", "HIPMATCH"])}, otherwise="directory"),
        "lease_s": pl.when(_is_end())
        .then(0.0)
        .when(pl.col("type") == "USERID")
        .then(pl.col("timeout").cast(pl.Float64, strict=False))
        .when(pl.col("type").is_in(["GLOBALPROTECT", "HIPMATCH"]))
        .then(HALF_DAY_S),
        "closes": _is_end(),
        # A range of ports: a terminal server's users share its address.
        "shared": pl.when(pl.col("last_port").cast(pl.Int64, strict=False) > 0).then(True),
    }


def _is_cut_off() -> pl.Expr:
    """A session whose action tells of the rule that let it begin: what happened to it stands elsewhere."""
    ended = pl.col("subtype").is_in(["drop", "deny"]) | cut_off(pl.col("ended_by"), pl.col("sent"))
    return (pl.col("type") == "TRAFFIC") & ended.fill_null(False)


def cut_off(ended_by: pl.Expr, bytes_up: pl.Expr) -> pl.Expr:
    """True for a session that was cut off by this reason before its client had sent more than a request."""
    passed = (bytes_up.cast(pl.Float64, strict=False) > _LONGEST_REQUEST).fill_null(False)
    return ended_by.str.contains(_CUT_OFF) & ~passed


def _is_end() -> pl.Expr:
    """A logout: the address is held no more."""
    gone = pl.col("event").str.contains(_GONE) & (pl.col("type") == "GLOBALPROTECT")
    return (gone | ((pl.col("type") == "USERID") & (pl.col("subtype") == "logout"))).fill_null(False)


def _volume() -> dict[str, pl.Expr]:
    key = pl.concat_str(pl.col("serial").fill_null(""), "session", "src", "sport", separator="|")
    traffic = pl.col("type") == "TRAFFIC"
    return {
        "bytes_up": pl.when(traffic).then("sent"),
        "bytes_down": pl.when(traffic).then("received"),
        "packets_up": pl.when(traffic).then("packets_sent"),
        "packets_down": pl.when(traffic).then("packets_received"),
        "session": pl.when((pl.col("session") != "0") & ~_is_lookup()).then(key),
        "phase": one_of(
            {"begin": traffic & (pl.col("subtype") == "start"), "end": traffic}, otherwise="name"
        ),
    }


def _reason() -> pl.Expr:
    known = (
        (pl.col("type").is_in(list(_POSITIONS)) & (pl.col("type") != "SYSTEM"))
        | (pl.col("type") == "URL")
        | _is_lookup()
    )
    login = pl.col("subtype").is_in(["login", "logout"]) & pl.col("user").is_not_null()
    connected = pl.col("event").str.contains(
        r"(?i)gateway-(?:connected|register|tunnel-latency|hip-report|setup-(?:ipsec|ssl))"
    )
    failed = pl.col("status").str.contains("(?i)fail").fill_null(False)
    reported = (pl.col("type") == "HIPMATCH") & pl.col("user").is_not_null()
    told = login | reported | ((connected | _is_end()) & pl.coalesce("tunnel", "src").is_not_null() & ~failed)
    leases = pl.col("type").is_in(_LOGINS)
    threat = (pl.col("type") == "THREAT") & (pl.col("subtype") != "url") & ~_is_lookup()
    return one_of({NO_SERVICE: ~known.fill_null(False) | (leases & ~told.fill_null(False)), ALERT: threat})
