r"""Tinyproxy: its log file, and the same through syslog.

    CONNECT   Oct 06 10:00:00.123 [1234]: Connect (file descriptor 7): pc7.lan [10.1.2.3]
    CONNECT   Oct 06 10:00:00.124 [1234]: Request (file descriptor 7): CONNECT www.example.org:443 HTTP/1.1
    NOTICE    Oct 06 10:00:00.125 [1234]: Proxying refused on filtered domain "ads.example.org"

A request's client is who connected last on its file descriptor; where that line lies in an earlier
block it is unknown. Stamps have no year. No volumes. Source: tinyproxy src/reqs.c, src/log.c.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.text.reasons import NO_REQUEST
from sensor.sources.text.words import one_of

_HEAD = r"^(?:[A-Z]+\s+([A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d(?:\.\d+)?) \[(\d+)\]: )"
_CONNECT = r"\bConnect \(file descriptor (\d+)\): .*\[(?:::ffff:)?([0-9a-fA-F.:]+)\]"
_REQUEST = r"\bRequest \(file descriptor (\d+)\): ([A-Z]+) (\S+) HTTP/"
_REFUSED = r'\bProxying refused on filtered (?:domain|url) "([^"]+)"'


class TinyproxyFamily(Family):
    """Reads Tinyproxy's requests."""

    name = "tinyproxy"
    help = "Tinyproxy: requests with their clients (LogLevel Connect or more), refusals"
    vantage = "proxy"
    proof = ("host", "path", "action")
    advice = "Tinyproxy logs no volumes: uploads stay unknown."
    marks = (
        "critical ", "error ", "warning ", "notice ", "connect ", "info ", "tinyproxy",
    )  # fmt: skip
    claims = pl.col("line").str.contains(
        r"^(?:CRITICAL|ERROR|WARNING|NOTICE|CONNECT|INFO) +[A-Z][a-z]{2} +\d+ "
        r"\d\d:\d\d:\d\d(?:\.\d+)? \[\d+\]: "
    ) | (pl.col("tag") == "tinyproxy").fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line; requests and refusals are used."""
        line = pl.col("line")
        refused = line.str.extract(_REFUSED)
        read = lines.select(
            time=line.str.extract(_HEAD, 1),
            process=pl.coalesce(line.str.extract(_HEAD, 2), pl.lit("")),
            descriptor=pl.coalesce(line.str.extract(_CONNECT, 1), line.str.extract(_REQUEST, 1)),
            connected=line.str.extract(_CONNECT, 2),
            method=line.str.extract(_REQUEST, 2),
            url=pl.coalesce(line.str.extract(_REQUEST, 3), refused),
            refused=refused.is_not_null(),
        )
        last = pl.col("connected").forward_fill().over("process", "descriptor")
        return read.select(
            "time",
            "method",
            "url",
            kind=pl.lit("http"),
            client=pl.when(pl.col("method").is_not_null()).then(last),
            action=one_of({"blocked": pl.col("refused")}),
            reason=one_of({NO_REQUEST: pl.col("url").is_null()}),
        )
