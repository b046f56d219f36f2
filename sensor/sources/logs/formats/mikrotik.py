r"""MikroTik RouterOS 6 and 7: firewall, web proxy, DNS and DHCP topics, as memory, file or syslog has them.

    firewall,info forward: in:bridge out:ether1, connection-state:new src-mac aa:…, proto TCP (SYN),
      10.1.2.3:50000->192.0.2.7:443, len 52
    web-proxy,account 10.1.2.3 GET http://www.example.org/a  action=allow cache=MISS
    dns query from 10.1.2.3: #17 www.example.org. A
    dhcp,info dhcp1 assigned 10.1.2.3 for AA:… laptop
    oct/06/2026 10:00:00 web-proxy,account proxylog: 10.1.2.3 GET …          a log file's lines, to 7.9
    2026-10-06 10:00:00 dhcp,info dhcp1 assigned …                           since 7.10
    dhcp1 assigned 10.1.2.3 for AA:… laptop                                  syslog in BSD's layout: no topics

The words before the chain are the rule's log prefix: a verdict is known only if it says so. `len` is one
packet's. Source: MikroTik, "Log" (topics), "Firewall logging".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import NO_ADDRESS, NO_PORTS, STRAY
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_PACKET = (
    r"(?P<prefix>.*?)\b[\w-]+: in:\S+ out:[^,]+, (?P<rest>.*?)proto (?P<proto>\w+)"
    r"(?: \((?P<flags>[^)]*)\))?, (?:NAT )?"
    r"(?P<client>[0-9a-fA-F.:]+|\[[0-9a-fA-F:]+\]):(?P<client_port>\d+)->(?P<server>[0-9a-fA-F.:]+|\[[0-9a-fA-F:]+\]):(?P<port>\d+),"
)
#: The flags of the first packet, which has no ACK.
_OPENS = r"^(?:(?:CWR|ECE),)*SYN(?:,(?:CWR|ECE))*$"
_IS_PACKET = r"\bin:\S+ out:[^,]+, .*\bproto [A-Za-z0-9]+(?: \([^)]*\))?, "
_CHAINLESS = r"^in:\S+ out:"
_PROXY = (
    r"\bweb-proxy\S* (?:[\w.-]+: )?(?P<client>[0-9a-fA-F.:]+) (?P<method>[A-Z]+) "
    r"(?P<url>\S+) +action=(?P<action>\w+)"
)
_LOOKUP = r"\bquery from (?P<client>[0-9a-fA-F.:]+?):? #\d+ (?P<host>\S+) (?P<type>[A-Z0-9]+)"
_ASKER = r"\bquery from [0-9a-fA-F.:]+$"
_LEASE = (
    r"(?:\bdhcp\S* .*? ?|^[\w.-]+ )(?P<word>assigned|deassigned) (?P<client>[\d.]+) (?:to|for|from) "
    r"(?P<mac>[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})(?: (?P<device>[^\s]+))?"
)
_LOGIN = (
    r"\bppp,info,account (?:[\w.-]+: )?(?P<user>\S+) logged in, (?P<client>\d+\.\d+\.\d+\.\d+)"
    r"(?: from \S+)?\s*$"
)
_LOGOUT = r"\bppp,info,account (?:[\w.-]+: )?\S+ logged out, "
#: Where stations sign in with their MAC, that is the account.
_HOTSPOT = (
    r"\bhotspot,account,info\S* (?:\S+: )?(?:(?P<mac>[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})|(?P<user>\S+)) "
    r"\((?P<client>[0-9a-fA-F.:]+)\): logged (?P<word>in|out)\b"
)
#: A log file's own stamp: `2026-10-06 10:00:00`, or `oct/06/2026 10:00:00`, there also without the year.
_STAMP = r"^((?:[A-Za-z]{3}/\d\d(?:/\d{4})?|\d{4}-\d\d-\d\d) \d\d:\d\d:\d\d) "
_DATE = r"^([A-Za-z]{3})/(\d\d)/?"
#: How long a lease counts where neither its end nor the next one is logged.
LEASE_S = "86400"


class MikrotikFormat(LogFormat):
    """Reads RouterOS logs."""

    name = "mikrotik"
    help = "MikroTik RouterOS 6 and 7: firewall, web proxy, DNS, DHCP, PPP, hotspot topics (syslog or file)"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "device", "action")
    advice = (
        "RouterOS logs no volumes and, in firewall lines, no hosts: log topic dns, too, and export "
        "NetFlow (Traffic Flow)."
    )
    marks = (" out:", "web-proxy", "query from ", "assigned ", "ppp,info,account ", "hotspot,account,info")
    claims = pl.any_horizontal(
        *(
            pl.col("line").str.contains(pattern)
            for pattern in (_IS_PACKET, _PROXY, _LOOKUP, _LEASE, _LOGIN, _LOGOUT, _HOTSPOT)
        ),
        pl.col("tag").str.contains(_ASKER) & pl.col("line").str.contains(r"^#\d+ \S+ [A-Z0-9]+"),
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per packet logged, request, lookup or lease."""
        # `query from 10.1.2.3: ` and `DROP forward: ` look like a program's name, and were taken for one.
        taken = pl.col("tag").str.contains(_ASKER) | pl.col("line").str.contains(_CHAINLESS)
        whole = pl.when(taken).then(pl.concat_str("tag", "line", separator=": "))
        rows = layouts.read(
            lines.with_columns(line=pl.coalesce(whole, "line")),
            [
                (_PACKET, _packets),
                (_PROXY, _requests),
                (_LOOKUP, _lookups),
                (_LEASE, _leases),
                (_LOGIN, _logins),
                (_LOGOUT, layouts.set_aside(NO_ADDRESS)),
                (_HOTSPOT, _stations),
                (pl.lit(True), layouts.set_aside(NO_PORTS)),
            ],
        )
        stamp = lines["line"].str.extract(_STAMP).str.replace(_DATE, "$1 $2 ")
        return rows.with_columns(time=stamp.gather(rows["row"]))


