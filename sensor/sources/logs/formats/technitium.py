r"""Technitium DNS Server: query log of its text files ("Log All Queries"), and its Log Exporter app (JSON).

    [2026-10-06 10:00:00 UTC] [10.1.2.3:50000] [UDP] QNAME: www.example.org; QTYPE: A; QCLASS: IN;
      RCODE: NoError; ANSWER: [192.0.2.7]

    {"answers":[{"dnssecStatus":"Disabled","name":"www.example.org","recordClass":"IN","recordData":"192.0.2.7",
      "recordTtl":300,"recordType":"A"}],"clientIp":"10.1.2.3","edns":[],"protocol":"Udp","question":
      {"questionClass":"IN","questionName":"www.example.org","questionType":"A"},"responseCode":"NoError",
      "responseRtt":12.5,"responseType":"Recursive","timestamp":"2026-10-06T10:00:00.483Z"}

    [2026-10-06 10:00:00 UTC] [10.1.2.3:68] DHCP Server leased IP address [10.1.2.3] to laptop.example
      [02-00-00-00-00-0A] for scope: Default                                               in the same files

`Local` instead of `UTC` in older versions: the zone setting decides. What the exporter calls `Blocked` or
`Dropped` was not answered as asked, whatever the code. The log does not say how long a lease lasts.
Source: Technitium DNS Server, LogManager, DhcpServer; its app Log Exporter, LogEntry.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, layouts, lookups, objects, patterns
from sensor.sources.logs.text.partial import filled
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"^\[(?P<time>[^\]]+?)(?: (?P<zone>UTC|Local))?\] "
    r"\[(?P<client>[0-9a-fA-F.]+|\[?[0-9a-fA-F:.]+\]?):(?P<port>\d+)\] \[(?P<over>\w+)\] "
    r"(?:\[[^\]]*\] )?QNAME: (?P<host>[^;]*); QTYPE: (?P<type>[^;]*); QCLASS: [^;]*"
    r"(?:; RCODE: (?P<rcode>[^;]*)(?:; ANSWER: \[?(?P<answer>[^\]]*)\]?)?)?"
)
_DHCP = (
    r"^\[(?P<time>[^\]]+?)(?: (?P<zone>UTC|Local))?\] (?:\[[^ ]+\] )?"
    r"DHCP Server (?P<way>leased|released) IP address "
    r"\[(?P<client>[\d.]+)\] (?:to|that was leased to) (?:(?P<device>[^\s\[]+) )?"
    r"\[(?P<mac>[0-9A-F]{2}(?:-[0-9A-F]{2}){5})\]"
)
_OBJECT = {
    "time": "timestamp",
    "client": "clientIp",
    "over": "protocol",
    "host": "question.questionName",
    "type": "question.questionType",
    "rcode": "responseCode",
}
_GIVEN = "answers[].recordData"
_BLOCKED = r"^(?:Upstream)?Blocked|^Dropped"
_ADDRESS = r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]+"


class TechnitiumFormat(LogFormat):
    """Reads Technitium DNS Server's query log."""

    name = "technitium"
    help = "Technitium DNS Server: queries and DHCP in its text log files, Log Exporter app (JSON)"
    vantage = "dns"
    proof = ("host", "device", "action")
    marks = ("; qtype: ", '"questionname"', "] dhcp server ")
    claims = pl.col("line").str.contains(
        r"^\[[^\]]+\] (?:\[[^ ]+:\d+\] )?(?:\[\w+\] .*QNAME: [^;]*; QTYPE: |DHCP Server \w+ IP address )"
    ) | objects.having("clientIp", "questionName", "responseType")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup or lease."""
        return layouts.read(
            lines,
            [
                (_DHCP, _leases),
                (r"\] DHCP Server \w+ IP address ", layouts.set_aside(NO_ADDRESS)),
                (pl.lit(True), _lookups),
            ],
        )


def _leases(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _DHCP)
    gone = pl.col("way") == "released"
    return read.select(
        "time",
        "client",
        "device",
        zone=pl.when(pl.col("zone") == "UTC").then("zone"),
        kind=pl.lit("lease"),
        client_mac="mac",
        lease_s=pl.when(gone).then(0.0).otherwise(dhcp.ASSUMED_S),
        closes=gone,
        origin=pl.lit("dhcp"),
        confidence=pl.lit(dhcp.ASSUMED),
    )


def _lookups(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _LINE)
    said = objects.read(lines["line"], _OBJECT | {"outcome": "responseType"}, lists=(_GIVEN,))
    read = filled(read, said)
    is_blocked = pl.lit(said["outcome"]).str.contains(_BLOCKED)
    return read.select(
        "time",
        "client",
        zone=pl.when(pl.col("zone") == "UTC").then("zone"),
        client_port="port",
        kind=pl.lit("dns"),
        host="host",
        action=one_of({"blocked": is_blocked}, otherwise=lookups.verdict(pl.col("rcode"))),
        answers=pl.coalesce(pl.col("answer").str.extract_all(_ADDRESS), pl.lit(said[_GIVEN])),
        qtype=pl.col("type"),
    )
