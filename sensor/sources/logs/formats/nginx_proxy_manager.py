"""nginx-proxy-manager: requests to the hosts it stands before, and to redirected and dead ones.

    [06/Oct/2026:10:00:00 +0000] - 200 200 - GET https chat.example.com "/a?b=1" [Client 10.1.2.3]
     [Length 4995] [Gzip -] [Sent-to 10.20.0.9] "Mozilla/5.0" "-"
    [06/Oct/2026:10:00:00 +0000] 404 - GET http old.example.com "/" [Client 10.1.2.3] [Length 162] …

First the cache's word and the status of the server behind, then the status the client got. `Length` is the
body of the answer; what a client sent is not counted. `Sent-to` is the server behind, by name or address. The
stamp is the end. Source: nginx-proxy-manager, `docker/rootfs/etc/nginx/conf.d/include/log.conf`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns

_LINE = (
    r"^\[(?<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r"(?:(?:-|[A-Z]+) .{1,80}? )?(?<status>\d{3}) - "
    r'(?<method>[A-Z]+) (?<scheme>https?) (?<host>\S+) "(?<path>[^"]*)" \[Client (?<client>[0-9a-fA-F.:]+)\] '
    r"\[Length (?<down>\d+)\] \[Gzip [^\]]*\]"
    r'(?: \[Sent-to (?:(?<server>[0-9.]+|[0-9a-fA-F]*:[0-9a-fA-F:]+)|[^\]]*)\])? "(?<agent>[^"]*)"'
)


class NginxProxyManagerFormat(LogFormat):
    """Reads access logs of nginx-proxy-manager."""

    name = "nginx-proxy-manager"
    help = "nginx-proxy-manager 2: access logs of proxy, redirection and dead hosts"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "bytes_down", "user_agent")
    advice = "It counts no uploads: add $request_length in /data/nginx/custom, or log flows."
    marks = ("] [length ",)
    claims = pl.col("line").str.contains(_LINE)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http)."""
        return patterns.read(lines["line"], _LINE).select(
            *("time", "client", "method", "status", "server"),
            at_end=pl.lit(True),
            kind=pl.lit("http"),
            url=pl.concat_str("scheme", pl.lit("://"), "host", "path"),
            user_agent="agent",
            transport=pl.lit("tcp"),
            bytes_down="down",
            action=pl.lit("allowed"),
        )
