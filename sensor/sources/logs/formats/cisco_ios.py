r"""Cisco IOS, IOS XE, NX-OS, Arista EOS: access lists with `log`, the zone-based firewall, the URL filter.

    %SEC-6-IPACCESSLOGP: list 101 denied tcp 10.1.2.3(50000) (Gi0/1 …) -> 192.0.2.7(443), 1 packet
    %IPV6-6-ACCESSLOGP: list outside/10 permitted tcp 2001:db8::3(50000) -> 2001:db8::7(443), 9 packets
    %ACL-IPV4_ACL-6-IPACCESSLOGP : access-list outside (10) deny tcp 10.1.2.3(50000) -> … (IOS XR)
    %FMANFP-6-IPACCESSLOGP: F0: fman_fp_image: list 101 denied tcp 02-00-00-00-00-07 10.1.2.3(50000) Te0/1-> …
    %FW-6-SESS_AUDIT_TRAIL: (zp:class):Stop tcp session: initiator (10.1.2.3:50000) sent 9000 bytes --
      responder (192.0.2.7:443) sent 500 bytes
    %FW-6-DROP_PKT: Dropping tcp session 10.1.2.3:50000 192.0.2.7:443 on zone-pair …
    %FW-6-LOG_SUMMARY: 2 tcp packets were passed from Gi3 10.1.2.3:50000 => 192.0.2.7:443 (target:class)-…
    %ACLLOG-6-ACLLOG_FLOW_INTERVAL: Src IP: 10.1.2.3, Dst IP: 192.0.2.7, Src Port: 50000, … (NX-OS)
    %ACLLOG-5-ACLLOG_PKTLOG: CName: t:v(VXLAN: 7), …, SIP: 10.1.2.3, DIP: 192.0.2.7, SPort: 50000, … (ACI)
    2026/10/06-10:00:00.784868 UTC [**] [Hostname: r1] [**] [System_IP: 10.9.0.1] [**] [Instance_ID: 1] [**]
      Drop [**] UTD WebFilter Category/Reputation [**] [URL: chat.example.com] ** [Category: …] …
      {TCP} 10.1.2.3:50000 -> 192.0.2.7:443
    %SDWAN-5-FPMD : FLOW LOG device-vpn: 10 tenant-vpn: 10 src: 10.1.2.3/50000 dst: 192.0.2.7/443 proto: 6
      tos: 0 direction: from-service, policy: p, sequence: 1, Result: accept Pkt count: 20 bytes: 9000 …
    %Viptela-v1-FTMD-6-INFO-1400002: FLOW LOG vpn-1 10.1.2.3/50000 192.0.2.7/443 tcp: tos: 0 inbound-acl, a,
      Result: accept Pkt count 20: Byte count 9000 Ingress-Intf ge0/2 Egress-intf ge0/0

The initiator is the client. SD-WAN tells a flow's two directions apart, each as often as it is told, with
the bytes since: one way. An access list tells of packets, no volume. Source: Cisco, "System Message Guide"
(SEC, FW); "Security Configuration Guide: Unified Threat Defense" (web filtering events).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import NO_CONNECTION, STRAY
from sensor.sources.logs.text.words import one_of

_LIST = (
    r"list (?P<list>\S+) (?:\(?\w*\d\S* )?(?P<verdict>permit(?:ted)?|den(?:ied|y)) (?P<proto>\w+) "
    r"(?:(?P<mac2>[0-9a-fA-F]{2}(?:-[0-9a-fA-F]{2}){5}) )?"
    r"(?P<client>[0-9a-fA-F.:]+)\((?P<client_port>\d+)\)\s*"
    r"(?:[A-Z][\w/.-]*\s*)?(?:\([^)]*?(?P<mac>[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})?\)\s*)?-> "
    r"(?P<server>[0-9a-fA-F.:]+)\((?P<port>\d+)\)"
)
_TRAIL = (
    r"(?P<word>Start|Stop) (?P<proto>\w+) session: initiator "
    r"\((?P<client>[0-9a-fA-F.:]+):(?P<client_port>\d+)\)"
    r"(?: sent (?P<up>\d+) bytes)? -- responder \((?P<server>[0-9a-fA-F.:]+):(?P<port>\d+)\)"
    r"(?: sent (?P<down>\d+) bytes)?"
)
_DROPPED = (
    r"Dropping (?P<proto>\w+) (?:session|pkt(?: from \S+)?) "
    r"(?P<client>[0-9a-fA-F.:]+):(?P<client_port>\d+) (?:=> )?(?P<server>[0-9a-fA-F.:]+):(?P<port>\d+)"
    r"(?:.* tcp flag 0x(?P<flags>[0-9A-Fa-f]+))?"
)
#: The last figure of TCP flags without SYN (2).
_NO_SYN = "[014589CDcd]$"
_SUMMARY = (
    r"%FW-\d-LOG_SUMMARY: \d+ (?P<proto>\w+) packets? (?:was|were) (?P<verdict>passed|dropped) from \S+ "
    r"(?P<client>[0-9a-fA-F.:]+):(?P<client_port>\d+) => (?P<server>[0-9a-fA-F.:]+):(?P<port>\d+)"
)
_NEXUS = (
    r"Src IP: (?P<client>[^,]+), Dst IP: (?P<server>[^,]+), Src Port: (?P<client_port>\d+), "
    r"Dst Port: (?P<port>\d+),.* Protocol: \"(?P<proto>\w+)\"(?:.*ACE Action: (?P<verdict>\w+))?"
)
#: ACI's leaf switches log what contracts let pass and refuse: not all releases say which.
_FABRIC = (
    r"ACLLOG_PKTLOG(?:_(?P<verdict>\w+))?: .*\bSIP: ?(?P<client>[^, ]+), ?DIP: ?(?P<server>[^, ]+), ?"
    r"SPort: ?(?P<client_port>\d+), ?DPort: ?(?P<port>\d+),.* Proto: ?(?P<proto>\d+)"
)
_FILTER = (
    r"^(?P<day>\d{4}/\d\d/\d\d)-(?P<clock>[\d: ]+\.\d+) UTC .*\[\*\*\] (?P<verdict>Pass|Drop|Alert) "
    r"\[\*\*\] UTD WebFilter [^\[]*\[\*\*\] \[URL: (?P<url>[^\]]+)\].* \{(?P<proto>\w+)\} "
    r"(?P<client>[0-9a-fA-F.:]+):(?P<client_port>\d+) -> (?P<server>[0-9a-fA-F.:]+):(?P<port>\d+)"
)
_FLOW = (
    r"FLOW[ _]LOG .*?\b(?:src: )?(?P<client>[0-9a-fA-F.:]+)/(?P<client_port>\d+) "
    r"(?:dst: )?(?P<server>[0-9a-fA-F.:]+)/(?P<port>\d+) (?:proto:? )?(?P<proto>\w+).* "
    r"Result: (?P<verdict>\w+),? Pkt count:? (?P<packets>\d+):? (?i:byte count|bytes):? (?P<up>\d+)"
)


class CiscoIosFormat(LogFormat):
    """Reads access list and firewall messages of Cisco routers."""

    name = "cisco-ios"
    help = (
        "Cisco IOS, IOS XE, NX-OS, Arista EOS: access lists, firewall audit trail and drops, "
        "URL filter (UTD), SD-WAN and Viptela flow logs"
    )
    vantage = "firewall"
    proof = ("host", "path", "bytes_up", "bytes_down", "action")
    advice = "Switch on the firewall's audit-trail (volumes); for hosts add the resolver's log."
    marks = (
        "%acllog-", "[**] utd webfilter ", "access: list ", "accesslog", "drop_pkt",
        "sess_audit_trail", "-fpmd : flow log ", "-fpmd: flow log ", "%viptela-", "log_summary:",
    )  # fmt: skip
    claims = pl.col("line").str.contains(
        r"%[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)?-\d-"
        r"(?:IP\w*ACCESSLOG\w*|ACCESSLOG\w*|SESS_AUDIT_TRAIL\w*|DROP_PKT|LOG_SUMMARY) ?:"
        r"|%ACLLOG-\d-ACLLOG_(?:FLOW_INTERVAL|PKTLOG\w*):|%ACL-\d-IP\w*ACCESS: list |\[\*\*\] UTD WebFilter "
        r"|%SDWAN-\d-FPMD ?: FLOW LOG |%Viptela-.*\bFLOW[ _]LOG "
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message (kind flow); those of one 5-tuple are one session."""
        return layouts.read(
            lines,
            [
                (_LIST, _packets),
                (_TRAIL, _trail),
                (_DROPPED, lambda part: _packets(part, _DROPPED)),
                (_SUMMARY, lambda part: _packets(part, _SUMMARY)),
                (_NEXUS, lambda part: _packets(part, _NEXUS, unsaid="unknown")),
                (_FABRIC, lambda part: _packets(part, _FABRIC, unsaid="unknown")),
                (_FILTER, _filter),
                (_FLOW, _flow),
                (pl.lit(True), layouts.set_aside(NO_CONNECTION)),
            ],
        )


