r"""Suricata's logs of lines, which EVE replaced: http.log and tls.log, plain, extended and custom.

    10/06/2026-10:00:00.784868 site.example [**] /p [**] Mozilla/5.0 [**] 10.1.2.3:50000 -> 192.0.2.7:80
    10/06/2026-10:00:00.784868 site.example [**] /p [**] Mozilla/5.0 [**] <no referer> [**] POST [**] HTTP/1.1
      [**] 200 [**] 900 bytes [**] 10.1.2.3:50000 -> 192.0.2.7:80
    10/06/26-10:00:00.784868 - Mozilla/5.0 HTTP/1.1 GET site.example /p 200 900 10.1.2.3:50000 -> 192.0.2.7:80
    10/06/2026-10:00:00.784868 10.1.2.3:50000 -> 192.0.2.7:443  TLS: Subject='CN=site.example' Issuerdn='…'
      SHA1='…' SNI='site.example' SERIAL='…' VERSION='TLS 1.2' NOTBEFORE='…' NOTAFTER='…'
    10/06/26-10:00:00.784868 10.1.2.3:50000 -> 192.0.2.7:443 VERSION='TLS 1.3' site.example NOTBEFORE='…' …

Month first, in local time. `bytes` are those of the answer's body. The custom ones are as suricata.yaml and
the user guide have them. What is not known stands in angle brackets, or is `-`. Source: Suricata 7,
src/log-httplog.c, src/log-tlslog.c; user guide, "Custom http logging", "Custom tls logging".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.words import one_of

_STAMP = r"^(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>(?:\d\d)?\d\d)-(?P<clock>\d\d:\d\d:\d\d\.\d+) "
_ENDS = r"(?P<client>[0-9a-fA-F.:]+):(?P<client_port>\d+) -> (?P<server>[0-9a-fA-F.:]+):(?P<server_port>\d+)"
_HTTP = ascii_only(
    rf"{_STAMP}(?:<[^>]+>|(?P<host>[^\s\[]+)) \[\*\*\] (?P<path>.*?) \[\*\*\] "
    r"(?:<[^>]+>|(?P<agent>.*?)) \[\*\*\] "
    r"(?:.*? \[\*\*\] (?:<[^>]+>|(?P<method>\S+)) \[\*\*\] (?:\S+|<[^>]+>) \[\*\*\] "
    rf"(?:<[^>]+>|(?P<status>\d+)(?: => .*?)?) \[\*\*\] (?P<down>\d+) bytes \[\*\*\] )?{_ENDS}\s*$"
)
_CUSTOM = ascii_only(
    rf"{_STAMP}(?:.* )?HTTP/[\d.]+ (?P<method>[A-Z]+) (?P<host>\S+) (?P<path>\S+) "
    rf"(?P<status>\d+|-) (?P<down>\d+|-) {_ENDS}\s*$"
)
_TLS = ascii_only(rf"{_STAMP}{_ENDS} +(?:TLS: Subject=|VERSION=)'")


class SuricataTextFormat(LogFormat):
    """Reads requests and handshakes of Suricata's logs of lines."""

    name = "suricata-text"
    help = "Suricata's http.log and tls.log (lines; EVE is JSON)"
    vantage = "packets"
    is_stateless = True
    proof = ("host", "path", "bytes_down", "user_agent")
    advice = "Suricata's eve.json also has volumes, lookups and QUIC: switch eve-log on, and scan it instead."
    marks = (" -> ",)
    claims = (
        pl.col("line").str.contains(_HTTP)
        | pl.col("line").str.contains(_CUSTOM)
        | pl.col("line").str.contains(_TLS)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind http) or handshake (tls)."""
        return layouts.read(
            lines,
            [
                (_TLS, _handshakes),
                (_HTTP, lambda part: _requests(part, _HTTP)),
                (_CUSTOM, lambda part: _requests(part, _CUSTOM)),
            ],
        )


def _connection() -> dict[str, pl.Expr]:
    year = pl.when(pl.col("year").str.len_bytes() == 2).then("20" + pl.col("year")).otherwise("year")
    day = pl.concat_str(year, "month", "day", separator="-")
    ends = ("client", "client_port", "server", "server_port")
    return {
        "time": pl.concat_str(day, "clock", separator=" "),
        "transport": pl.lit("tcp"),
        "action": pl.lit("allowed"),
        **{name: pl.col(name) for name in ends},
    }


def _requests(lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
    names = ("month", "day", "year", "clock", "client", "client_port", "server", "server_port")
    told = ("host", "path", "agent", "method", "status", "down")
    return layouts.conformed(patterns.read(lines["line"], pattern), (*names, *told)).select(
        "host",
        "path",
        "method",
        "status",
        **_connection(),
        kind=pl.lit("http"),
        user_agent="agent",
        bytes_down="down",
    )


def _handshakes(lines: pl.DataFrame) -> pl.DataFrame:
    line = lines["line"]
    read = patterns.read(line, _TLS).with_columns(
        sni=line.str.extract(r" SNI='([^']+)'"),
        bare=line.str.extract(r"VERSION='[^']*' ([a-zA-Z0-9_.-]*[a-zA-Z][a-zA-Z0-9_.-]*)(?: |$)"),
        subject=line.str.extract(r"Subject='[^']*?\bCN=(?:\*\.)?([^,'/]+\.[^,'/]+)"),
    )
    named = pl.coalesce("sni", "bare")
    return read.select(
        **_connection(),
        kind=pl.lit("tls"),
        host=pl.coalesce(named, "subject"),
        name_from=one_of({"sni": named.is_not_null(), "certificate": pl.col("subject").is_not_null()}),
    )
