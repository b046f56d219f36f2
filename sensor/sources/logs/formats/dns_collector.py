"""DNS-collector (go-dnscollector): dnstap as text or JSON.

    2026-10-06T10:00:00.123456789Z ns1 CLIENT_QUERY NOERROR 10.1.2.3 50000 IPv4 UDP 54b www.example.org A 0.01
    Oct  6 10:00:00 ns1 CLIENT_RESPONSE NOERROR 10.1.2.3 50000 IPv4 UDP 173b www.example.org. A       syslog
    {"network": {"query-ip": "10.1.2.3", "response-ip": "192.0.2.53", …}, "dns": {"qname": …, "qtype": "A",
    "rcode": "NOERROR",
     "resource-records": {"an": [{"rdata": "192.0.2.7", …}]}}, "dnstap": {"operation": "CLIENT_RESPONSE",
     "timestamp-rfc3339ns": …}}

Questions whose answers are logged too (`CLIENT_QUERY` beside `CLIENT_RESPONSE`) are one session; what the
resolver asks others (`RESOLVER_…`, `FORWARDER_…`, `AUTH_…`) is set aside. Source: dmachard/DNS-collector,
"JSON encoding", "text-format"; of the latter, the order it has by default."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects, patterns
from sensor.sources.logs.text.partial import filled
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import RESOLVERS_OWN
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "dnstap.timestamp-rfc3339ns|dnstap.timestamp", "operation": "dnstap.operation",
    "client": "network.query-ip",
    "client_port": "network.query-port", "server": "network.response-ip", "host": "dns.qname",
    "type": "dns.qtype",
    "code": "dns.rcode", "id": "dns.id",
}  # fmt: skip
_TEXT = (
    r"^(?:(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) )?(?:\S+ )?"
    r"(?P<operation>[A-Z]{4,}_(?:QUERY|RESPONSE)) (?P<code>[A-Z0-9-]+) (?P<client>[0-9a-fA-F.:]+) "
    r"(?P<client_port>\d+) (?:IPv?[46]|INET6?) (?:UDP|TCP|DOT|DOH|DOQ) \d+b (?P<host>\S+?)\.? "
    r"(?P<type>[A-Z0-9]+)\b"
)
_ANSWERS = "dns.resource-records.an[].rdata"


class DnsCollectorFormat(LogFormat):
    """Reads DNS-collector's JSON."""

    name = "dns-collector"
    help = "DNS-collector (dnstap as text or JSON)"
    vantage = "dns"
    proof = ("host", "action")
    marks = ('"query-ip"', "_query ", "_response ")
    claims = objects.having("query-ip", "qname", "dnstap") | pl.col("line").str.contains(ascii_only(_TEXT))

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message."""
        read = objects.read(lines["line"], _WANTED, lists=[_ANSWERS])
        read = filled(read, patterns.read(lines["line"], _TEXT))
        answered = pl.col("operation").str.ends_with("_RESPONSE").fill_null(False)
        rows = read.select(
            "time",
            "client",
            "client_port",
            "host",
            "server",
            "id",
            kind=pl.lit("dns"),
            answers=pl.when(answered).then(
                pl.col(_ANSWERS).list.filter(pl.element().str.contains(r"^[0-9a-fA-F.:]+$"))
            ),
            action=pl.when(answered).then(lookups.verdict(pl.col("code"))),
            session=pl.concat_str("client", "client_port", "id", "host", "type", separator="|"),
            phase=pl.lit("name"),
            qtype=pl.col("type"),
            # The text has no id, which makes a session of both.
            answer=answered & pl.col("id").is_null(),
            reason=one_of(
                {RESOLVERS_OWN: pl.col("operation").str.contains("^(?:RESOLVER|FORWARDER|AUTH|STUB)_")}
            ),
        )
        return lookups.paired(rows, ("client", "client_port", "host", "qtype", "id"))
