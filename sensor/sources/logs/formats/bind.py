r"""BIND 9 query log, and the appliances built on it (Infoblox, EfficientIP).

    [time] [category:] [severity:] client [@0xHEX] IP#port (qname): [view NAME:] query: QNAME CLASS TYPE FLAGS
    (server)
    … client IP#port: UDP: query: QNAME IN A response: NOERROR +ED answers;                 Infoblox
    … client IP#port (qname): answer: QNAME IN A + (server) -> NOERROR 60 A 192.0.2.1 …      EfficientIP
    … client IP#port (qname): [view NAME:] rpz QNAME NXDOMAIN rewrite QNAME[/A/IN] via ZONE  response policy
    … client IP#port (qname): [view NAME:] response: QNAME IN A NOERROR FLAGS … (server)     responselog
    … client IP#port (qname): query failed (SERVFAIL) for QNAME/IN/A at query.c:6860         query-errors
    … client IP#port (qname): query (cache) 'QNAME/A/IN' denied                              security

What is told of a query beside it says how it ended, and is no second lookup. A policy that is `disabled` only
tells what it would have done; TCP-ONLY has the client ask again. Time: local by default (`print-time yes`),
ISO on request; else the syslog's. Source: BIND 9 Administrator Reference Manual, "logging" statement,
categories queries, responses, rpz, query-errors, security.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, patterns
from sensor.sources.logs.text.partial import only
from sensor.sources.logs.text.reasons import NO_LOOKUP
from sensor.sources.logs.text.words import one_of

_STAMP = r"\d\d-[A-Z][a-z]{2}-\d{4} [\d:.]+|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+)?"
_HEAD = (
    rf"(?:^(?P<time>{_STAMP}) )?"
    r"(?:.*?\b)?client (?:@0x[0-9a-fA-F]+ )?(?P<client>[0-9a-fA-F.:]+)(?:%[0-9A-Za-z_.-]+)?#(?P<port>\d+)"
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
_FAILED = _HEAD + r"query failed \((?P<code>[^)]*)\) for (?P<name>[^\s/]+)/\w+/(?P<type>\w+) at "
_DENIED = _HEAD + r"query (?:\(\w+\) )?'(?P<name>[^\s/]+)/(?P<type>\w+)/\w+' denied"
#: With `print-category` and `print-severity`; what is no query, too.
_CATEGORY = (
    rf"^(?:{_STAMP}) (?:client|cname|config|database|default|delegation-only|dispatch|dnssec|dnstap|"
    r"edns-disabled|general|lame-servers|network|notify|queries|query-errors|rate-limit|resolver|responses|"
    r"rpz(?:-passthru)?|security|serve-stale|sig0|spill|trust-anchor-telemetry|unmatched|update(?:-security)?|"
    r"xfer-in|xfer-out|zoneload): (?:info|notice|warning|error|critical|debug \d+): "
)
#: Policies that let the lookup pass.
PASSING = ("PASSTHRU", "DISABLED", "TCP-ONLY")
_CODE = r"(?:response: |-> |^ )([A-Z]{4,})\b"
_ANSWER = r"\b(?:A|AAAA) ([0-9a-fA-F.:]*[.:][0-9a-fA-F.:]+)"


class BindFormat(LogFormat):
    """Reads BIND query logs."""

    name = "bind"
    help = "BIND 9 query log (9.9 to 9.21), Infoblox and EfficientIP dialects, RPZ rewrites"
    vantage = "dns"
    proof = ("host", "action")
    marks = (
        "client ", "named", ": info: ", ": notice: ", ": warning: ", ": error: ", ": critical: ", ": debug ",
    )  # fmt: skip
    claims = pl.col("line").str.contains(
        r"client (?:@0x[0-9a-fA-F]+ )?[0-9a-fA-F.:]+(?:%[0-9A-Za-z_.-]+)?#\d+.*: (?:query|answer|response): "
        r"|client .*#\d+.*: (?:(?:disabled )?rpz |query (?:failed \(|(?:\(\w+\) )?'\S+' denied))"
        rf"|{_CATEGORY}"
    ) | ((pl.col("tag") == "named") & ~pl.col("line").str.contains("^(?:DHCP|CEF:)")).fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Questions (kind dns); RPZ rewrites say what was refused; answers give addresses for naming."""
        line = lines["line"]
        asked = patterns.read(line, _QUERY)
        left = only(line, asked["name"].is_null())
        policy, failed, denied = (patterns.read(left, layout) for layout in (_POLICY, _FAILED, _DENIED))
        passed = pl.col("off").is_not_null() | pl.col("policy").is_in(PASSING)
        told = pl.DataFrame(
            {
                name: pl.select(
                    pl.coalesce(*(pl.lit(read[name]) for read in (asked, policy, failed, denied)))
                ).to_series()
                for name in ("time", "client", "port", "name", "type")
            }
        )
        rows = told.hstack(asked.select("verb", "rest")).hstack(policy.select("off", "policy"))
        refused = denied["name"].is_not_null()
        answer = (pl.col("verb") != "query").fill_null(True) | pl.col("rest").str.contains(
            "response: ", literal=True
        )
        code = pl.coalesce(pl.when(answer).then("rest").str.extract(_CODE), pl.lit(failed["code"]))
        rows = rows.with_columns(
            qtype=pl.col("type"),
            answer=answer,
            ruled=pl.col("policy").is_not_null() | pl.lit(refused),
            key=pl.col("name").str.to_lowercase(),
            action=one_of(
                {"allowed": passed, "blocked": pl.col("policy").is_not_null() | pl.lit(refused)},
                otherwise=lookups.verdict(code).fill_null("unknown"),
            ),
            reason=one_of({NO_LOOKUP: pl.col("name").is_null()}),
        )
        if rows["answer"].any():
            rows = lookups.paired(rows, ("client", "port", "key", "qtype"))
        return rows.select(
            "time",
            "client",
            "action",
            "reason",
            "qtype",
            kind=pl.lit("dns"),
            client_port=pl.col("port"),
            host=pl.col("name").str.replace_all(r"\\(\d{3})", ""),
            server=pl.col("rest").str.extract(r"^(?: \S+){1,2} \(([0-9a-fA-F.:]+)(?:%[0-9A-Za-z_.-]+)?\)"),
            transport=one_of({"tcp": pl.col("rest").str.contains(r"^ [+-]\S*T")}, otherwise="udp"),
            answers=pl.col("rest").str.extract_all(_ANSWER).list.eval(pl.element().str.extract(r"(\S+)$")),
        )
