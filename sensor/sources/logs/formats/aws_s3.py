"""Amazon S3: server access logs, of buckets of one's own.

    OWNER BUCKET [06/Oct/2026:10:00:00 +0000] 10.1.2.3 arn:aws:iam::1:user/ada REQUEST REST.PUT.OBJECT key
      "PUT /key HTTP/1.1" 200 - 142 5120 17 9 "referer" "agent" VERSION HOSTID SigV4 CIPHER AuthHeader HOST …

Bytes sent are the answer's without heads; the object's size is what a PUT has sent. The host is that of the
endpoint, with or without the bucket's name. Requests of AWS itself have no address; what S3 does by itself
(lifecycle, batches) has no request. Source: Amazon S3, "Server access log format".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import NO_REQUEST
from sensor.sources.logs.text.words import one_of

_HEAD = (
    r"^[0-9a-f]{64} [\w.-]+ \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r"(?P<client>[0-9a-fA-F.:]+|-) (?P<user>\S+) \S+ (?P<operation>[A-Z][A-Z0-9]*\.[A-Z_.]+) \S+ "
)
_REQUEST = (
    r'"(?P<method>[A-Z]+) (?P<path>\S+) [^"]*" (?P<status>\d{3}|-) \S+ (?P<sent>\d+|-) (?P<size>\d+|-) '
    r'(?P<took>\d+|-) \S+ (?:"[^"]*"|-) (?:"(?P<agent>[^"]*)"|-)(?: \S+){5} (?P<host>\S+)'
)


class AwsS3Format(LogFormat):
    """Reads access logs of S3 buckets."""

    name = "aws-s3"
    help = "Amazon S3: server access logs of buckets"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    marks = (" rest.", " batch.", " s3.", " soap.", " website.")
    claims = pl.col("line").str.contains(ascii_only(_HEAD))

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http)."""
        head = patterns.read(lines["line"], _HEAD)
        read = head.hstack(patterns.read(lines["line"], _REQUEST))
        return read.select(
            *("time", "client", "method", "status", "path", "host"),
            duration_s=pl.col("took").cast(pl.Float64, strict=False) / 1000,
            at_end=pl.lit(False),
            kind=pl.lit("http"),
            # Of a role that was assumed, the name of its session; a service of AWS is no user.
            user_name=pl.when(pl.col("user").str.starts_with("arn:")).then(
                pl.col("user").str.extract(r"([^/:]+)$")
            ),
            user_agent="agent",
            server_port=pl.lit("443"),
            transport=pl.lit("tcp"),
            bytes_up=pl.when(pl.col("method").is_in(["PUT", "POST"])).then("size"),
            bytes_down="sent",
            action=one_of({"blocked": pl.col("status").is_in(["401", "403"])}, otherwise="allowed"),
            reason=one_of({NO_REQUEST: pl.col("method").is_null()}),
        )
