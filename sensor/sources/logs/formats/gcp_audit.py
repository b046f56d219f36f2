"""Google Cloud audit logs (JSON): calls of Google's own APIs, of which those to Vertex AI are AI use.

    {"protoPayload": {"serviceName": "aiplatform.googleapis.com", "methodName": "….Predict",
     "authenticationInfo": {"principalEmail": "ada@example.com"}, "requestMetadata": {"callerIp": "10.1.2.3",
     "callerSuppliedUserAgent": …}, "status": {"code": 7}, …}, "timestamp": …, "logName": "…cloudaudit…"}

The service's name is the API's host; regional hosts (`us-central1-aiplatform…`) are not told. `callerIp` is
`private`, `gce-internal-ip` or a service's name for calls within Google. Status 7 is PERMISSION_DENIED, 16
UNAUTHENTICATED. No sizes; predictions are data access logs, off by default. Sign-ins to Google Workspace that
are shared with Google Cloud (`login.googleapis.com`) are weak leases. Source: Google Cloud, "AuditLog"
reference; "Vertex AI audit logging"; "Audit logs for Google Workspace".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SERVICE, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "timestamp", "host": "protoPayload.serviceName", "method": "protoPayload.methodName",
    "client": "protoPayload.requestMetadata.callerIp",
    "agent": "protoPayload.requestMetadata.callerSuppliedUserAgent",
    "user": "protoPayload.authenticationInfo.principalEmail", "code": "protoPayload.status.code",
    "what": "protoPayload.resourceName",
}  # fmt: skip
_DENIED = ("7", "16")
_LOGIN = "login.googleapis.com"


class GcpAuditFormat(LogFormat):
    """Reads Google Cloud audit logs."""

    name = "gcp-audit"
    help = "Google Cloud audit logs: API calls with the service's name (Vertex AI …)"
    vantage = "proxy"
    proof = ("host", "user", "action", "user_agent")
    advice = "They have no sizes. Switch on data access logs of the Vertex AI API to see predictions."
    marks = ('"protopayload"',)
    claims = objects.having("protoPayload", "serviceName", "methodName")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per call (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        address = pl.col("client").str.contains(r"^[\d.]+$|:")
        is_login = (pl.col("host") == _LOGIN).fill_null(False)
        call = {
            "host": pl.col("host"),
            "user_agent": pl.col("agent"),
            "model": pl.col("what").str.extract(r"/publishers/[^/]+/models/([^/:]+)"),
            "server_port": pl.lit("443"),
            "transport": pl.lit("tcp"),
            "action": one_of({"blocked": pl.col("code").is_in(_DENIED)}, otherwise="allowed"),
        }
        login = {name: pl.when(is_login).then(value) for name, value in signed_in().items()}
        return read.select(
            "time",
            client=pl.when(address).then("client"),
            user_name="user",
            **{name: pl.when(~is_login).then(value) for name, value in call.items()},
            **login | {"kind": one_of({"lease": is_login}, otherwise="http")},
            reason=one_of(
                {
                    NO_SERVICE: ~pl.col("host").str.ends_with(".googleapis.com").fill_null(False),
                    FAILED_SIGN_IN: is_login & pl.col("method").str.ends_with(".loginFailure"),
                    NO_SIGN_IN: is_login & ~pl.col("method").str.ends_with(".loginSuccess"),
                }
            ),
        )
