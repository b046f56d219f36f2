"""Azure Application Gateway, Front Door, CDN, App Service (JSON): requests to names of one's own.

Application Gateway counts from its own side: `receivedBytes` is what the client sent. Front Door says
`requestBytes` and `responseBytes`, heads included. `timeTaken` is in seconds (of App Service, and of
Application Gateway v1, whose instances are `ApplicationGatewayRole_…`, in milliseconds), the stamp the end.
What one place of the network asks another (`isReceivedFromClient` is false) is logged at the first, too. Web
application firewall logs name the rule that fired for a request the access log has, too: of them only what
was blocked is told. Source: Azure, "Application Gateway diagnostic logs"; "Monitor Azure Front Door: access
log, WAF log"; "AppServiceHTTPLogs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import ALERT, REPEATED
from sensor.sources.logs.text.words import one_of

_KEYS = {
    "client": "clientIP|clientIp|socketIP|ClientIp|CIp",
    "client_port": "clientPort|ClientPort",
    "host": "CsHost|originalHost|host|hostName|hostname|OriginalHost|Host|HostName|Hostname",
    "uri": "originalRequestUriWithArgs|requestUri|OriginalRequestUriWithArgs|RequestUri|CsUriStem",
    "method": "httpMethod|HttpMethod|CsMethod",
    "status": "httpStatus|httpStatusCode|HttpStatus|HttpStatusCode|ScStatus",
    "agent": "userAgent|UserAgent",
    "server": "serverRouted|originIp|ServerRouted",
    "up": "receivedBytes|requestBytes|ReceivedBytes|CsBytes",
    "down": "sentBytes|responseBytes|SentBytes|ScBytes",
    "user": "CsUsername",
    "port": "SPort",
    "taken": "timeTaken|TimeTaken",
    "action": "action|Action",
    "by_client": "isReceivedFromClient|IsReceivedFromClient",
}
_FIELDS = {
    # Log Analytics: names begin with a capital, or end in their type (`host_s`, AzureDiagnostics).
    name: "|".join(
        f"{before}{key}{after}"
        for key in keys.split("|")
        for before, after in (("properties.", ""), ("", ""), ("", "_s"), ("", "_d"))
    )
    for name, keys in _KEYS.items()
} | {
    "time": "timeStamp|time|timestamp|TimeGenerated",
    "instance": "properties.instanceId|instanceId|instanceId_s|InstanceId",
    "category": "category|Category|Type",
}
_LOGS = (
    r"(?i)application ?gateway(?:Access|Firewall)Log|FrontDoor(?:Access|WebApplicationFirewall)Log|"
    r"AzureCdnAccessLog|\bAGW(?:Access|Firewall)Logs\b|\bAppServiceHTTPLogs\b"
)
_PORT = r"^((?:\d+\.){3}\d+|\[.*\]):(\d+)$"


class AzureHttpFormat(LogFormat):
    """Reads Azure's HTTP access logs."""

    name = "azure-http"
    help = "Azure Application Gateway, Front Door, CDN, App Service: access and WAF logs (JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    marks = ('"category"', '"type"')
    claims = objects.having_any("category", "Category", "Type") & pl.col("line").str.contains(_LOGS)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind http)."""
        read = _read(lines["line"])
        wall = pl.col("category").str.contains("Firewall").fill_null(False)
        blocked = (
            pl.col("action").str.to_lowercase().is_in(["block", "blocked", "jschallenge"]).fill_null(False)
        )
        whole = pl.col("uri").str.contains("^[a-z]+://").fill_null(False)
        first = pl.col("instance").str.starts_with("ApplicationGatewayRole_").fill_null(False)
        in_ms = first | (pl.col("category") == "AppServiceHTTPLogs").fill_null(False)
        took = pl.col("taken").cast(pl.Float64, strict=False) / pl.when(in_ms).then(1000).otherwise(1)
        return read.select(
            "time",
            "client_port",
            "method",
            "status",
            at_end=pl.lit(True),
            duration_s=took,
            kind=pl.lit("http"),
            client=pl.col("client").str.replace(_PORT, "$1"),
            url=pl.when(whole).then("uri"),
            host=pl.when(~whole).then("host"),
            path=pl.when(~whole).then("uri"),
            user_name=pl.when(pl.col("user") != "-").then("user"),
            user_agent="agent",
            server=pl.col("server").str.replace(_PORT, "$1"),
            server_port=pl.coalesce(pl.col("server").str.extract(_PORT, 2), "port"),
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": blocked}, otherwise="allowed"),
            reason=one_of(
                {ALERT: wall & ~blocked, REPEATED: pl.col("by_client").str.to_lowercase() == "false"}
            ),
        )


def _read(line: pl.Series) -> pl.DataFrame:
    """`_FIELDS` of records; App Service may write the object `properties` as text."""
    read = objects.read(line, _FIELDS)
    quoted = line.str.contains(r'"properties"\s*:\s*"\{')
    if not quoted.any():
        return read
    within = objects.read(objects.read(line, ["properties"])["properties"], _FIELDS)
    return read.select(pl.coalesce(pl.when(quoted).then(within[name]), name) for name in read.columns)
