r"""Tinyproxy: its log file, and the same through syslog.

    CONNECT   Oct 06 10:00:00.123 [1234]: Connect (file descriptor 5): 10.1.2.3
    CONNECT   Oct 06 10:00:00.123 [1234]: Connect (file descriptor 5): pc7.lan [10.1.2.3]      before 1.11
    CONNECT   Oct 06 10:00:00.124 [1234]: Request (file descriptor 5): CONNECT www.example.org:443 HTTP/1.1
    CONNECT   Oct 06 10:00:00.125 [1234]: Established connection to host "www.example.org" using file …
    NOTICE    Oct 06 10:00:00.125 [1234]: Proxying refused on filtered domain "ads.example.org"
    ERROR     Oct 06 10:00:00.125 [1234]: opensock: Could not establish a connection to www.example.org:81
    INFO      Oct 06 10:00:00.125 [1234]: Failed auth attempt (file descriptor: 5), ip 10.1.2.3

A request's client is who connected last on its file descriptor; what became of it is told by name, of the
last request for that name. Where these lines lie in different blocks it is unknown. Stamps have no year. No
volumes, no accounts. Source: tinyproxy src/reqs.c, src/child.c, src/log.c; checked with 1.11.3.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import CHALLENGE, NO_REQUEST
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"^(?:[A-Z]+\s+(?<time>[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d(?:\.\d+)?) \[(?<process>\d+)\]: )?"
    r"(?:Connect \(file descriptor (?<accepted>\d+)\): (?:.*\[)?(?:::ffff:)?(?<client>[0-9a-fA-F.:]+)\]?$"
    r"|Request \(file descriptor (?<asked>\d+)\): (?<method>[A-Z]+) (?<url>\S+) HTTP/"
    r"|Failed auth attempt \(file descriptor: (?<challenged>\d+)\)"
    r'|Established connection to host "(?<reached>[^"]+)"'
    r'|Proxying refused on filtered (?:domain|url) "(?<refused>[^"]+)"'
    r"|opensock: Could not (?:establish a connection to|retrieve address info for) (?<missed>\S+):\d+)"
)
_HOST = r"^(?:[a-z]+://)?(?:[^/@]*@)?\[?(.*?)\]?(?::\d+)?(?:/.*)?$"


class TinyproxyFormat(LogFormat):
    """Reads Tinyproxy's requests."""

    name = "tinyproxy"
    help = "Tinyproxy 1.8 to 1.11: requests with their clients (LogLevel Connect or more), refusals"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "path", "action")
    advice = "Tinyproxy logs no volumes: uploads stay unknown."
    marks = (
        "critical ", "error ", "warning ", "notice ", "connect ", "info ", "debug ", "tinyproxy",
    )  # fmt: skip
    claims = pl.col("line").str.contains(
        r"^(?:CRITICAL|ERROR|WARNING|NOTICE|CONNECT|INFO|DEBUG) +[A-Z][a-z]{2} +\d+ "
        r"\d\d:\d\d:\d\d(?:\.\d+)? \[\d+\]: "
    ) | (pl.col("tag") == "tinyproxy").fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line; requests are used."""
        read = patterns.read(lines["line"], _LINE).with_row_index("n")
        read = read.with_columns(
            pl.col("process").fill_null(""), descriptor=pl.coalesce("accepted", "asked", "challenged")
        )
        same = ("process", "descriptor")
        told = read.with_columns(
            client=pl.when(pl.col("asked").is_not_null()).then(pl.col("client").forward_fill().over(same)),
            # Which request was not let in: the challenge names its descriptor.
            request=pl.when(pl.col("method").is_not_null()).then("n").forward_fill().over(same),
        )
        challenged = told.filter(pl.col("challenged").is_not_null())["request"].drop_nulls()
        return told.join(_outcomes(read), on="n", how="left", maintain_order="left").select(
            "time",
            "client",
            "method",
            "url",
            "action",
            kind=pl.lit("http"),
            reason=one_of(
                {NO_REQUEST: pl.col("url").is_null(), CHALLENGE: pl.col("n").is_in(challenged.implode())}
            ),
        )


def _outcomes(read: pl.DataFrame) -> pl.DataFrame:
    """What became of the request in row `n`: the last one for the name that a later line tells about."""
    asked = read.filter(pl.col("url").is_not_null())
    named = pl.concat(
        [asked.with_columns(name=pl.col("url").str.extract(_HOST)), asked.with_columns(name="url")]
    )
    told = pl.concat(
        read.filter(pl.col(column).is_not_null()).select("n", "process", name=column, action=pl.lit(action))
        for column, action in {"reached": "allowed", "refused": "blocked", "missed": "reset"}.items()
    )
    found = told.sort("n").join_asof(
        named.sort("n").select("n", "process", "name", request="n"), on="n", by=["process", "name"],
        check_sortedness=False,
    )  # fmt: skip
    return (
        found.select(n="request", action="action").drop_nulls().unique("n", keep="last", maintain_order=True)
    )
