r"""Packet filters of BSD, Solaris and old Linux as text: ipfw, ipmon (IP Filter), pflog by tcpdump, ipchains.

    ipfw: 65000 Deny UDP 10.1.2.3:1033 192.0.2.7:137 in via tun0
    10:00:00.123456 em0 @0:10 b 10.1.2.3,40000 -> 192.0.2.7,443 PR tcp len 20 48 -S IN
    rule 5/0(match): block in on em0: 10.1.2.3.40000 > 192.0.2.7.443: S 1:1(0) win 65535
    Packet log: input DENY eth0 PROTO=6 10.1.2.3:40000 192.0.2.7:443 L=48 S=0x00 I=1 F=0x4000 T=126 SYN (#1)

One packet each, so no volume; packets of one 5-tuple are one session, and one from a service port to a
high one is an answer. Names of services stand for ports in ipmon and tcpdump. Source: ipfw(8), ipmon(8),
pflogd(8), Linux IPCHAINS-HOWTO.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_IPFW = (
    r"\bipfw: \d+ (?P<verdict>\w+)(?: \w+)? (?P<proto>TCP|UDP|[A-Z0-9]+(?::[0-9.]+)?) "
    r"\[?(?P<src>[0-9.]+|[0-9a-f:]+)\]?"
    r"(?::(?P<src_port>\d+))? \[?(?P<dst>[0-9.]+|[0-9a-f:]+)\]?(?::(?P<dst_port>\d+))? (?:in|out)\b"
)
_IPMON = (
    r"@\S*?\d+:\d+ (?P<verdict>[bBpPnSL]+) (?P<src>[0-9a-f.:]+)(?:,(?P<src_port>[\w-]+))? -> "
    r"(?P<dst>[0-9a-f.:]+)"
    r"(?:,(?P<dst_port>[\w-]+))?\s+PR (?P<proto>\w+) len "
)
_PFLOG = (
    r"\d\S*\(match\)[^:]*: (?P<verdict>block|pass|match) (?:in|out) on \S+: (?:\([^)]*\) )"
    r"?(?:IP6? )?(?P<src>[0-9a-f.:]+?)\."
    r"(?P<src_port>\d+|[a-z][\w-]*) > (?P<dst>[0-9a-f.:]+?)\.(?P<dst_port>\d+|[a-z][\w-]*): "
    r"(?P<proto>UDP|udp)?"
)
_IPCHAINS = (
    r"\bPacket log: \S+ (?P<verdict>[A-Z]+) \S+ PROTO=(?P<proto>\d+) (?P<src>[0-9.]+)"
    r":(?P<src_port>\d+) (?P<dst>[0-9.]+)"
    r":(?P<dst_port>\d+) L="
)
_ICMP_PFLOG = r"\d\S*\(match\)[^:]*: (?:block|pass|match) (?:in|out) on "
_ACTIONS = {
    "deny": "blocked", "reject": "blocked", "reset": "blocked", "unreach": "blocked", "block": "blocked",
    "b": "blocked",
    "accept": "allowed", "allow": "allowed", "pass": "allowed", "p": "allowed",
}  # fmt: skip
#: Services that ipmon and tcpdump write by name and that matter here.
_SERVICES = {
    "www": "80", "http": "80", "https": "443", "domain": "53", "ssh": "22", "smtp": "25",
    "http-alt": "8080", "ntp": "123",
}  # fmt: skip


class PacketFiltersFormat(LogFormat):
    """Reads packet logs of ipfw, IP Filter, pf and ipchains."""

    name = "packet-filters"
    help = "FreeBSD ipfw, IP Filter (ipmon, Vigor), pf (tcpdump of pflog), ipchains: packet logs"
    vantage = "firewall"
    proof = ("action",)
    advice = "A packet filter's log has no hosts and no volumes: add the resolver's log and flow records."
    marks = ("ipfw", "(match)", " len ", "packet log: ")
    claims = pl.col("line").str.contains(
        r"\bipfw: \d+ [A-Z][a-z]+ |@\S*\d+:\d+ [bBpPnSL]+ [0-9a-f.:]+\S* -> \S+\s+PR \w+ len "
        r"|\d\S*\(match\)[^:]*: (?:block|pass|match) (?:in|out) on |\bPacket log: \S+ [A-Z]+ \S+ PROTO=\d+ "
    ) | (
        ((pl.col("tag") == "ipfw") & pl.col("line").str.contains(r"^\d+ [A-Z][a-z]+ [A-Z0-9:.]+ "))
        | (
            pl.col("tag").str.ends_with("(match)")
            & pl.col("line").str.contains("^(?:block|pass|match) (?:in|out) on ")
        )
    ).fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per logged packet."""
        # `ipfw: ` and `rule 5/0(match): ` may have been taken for the program's name.
        is_tag = (pl.col("tag") == "ipfw") | pl.col("tag").str.ends_with("(match)")
        whole = pl.when(is_tag).then(pl.concat_str("tag", "line", separator=": "))
        given = lines.with_columns(line=pl.coalesce(whole, "line"))
        readers = [(pattern, _reader(pattern)) for pattern in (_IPFW, _IPMON, _PFLOG, _IPCHAINS)]
        return layouts.read(given, [*readers, (_ICMP_PFLOG, layouts.set_aside(NO_PORTS))])


def _reader(pattern: str) -> layouts.Reader:
    def read(lines: pl.DataFrame) -> pl.DataFrame:
        found = patterns.read(lines["line"], pattern)
        is_pflog = pattern == _PFLOG
        proto = pl.col("proto").str.to_lowercase()
        if is_pflog:
            # tcpdump names TCP by its flags alone.
            proto = pl.coalesce(proto, pl.lit("tcp"))
        ports = (
            pl.col(name).replace(_SERVICES).cast(pl.Int64, strict=False) for name in ("src_port", "dst_port")
        )
        read = found.with_columns(_from=next(ports), _to=next(ports), proto=proto)
        answer = ((pl.col("_from") < 1024) & (pl.col("_to") >= 1024)).fill_null(False)
        word = pl.col("verdict").str.to_lowercase()
        action = word.replace_strict(_ACTIONS, default="unknown")
        sides = pl.concat_list(
            pl.concat_str("src", "src_port", separator="/"), pl.concat_str("dst", "dst_port", separator="/")
        )
        sender = pl.lit(lines["sender"]).fill_null("")
        return read.select(
            time=pl.lit(lines["line"].str.extract(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)")),
            kind=pl.lit("flow"),
            client=pl.when(answer).then("dst").otherwise("src"),
            client_port=pl.when(answer).then("_to").otherwise("_from"),
            server=pl.when(answer).then("src").otherwise("dst"),
            server_port=pl.when(answer).then("_from").otherwise("_to"),
            transport="proto",
            action=action,
            session=pl.when(action != "blocked").then(
                pl.concat_str(sender, "proto", sides.list.sort().list.join("|"), separator="|")
            ),
            # Each packet may be logged, and few of these tell which one is the first.
            phase=pl.lit("update"),
            reason=one_of({NO_PORTS: ~has_ports(pl.col("proto")).fill_null(False)}),
        )

    return read
