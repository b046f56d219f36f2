r"""CoreDNS `log` plugin: common and combined layouts, alone, in containers' JSON, and Azure's DNS proxy.

    [INFO] 10.1.0.7:42114 - 64820 "A IN host.example.com. udp 57 false 1232" NOERROR qr,aa,rd 66 0.000150566s
    … the same with "0" (the opcode) at the end                                              combined
    10.1.0.7:42114 - [22/Feb/2018:08:13:09 +0000] "A IN …" …                                 up to 1.0
    2018-09-12T18:42:29.139Z [INFO] 10.1.0.7:42114 - …                                       1.1 to 1.3

Sizes are those of the DNS messages, no traffic to a service: not read. The client of a pod's lookup
is the pod. Source: coredns.io/plugins/log.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, patterns
from sensor.sources.logs.text.reasons import NO_LOOKUP
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

LINE = (
    r"(?P<client>\[[0-9a-fA-F:.]+\]|[0-9a-fA-F.]+|[0-9a-fA-F:]+):(?P<port>\d+) - (?:\[(?P<time>[^\]]*)\] "
    r")?(?:\d+ ){0,2}"
    r'\\?"?(?P<type>[A-Z0-9-]+) (?P<class>IN|CH|HS|ANY|CLASS\d+|NONE) (?P<name>\S+) (?P<proto>[a-z0-9]+) '
    r'\d+ (?:true|false) \d+\\?"? '
    r"(?P<rcode>[A-Z0-9-]+)(?: (?P<flags>\S+) (?P<size>\d+) (?P<took>[\d.]+)[a-zµ]+)?"
)
_CLAIM = (
    r'^(?:\S+ )?(?:\[[A-Z]+\] )?\S+:\d+ - (?:\[[^\]]*\] )?(?:\d+ ){0,2}"[A-Z0-9-]+ [A-Z0-9]+ \S+ [a-z]+ \d+ '
)
_SERVER = r"^\[(?:INFO|ERROR|WARNING|DEBUG|FATAL)\] (?:plugin/|\d{4}/|SIG|Reloading|CoreDNS|\.:)"


class CorednsFormat(LogFormat):
    """Reads the log of CoreDNS."""

    name = "coredns"
    help = "CoreDNS log plugin (1.0 to 1.12), common and combined; Kubernetes container logs"
    vantage = "dns"
    proof = ("host", "action")
    advice = "CoreDNS itself writes no time: collect it with the container's (docker, CRI) or syslog's."
    marks = (" - ", "[info] ", "[error] ", "[warning] ", "[debug] ", "[fatal] ")
    claims = pl.col("line").str.contains(_CLAIM) | pl.col("line").str.contains(_SERVER)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per answered question."""
        return rows(lines["line"])


def rows(lines: pl.Series) -> pl.DataFrame:
    """Lookups of lines in CoreDNS's layout, whatever stands before."""
    read = patterns.read(lines, LINE)
    before = lines.str.extract(r"^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)) \[")
    return read.select(
        pl.coalesce("time", pl.lit(before)).alias("time"),
        "client",
        kind=pl.lit("dns"),
        client_port=pl.col("port"),
        host=pl.col("name"),
        transport=pl.when(has_ports(pl.col("proto"))).then("proto"),
        action=lookups.verdict(pl.col("rcode")),
        qtype=pl.col("type"),
        reason=one_of({NO_LOOKUP: pl.col("name").is_null()}),
    )
