r"""3proxy: requests of its HTTP, SOCKS and port services, in its default layout and that of its samples.

    261006100000.123 3128 00000 jane 10.1.2.3:40000 192.0.2.7:443 900 7000 0 CONNECT chat.example.com:443
    1791280800.123  PROXY.3128 00000 - 10.1.2.3:40000 192.0.2.7:443 900 7000 0 CONNECT_chat.example.com:443_…

Behind the stamp: service and port, error, user, client, server, bytes from the client, bytes from the
server, hops, request. The stamp is of the end. Errors 1 to 10 are refusals (access list, account, traffic
limit), 4 asks for a name and password. The default stamp is in UTC; others as `logformat` says.
Source: 3proxy.cfg(5), `logformat`; 3proxy, "Log error codes".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import CHALLENGE
from sensor.sources.logs.text.words import one_of

_END = r"(?:\[[0-9a-fA-F:]+\]|[0-9a-fA-F.:]+):\d{1,5}"
_LINE = (
    r"(?:[A-Z][\w-]*\.)?\d{1,5} (?P<error>00\d{3}) (?P<user>\S+) "
    rf"(?P<client>{_END}) (?P<server>{_END}) (?P<up>\d+) (?P<down>\d+) \d+ (?P<request>.+)$"
)
_DEFAULT_STAMP = r"^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d\.\d+)$"
_GERMAN_STAMP = r"^(\d\d)-(\d\d)-(\d{4}) "
_REQUEST = r"^(?P<method>[A-Z]+)[ _](?P<url>\S+?)(?:[ _]HTTP/[\d.]+)?$"


class ThreeproxyFormat(LogFormat):
    """Reads 3proxy's log."""

    name = "3proxy"
    help = "3proxy 0.8 and 0.9: HTTP, SOCKS and port services, default and sample logformat"
    vantage = "proxy"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    marks = (" 00",)
    claims = pl.col("line").str.contains(
        ascii_only(
            r"^\d\S*(?: \d\d:\d\d:\d\d(?: [+-]\d{4})?| +\[[^\]]+\])? +"
            rf"(?:[A-Z][\w-]*\.)?\d{{1,5}} 00\d{{3}} \S+ {_END} {_END} \d+ \d+ \d+ \S"
        )
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        read = patterns.read(lines["line"], _LINE)
        request = pl.col("request").str.extract_groups(_REQUEST).struct
        error = pl.col("error").cast(pl.Int64, strict=False)
        return read.select(
            time=pl.Series(_stamp(lines["line"])),
            kind=pl.lit("proxy"),
            client=pl.col("client").str.extract(r"^(.*):\d+$"),
            client_port=pl.col("client").str.extract(r":(\d+)$"),
            user_name="user",
            server=pl.col("server").str.extract(r"^(.*):\d+$"),
            server_port=pl.col("server").str.extract(r":([1-9]\d*)$"),
            method=request.field("method"),
            url=request.field("url"),
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            action=one_of({"blocked": error.is_between(1, 10)}, otherwise="allowed"),
            reason=one_of({CHALLENGE: error == 4}),
        )


def _stamp(line: pl.Series) -> pl.Series:
    """Its default, `yymmddhhmmss.mmm` in UTC, and day before month made readable; others as written."""
    first = line.str.extract(r"^(\d\S*(?: \d\d:\d\d:\d\d(?: [+-]\d{4})?)?)")
    return first.str.replace(_DEFAULT_STAMP, "20$1-$2-$3 $4:$5:${6}Z").str.replace(_GERMAN_STAMP, "$3-$2-$1 ")
