"""CSV: fields are found by position (PAN-OS 8 to 11; newer versions append).

The stamp is the firewall's local time, unless the high-resolution time with offset is there.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import commas, layouts

TYPES = (
    "TRAFFIC|THREAT|DECRYPTION|USERID|GLOBALPROTECT|SYSTEM|CONFIG|HIPMATCH|HIP-MATCH|AUTHENTICATION"
    "|CORRELATION|URL|DATA|WILDFIRE|TUNNEL|SCTP|IPTAG|GTP"
)
START = (
    r"^[:\s]*(?:\d*,)?(?P<date>\d{1,4}/\d{1,2}/\d{1,4} \d{1,2}:\d\d(?::\d\d(?:\.\d{1,9})?)?,[^,]*,)"
    # PAN-OS 9.1 put GlobalProtect's sequence number and action flags before the type.
    rf"(?:\d+,0x[0-9a-fA-F]+,)?(?P<kind>(?:{TYPES}),)"
)
#: An export may quote every field: then so begins a line, and fields without need for it lose their quotes.
QUOTED_START = rf'^"\d*","\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d","[^"]*","(?:{TYPES})",'
_NEEDLESS = r'"([^",]*)"'
#: Links that an SD-WAN session changed between: one field, with commas in it and no quotes around.
_LINKS = r",\{[^{}]*\}"
#: `COLUMNS` by position (1-based), for each type; the first seven are common.
_COMMON = {3: "serial", 4: "type", 5: "subtype", 7: "generated"}
_SESSION = {
    8: "src", 9: "dst", 13: "user", 23: "session", 25: "sport", 26: "dport", 30: "proto", 31: "action",
}  # fmt: skip
POSITIONS = {
    "TRAFFIC": {
        33: "sent", 34: "received", 36: "opened", 37: "elapsed", 45: "packets_sent", 46: "packets_received",
        47: "ended_by", 76: "xff", 83: "device", 84: "mac", 103: "precise", **_SESSION,
    },
    "THREAT": {
        32: "url", 47: "agent", 49: "xff", 64: "method", 80: "xff_ip", 87: "device", 88: "mac",
        108: "precise", **_SESSION,
    },
    "DECRYPTION": {61: "subject", 64: "sni", 73: "precise", 80: "device", 81: "mac", **_SESSION},
    "USERID": {9: "src", 10: "user", 14: "timeout", 16: "last_port", 34: "precise"},
    "GLOBALPROTECT": {9: "event_id", 13: "user", 15: "device", 18: "tunnel", 29: "status"},
    "HIPMATCH": {8: "user", 10: "device", 12: "src"},
    "SYSTEM": {9: "event_id", 15: "text"},
}  # fmt: skip


def unquoted(lines: pl.Series) -> pl.Series:
    """`lines`, those of an export without quotes around fields that need none."""
    quoted = lines.str.contains(QUOTED_START)
    return lines.zip_with(~quoted, lines.str.replace_all(_NEEDLESS, "$1")) if quoted.any() else lines


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of CSV, as far as a type has them."""
    text = lines["line"].str.replace(START, "1,$date$kind")
    kind = text.str.extract(r"^1,[^,]*,[^,]*,([A-Z-]+),")
    text = text.zip_with(kind != "TRAFFIC", text.str.replace(_LINKS, ","))
    found = kind.unique(maintain_order=True)
    return layouts.read(
        pl.DataFrame({"line": text, "kind": kind}), [(pl.col("kind") == name, _of(name)) for name in found]
    )


def _of(kind: str) -> layouts.Reader:
    positions = _COMMON | POSITIONS.get(kind, {})
    fields = [positions.get(n, "") for n in range(1, max(positions) + 1)]
    return lambda lines: commas.read(lines["line"], fields)
