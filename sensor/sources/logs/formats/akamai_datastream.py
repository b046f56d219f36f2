"""Akamai DataStream 2: requests to names of one's own at Akamai's edge, as JSON and space-separated.

    {"version":1,"streamId":"12345","cp":"123456","reqId":"1239f220","reqTimeSec":"1791280800.120",
     "bytes":"4995","cliIP":"10.1.2.3","statusCode":"200","proto":"HTTPS","reqHost":"chat.example.com",
     "reqMethod":"GET","reqPath":"/a","reqPort":"443","UA":"Mozilla%2F5.0+%28X11%29", …}
    1 12345 123456 1239f220 1791280800.120 4995 10.1.2.3 200 HTTPS chat.example.com GET /a 443 500 text/html …

`bytes` is the body of the answer as it was sent; what a client sent is not counted. `overheadBytes` is of
both directions, so neither it nor `totalBytes` is used. `edgeIP` is Akamai's server, not the origin.
`errorCode` tells that the edge refused; `securityRules` is the policy, the rules that warn and those that
deny, between bars. Values are escaped as in URLs. Each stream has fields and an order of its own: separated
lines are read where they begin as Akamai's sample does. Source: Akamai, "DataStream 2", log
format, data set parameters.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, objects, patterns
from sensor.sources.logs.text.escapes import unescaped
from sensor.sources.logs.text.words import one_of

_JSON = {
    "time": "reqTimeSec", "client": "cliIP", "status": "statusCode", "proto": "proto", "host": "reqHost",
    "method": "reqMethod", "path": "reqPath", "port": "reqPort", "agent": "UA", "down": "bytes",
    "error": "errorCode", "rules": "securityRules",
}  # fmt: skip
_SEPARATED = (
    r"^\d+[ \t]\d+[ \t]\d+[ \t][0-9a-f]+[ \t](?<time>\d{10}(?:\.\d+)?)[ \t](?<down>\d+)[ \t]"
    r"(?<client>[0-9a-fA-F.:]+)[ \t](?<status>\d{3})[ \t](?<proto>HTTPS?)[ \t](?<host>\S+)[ \t]"
    r"(?<method>[A-Z]+)[ \t](?<path>\S+)[ \t](?<port>\d+)[ \t](?:\S+[ \t]\S+[ \t](?<agent>\S+))?"
    r"(?:.*[ \t](?<error>ERR_[A-Z_]+)\|)?"
)


class AkamaiDatastreamFormat(LogFormat):
    """Reads requests as Akamai's edge logs them."""

    name = "akamai-datastream"
    help = "Akamai DataStream 2: delivery logs (JSON, space- or tab-separated)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "bytes_down", "action", "user_agent")
    advice = "Choose Request host, Request method, Client IP and Bytes; no field counts what a client sent."
    marks = ('"reqhost"', " http", "\thttp")
    claims = objects.having("cliIP", "reqHost", "reqTimeSec") | pl.col("line").str.contains(_SEPARATED)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http)."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _JSON))),
                (_SEPARATED, lambda part: _rows(patterns.read(part["line"], _SEPARATED))),
            ],
        )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    read = layouts.conformed(read, _JSON)
    agent = unescaped(read["agent"].str.replace_all("+", " ", literal=True), "%")
    denied = pl.col("error").str.contains("ERR_ACCESS_DENIED", literal=True)
    denied |= pl.col("rules").str.contains(r"^[^|]*\|[^|]*\|[^|]").fill_null(False)
    authority = pl.concat_str(pl.col("proto").str.to_lowercase(), pl.lit("://"), "host")
    return read.select(
        *("time", "client", "method", "status"),
        kind=pl.lit("http"),
        url=pl.concat_str(authority, pl.lit("/"), pl.col("path").str.strip_prefix("/").fill_null("")),
        host=pl.when(pl.col("proto").is_null()).then("host"),
        path=pl.when(pl.col("proto").is_null()).then("path"),
        user_agent=agent,
        server_port="port",
        transport=pl.lit("tcp"),
        bytes_down="down",
        action=one_of({"blocked": denied}, otherwise="allowed"),
    )
