r"""Blocky (DNS proxy): query log as CSV, as JSON and as text of its console.

    2026-10-06 10:00:00⇥10.1.2.3⇥pc7; pc7.lan⇥3⇥RESOLVED (tcp+udp:192.0.2.53)⇥www.example.org⇥A
    (192.0.2.7)⇥NOERROR⇥
    RESOLVED⇥A⇥blocky
    {"client_ip": "10.1.2.3", "client_names": "pc7", "question_name": "www.example.org.", "response_type": …}
    [2026-10-06 10:00:00]  INFO queryLog: query resolved answer=… client_ip=10.1.2.3 client_names=…
    question_name=www.example.org. …

Stamps of CSV and console are local. `response_type` BLOCKED, FILTERED and NOTFQDN were not asked of a
resolver.
Source: Blocky, "Query logging", querylog/file_writer.go.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, keyvalue, layouts, lookups, objects
from sensor.sources.logs.text.words import one_of

_CSV = ("time", "client", "names", "", "", "host", "", "code", "verdict", "type", "")
_NAMED = {
    "time": "time|ts", "client": "client_ip", "names": "client_names", "host": "question_name",
    "code": "response_code", "verdict": "response_type", "type": "question_type",
}  # fmt: skip
_BLOCKED = ["BLOCKED", "FILTERED", "NOTFQDN"]
_ROW = (
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t[0-9a-fA-F.:]+\t[^\t]*\t\d+\t[^\t]+\t[^\t]+\t[^\t]*\t[A-Z]+"
    r"\t[A-Z]+\t[A-Z0-9]+(?:\t|$)"
)
_CONSOLE = r"\bqueryLog: query resolved\s.*\bquestion_name="


class BlockyFormat(LogFormat):
    """Reads Blocky's query log."""

    name = "blocky"
    help = "Blocky query log (CSV, JSON, console)"
    vantage = "dns"
    proof = ("host", "device", "action")
    marks = ("\t", "question_name")
    claims = (
        pl.col("line").str.contains(_ROW)
        | pl.col("line").str.contains(_CONSOLE)
        | objects.having("client_ip", "client_names", "question_name", "response_type")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        return layouts.read(
            lines,
            [
                (r"^\{", lambda part: _rows(objects.read(part["line"], _NAMED))),
                (_ROW, lambda part: _rows(commas.read(part["line"], _CSV, separator="\t"))),
                (_CONSOLE, _console),
            ],
        )


def _console(lines: pl.DataFrame) -> pl.DataFrame:
    read = keyvalue.read(lines["line"], _NAMED, spaced=True)
    stamp = lines["line"].str.extract(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\]")
    return _rows(read.with_columns(time=pl.coalesce("time", pl.lit(stamp))))


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    # The first of several names; where none is known, it says the address again.
    name = pl.col("names").str.extract(r"^\s*([^;\s]+)")
    return read.select(
        time="time",
        kind=pl.lit("dns"),
        client="client",
        device=pl.when(name != pl.col("client")).then(name),
        host="host",
        action=one_of(
            {"blocked": pl.col("verdict").is_in(_BLOCKED)}, otherwise=lookups.verdict(pl.col("code"))
        ),
        qtype=pl.col("type"),
    )
