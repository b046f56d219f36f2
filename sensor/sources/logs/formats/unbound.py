r"""Unbound: queries, replies, local-zone and RPZ actions.

    [1570526945] unbound[17265:13] info: CLIENT NAME. TYPE CLASS                      log-queries
    [1570526945] unbound[17265:13] info: CLIENT NAME. TYPE CLASS RCODE s cached size  log-replies
    … query: …   … reply: …                                                          log-tag-queryreply
    … info: ZONE. always_nxdomain CLIENT@port NAME. TYPE CLASS                        log-local-actions
    … info: rpz: applied [log-name] ZONE. rpz-nxdomain CLIENT@port NAME. TYPE CLASS   rpz-log

The time is the bracket's epoch, text (`log-time-ascii`), ISO (`log-time-iso`), or the syslog's. With
`log-destaddr` the server's own address follows. The size in replies is the DNS message's, no traffic.
Source: unbound.conf(5).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, patterns
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.reasons import NO_LOOKUP
from sensor.sources.logs.text.words import one_of

_LEVEL = r"(?:info|query|reply|notice|warning|error|debug|fatal error)"
_HEAD = rf"^(?:\[?(?P<time>[^\]\[]*?)\]? ?unbound)?(?:-?\w*)?\[\d+:[0-9a-f]+\] (?P<level>{_LEVEL}): "
_LOOKUP = (
    _HEAD + r"(?P<client>[0-9a-fA-F.:]+) (?P<name>\S+) (?P<type>[A-Z0-9-]+) (?P<class>IN|CH|HS|ANY|CLASS\d+)"
    r"(?: (?P<rcode>[A-Z]{3,}\w*) (?P<took>[\d.]+) (?P<cached>[01]) (?P<size>\d+))?(?: [^ ]+)?$"
)
_LOCAL = (
    _HEAD
    + r"(?:rpz: applied (?:\[[^\]]*\] )?)?\S+ (?P<what>[a-z_-]+) (?P<client>[0-9a-fA-F.:]+)@(?P<port>\d+) "
    r"(?P<name>\S+) (?P<type>[A-Z0-9-]+) (?P<class>[A-Z]+)"
)
#: Local-zone types and RPZ actions that let the lookup pass.
_PASSING = (
    "transparent", "typetransparent", "inform", "nodefault", "noview", "always_transparent", "rpz-passthru",
    "rpz-disabled", "rpz-tcp-only",
)  # fmt: skip


class UnboundFormat(LogFormat):
    """Reads Unbound's log."""

    name = "unbound"
    help = "Unbound 1.6 to 1.24: log-queries, log-replies, log-local-actions, rpz-log; pfSense, OPNsense"
    vantage = "dns"
    proof = ("host", "action")
    advice = "Without `log-replies: yes` and `log-local-actions: yes` Unbound does not log what it refused."
    marks = (
        "unbound", "] info: ", "] query: ", "] reply: ", "] notice: ", "] warning: ", "] error: ",
        "] debug: ", "] fatal error: ",
    )  # fmt: skip
    claims = pl.col("line").str.contains(_HEAD) | (
        (pl.col("tag") == "unbound") & pl.col("line").str.contains(rf"^{_LEVEL}: ")
    ).fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup: a reply tells how its query ended, a local action that it was refused."""
        text = lines["line"].str.replace(rf"^({_LEVEL}: )", "[0:0] $1")
        asked = patterns.read(text, _LOOKUP)
        local = patterns.read(text, _LOCAL)
        head = patterns.read(text, _HEAD)
        both = {n: either(asked[n], local[n]) for n in ("client", "name", "type")}
        passing = local["what"].is_in(_PASSING)
        rows = pl.DataFrame(both).with_columns(
            head["time"], local["port"], local["what"], asked["rcode"], passing=passing, level=asked["level"]
        )
        rows = rows.with_columns(
            answer=pl.col("rcode").is_not_null()
            | pl.col("what").is_not_null()
            | (pl.col("level") == "reply"),
            action=pl.when(pl.col("what").is_not_null())
            .then(one_of({"allowed": pl.col("passing")}, otherwise="blocked"))
            .otherwise(lookups.verdict(pl.col("rcode"))),
            qtype=pl.col("type"),
            reason=one_of({NO_LOOKUP: pl.col("name").is_null()}),
            ruled=pl.col("what").is_not_null(),
        ).with_columns(pl.col("answer").fill_null(False))
        return lookups.paired(rows, ("client", "name", "qtype")).select(
            "time",
            "client",
            "action",
            "reason",
            "qtype",
            kind=pl.lit("dns"),
            client_port="port",
            host="name",
        )
