"""AWS WAF web ACL traffic log (JSON): requests to one's own names, with the verdict.

Host and user agent stand among the headers, spelled as the client did. There are no sizes.
Source: AWS WAF Developer Guide, "Log fields for web ACL traffic".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "timestamp",
    "action": "action",
    "client": "httpRequest.clientIp",
    "path": "httpRequest.uri",
    "method": "httpRequest.httpMethod",
    "named": "httpRequest.host",
    "status": "responseCodeSent",
}


class AwsWafFormat(LogFormat):
    """Reads AWS WAF logs."""

    name = "aws-waf"
    help = "AWS WAF: web ACL traffic log (JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "action", "user_agent")
    advice = "WAF logs no sizes: add the access log of the load balancer or distribution."
    marks = ('"httprequest"',)
    claims = objects.having("webaclId", "httpRequest")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http)."""
        line = pl.col("line")
        headers = lines.select(
            host=line.str.extract(_header("host")), agent=line.str.extract(_header("user-agent"))
        )
        read = objects.read(lines["line"], _FIELDS).hstack(headers)
        word = pl.col("action").str.to_uppercase()
        refused = word.is_in(["BLOCK", "CAPTCHA", "CHALLENGE"]).fill_null(False)
        return read.select(
            *("time", "client", "path", "method", "status"),
            kind=pl.lit("http"),
            host=pl.coalesce("host", "named"),
            user_agent="agent",
            transport=pl.lit("tcp"),
            action=one_of({"blocked": refused}, otherwise="allowed"),
        )


def _header(name: str) -> str:
    return rf'(?i)"name"\s*:\s*"{name}"\s*,\s*"value"\s*:\s*"([^"]*)"'
