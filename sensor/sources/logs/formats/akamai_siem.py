"""Akamai SIEM Integration (JSON): requests to names of one's own that the web application firewall noticed.

    {"type": "akamai_siem", "attackData": {"clientIP", "ruleActions" | "rules": [{"ruleAction"}], …},
     "httpMessage": {"host", "path", "method", "status", "bytes", "start", "requestHeaders", …}}

`ruleActions` are Base64 between semicolons, percent-encoded; later versions list the rules in plain text.
`bytes` is what the client got. The last line of a download counts events and tells where to go on.
Source: Akamai TechDocs, "SIEM Integration API", response format.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.escapes import unescaped
from sensor.sources.logs.text.reasons import SUMMARY
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "client": "attackData.clientIP",
    "actions": "attackData.ruleActions",
    "applied": "attackData.appliedAction",
    "time": "httpMessage.start",
    "host": "httpMessage.host",
    "port": "httpMessage.port",
    "path": "httpMessage.path",
    "method": "httpMessage.method",
    "status": "httpMessage.status",
    "protocol": "httpMessage.protocol",
    "tls": "httpMessage.tls",
    "down": "httpMessage.bytes",
    "headers": "httpMessage.requestHeaders",
}
#: `deny`, `DENY` and `Deny` in Base64, and as they are.
_DENIED = r"(?:^|;|%3[bB])\s*(?:ZGVueQ|REVOWQ|RGVueQ|(?i:deny|tarpit|slow))"
_DENIED_RULE = r'(?i)"ruleAction"\s*:\s*"(?:deny|tarpit|slow)'
_AGENT = r"(?i)(?:^|%0a|\n|\")user-agent(?:%3a|\"?\s*:)(?:%20|\s|\")*(.*?)(?:%0d|%0a|\r|\n|\"|$)"


class AkamaiSiemFormat(LogFormat):
    """Reads Akamai's security events."""

    name = "akamai-siem"
    help = "Akamai SIEM Integration: security events of the web application firewall (JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "bytes_down", "action", "user_agent")
    marks = ('"akamai_siem"', '"offset"')
    claims = objects.having("akamai_siem", "attackData") | pl.col("line").str.contains(
        r'^\s*\{\s*"total"\s*:\s*\d+\s*,\s*"offset"\s*:\s*"[^"]*;[^"]*"\s*,\s*"limit"\s*:\s*\d+'
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        denied = (
            pl.col("applied").str.to_lowercase().is_in(["deny", "tarpit", "slow"])
            | pl.col("actions").str.contains(_DENIED)
            | pl.lit(lines["line"].str.contains(_DENIED_RULE))
        )
        return read.select(
            "time",
            "client",
            "host",
            "path",
            "method",
            "status",
            kind=pl.lit("http"),
            name_from=pl.lit("http_host"),
            server_port="port",
            transport=one_of({"udp": pl.col("protocol").str.contains("(?i)^h(?:ttp/)?3")}, otherwise="tcp"),
            decrypted=(pl.col("port") == "443") | pl.col("tls").is_not_null(),
            user_agent=unescaped(read["headers"].str.extract(_AGENT), "%"),
            bytes_down="down",
            action=one_of({"blocked": denied}, otherwise="allowed"),
            reason=one_of({SUMMARY: pl.col("client").is_null() & pl.col("host").is_null()}),
        )