def _session(lines: pl.DataFrame) -> pl.Expr:
    ends = ("client", "client_port", "server", "port")
    return pl.concat_str(pl.lit(lines["sender"]).fill_null(""), *ends, separator="|")


def _packets(lines: pl.DataFrame, pattern: str = _LIST, *, unsaid: str = "blocked") -> pl.DataFrame:
    """What a list or the firewall did with a packet; `unsaid`: where no word is said of it."""
    names = ("verdict", "proto", "client", "client_port", "server", "port", "mac", "mac2", "flags")
    read = layouts.conformed(patterns.read(lines["line"], pattern), names)
    permitted = pl.col("verdict").str.contains("(?i)^(?:permit|pass)")
    action = one_of({"allowed": permitted, "blocked": ~permitted}, otherwise=pl.lit(unsaid))
    return read.select(
        "client",
        "client_port",
        "server",
        kind=pl.lit("flow"),
        client_mac=pl.coalesce("mac", "mac2"),
        server_port="port",
        transport=pl.col("proto").str.to_lowercase(),
        action=action,
        session=pl.when(action != "blocked").then(_session(lines)),
        # Told of the first packet, and every few minutes of those since.
        phase=one_of({"begin": pl.lit(lines["line"]).str.contains(r", 1 packet\b")}, otherwise="update"),
        reason=one_of({STRAY: pl.col("flags").str.contains(_NO_SYN)}),
    )


