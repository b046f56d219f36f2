r"""dnstap as text: what BIND's dnstap-read prints of a file, and `dnstap -j` (JSON).

    06-Oct-2026 10:00:00.123 CQ 10.1.2.3:50000 -> 10.0.0.53:53 UDP 45b chat.example.com/IN/A
    06-Oct-2026 10:00:00.124 CR 10.1.2.3:50000 <- 10.0.0.53:53 UDP 90b chat.example.com/IN/A
    {"type": "MESSAGE", "message": {"type": "CLIENT_QUERY", "query_address": "10.1.2.3", "query_message":
      ";; QUESTION SECTION:\n;chat.example.com.\tIN\t A\n", …}}

Read are questions of clients and the answers to them; messages on their way upstream repeat the same names.
`dnstap -q` prints a time of day without a date: not read. Source: BIND 9, dnstap-read(1); golang-dnstap,
`JsonFormat.go`. The binary files are read by `sensor/sources/dnstap.py`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, lookups, objects, patterns
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.reasons import NO_LOOKUP, RESOLVERS_OWN
from sensor.sources.logs.text.words import one_of

_PRINTED = (
    r"^(?<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?) (?<what>[ACFRSTU][QR]) "
    r"(?<client>[0-9a-fA-F.:]+):(?<client_port>\d+) (?:->|<-) (?<server>[0-9a-fA-F.:]+):\d+ "
    r"(?<transport>\w+) \d+b (?<host>\S+)/\w+/(?<type>\S+)$"
)
_JSON = {
    "what": "message.type", "asked": "message.query_time", "answered": "message.response_time",
    "client": "message.query_address", "client_port": "message.query_port",
    "server": "message.response_address", "transport": "message.socket_protocol",
    "question": "message.query_message", "answer": "message.response_message",
}  # fmt: skip
_QUESTION = r"QUESTION SECTION:\n;(?<host>\S+)\s+\w+\s+(?<type>\w+)"
_ADDRESS = r"\tIN\s+A(?:AAA)?\s+[0-9a-fA-F.:]+"


class DnstapTextFormat(LogFormat):
    """Reads dnstap messages printed as text."""

    name = "dnstap-text"
    help = "dnstap as text: dnstap-read of BIND 9, dnstap -j (JSON)"
    vantage = "dns"
    proof = ("host", "action")
    marks = (" -> ", " <- ", '"socket_protocol"')
    claims = pl.col("line").str.contains(_PRINTED) | (
        objects.having("message", "socket_protocol")
        & objects.having_any("query_message", "response_message", "query_address")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message (kind dns)."""
        return layouts.read(lines, [(r"^\{", _objects), (pl.lit(True), _printed)])


def _printed(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _PRINTED)
    nothing = pl.lit(None, dtype=pl.List(pl.String))
    return _rows(read.with_columns(code=pl.lit(None, dtype=pl.String), answers=nothing))


def _objects(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _JSON)
    text = either(read["answer"], read["question"])
    answers = read["answer"].str.extract_all(_ADDRESS)
    found = patterns.read(text, _QUESTION)
    letters = read["what"].str.extract_groups(r"^([A-Z])[A-Z]*_([QR])").struct.unnest()
    return _rows(
        read.select(
            *("client", "client_port", "server", "transport"),
            what=letters["1"] + letters["2"],
            time=pl.coalesce("asked", "answered"),
            host=found["host"],
            type=found["type"],
            code=read["answer"].str.extract(r"status: (\w+)"),
            answers=answers.list.eval(pl.element().str.extract(r"(\S+)$")),
        )
    )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    of_client = pl.col("what").is_in(["CQ", "CR"]).fill_null(False)
    rows = read.select(
        *("time", "client", "client_port", "server", "host", "answers"),
        kind=pl.lit("dns"),
        transport=one_of({"udp": pl.col("transport").is_in(["UDP", "DOQ"])}, otherwise="tcp"),
        action=lookups.verdict(pl.col("code")),
        answer=(pl.col("what") == "CR").fill_null(False),
        qtype=pl.col("type"),
        reason=one_of({RESOLVERS_OWN: ~of_client, NO_LOOKUP: pl.col("host").is_null()}),
    )
    return lookups.paired(rows, ("client", "client_port", "host", "qtype"))
