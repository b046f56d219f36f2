"""AWS CloudTrail (JSON): calls of AWS's own APIs, of which those to Bedrock and SageMaker are AI use.

`tlsDetails.clientProvidedHostHeader` is the endpoint's name the caller asked for; events without it
(console, service to service, older ones) name no endpoint. `sourceIPAddress` may be a service's name
instead of an address. There are no sizes. `requestParameters.modelId` is the model. Source: AWS
CloudTrail User Guide, "CloudTrail record contents"; Amazon Bedrock User Guide, "Monitor API calls using
CloudTrail".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_SERVICE
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "eventTime",
    "client": "sourceIPAddress",
    "host": "tlsDetails.clientProvidedHostHeader",
    "agent": "userAgent",
    "user": "userIdentity.userName|userIdentity.sessionContext.sessionIssuer.userName|userIdentity.arn",
    "error": "errorCode",
    "model": "requestParameters.modelId",
    "whom": "userIdentity.principalId",
}


class AwsCloudtrailFormat(LogFormat):
    """Reads AWS CloudTrail events."""

    name = "aws-cloudtrail"
    help = "AWS CloudTrail: API calls with the endpoint's name (Bedrock, SageMaker …)"
    vantage = "proxy"
    proof = ("host", "user", "action", "user_agent")
    advice = "CloudTrail has no sizes. Switch on data events of Bedrock to see invocations."
    marks = ('"eventversion"',)
    claims = objects.having("eventVersion", "eventSource", "eventName")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        # Of an assumed role, what stands after the colon is who took it.
        taken = pl.col("whom").str.extract(r":([^:]+)$")
        denied = pl.col("error").str.contains("(?i)denied|unauthorized").fill_null(False)
        address = pl.col("client").str.contains(r"^[\d.]+$|:")
        return read.select(
            "time",
            "host",
            "model",
            kind=pl.lit("http"),
            client=pl.when(address).then("client"),
            user_name=pl.coalesce(taken, "user"),
            user_agent="agent",
            server_port=pl.lit("443"),
            transport=pl.lit("tcp"),
            action=one_of({"blocked": denied}, otherwise="allowed"),
            reason=one_of({NO_SERVICE: pl.col("host").is_null()}),
        )
