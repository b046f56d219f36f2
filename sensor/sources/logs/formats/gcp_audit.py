"""Google Cloud audit logs (JSON): calls of Google's own APIs, of which those to Vertex AI are AI use.

    {"protoPayload": {"serviceName": "aiplatform.googleapis.com", "methodName": "….Predict",
     "authenticationInfo": {"principalEmail": "ada@example.com"}, "requestMetadata": {"callerIp": "10.1.2.3",
     "callerSuppliedUserAgent": …}, "status": {"code": 7}, …}, "timestamp": …, "logName": "…cloudaudit…"}

The service's name is the API's host; regional hosts (`us-central1-aiplatform…`) are not told. `callerIp` is
`private`, `gce-internal-ip` or a service's name for calls within Google. Status 7 is PERMISSION_DENIED, 16
UNAUTHENTICATED. No sizes; predictions are data access logs, off by default. Source: Google Cloud, "AuditLog"
reference; "Vertex AI audit logging".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_SERVICE
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "timestamp", "host": "protoPayload.serviceName", "method": "protoPayload.methodName",
    "client": "protoPayload.requestMetadata.callerIp",
    "agent": "protoPayload.requestMetadata.callerSuppliedUserAgent",
    "user": "protoPayload.authenticationInfo.principalEmail", "code": "protoPayload.status.code",
    "what": "protoPayload.resourceName",
}  # fmt: skip
_DENIED = ("7", "16")


class GcpAuditFormat(LogFormat):
    """Reads Google Cloud audit logs."""

    name = "gcp-audit"
    help = "Google Cloud audit logs: API calls with the service's name (Vertex AI …)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "user", "action", "user_agent")
    advice = "They have no sizes. Switch on data access logs of the Vertex AI API to see predictions."
    marks = ('"protopayload"',)
    claims = objects.having("protoPayload", "serviceName", "methodName")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per call (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        address = pl.col("client").str.contains(r"^[\d.]+$|:")
        return read.select(
            *("time", "host"),
            kind=pl.lit("http"),
            client=pl.when(address).then("client"),
            user_name="user",
            user_agent="agent",
            model=pl.col("what").str.extract(r"/publishers/[^/]+/models/([^/:]+)"),
            server_port=pl.lit("443"),
            transport=pl.lit("tcp"),
            action=one_of({"blocked": pl.col("code").is_in(_DENIED)}, otherwise="allowed"),
            reason=one_of({NO_SERVICE: ~pl.col("host").str.ends_with(".googleapis.com").fill_null(False)}),
        )