def _packets(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _PACKET)
    prefix = pl.col("prefix").str.to_lowercase()
    blocked = prefix.str.contains(r"\b(?:drop|block|reject|deny|denied)").fill_null(False)
    # A packet within a connection: what is refused of it is its end.
    late = blocked & ~pl.col("flags").str.contains("SYN") & (pl.col("proto").str.to_lowercase() == "tcp")
    sides = (pl.concat_str(a, b, separator="/") for a, b in (("client", "client_port"), ("server", "port")))
    return read.select(
        "client",
        "client_port",
        "server",
        kind=pl.lit("flow"),
        client_mac=pl.col("rest").str.extract(r"src-mac ([0-9A-Fa-f:]{17})"),
        server_port="port",
        transport=pl.col("proto").str.to_lowercase(),
        action=one_of(
            {"blocked": blocked, "allowed": prefix.str.contains(r"\b(?:accept|allow|pass|permit)")},
            otherwise="unknown",
        ),
        session=pl.when(~blocked).then(
            pl.concat_str(pl.lit(lines["sender"]).fill_null(""), *sides, separator="|")
        ),
        # A rule may log every packet: only the first one opens a connection.
        phase=one_of({"begin": pl.col("flags").str.contains(_OPENS)}, otherwise="update"),
        reason=one_of({NO_PORTS: ~has_ports(pl.col("proto")), STRAY: late}),
    )


def _requests(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _PROXY)
    return read.select("client", "method", "url", "action", kind=pl.lit("proxy"))


def _lookups(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _LOOKUP)
    return read.select("client", "host", kind=pl.lit("dns"), qtype=pl.col("type"))


def _leases(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _LEASE)
    gone = pl.col("word") == "deassigned"
    return read.select(
        "client",
        "device",
        kind=pl.lit("lease"),
        client_mac="mac",
        lease_s=one_of({"0": gone}, otherwise=LEASE_S),
        closes=gone,
        origin=pl.lit("dhcp"),
    )


def _logins(lines: pl.DataFrame) -> pl.DataFrame:
    """Tunnels (L2TP, PPTP, SSTP …) name account and address; their end names the account only."""
    read = patterns.read(lines["line"], _LOGIN)
    return read.select(
        "client", user_name="user", kind=pl.lit("lease"), lease_s=pl.lit(LEASE_S), origin=pl.lit("vpn")
    )


def _stations(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _HOTSPOT)
    gone = pl.col("word") == "out"
    return read.select(
        "client",
        kind=pl.lit("lease"),
        client_mac="mac",
        user_name="user",
        lease_s=one_of({"0": gone}, otherwise=LEASE_S),
        closes=gone,
        origin=pl.lit("directory"),
    )
