"""Azure OpenAI and other Azure AI services (diagnostic settings, category RequestResponse; JSON).

    {"category": "RequestResponse", "callerIpAddress": "10.1.2.***", "durationMs": 1021,
     "resourceId": "…/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/NAME", "resultSignature": "200",
     "properties": {"requestLength": 128, "responseLength": 1411, "modelName": …, "objectId": …}, "time": …}

The last part of the caller's address is hidden, so who called is known only as `objectId`, its account in
Entra ID, which a call with a key has not. The host is the one that an account has unless it was given
another. Both lengths are of bodies. `properties` may be text that holds JSON. Source: Azure, "Azure OpenAI
monitoring data reference".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "time|TimeGenerated|TimeGenerated [UTC]",
    "client": "callerIpAddress|CallerIPAddress",
    "resource": "resourceId|ResourceId|_ResourceId",
    "status": "resultSignature|ResultSignature",
    "took": "durationMs|DurationMs",
    "properties": "properties|properties_s",
}
_PROPERTIES = {
    "up": "requestLength",
    "down": "responseLength",
    "model": "modelName",
    "user": "objectId",
    "api": "apiName",
}
_RESOURCE = r"(?i)microsoft\.cognitiveservices/accounts/"


class AzureOpenaiFormat(LogFormat):
    """Reads requests to Azure's AI services."""

    name = "azure-openai"
    help = "Azure OpenAI, Azure AI services: RequestResponse (diagnostic settings, Log Analytics; JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "user", "bytes_up", "bytes_down", "action")
    advice = "It hides addresses: only calls that sign in with Entra ID, not with a key, say whose they are."
    marks = ('"requestresponse"',)
    claims = objects.having("RequestResponse") & pl.col("line").str.contains(_RESOURCE)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        told = objects.read(read["properties"], _PROPERTIES)
        account = pl.col("resource").str.extract(_RESOURCE + r"([\w-]+)").str.to_lowercase()
        is_openai = pl.col("api").str.contains("(?i)openai")
        domain = one_of({".openai.azure.com": is_openai}, otherwise=".services.ai.azure.com")
        return pl.concat([read, told], how="horizontal").select(
            "time",
            "status",
            "model",
            kind=pl.lit("http"),
            client=pl.when(~pl.col("client").str.contains("*", literal=True)).then("client"),
            user_name="user",
            host=pl.concat_str(account, domain),
            server_port=pl.lit("443"),
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            duration_s=pl.col("took").cast(pl.Float64, strict=False).clip(lower_bound=0) / 1000,
            action=one_of({"blocked": pl.col("status").is_in(["401", "403"])}, otherwise="allowed"),
        )
