"""DNS-collector (go-dnscollector): dnstap as JSON.

    {"network": {"query-ip": "10.1.2.3", "response-ip": "192.0.2.53", …}, "dns": {"qname": …, "qtype": "A",
    "rcode": "NOERROR",
     "resource-records": {"an": [{"rdata": "192.0.2.7", …}]}}, "dnstap": {"operation": "CLIENT_RESPONSE",
     "timestamp-rfc3339ns": …}}

Questions whose answers are logged too (`CLIENT_QUERY` beside `CLIENT_RESPONSE`) are one session; what the
resolver asks others (`RESOLVER_…`, `FORWARDER_…`, `AUTH_…`) is set aside. Source: dmachard/DNS-collector,
"JSON encoding"."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.reasons import RESOLVERS_OWN
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "dnstap.timestamp-rfc3339ns|dnstap.timestamp", "operation": "dnstap.operation",
    "client": "network.query-ip",
    "client_port": "network.query-port", "server": "network.response-ip", "host": "dns.qname",
    "type": "dns.qtype",
    "code": "dns.rcode", "id": "dns.id",
}  # fmt: skip
_ANSWERS = "dns.resource-records.an[].rdata"


class DnsCollectorFormat(LogFormat):
    """Reads DNS-collector's JSON."""

    name = "dns-collector"
    help = "DNS-collector (dnstap as JSON)"
    vantage = "dns"
    proof = ("host", "action")
    marks = ('"query-ip"',)
    claims = objects.having("query-ip", "qname", "dnstap")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message."""
        read = objects.read(lines["line"], _WANTED, lists=[_ANSWERS])
        answered = pl.col("operation").str.ends_with("_RESPONSE").fill_null(False)
        return read.select(
            "time",
            "client",
            "client_port",
            "host",
            "server",
            kind=pl.lit("dns"),
            answers=pl.when(answered).then(
                pl.col(_ANSWERS).list.filter(pl.element().str.contains(r"^[0-9a-fA-F.:]+$"))
            ),
            action=pl.when(answered).then(lookups.verdict(pl.col("code"))),
            session=pl.concat_str("client", "client_port", "id", "host", "type", separator="|"),
            phase=pl.lit("name"),
            qtype=pl.col("type"),
            reason=one_of(
                {RESOLVERS_OWN: pl.col("operation").str.contains("^(?:RESOLVER|FORWARDER|AUTH|STUB)_")}
            ),
        )
