r"""PowerDNS Recursor and dnsdist in the system's log.

    4 [1/1] question for 'www.example.org|A' from 10.1.2.3:40000                    recursor, quiet=no
    msg="Question" subsystem="syncres" … qname="www.example.org" qtype="A" remote="10.1.2.3:40000"
    structured
    Packet from 10.1.2.3:40000 for www.example.org. A with id 4711                   dnsdist, LogAction
    Answer to 10.1.2.3:40000 for www.example.org. A (No Error) with id 4711          LogResponseAction
    [1795886810.930536031] Packet from 10.1.2.3:40000 for …            the same in a file of its own
    Got query for www.example.org|A from 10.1.2.3:40000, relayed to 192.0.2.53:53    dnsdist, verbose

An answer belongs to its question; where only answers are logged, it stands for the lookup. The authoritative
server's (`Remote 10.1.2.3 wants 'www.example.org|A'`) tell who asked for the organisation's own names: set
aside. Source: PowerDNS Recursor settings `quiet`, `structured-logging`; dnsdist "Rule Actions".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, lookups, patterns
from sensor.sources.logs.text.reasons import ANSWERED, HOSTED_ZONE, NO_LOOKUP

_REMOTE = r"\[?(?P<client>[0-9a-fA-F.:]+?)\]?(?::(?P<client_port>\d+))?"
#: LogAction's file, if asked for: seconds, nanoseconds
_STAMP = r"^(?:\[\d+\.\d+\] )?"
_LAYOUTS = (
    r"\bquestion for '(?P<host>[^|']+)\|(?P<type>[A-Z0-9]+)' from " + _REMOTE + r"(?:[\s,]|$)",
    r'\bqname="(?P<host>[^"]+)" qtype="(?P<type>[A-Z0-9]+)".* remote="' + _REMOTE + '"',
    _STAMP + r"(?:Packet|Query) from " + _REMOTE + r" for (?P<host>\S+?)\.? (?P<type>[A-Z0-9]+)\b"
    r"(?:.* with id (?P<id>\d+))?",
    _STAMP + r"Answer to " + _REMOTE + r" for (?P<host>\S+?)\.? (?P<type>[A-Z0-9]+)"
    r"(?: \((?P<code>[^)]+)\))? with id (?P<id>\d+)$",
    r"^Got query for (?P<host>[^|]+)\|(?P<type>[A-Z0-9]+) from " + _REMOTE + r"(?:[\s,(]|$)",
)
#: How dnsdist writes the codes that tell.
_CODES = {"No Error": "NOERROR", "Non-Existent domain": "NXDOMAIN", "Query Refused": "REFUSED"}
_AUTHORITATIVE = r"^Remote \S+ wants '"


class PowerdnsFormat(LogFormat):
    """Reads lookups of PowerDNS Recursor and dnsdist."""

    name = "powerdns"
    help = "PowerDNS Recursor (quiet=no, structured), dnsdist (LogAction, verbose), syslog"
    vantage = "dns"
    proof = ("host", "action")
    advice = (
        "Questions have no verdict: in dnsdist add LogResponseAction. dnstap, which both programs write, has "
        "the answers, too."
    )
    marks = (
        "pdns", "dnsdist", "question for ", 'subsystem="syncres"', "packet from ", "answer to ",
        "got query for ", " wants ",
    )  # fmt: skip
    claims = pl.col("tag").str.contains(r"^(?:pdns(?:[-_]recursor|_server)?|dnsdist)$").fill_null(
        False
    ) | pl.col("line").str.contains(
        r"\bquestion for '[^|']+\|[A-Z0-9]+' from |^msg=\"Question\" subsystem=\"syncres\""
        rf"|{_STAMP}(?:Packet from|Answer to) \S+ for \S+ [A-Z0-9]+(?: \([^)]+\))? with id \d+$"
        r"|^Got query for [^| ]+\|[A-Z0-9]+ from |^Remote \S+ wants '[^|']+\|"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per question."""
        rows = layouts.read(
            lines,
            [
                *((pattern, _reader(pattern)) for pattern in _LAYOUTS),
                (_AUTHORITATIVE, layouts.set_aside(HOSTED_ZONE)),
                (r"\bResponse from ", layouts.set_aside(ANSWERED)),
                (pl.lit(True) & pl.col("line").is_not_null(), layouts.set_aside(NO_LOOKUP)),
            ],
        )
        if "answer" not in rows.columns:
            return rows
        rows = rows.with_columns(pl.col("answer").fill_null(False))
        return lookups.paired(rows, ("client", "client_port", "host", "qtype", "id"))


def _reader(pattern: str) -> layouts.Reader:
    def read(lines: pl.DataFrame) -> pl.DataFrame:
        found = patterns.read(lines["line"], pattern)
        found = layouts.conformed(found, ("client", "client_port", "host", "type", "id", "code"))
        return found.select(
            "client",
            "client_port",
            "host",
            "id",
            answer=pl.lit("Answer to" in pattern),
            action=lookups.verdict(pl.col("code").replace(_CODES)),
            reason=pl.lit(None, dtype=pl.String),
            kind=pl.lit("dns"),
            time=pl.lit(lines["line"].str.extract(r'(?:\bts="|^\[)(\d{9,}(?:\.\d+)?)')),
            qtype=pl.col("type"),
        )

    return read
