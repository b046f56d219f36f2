"""Objects whose keys are whoever wrote the logformat's; known by a result code among the values.

`bytes_sent`, `bytes_out`, `size`: %<st; `bytes_received`, `bytes_in`, `request_size`: %>st.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.squid.columns import rows
from sensor.sources.logs.text import objects, stamps

_RESULT = (
    r'"((?:TCP|UDP)_(?:[A-Z]+_)*(?:HIT|MISS|DENIED|TUNNEL|REDIRECT|MODIFIED|UNMODIFIED|NONE|ABORTED|TIMEDOUT'
    r'|FAIL|ERROR|RELOAD|NOFETCH|INVALID)(?:_[A-Z]+)*|NONE_NONE)[/:"]'
)
_CLIENTS = (
    "client", "client_ip", "clientip", "client_addr", "src_ip", "source_ip", "remote_addr", "remote_ip",
)  # fmt: skip
_KEYS = {
    "at": "timestamp|time|ts|@timestamp|datetime|date|time_local",
    "elapsed_ms": "duration_ms|elapsed_ms|elapsed|duration|response_time|response_time_ms",
    "client": "|".join(_CLIENTS), "client_port": "client_port|src_port",
    "user": "user|username|user_name|http_username", "method": "method|http_method|request_method",
    "url": "url|uri|request_url|http_url|request_uri|domain|host",
    "status": "status|http_status|status_code|http_status_code",
    "peer": "dest_ip|server_ip|peer|server_addr", "up": "bytes_received|bytes_in|request_size",
    "down": "bytes_sent|bytes_out|bytes|size|reply_size|response_size", "sni": "sni|ssl_sni",
    "agent": "user_agent|http_user_agent|agent",
}  # fmt: skip
CLAIMS = (
    pl.col("line").str.contains(r"^\{") & objects.having_any(*_CLIENTS) & pl.col("line").str.contains(_RESULT)
)


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`row` and `COLUMNS` of objects."""
    line = lines["line"]
    told = objects.read(line, _KEYS).with_columns(
        result=line.str.extract(_RESULT),
        hierarchy=line.str.extract(r'[":](HIER_[A-Z_]+)[/"]'),
        peer=pl.coalesce("peer", line.str.extract(r'[":]HIER_[A-Z_]+/([^"]+)"')),
    )
    return rows(lines, told, stamps.read(told["at"]))
