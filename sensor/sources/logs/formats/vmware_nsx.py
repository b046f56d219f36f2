r"""VMware NSX, packet logs of the distributed firewall (`dfwpktlogs`) and of gateways (`firewallpkt.log`).

    INET match PASS domain-c8/1006 OUT 52 TCP 10.1.2.3/50000->192.0.2.7/443 S
    INET reason-match DROP 1005 OUT 60 TCP 10.1.2.3/50000->192.0.2.7/443 S        gateways
    1a2b3c4d INET TERM PASS 1003 OUT TCP FIN 10.1.2.3/50000->192.0.2.7/443 9/5 9000/500

Where the files lie, their lines begin with a time that is no syslog header. A match opens a connection, TERM
ends it. The two counts at the end depend on the direction of the rule in a way that is not documented alike
everywhere: they are not read. Source: Broadcom, "Firewall Packet Logs", "Gateway Firewall Packet Logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_LINE = (
    r"\bINET6? (?P<event>(?:reason-)?match|TERM)\s+(?:(?P<verdict>[A-Z]+) )?\S+ (?:IN|OUT) "
    r"(?:\d+ )?(?:PROTO )?(?P<proto>\w+) (?:[A-Z]+ )?(?P<client>[0-9a-fA-F.:]+)/(?P<client_port>\d+)->"
    r"(?P<server>[0-9a-fA-F.:]+)/(?P<port>\d+)"
)
_STAMP = r"^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)) "
_ANY = r"\bINET6? (?:(?:reason-)?match|TERM)\s.*[0-9a-fA-F.:]+(?:/\d+)?->[0-9a-fA-F.:]+"


class VmwareNsxFormat(LogFormat):
    """Reads packet logs of NSX's firewalls."""

    name = "vmware-nsx"
    help = "VMware NSX for vSphere 6 and NSX-T 3, 4: packet log of distributed and gateway firewall (syslog)"
    vantage = "firewall"
    proof = ("action",)
    advice = "The packet log has no hosts: add the DNS log of the resolver, or IPFIX for volumes."
    marks = (
        *("inet match", "inet term", "inet6 match", "inet6 term"),
        *("inet reason-match", "inet6 reason-match"),
    )
    claims = pl.col("line").str.contains(_ANY)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line (kind flow); match and TERM of one 5-tuple are one session."""
        read = patterns.read(lines["line"], _LINE)
        blocked = pl.col("verdict").is_in(["DROP", "REJECT"]).fill_null(False)
        ends = ("client", "client_port", "server", "port")
        return read.select(
            *("client", "client_port", "server"),
            time=pl.lit(lines["line"].str.extract(_STAMP)),
            kind=pl.lit("flow"),
            server_port="port",
            transport=pl.col("proto").str.to_lowercase(),
            action=one_of({"blocked": blocked}, otherwise="allowed"),
            session=pl.when(~blocked).then(
                pl.concat_str(pl.lit(lines["sender"]).fill_null(""), *ends, separator="|")
            ),
            phase=one_of({"end": pl.col("event") == "TERM"}, otherwise="begin"),
            reason=one_of({NO_PORTS: ~has_ports(pl.col("proto")).fill_null(False)}),
        )
