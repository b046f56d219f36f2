"""Amazon Bedrock: model invocation log (JSON of CloudWatch or S3).

    {"schemaType": "ModelInvocationLog", "timestamp": "2026-10-06T10:00:00Z", "identity": {"arn":
     "arn:aws:sts::1:assumed-role/dev/ada"}, "region": "eu-west-1", "operation": "InvokeModel",
     "modelId": "…", "input": {"inputTokenCount": 12, …}, "output": {…}}

The log names neither address nor host: the host is that of Bedrock's runtime in the region. Of an assumed
role, the session's name is who took it. Prompts and answers, which the log may hold, are not read. An
`errorCode` of AccessDeniedException is a refusal. Source: Amazon Bedrock User Guide, "Monitor model
invocation using CloudWatch Logs and Amazon S3".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "timestamp", "arn": "identity.arn", "region": "region|inferenceRegion", "model": "modelId",
    "error": "errorCode",
}  # fmt: skip


class AwsBedrockFormat(LogFormat):
    """Reads invocations of models on Amazon Bedrock."""

    name = "aws-bedrock"
    help = "Amazon Bedrock: model invocation log (JSON)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "user", "action")
    advice = "It has no addresses; CloudTrail's data events of Bedrock do."
    marks = ('"modelinvocationlog"',)
    claims = objects.having("schemaType", "ModelInvocationLog")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per invocation (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        model = pl.col("model").str.replace(r"^arn:.*/", "")
        return read.select(
            "time",
            kind=pl.lit("http"),
            user_name=pl.col("arn").str.extract(r"([^/:]+)$"),
            host=pl.concat_str(pl.lit("bedrock-runtime."), "region", pl.lit(".amazonaws.com")),
            model=model,
            server_port=pl.lit("443"),
            transport=pl.lit("tcp"),
            action=one_of({"blocked": pl.col("error").str.contains("AccessDenied")}, otherwise="allowed"),
        )
