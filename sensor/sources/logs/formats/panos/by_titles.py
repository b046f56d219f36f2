"""CSV below a line of titles: the console's export, where somebody may have left out or moved columns."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import commas

#: Titles of the console's export, or the fields' own names, of sessions and requests.
_TITLES = {
    "serial": "serial #|serial", "type": "type", "subtype": "threat/content type|subtype",
    "generated": "generate time|time_generated|generated_time|receive time|receive_time",
    "precise": "high res timestamp|high_res_timestamp", "src": "source address|src|src_ip",
    "dst": "destination address|dst|dst_ip", "user": "source user|srcuser",
    "session": "session id|sessionid", "sport": "source port|sport", "dport": "destination port|dport",
    "proto": "ip protocol|proto", "action": "action", "sent": "bytes sent|bytes_sent",
    "received": "bytes received|bytes_received", "opened": "start time|start|start_time",
    "elapsed": "elapsed time (sec)|elapsed", "packets_sent": "packets sent|pkts_sent",
    "packets_received": "packets received|pkts_received",
    "ended_by": "session end reason|session_end_reason", "url": "url|url/filename|misc",
    "agent": "user agent|user_agent", "method": "http method|http_method",
    "xff": "x-forwarded-for|xff", "xff_ip": "x-forwarded-for ip|xff address|xff_ip",
    "device": "source hostname|src_host", "mac": "source mac address|src_mac",
}  # fmt: skip
_FIRST = r'(?:"?(?:domain|future_use_?\d?)"?,)?"?receive[ _]time"?,"?serial(?: #)?"?,"?type"?,'
_SOURCE = r'"?(?:source address|src(?:_ip)?)"?,'
HEADER = rf"(?i)^{_FIRST}(?:.*,)?{_SOURCE}"
#: Nothing was left out or moved, up to the verdict: positions know more than titles.
IN_PLACE = rf'(?i)^{_FIRST}(?:[^,]*,){{3}}{_SOURCE}(?:[^,]*,){{22}}"?action"?,'


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of lines below titles, as far as they are titled."""
    return commas.read_headed(lines.select("header", "line"), _TITLES)