def _trail(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _TRAIL)
    return read.select(
        "client",
        "client_port",
        "server",
        kind=pl.lit("flow"),
        server_port="port",
        transport="proto",
        bytes_up="up",
        bytes_down="down",
        action=pl.lit("allowed"),
        session=_session(lines),
        phase=one_of({"end": pl.col("word") == "Stop"}, otherwise="begin"),
    )


def _flow(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _FLOW)
    dropped = ~pl.col("verdict").str.contains("(?i)^accept")
    return read.select(
        "client",
        "client_port",
        "server",
        kind=pl.lit("flow"),
        server_port="port",
        transport=pl.col("proto").str.to_lowercase(),
        bytes_up="up",
        packets_up="packets",
        action=one_of({"blocked": dropped}, otherwise="allowed"),
        one_way=pl.lit(True),
        observer=pl.lit(lines["sender"]),
    )


def _filter(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _FILTER)
    # Of TLS the name of the hello is logged, of plain HTTP all of the URL.
    bare = ~pl.col("url").str.contains("/", literal=True)
    clock = pl.col("clock").str.replace_all(" ", "", literal=True)
    return read.select(
        "client",
        "client_port",
        "server",
        time=pl.col("day").str.replace_all("/", "-", literal=True) + "T" + clock + "Z",
        kind=one_of({"tls": bare}, otherwise="http"),
        host=pl.when(bare).then("url"),
        url=pl.when(~bare).then(pl.lit("http://") + pl.col("url").str.replace(r"^https?://", "")),
        server_port="port",
        transport="proto",
        action=one_of({"blocked": pl.col("verdict") == "Drop"}, otherwise="allowed"),
    )
