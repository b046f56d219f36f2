r"""BIND 9 query log, and the appliances built on it (Infoblox, EfficientIP).

    [time] [category:] [severity:] client [@0xHEX] IP#port (qname): [view NAME:] query: QNAME CLASS TYPE FLAGS
    (server)
    … client IP#port: UDP: query: QNAME IN A response: NOERROR +ED answers;                 Infoblox
    … client IP#port (qname): answer: QNAME IN A + (server) -> NOERROR 60 A 192.0.2.1 …      EfficientIP
    … client IP#port (qname): [view NAME:] rpz QNAME NXDOMAIN rewrite QNAME[/A/IN] via ZONE  response policy

A policy that is `disabled` only tells what it would have done; TCP-ONLY has the client ask again. Time: local
by default (`print-time yes`), ISO on request; else the syslog's. Source: BIND 9 Administrator Reference
Manual, "logging" statement, categories queries, responses, rpz.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, patterns
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.reasons import ASKED, NO_LOOKUP
from sensor.sources.logs.text.words import one_of

_HEAD = (
    r"(?:^(?P<time>\d\d-[A-Z][a-z]{2}-\d{4} [\d:.]+|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+)?) )?"
    r"(?:.*?\b)?client (?:@0x[0-9a-fA-F]+ )?(?P<client>[0-9a-fA-F.:]+)#(?P<port>\d+)"
    r"(?:/key \S+)?(?: \((?P<first>[^)]*)\))?:? (?:view [^:]+: )?"
)
_QUERY = (
    _HEAD
    + r"(?:(?:UDP|TCP): )?(?P<verb>query|answer|response): (?P<name>\S+) "
    + r"(?P<class>IN|CH|HS|ANY|CLASS\d+) (?P<type>[A-Z0-9]+)(?P<rest>.*)$"
)
_POLICY = (
    _HEAD + r"(?P<off>disabled )?rpz \S+ (?P<policy>[A-Za-z-]+) rewrite (?P<name>[^\s/]+)(?:/(?P<type>\w+))?"
)
#: Policies that let the lookup pass.
PASSING = ("PASSTHRU", "DISABLED", "TCP-ONLY")
_ANSWER = r"\b(?:A|AAAA) ([0-9a-fA-F.:]*[.:][0-9a-fA-F.:]+)"


class BindFormat(LogFormat):
    """Reads BIND query logs."""

    name = "bind"
    help = "BIND 9 query log (9.9 to 9.21), Infoblox and EfficientIP dialects, RPZ rewrites"
    vantage = "dns"
    proof = ("host", "action")
    marks = ("client ", "named")
    claims = pl.col("line").str.contains(
        r"client (?:@0x[0-9a-fA-F]+ )?[0-9a-fA-F.:]+#\d+.*: (?:query|answer|response): "
        r"|client .*#\d+.*: (?:disabled )?rpz "
    ) | ((pl.col("tag") == "named") & ~pl.col("line").str.contains("^(?:DHCP|CEF:)")).fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Questions (kind dns); RPZ rewrites say what was refused; answers give addresses for naming."""
        asked = patterns.read(lines["line"], _QUERY)
        policy = patterns.read(lines["line"], _POLICY)
        passed = pl.col("off").is_not_null() | pl.col("policy").is_in(PASSING)
        names = ("time", "client", "port", "name", "type")
        both = pl.DataFrame({n: either(asked[n], policy[n]) for n in names})
        both = both.hstack(asked.select("verb", "rest")).hstack(policy.select("off", "policy"))
        rcode = pl.col("rest").str.extract(r"(?:response: |-> )([A-Z]+)")
        return both.select(
            "time",
            "client",
            kind=pl.lit("dns"),
            qtype=pl.col("type"),
            client_port=pl.col("port"),
            host=pl.col("name").str.replace_all(r"\\(\d{3})", ""),
            server=pl.col("rest").str.extract(r"^ \S+ \(([0-9a-fA-F.:]+)\)"),
            transport=one_of({"tcp": pl.col("rest").str.contains(r"^ [+-]\S*T")}, otherwise="udp"),
            action=one_of(
                {"allowed": passed, "blocked": pl.col("policy").is_not_null()},
                otherwise=lookups.verdict(rcode).fill_null("unknown"),
            ),
            answers=pl.col("rest").str.extract_all(_ANSWER).list.eval(pl.element().str.extract(r"(\S+)$")),
            reason=one_of(
                {
                    NO_LOOKUP: pl.col("name").is_null(),
                    ASKED: (pl.col("verb") == "response") & ~pl.col("rest").str.contains("response: "),
                }
            ),
        )
