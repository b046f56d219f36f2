r"""dnscrypt-proxy: `query.log`, `blocked-names.log`, in their two layouts.

    [2026-10-06 10:00:00]⇥10.1.2.3⇥www.example.org⇥A⇥PASS⇥12ms⇥resolver              tsv
    [2026-10-06 10:00:00]⇥10.1.2.3⇥ads.example.org⇥ads.*                            names that were blocked
    time:1791280800⇥host:10.1.2.3⇥message:www.example.org⇥type:A⇥return:PASS⇥…      ltsv
    time:1791280800⇥host:10.1.2.3⇥qname:ads.example.org⇥message:ads.*               names that were blocked

Stamps are local. PASS and FORWARD were answered, REJECT, DROP and SYNTH by a rule of the proxy's own;
NXDOMAIN came from the resolver.
Source: dnscrypt-proxy, example-dnscrypt-proxy.toml and plugin_query_log.go.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, patterns
from sensor.sources.logs.text.partial import filled, only
from sensor.sources.logs.text.words import one_of

_TSV = (
    r"^\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\]\t(?P<client>[0-9a-fA-F.:]+)\t(?P<host>[^\t]+)"
    r"\t(?P<type>[^\t]+)"
    r"(?:\t(?P<verdict>[A-Z_]+)(?:\t.*)?)?$"
)
_LTSV = {"time": "time", "client": "host", "host": "qname|message", "type": "type", "verdict": "return"}
_ACTIONS = {"PASS": "allowed", "FORWARD": "allowed", "CLOAK": "allowed"} | dict.fromkeys(
    ("REJECT", "DROP", "SYNTH", "NXDOMAIN"), "blocked"
)


class DnscryptProxyFormat(LogFormat):
    """Reads dnscrypt-proxy's query logs."""

    name = "dnscrypt-proxy"
    help = "dnscrypt-proxy query and blocked-names logs (tsv, ltsv)"
    vantage = "dns"
    proof = ("host", "action")
    marks = ("]\t", "\tmessage:")
    claims = pl.col("line").str.contains(
        r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]\t[0-9a-fA-F.:]+\t[^\t]+\t[^\t]+(?:$|\t)"
        r"|^time:\d{9,11}\thost:[^\t]+\t(?:message:[^\t]+\t|qname:[^\t]+\tmessage:)"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        line = lines["line"]
        labelled = only(line, line.str.starts_with("time:"))
        by_name = keyvalue.read(labelled, _LTSV, separator="\t", equals=":")
        read = filled(patterns.read(line, _TSV), by_name)
        # A line of four fields is of a name that was blocked; the last is the rule.
        ruled = pl.col("verdict").is_null()
        return read.select(
            time="time",
            kind=pl.lit("dns"),
            client="client",
            host="host",
            action=one_of(
                {"blocked": ruled}, otherwise=pl.col("verdict").replace_strict(_ACTIONS, default="unknown")
            ),
            qtype=pl.when(~ruled).then("type"),
        )
