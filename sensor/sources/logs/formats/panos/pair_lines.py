"""`name=value` with commas or bars between, by log forwarding templates of monitoring services."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import keyvalue, layouts
from sensor.sources.logs.text.words import said

CLAIM = r"\bserial=[^,|]*(?:, |\|)type=(?:TRAFFIC|THREAT|DECRYPTION)\b"
_HAS_BARS = r"\bserial=[^,|]*\|type="
_KEYS = {
    "serial": "serial", "type": "type", "subtype": "subtype", "generated": "time_generated",
    "precise": "high_res_timestamp", "src": "network.client.ip|src", "dst": "network.destination.ip|dst",
    "user": "usr.id|srcuser|suser", "session": "sessionid",
    "sport": "network.client.port|sport",
    "dport": "network.destination.port|dport", "proto": "proto",
    "action": "evt.name|action|act",
    "sent": "network.bytes_read|bytes_sent", "received": "network.bytes_written|bytes_received",
    "elapsed": "elapsed", "ended_by": "session_end_reason", "packets_sent": "pkts_sent|pktsent",
    "packets_received": "pkts_received|pktrcvd", "url": "misc",
    "agent": "http.useragent|user_agent", "method": "http_method", "xff_ip": "xff_ip", "device": "src_host",
    "mac": "src_mac", "sni": "sni",
}  # fmt: skip


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of pairs, as far as they have them."""
    return layouts.read(
        lines,
        [
            (_HAS_BARS, lambda part: _known(keyvalue.read(part["line"], _KEYS, separator="|"))),
            # Values have blanks in them.
            (pl.lit(True), lambda part: _known(keyvalue.read(part["line"], _KEYS, spaced=True))),
        ],
    )


def _known(read: pl.DataFrame) -> pl.DataFrame:
    return read.select(said(name) for name in read.columns)
