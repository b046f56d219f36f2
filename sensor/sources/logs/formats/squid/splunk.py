"""key=value, as the Splunk add-on recommends it. Its `bytes_in` is what the client sent."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.squid.columns import STAMP_CHARS, rows, stamp
from sensor.sources.logs.text import keyvalue

MARK = r"\blogformat=splunk_recommended_squid\b"
_KEYS = {
    "elapsed_ms": "duration", "client": "src_ip", "client_port": "src_port", "user": "user",
    "method": "http_method", "url": "url",
    "status": "status", "result": "vendor_action", "hierarchy": "dest_status",
    "peer": "dest_ip", "up": "bytes_in", "down": "bytes_out", "sni": "sni", "agent": "http_user_agent",
}  # fmt: skip


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`row` and `COLUMNS` of lines in this layout."""
    line = pl.col("line")
    marked = lines.select(pl.when(line.str.contains(MARK)).then(line)).to_series()
    return rows(lines, keyvalue.read(marked, _KEYS), stamp(pl.lit(marked.str.head(STAMP_CHARS))))
