r"""dnstap as text: dnstap-read of BIND (text, -y YAML), dnstap (-j JSON, -y YAML), Vector, BlueCat (JSON).

    06-Oct-2026 10:00:00.123 CQ 10.1.2.3:50000 -> 10.0.0.53:53 UDP 45b chat.example.com/IN/A
    06-Oct-2026 10:00:00.124 CR 10.1.2.3:50000 <- 10.0.0.53:53 UDP 90b chat.example.com/IN/A
    {"type": "MESSAGE", "message": {"type": "CLIENT_QUERY", "query_address": "10.1.2.3", "query_message":
      ";; QUESTION SECTION:\n;chat.example.com.\tIN\t A\n", …}}
    {"messageType": "ClientQuery", "sourceAddress": "10.1.2.3", "requestData": {"question": [{"domainName":
      "chat.example.com.", "questionType": "A"}], …}, "time": 1791280800123456789, …}
    type: MESSAGE
    message:
      type: CLIENT_QUERY
      query_time: !!timestamp 2026-10-06T10:00:00.123Z
      query_address: "10.1.2.3"
      …

Read are questions of clients and the answers to them; messages on their way upstream repeat the same names.
`dnstap -q` prints a time of day without a date: not read. Source: BIND 9, dnstap-read(1); golang-dnstap,
`JsonFormat.go`, `YamlFormat.go` (its times are UTC); Vector, "dnstap" source, which is what BlueCat's DNS
Activity sends, too. The binary files are read by `sensor/sources/dnstap.py`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.lines.framing import JOINT, MultiLine
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
_VECTOR = {
    "what": "messageType", "time": "timestamp|time", "client": "sourceAddress", "client_port": "sourcePort",
    "server": "responseAddress", "transport": "socketProtocol", "code": "responseData.rcodeName",
}  # fmt: skip
_VECTOR_LISTS = [
    f"{side}.question[].{name}"
    for name in ("domainName", "questionType")
    for side in ("requestData", "responseData")
]
_VECTOR_ANSWERS = "responseData.answers[].rData"
#: Of a record whose lines are joined.
_YAML = {
    "time": r"(?:query|response)_time: !!timestamp ([\d:.TZ -]+)",
    "client": r"query_address: \"?([0-9a-fA-F.:]+)",
    "client_port": r"query_port: (\d+)",
    "server": r"response_address: \"?([0-9a-fA-F.:]+)",
    "transport": r"socket_protocol: (\w+)",
    "code": r"response_message(?:_data)?:.*?\bstatus: (\w+)",
}
_YAML_QUESTION = rf"QUESTION.SECTION:{JOINT}\s*(?:- '?|;)(?<host>\S+)\s+\w+\s+(?<type>\w+)"
_QUESTION = r"QUESTION SECTION:\n;(?<host>\S+)\s+\w+\s+(?<type>\w+)"
_ADDRESS = r"\sIN\s+A(?:AAA)?\s+[0-9a-fA-F.:]+"


class DnstapTextFormat(LogFormat):
    """Reads dnstap messages printed as text."""

    name = "dnstap-text"
    help = "dnstap as text: dnstap-read of BIND 9 (text, YAML), dnstap -j and -y, Vector and BlueCat (JSON)"
    vantage = "dns"
    proof = ("host", "action")
    marks = (" -> ", " <- ", '"socket_protocol"', '"messagetype"', "type: message")
    claims = (
        pl.col("line").str.contains(f"{_PRINTED}|^type: MESSAGE{JOINT}")
        | (
            objects.having("message", "socket_protocol")
            & objects.having_any("query_message", "response_message", "query_address")
        )
        | (objects.having("messageType", "sourceAddress") & objects.having_any("requestData", "responseData"))
    )
    framing = MultiLine("^type: MESSAGE$", ends="^---$")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message (kind dns)."""
        return layouts.read(
            lines,
            [
                (r"^\{.*\"messageType\"", _vector),
                (r"^\{", _objects),
                ("^type: MESSAGE", _yaml),
                (pl.lit(True), _printed),
            ],
        )


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


def _vector(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _VECTOR, lists=[*_VECTOR_LISTS, _VECTOR_ANSWERS])
    asked = [pl.col(path).list.first() for path in _VECTOR_LISTS]
    letters = read["what"].str.extract_groups(r"^([A-Z])[a-z]+([QR])[a-z]+$").struct.unnest()
    return _rows(
        read.with_columns(
            what=letters["1"] + letters["2"],
            host=pl.coalesce(asked[:2]),
            type=pl.coalesce(asked[2:]),
            answers=pl.col(_VECTOR_ANSWERS).list.filter(pl.element().str.contains(r"^[0-9a-fA-F.:]+$")),
        )
    )


def _yaml(lines: pl.DataFrame) -> pl.DataFrame:
    line = lines["line"]
    letters = line.str.extract_groups(rf"{JOINT}  type: ([A-Z])[A-Z]*_([QR])").struct.unnest()
    found = pl.DataFrame({name: line.str.extract(pattern) for name, pattern in _YAML.items()})
    return _rows(
        found.hstack(patterns.read(line, _YAML_QUESTION)).with_columns(
            what=letters["1"] + letters["2"],
            time=pl.col("time").str.replace(r"^(\S+) (\S+)$", "${1}T${2}Z"),
            answers=line.str.extract_all(_ADDRESS).list.eval(pl.element().str.extract(r"(\S+)$")),
        )
    )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    of_client = pl.col("what").is_in(["CQ", "CR"]).fill_null(False)
    rows = read.select(
        *("time", "client", "client_port", "server", "host", "answers"),
        kind=pl.lit("dns"),
        transport=one_of(
            {"udp": pl.col("transport").is_in(["UDP", "DOQ"]), "tcp": pl.col("transport").is_not_null()}
        ),
        action=lookups.verdict(pl.col("code")),
        answer=(pl.col("what") == "CR").fill_null(False),
        qtype=pl.col("type"),
        reason=one_of({RESOLVERS_OWN: ~of_client, NO_LOOKUP: pl.col("host").is_null()}),
    )
    return lookups.paired(rows, ("client", "client_port", "host", "qtype"))
