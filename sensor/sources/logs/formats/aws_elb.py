r"""AWS load balancers: access logs of Application, Classic and Network Load Balancers (TLS listeners).

    https 2026-10-06T10:00:00.1Z app/llm/50dc 10.1.2.3:2817 10.0.0.1:80 0.0 0.1 0.0 200 200 34 366 "GET https://…
    tls 2.0 2026-10-06T10:00:00 net/llm/c6e7 g3d4 10.1.2.3:2817 10.0.0.1:443 5 2 98 246 - … llm.example.org …

They tell who reached names of one's own. Received is what the client sent; the stamp is the end (of a TLS
connection lasting so many milliseconds), and an Application Load Balancer tells the beginning, too.
What AWS WAF refuses (`waf` is all that was done), or a 403 without a target, is the balancer's own answer.
Connection logs repeat it without sizes.
Source: Elastic Load Balancing, "Access logs" of each kind.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import CONNECTION_LOG
from sensor.sources.logs.text.words import one_of

_END = r"\[?[0-9a-fA-F.:]+\]?:\d+"
_TIMES = r"-?[\d.]+ -?[\d.]+ -?[\d.]+"
_HTTP = (
    r"^(?:(?:https?|h2|grpcs?|wss?) )?(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z) (?P<balancer>\S+) "
    rf"(?P<client>{_END}) (?P<target>{_END}|-) (?P<took>{_TIMES}) (?P<status>\d{{3}}|-) (?:\d{{3}}|-) "
    r'(?P<up>\d+) (?P<down>\d+) "(?P<method>\S+) (?P<url>\S+) [^"]*" "(?P<agent>[^"]*)"'
    # An Application Load Balancer tells when the request came: of a web socket, long before its end.
    r'(?:.*[" ]-?\d+ (?P<begun>\d{4}-\d\d-\d\dT[\d:.]+Z) "(?P<actions>[^"]*)" ")?'
)
_TLS = (
    r"^tls \d\.\d (?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z?) (?P<balancer>\S+) \S+ "
    rf"(?P<client>{_END}) (?P<target>{_END}|-) (?P<took>\d+|-) (?:\d+|-) (?P<up>\d+|-) (?P<down>\d+|-) "
    r"\S+ \S+ \S+ \S+ \S+ \S+ (?P<host>\S+)"
)
_CONNECTION = r"^\d{4}-\d\d-\d\dT[\d:.]+Z [0-9a-fA-F.:]+ \d+ \d+ (?:TLSv[\d.]+|-) \S+ \S+ \""


class AwsElbFormat(LogFormat):
    """Reads access logs of AWS load balancers."""

    name = "aws-elb"
    help = "AWS Application, Classic and Network Load Balancer: access logs"
    vantage = "proxy"
    usual_zone = "UTC"
    is_stateless = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    claims = pl.any_horizontal(
        pl.col("line").str.contains(ascii_only(pattern)) for pattern in (_HTTP, _TLS, _CONNECTION)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http) or connection (kind tls)."""
        http = patterns.read(lines["line"], _HTTP)
        tls = patterns.read(lines["line"], _TLS)
        is_tls = tls["time"].is_not_null()
        read = pl.DataFrame(
            {
                name: tls[name].zip_with(is_tls, http[name])
                for name in ("time", "client", "target", "took", "up", "down")
            }
        ).with_columns(
            http["status"],
            http["method"],
            http["url"],
            http["agent"],
            http["begun"],
            http["actions"],
            tls["host"],
            is_tls.alias("tls"),
        )
        port = r":(\d+)$"
        # Three times in seconds, -1 where it came to none; a connection's in milliseconds.
        seconds = pl.sum_horizontal(
            pl.col("took").str.extract(rf"^(?:\S+ ){{{n}}}(\S+)").cast(pl.Float64, strict=False).clip(0)
            for n in range(3)
        )
        return read.select(
            "method",
            "status",
            "url",
            time=pl.coalesce("begun", "time"),
            ended=pl.when(pl.col("begun").is_not_null()).then("time"),
            at_end=pl.col("begun").is_null(),
            duration_s=pl.when("tls")
            .then(pl.col("took").cast(pl.Float64, strict=False) / 1000)
            .when(pl.col("begun").is_null())
            .then(seconds),
            kind=one_of({"tls": pl.col("tls")}, otherwise="http"),
            client=pl.col("client").str.replace(port, ""),
            client_port=pl.col("client").str.extract(port),
            host="host",
            user_agent="agent",
            server=pl.col("target").str.replace(port, ""),
            server_port=pl.col("target").str.extract(port),
            transport=pl.lit("tcp"),
            bytes_up="up",
            bytes_down="down",
            action=one_of(
                {
                    "blocked": (pl.col("actions") == "waf")
                    | ((pl.col("status") == "403") & (pl.col("target") == "-")),
                    "reset": pl.col("status").str.contains(r"^(?:46\d|5)") & (pl.col("target") == "-"),
                },
                otherwise="allowed",
            ),
            reason=one_of({CONNECTION_LOG: pl.col("time").is_null()}),
        )
