r"""NetFlow and IPFIX as text: nfdump CSV (old and new heads) and JSON, nProbe, goflow2, pmacct, IPFIX names.

    ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,…                      nfdump 1.6 -o csv
    firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows      nfdump 1.7 -o csv
    {"type": "FLOW", "t_first": …, "src4_addr": …, "in_bytes": …}                     nfdump -o json, ndjson
    {"sourceIPv4Address": …, "octetDeltaCount": …, "flowStartMilliseconds": …}        IPFIX element names
    StartTime,Flgs,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,…,SrcBytes,DstBytes,State    Argus (ra -c ,)
    TAG,…,SRC_IP,DST_IP,SRC_PORT,DST_PORT,PROTOCOL,…,PACKETS,BYTES                    pmacct -O csv

A record counts what its source sent, unless it is a biflow and counts the way back, too (`obyt`,
`out_bytes`). A sampled record says its rate, and is scaled by it. Times in milliseconds since the exporter's
start tell no time of day. Argus turns a record round whose `Dir` is `<-`; its `TotBytes` are of both
directions. nfdump rounds what it prints for people (`1.2 M`), unless told `-N`. Source: nfdump(1); RFC 7012,
IANA IPFIX Information Elements; ra(1); pmacct, CONFIG-KEYS.
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import commas, layouts, objects

_CSV = {
    "start": "ts|firstseen|first_seen|start|first|received|starttime|stime|timestamp_start|stamp_inserted",
    "end": "te|lastseen|last_seen|last|end|lasttime|timestamp_end",
    "duration": "td|duration|dur",
    "client": "sa|srcaddr|src_addr|srcip|src ip|src4addr|src ip addr|src_ip", "server": "da|dstaddr|dst_addr|"
    "dstip|dst ip|dst4addr|dst ip addr|dst_ip",
    "client_port": "sp|srcport|src_port|src pt|src port|sport",
    "port": "dp|dport|dstport|dst_port|dst pt|dst port",
    "proto": "pr|proto|protocol",
    "packets": "ipkt|packets|inpackets|in_packets|srcpkts", "bytes": "ibyt|bytes|inbytes|in_bytes|srcbytes",
    "packets_back": "opkt|outpackets|out_packets|dstpkts",
    "bytes_back": "obyt|outbytes|out_bytes|dstbytes", "direction": "dir", "rate": "sampling|samplingrate",
    "eye": "ra|router|exporter|exporter_ip|router ip|ip4_router",
}  # fmt: skip
_JSON = {
    "start": "t_first|first|firstSeen|time_flow_start_ns|timeFlowStart|time_flow_start|"
    "flowStartMilliseconds|flowStartSeconds|"
    "flowStartMicroseconds|flowStartNanoseconds|timestamp_start|FIRST_SWITCHED|first_switched|"
    "FLOW_START_MILLISECONDS|start_time|stamp_inserted",
    "end": "t_last|last|lastSeen|time_flow_end_ns|timeFlowEnd|time_flow_end|flowEndMilliseconds|"
    "flowEndSeconds|timestamp_end|LAST_SWITCHED|"
    "last_switched|FLOW_END_MILLISECONDS|end_time",
    "client": "src4_addr|src6_addr|src_addr|sourceIPv4Address|sourceIPv6Address|IPV4_SRC_ADDR|"
    "IPV6_SRC_ADDR|ipv4_src_addr|ipv6_src_addr|ip_src|SrcAddr",
    "server": "dst4_addr|dst6_addr|dst_addr|destinationIPv4Address|destinationIPv6Address|IPV4_DST_ADDR|"
    "IPV6_DST_ADDR|ipv4_dst_addr|"
    "ipv6_dst_addr|ip_dst|DstAddr",
    "client_port": "src_port|sourceTransportPort|L4_SRC_PORT|l4_src_port|port_src|SrcPort",
    "port": "dst_port|destinationTransportPort|L4_DST_PORT|l4_dst_port|port_dst|DstPort",
    "proto": "proto|protocolIdentifier|PROTOCOL|protocol|ip_proto|Proto",
    "packets": "in_packets|packets|packetDeltaCount|IN_PKTS|in_pkts|Packets|initiatorPackets",
    "bytes": "in_bytes|bytes|octetDeltaCount|IN_BYTES|Bytes|initiatorOctets|octetTotalCount",
    "packets_back": "out_packets|OUT_PKTS|out_pkts|reversePacketDeltaCount|responderPackets",
    "bytes_back": "out_bytes|OUT_BYTES|reverseOctetDeltaCount|responderOctets",
    "rate": "sampling_rate|samplingInterval|SAMPLING_INTERVAL|sampling_interval|SamplingRate|sampled",
    "eye": "ip4_router|ip6_router|sampler_address|SamplerAddress|exporterIPv4Address|exporterIPv6Address|"
    "EXPORTER_IPV4_ADDRESS|peer_ip_src|exporter.address|router",
    "host": "SSL_SERVER_NAME|HTTP_HOST|TLS_SERVER_NAME|httpHost|sslServerName",
}  # fmt: skip
_IS_OBJECT = r"^\s*\{"
_SIDES = (
    r'"(?:src4_addr|src6_addr|sourceIPv[46]Address|IPV[46]_SRC_ADDR|ipv[46]_src_addr)"\s*:'
    r'|"src_addr"\s*:.*"(?:time_flow_start|sampling_rate|flow_direction|sampler_address)|'
    r'"(?:sampler_address|time_flow_start\w*)"\s*:.*"src_addr"\s*:'
    r'|"ip_src"\s*:.*"ip_dst"\s*:|"SrcAddr"\s*:.*"(?:SamplerAddress|TimeFlow)|"(?:SamplerAddress|'
    r'TimeFlow\w*)"\s*:.*"SrcAddr"'
)
#: What nfdump prints for people: `2026-10-06 10:00:00.000 5.000 TCP 10.1.2.3:40000 -> 192.0.2.7:443 9 900 1`.
_PRINTED = (
    r"^(?P<start>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) +(?:[A-Z]+ +\S+ +)?(?P<duration>\d+\.\d+|"
    r"\d\d:\d\d:\d\d\.\d+) +"
    r"(?P<proto>[A-Z0-9]+) +(?P<client>\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+)[:.](?P<client_port>\d+) +<?->? +"
    r"(?P<server>\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+)[:.](?P<port>\d+)(?:\.\d+)? +(?:[A-Z.]{6,8} +\d+ +)"
    r"?(?P<packets>\d+(?:\.\d+ [KMGT])?) +"
    r"(?P<bytes>\d+(?:\.\d+ [KMGT])?)(?:(?: +\d+(?:\.\d+ [KMGT])?){3})?(?: +(?P<flows>\d+))?\s*$"
)
_UNITS = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000}
SUMMARY = "set aside: summary behind the records"
NO_PORTS = "set aside: neither TCP nor UDP"


class NetflowFamily(Family):
    """Reads flow records as text."""

    name: ClassVar[str] = "netflow"
    help: ClassVar[str] = (
        "NetFlow, IPFIX, sFlow as text: nfdump CSV (1.6, 1.7) and JSON, nProbe, goflow2, pmacct, Logstash"
    )
    vantage: ClassVar[str] = "flow"
    proof: ClassVar[Proof] = Proof(bytes_up=True, bytes_down=True)
    advice: ClassVar[str] = "Flow records name no hosts: add DNS logs of the same clients."
    header: ClassVar[str] = (
        r"(?i)^\W*(?:ts,te,td,|(?:[\w ]+,)*(?:first_?seen|received)\b,.*\bsrc_?(?:addr|ip)\b|(?:[\w ]+,)"
        r"*sa,(?:sp,)?da,|(?:[\w ]+,)*srcaddr,|"
        r"(?:\w+,)*src_ip,dst_ip,(?:\w+,)*packets,(?:\w+,)*bytes\s*$)"
    )
    claims: ClassVar[pl.Expr] = pl.col("line").str.contains(_PRINTED) | pl.col("line").str.contains(
        _IS_OBJECT
    ) & pl.col("line").str.contains(_SIDES)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind flow, mostly one way)."""
        return layouts.read(
            lines,
            [
                (_IS_OBJECT, lambda part: _rows(objects.read(part["line"], _JSON))),
                (_PRINTED, lambda part: _rows(part["line"].str.extract_groups(_PRINTED).struct.unnest())),
                (
                    r"(?i)^(?:summary|flows,bytes,|(?:\d+,){5,}\d+\s*$|time window|total flows|sys:)",
                    layouts.set_aside(SUMMARY),
                ),
                (
                    pl.lit(True),
                    lambda part: _rows(commas.read_headed(part, _CSV)),
                ),
            ],
        )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.String)
    names = (*_JSON, "duration", "direction")
    fields = read.select((pl.col(name) if name in read.columns else nothing).alias(name) for name in names)
    fields = _turned(fields)
    rate = pl.col("rate").cast(pl.Int64, strict=False)
    rate = pl.when(rate > 1).then(rate).otherwise(1)
    count = {name: _number(name) for name in ("packets", "bytes", "packets_back", "bytes_back")}
    biflow = ((count["bytes_back"] > 0) | (count["packets_back"] > 0)).fill_null(False)
    begin, end = _micros("start"), _micros("end")
    lasted = pl.when(end >= begin).then((end - begin) / 1_000_000)
    proto = pl.col("proto").str.strip_chars(" ").str.to_lowercase()
    return fields.select(
        time="start",
        duration_s=pl.coalesce(pl.col("duration").cast(pl.Float64, strict=False), lasted),
        kind=pl.lit("flow"),
        client=pl.col("client").str.strip_chars(" "),
        client_port=pl.col("client_port").str.strip_chars(" "),
        server=pl.col("server").str.strip_chars(" "),
        server_port=pl.col("port").str.strip_chars(" "),
        host="host",
        name_from=pl.when(pl.col("host").is_not_null()).then(pl.lit("sni")),
        transport=proto,
        bytes_up=count["bytes"] * rate,
        packets_up=count["packets"] * rate,
        bytes_down=pl.when(biflow).then(count["bytes_back"] * rate),
        packets_down=pl.when(biflow).then(count["packets_back"] * rate),
        one_way=~biflow,
        eye="eye",
        reason=pl.when(~proto.is_in(["tcp", "udp", "6", "17"])).then(pl.lit(NO_PORTS)),
    )


