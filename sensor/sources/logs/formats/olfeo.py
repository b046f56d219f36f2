"""Olfeo: SaaS live logs (JSON: proxy and dns) and the on-premises proxy's access lines (day first).

    10.1.2.3 - ada [06/10/2026 10:00:00] "GET http://host/ HTTP/1.1" 200 - - 512 Category name

`user_sent_bytes` is what the client sent, `user_received_bytes` what it got; the text line has the latter
only.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, objects, patterns
from sensor.sources.logs.text.reasons import UNREADABLE
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"^ *(?<client>\S+) \S+ (?<user>.+?) \[(?<d>\d\d)/(?<m>\d\d)/(?<y>\d{4}) (?<clock>\d\d:\d\d:\d\d)\] "
    r'"(?<method>[A-Z]+) (?<url>\S+)(?: [^"]*)?" (?<status>\d{3}|-) \S+ \S+ (?<down>\d+|-)'
)
_OBJECT = {
    "time": "timestamp", "user": "display_name", "client": "src_ip", "client_port": "src_port", "url": "url",
    "domain": "domain", "method": "http_method", "status": "user_status_code", "server": "dest_ip",
    "action": "action",
    "up": "user_sent_bytes", "down": "user_received_bytes", "type": "type", "answer": "dns_answer",
    "elapsed": "user_response_time_ms",
}  # fmt: skip


class OlfeoFormat(LogFormat):
    """Reads Olfeo logs."""

    name = "olfeo"
    help = "Olfeo SaaS live logs (JSON: proxy, dns) and on-premises proxy access log"
    vantage = "proxy"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    marks = ('] "', '"user_received_bytes"')
    claims = pl.col("line").str.contains(
        r'^ *\S+ \S+ .+? \[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d\] "[A-Z]+ '
    ) | pl.col("line").str.contains(r'^\s*\{.*"user_received_bytes"\s*:.*"(?:theme_label|category_label)"')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request or lookup."""
        return layouts.read(lines, [(r"^\s*\{", _objects), (pl.lit(True), _access)])


def _objects(lines: pl.DataFrame) -> pl.DataFrame:
    fields = objects.read(lines["line"], _OBJECT)
    is_dns = (pl.col("type") == "dns").fill_null(False)
    has_url = (pl.col("url") != "").fill_null(False)
    return fields.select(
        time="time",
        at_end=pl.lit(True),
        duration_s=pl.col("elapsed").cast(pl.Float64, strict=False) / 1000,
        kind=one_of({"dns": is_dns}, otherwise="proxy"),
        client="client",
        client_port="client_port",
        user_name="user",
        roams=pl.lit(True),
        url=pl.when(~is_dns & has_url).then("url"),
        host=pl.when(is_dns | ~has_url).then("domain"),
        name_from=one_of({"url": ~is_dns & ~has_url}),
        method="method",
        status="status",
        server=pl.when(~is_dns).then("server"),
        bytes_up="up",
        bytes_down="down",
        action="action",
        answers=pl.when(is_dns).then(pl.col("answer").str.extract_all(r"\d+\.\d+\.\d+\.\d+")),
    )


def _access(lines: pl.DataFrame) -> pl.DataFrame:
    fields = patterns.read(lines["line"], _LINE)
    nothing_back = (pl.col("status") == "403") & (pl.col("down") == "0")
    return fields.select(
        time=pl.concat_str(pl.concat_str("y", "m", "d", separator="-"), pl.col("clock"), separator=" "),
        kind=pl.lit("proxy"),
        client="client",
        user_name="user",
        url="url",
        method="method",
        status="status",
        transport=pl.lit("tcp"),
        bytes_down="down",
        # A page the proxy refuses has no bytes of the origin's.
        action=one_of({"blocked": nothing_back}, otherwise="allowed"),
        reason=one_of({UNREADABLE: pl.col("url").is_null()}),
    )