def _turned(fields: pl.DataFrame) -> pl.DataFrame:
    """`fields` with the sides exchanged where the second one began."""
    sides = (
        ("client", "server"), ("client_port", "port"), ("packets", "packets_back"), ("bytes", "bytes_back")
    )  # fmt: skip
    back = (pl.col("direction").str.strip_chars(" ") == "<-").fill_null(False)
    return fields.with_columns(
        pl.when(back).then(other).otherwise(one).alias(one)
        for pair in sides
        for one, other in (pair, pair[::-1])
    )


def _number(name: str) -> pl.Expr:
    """A count, also one rounded to `1.2 M` (nfdump counts by thousands)."""
    text = pl.col(name).str.strip_chars(" ")
    unit = text.str.extract(r"^[\d.]+ ([KMGT])$").replace_strict(_UNITS, default=None, return_dtype=pl.Int64)
    rounded = text.str.extract(r"^([\d.]+) [KMGT]$").cast(pl.Float64, strict=False) * unit
    return pl.coalesce(text.cast(pl.Int64, strict=False), rounded.round().cast(pl.Int64, strict=False))


def _micros(name: str) -> pl.Expr:
    """An epoch of any unit, or ISO text, in microseconds."""
    number = pl.col(name).cast(pl.Int64, strict=False)
    scaled = (
        pl.when(number < 100_000_000_000)
        .then(number * 1_000_000)
        .when(number < 100_000_000_000_000)
        .then(number * 1_000)
        .when(number < 100_000_000_000_000_000)
        .then(number)
        .otherwise(number // 1_000)
    )
    text = (
        pl.col(name)
        .str.strip_chars(" ")
        .str.replace("T", " ")
        .str.replace("Z$", "")
        .str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
    )
    return pl.coalesce(scaled, text.dt.epoch("us"))
