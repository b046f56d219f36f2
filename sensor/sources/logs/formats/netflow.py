r"""NetFlow and IPFIX as text: nfdump CSV (old and new heads) and JSON, nProbe, goflow2, pmacct, IPFIX names.

    ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,…                      nfdump 1.6 -o csv
    firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows      nfdump 1.7 -o csv
    {"type": "FLOW", "t_first": …, "src4_addr": …, "in_bytes": …}                     nfdump -o json, ndjson
    {"sourceIPv4Address": …, "octetDeltaCount": …, "flowStartMilliseconds": …}        IPFIX element names
    StartTime,Flgs,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,…,SrcBytes,DstBytes,State    Argus (ra -c ,)
    {"StartTime": …, "Dir": "->", "SrcAddr": …, "Sport": …, "SrcBytes": …, …}         Argus (ra -M json)
    TAG,…,SRC_IP,DST_IP,SRC_PORT,DST_PORT,PROTOCOL,…,PACKETS,BYTES                    pmacct -O csv
    SRC_IP    DST_IP    SRC_PORT  DST_PORT  PROTOCOL    …  PACKETS    BYTES           pmacct, print's default
    {"8": "10.1.2.3", "12": …, "7": 40000, "11": 443, "1": 900, "23": 7000, "22": …}  nProbe: by number
    {"@type": "ipfix.entry", "iana:sourceIPv4Address": …, "iana:octetDeltaCount": …}  IPFIXcol2
    {"@timestamp": …, "netflow": {"ipv4_src_addr": …, "in_bytes": …, …}}              Logstash
    {"fields": {"src": …, "dst": …, "in_bytes": …}, "name": "netflow", "timestamp": …} Telegraf
    {"flow.client.ip.addr": …, "flow.server.ip.addr": …, "flow.client.bytes": …}      ElastiFlow: CODEX
    {"nf_src_address": …, "nf_dst_address": …, "nf_start": …, "nf_bytes": …}          Graylog
    2026-10-06 10:00:00.000 5.000 TCP 10.1.2.3:40000 -> 192.0.2.7:443 9 900 1         nfdump -o line, long
    … 5.000 TCP 10.1.2.3:40000 <-> 192.0.2.7:443 12 9 7000 900 2                      nfdump -o biline, bilong
    2026-10-06 10:00:00.000 - 10:00:05.000 (5.000 sec) tcp 10.1.2.3:40000 => 192.0.2.7:443 …
      (9/900 <-> 12/7000)                                                             yafscii
    … DELETE Ignore TCP 10.1.2.3:40000 -> 192.0.2.7:443 203.0.113.1:40000 -> …        nfdump -o nsel, nel

A record counts what its source sent, unless it is a biflow and counts the way back, too (`obyt`,
`out_bytes`). A sampled record says its rate, and is scaled by it. Times in milliseconds since the exporter's
start tell no time of day, and 0 stands for none; between 17 and 29 days after it they look like an epoch's
seconds, and only the time the record was sent tells them apart. Where a router translates addresses, an
answer goes to the router's, and `226`, `228` are the client's. Argus turns a record round whose `Dir` is
`<-`; its `TotBytes` are of both directions, and all its bytes those of frames (checked with 5.0: a lone SYN
has 74). nfdump rounds what it prints for people (`1.2 M`), unless told `-N`; its `In` is what the source
sent, printed behind `Out` in biline and before it in nsel. A firewall's event (NSEL) tells that it began
(CREATE: no bytes yet), goes on (UPDATE), ended (DELETE) or was refused (DENIED); nel is of translations and
counts nothing.
Source: nfdump(1); yafscii(1); RFC 7012, IANA IPFIX Information Elements; ra(1); pmacct, CONFIG-KEYS; nProbe
user's guide; Cisco, "ASA NetFlow Implementation Guide"; ElastiFlow, CODEX.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, layouts, objects, patterns
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import NO_PORTS, SUMMARY
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

#: Titles of pmacct's table.
_ALIGNED = r"(?i)\bsrc_ip {2,}dst_ip "
_CSV = {
    "start": "ts|firstseen|first_seen|start|first|received|starttime|stime|timestamp_start|stamp_inserted",
    "end": "te|lastseen|last_seen|last|end|lasttime|timestamp_end",
    "duration": "td|duration|dur",
    "client": "sa|srcaddr|src_addr|srcip|src ip|src4addr|src ip addr|src_ip", "server": "da|dstaddr|dst_addr|"
    "dstip|dst ip|dst4addr|dst ip addr|dst_ip",
    "client_port": "sp|srcport|src_port|src pt|src port|sport",
    "port": "dp|dport|dstport|dst_port|dst pt|dst port",
    "proto": "pr|proto|protocol",
    "packets": "ipkt|packets|inpackets|in_packets|srcpkts", "bytes": "ibyt|bytes|inbytes|in_bytes",
    "packets_back": "opkt|outpackets|out_packets|dstpkts",
    "bytes_back": "obyt|outbytes|out_bytes", "direction": "dir", "rate": "sampling|samplingrate",
    "observer": "ra|router|exporter|exporter_ip|router ip|ip4_router",
    "in_frames": "srcbytes", "in_frames_back": "dstbytes", "all_frames": "totbytes",
}  # fmt: skip
_JSON = {
    "start": "t_first|first|firstSeen|time_flow_start_ns|timeFlowStart|time_flow_start|"
    "flowStartMilliseconds|flowStartSeconds|"
    "flowStartMicroseconds|flowStartNanoseconds|timestamp_start|FIRST_SWITCHED|first_switched|"
    "FLOW_START_MILLISECONDS|flow_start_msec|start_time|stamp_inserted|152|150|22|"
    "flow.start.timestamp|StartTime|flow_start_ms|flow_start|TimeFlowStartMs|TimeFlowStart|nf_start",
    "exported": "t_event|observationTimeMilliseconds|event_time_msec|323|time_received_ns|TimeReceived|"
    "@timestamp|event_time_ms|timestamp",
    "end": "t_last|last|lastSeen|time_flow_end_ns|timeFlowEnd|time_flow_end|flowEndMilliseconds|"
    "flowEndSeconds|flowEndMicroseconds|flowEndNanoseconds|timestamp_end|LAST_SWITCHED|"
    "last_switched|FLOW_END_MILLISECONDS|end_time|153|151|21|flow.end.timestamp|flow_end_ms|TimeFlowEndMs|"
    "TimeFlowEnd|nf_stop",
    "client": "src4_addr|src6_addr|src_addr|sourceIPv4Address|sourceIPv6Address|IPV4_SRC_ADDR|"
    "IPV6_SRC_ADDR|ipv4_src_addr|ipv6_src_addr|ip_src|SrcAddr|8|27|flow.client.ip.addr|src|"
    "nf_src_address",
    "server": "dst4_addr|dst6_addr|dst_addr|destinationIPv4Address|destinationIPv6Address|IPV4_DST_ADDR|"
    "IPV6_DST_ADDR|ipv4_dst_addr|"
    "ipv6_dst_addr|ip_dst|DstAddr|12|28|flow.server.ip.addr|dst|nf_dst_address",
    "client_port": "src_port|sourceTransportPort|L4_SRC_PORT|l4_src_port|port_src|SrcPort|7|"
    "flow.client.l4.port.id|Sport|nf_src_port",
    "port": "dst_port|destinationTransportPort|L4_DST_PORT|l4_dst_port|port_dst|DstPort|11|"
    "flow.server.l4.port.id|Dport|nf_dst_port",
    "proto": "proto|protocolIdentifier|PROTOCOL|protocol|ip_proto|Proto|4|l4.proto.name|nf_proto",
    "packets": "in_packets|packets|packetDeltaCount|packetTotalCount|IN_PKTS|in_pkts|Packets|"
    "initiatorPackets|2|flow.client.packets|SrcPkts|nf_pkts",
    "bytes": "in_bytes|bytes|octetDeltaCount|IN_BYTES|Bytes|initiatorOctets|fwd_flow_delta_bytes|231|"
    "octetTotalCount|1|flow.client.bytes|initiator_bytes|in_total_bytes|nf_bytes",
    "packets_back": "out_packets|OUT_PKTS|out_pkts|reversePacketDeltaCount|reversePacketTotalCount|"
    "reverse_packetDeltaCount|responderPackets|24|flow.server.packets|DstPkts",
    "bytes_back": "out_bytes|OUT_BYTES|reverseOctetDeltaCount|reverseOctetTotalCount|"
    "reverse_octetDeltaCount|responderOctets|rev_flow_delta_bytes|232|23|flow.server.bytes|"
    "responder_bytes",
    "rate": "sampling_rate|samplingInterval|SAMPLING_INTERVAL|sampling_interval|SamplingRate|sampled",
    "observer": "ip4_router|ip6_router|sampler_address|SamplerAddress|exporterIPv4Address|"
    "exporterIPv6Address|EXPORTER_IPV4_ADDRESS|peer_ip_src|exporter.address|router|130|131|flow.export.ip.addr|"
    "tags.source",
    "behind": "dst4_xlt_ip|postNATDestinationIPv4Address|postNATDestinationIPv6Address|"
    "POST_NAT_DST_IPV4_ADDR|226|282|xlat_dst",
    "behind_port": "dst_xlt_port|postNAPTDestinationTransportPort|POST_NAPT_DST_TRANSPORT_PORT|228|"
    "xlat_dst_port",
    "host": "SSL_SERVER_NAME|HTTP_HOST|TLS_SERVER_NAME|httpHost|sslServerName|tlsSni|TLSSNI|quicSNI",
    "event": "event|firewallEvent|fw_event|233",
    "duration": "Dur", "direction": "Dir", "in_frames": "SrcBytes", "in_frames_back": "DstBytes",
}  # fmt: skip
_IS_OBJECT = r"^\s*\{"
_SIDES = (
    r'"(?:src4_addr|src6_addr|(?:iana:)?sourceIPv[46]Address|IPV[46]_SRC_ADDR|ipv[46]_src_addr)"\s*:'
    r'|"src_addr"\s*:.*"(?:time_flow_start|sampling_rate|flow_direction|sampler_address)|'
    r'"(?:sampler_address|time_flow_start\w*)"\s*:.*"src_addr"\s*:'
    r'|"Dir"\s*:.*"DstAddr"\s*:|"ip_src"\s*:.*"ip_dst"\s*:|"SrcAddr"\s*:.*"(?:SamplerAddress|TimeFlow)|"(?:SamplerAddress|'
    r'TimeFlow\w*)"\s*:.*"SrcAddr"'
    r'|"(?:8|27)"\s*:\s*"[0-9a-fA-F.:]+".*"(?:12|28)"\s*:\s*"[0-9a-fA-F.:]+"'
    r'|"(?:12|28)"\s*:\s*"[0-9a-fA-F.:]+".*"(?:8|27)"\s*:\s*"[0-9a-fA-F.:]+"'
    r'|"flow\.client\.ip\.addr"\s*:.*"flow\.server\.ip\.addr"\s*:'
    r'|"flow\.server\.ip\.addr"\s*:.*"flow\.client\.ip\.addr"\s*:'
    r'|"src"\s*:.*"name"\s*:\s*"netflow"|"name"\s*:\s*"netflow".*"src"\s*:'
    r'|"nf_src_address"\s*:|"nf_dst_address"\s*:'
)
#: What nfdump prints for people.
_STAMP = r"^(?P<start>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) +"
_LASTED = r"(?:[A-Z]+ +\S+ +)?(?P<duration>\d+\.\d+|\d\d:\d\d:\d\d\.\d+) +(?P<proto>[A-Z0-9]+) +"
_ADDRESS = r"(?:\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+)[:.]\d+(?:\.\d+)?"
_CLIENT = r"(?P<client>\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+)[:.](?P<client_port>\d+) +"
_SERVER = r" +(?P<server>\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+)[:.](?P<port>\d+)(?:\.\d+)? +"
_FLAGS = r"(?:[A-Z.]{6,8} +\d+ +)?"
_COUNT = r"\d+(?:\.\d+ [KMGT])?"
_PRINTED = (
    rf"{_STAMP}{_LASTED}{_CLIENT}->{_SERVER}{_FLAGS}(?P<packets>{_COUNT}) +(?P<bytes>{_COUNT})"
    rf"(?:(?: +{_COUNT}){{3}})?(?: +\d+)?\s*$"
)
_PRINTED_BOTH = (
    rf"{_STAMP}{_LASTED}{_CLIENT}<->{_SERVER}{_FLAGS}(?P<packets_back>{_COUNT}) +(?P<packets>{_COUNT}) +"
    rf"(?P<bytes_back>{_COUNT}) +(?P<bytes>{_COUNT}) +\d+\s*$"
)
_PRINTED_EVENT = (
    rf"{_STAMP}(?P<event>[A-Z]+) +(?:[A-Z][\w /-]*? +)?(?P<proto>[A-Z0-9]+) +{_CLIENT}->{_SERVER}"
    rf"{_ADDRESS} +-> +{_ADDRESS}(?: +(?P<bytes>{_COUNT}) +(?P<bytes_back>{_COUNT}))?\s*$"
)
#: What yafscii prints; a uniflow has no way back.
_YAFSCII = (
    rf"{_STAMP}- [\d:.]+ \((?P<duration>[\d.]+) sec\) (?P<proto>\w+) {_CLIENT}=>{_SERVER}"
    r".*\((?P<packets>\d+)/(?P<bytes>\d+) (?:->|<-> (?P<packets_back>\d+)/(?P<bytes_back>\d+))\)"
)
#: Events of a firewall, whose counts are those since the one before, and the numbers and names of all
#: (firewallEvent).
_EVENTS = {"CREATE": "begin", "UPDATE": "delta", "DELETE": "end-delta"}
_WORDS = {
    **{"1": "CREATE", "2": "DELETE", "3": "DENIED", "5": "UPDATE"},
    **{f"flow {word}": word[:6].upper() for word in ("created", "deleted", "denied", "update")},  # Telegraf
}
_DENIED = "DENIED"
_UNITS = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000}


class NetflowFormat(LogFormat):
    """Reads flow records as text."""

    name = "netflow"
    help = (
        "NetFlow, IPFIX, sFlow, NSEL as text: nfdump (1.6, 1.7) CSV, JSON and as it prints them, nProbe, "
        "goflow2, pmacct, YAF, IPFIXcol2, Logstash, Telegraf, Graylog, ElastiFlow, Argus"
    )
    vantage = "flow"
    counts_headers = "ip"
    proof = ("bytes_up", "bytes_down")
    advice = "Flow records name no hosts: scan them together with DNS logs of the same clients."
    header = (
        r"(?i)^\W*(?:ts,te,td,|(?:[\w ]+,)*(?:first_?seen|received)\b,.*\bsrc_?(?:addr|ip)\b|(?:[\w ]+,)"
        r"*sa,(?:sp,)?da,|(?:[\w ]+,)*srcaddr,(?:[\w ]+,)*dst_?addr\b|"
        r"(?:\w+,)*src_ip,dst_ip,(?:\w+,)*packets,(?:\w+,)*bytes\s*$|"
        r"(?:\w+ {2,})*src_ip {2,}dst_ip {2,}(?:\w+ {2,})*bytes\s*$)"
    )
    marks = (
        "->", "=>", '"src', '"dir"', '"sourceipv', "_src_addr", "nf_", '"ip_src"', '"8"', '"12"', '"27"',
        '"28"', '"iana:source', '"flow.client.ip.addr"', "ts,te,td", "seen", "received", "da,", "srcaddr",
        "src_ip",
    )  # fmt: skip
    claims = (
        pl.col("line").str.contains(ascii_only(_PRINTED))
        | pl.col("line").str.contains(ascii_only(_PRINTED_BOTH))
        | pl.col("line").str.contains(ascii_only(_PRINTED_EVENT))
        | pl.col("line").str.contains(ascii_only(_YAFSCII))
        | (
            pl.col("line").str.contains(_IS_OBJECT)
            & pl.col("line").str.contains(ascii_only(_SIDES))
            & ~objects.having_any("L7_PROTO", "L7_PROTO_NAME")  # ntopng.py
        )
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind flow, mostly one way)."""
        return layouts.read(
            lines,
            [
                (_IS_OBJECT, lambda part: _rows(_without_frames(objects.read(_bare(part["line"]), _JSON)))),
                *(
                    (printed, _printed(printed))
                    for printed in (_PRINTED, _PRINTED_BOTH, _PRINTED_EVENT, _YAFSCII)
                ),
                (
                    r"(?i)^(?:summary|flows,bytes,|(?:\d+,){5,}\d+\s*$|time window|(?:for a )?total|sys:)",
                    layouts.set_aside(SUMMARY),
                ),
                (
                    pl.col("header").str.contains(_ALIGNED),
                    lambda part: _rows(commas.read_headed(_with_commas(part), _CSV)),
                ),
                (
                    pl.lit(True),
                    lambda part: _rows(_without_frames(commas.read_headed(part, _CSV))),
                ),
            ],
        )


def _bare(lines: pl.Series) -> pl.Series:
    """YAF's records are objects in an object: `{"flows":{…}}`, Logstash's and Telegraf's in one of theirs.

    IPFIXcol2 names who numbered a field: `iana:octetDeltaCount`, `iana@reverse:octetDeltaCount@reverse`.
    """
    lines = lines.str.replace_all(r'"iana@reverse:(octet|packet)(\w+)@reverse"', '"reverse_$1$2"')
    lines = lines.str.replace_all(r'"(?:iana|flowmon|cesnet):(\w+)"\s*:\s*("?[^"\\\s])', '"$1":$2')
    lines = lines.str.replace(r'^\s*\{\s*"flows"\s*:\s*(\{.*\})\s*\}\s*$', "$1")
    return lines.str.replace(r'"(?:netflow|fields)"\s*:\s*\{([^{}]+)\}', "$1")


def _printed(pattern: str) -> layouts.Reader:
    return lambda lines: _rows(patterns.read(lines["line"], pattern))


def _with_commas(lines: pl.DataFrame) -> pl.DataFrame:
    """Aligned columns as CSV: a stamp has one blank in it, between columns there are two at least."""
    return lines.with_columns(pl.col("line", "header").str.replace_all(" {2,}", ","))


def _without_frames(read: pl.DataFrame) -> pl.DataFrame:
    """Argus counts frames: its bytes less 14 for each packet are those from IP on.

    Its `TotBytes` are of both directions.
    """
    if "all_frames" in read.columns:
        back = (_number("all_frames") - _number("in_frames")).cast(pl.String)
        read = read.with_columns(in_frames_back=pl.coalesce("in_frames_back", back))
    return read.with_columns(
        pl.coalesce(
            f"bytes{side}",
            (_number(f"in_frames{side}") - 14 * _number(f"packets{side}").fill_null(0)).cast(pl.String),
        ).alias(f"bytes{side}")
        for side in ("", "_back")
    )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    fields = _untranslated(_turned(layouts.conformed(read, _JSON)))
    rate = pl.col("rate").cast(pl.Int64, strict=False)
    rate = pl.when(rate > 1).then(rate).otherwise(1)
    count = {name: _number(name) for name in ("packets", "bytes", "packets_back", "bytes_back")}
    biflow = ((count["bytes_back"] > 0) | (count["packets_back"] > 0)).fill_null(False)
    event = pl.col("event").replace(_WORDS)
    # An event prints 0 for what was not told.
    counted = (event.is_null() | (count["bytes"] > 0) | (count["bytes_back"] > 0)).fill_null(False)
    phase = event.replace_strict(_EVENTS, default=None, return_dtype=pl.String)
    begin, end = _micros("start"), _micros("end")
    host = pl.col("host").str.strip_chars("\x00 ")  # of a field of a fixed length
    host = pl.when(host != "").then(host)
    second = pl.when(_is_uptime("start")).then(1_000_000_000).otherwise(1_000_000)
    lasted = pl.when(end >= begin).then((end - begin) / second)
    proto = pl.col("proto").str.strip_chars(" ").str.to_lowercase()
    untold = _is_uptime("start") | pl.col("start").str.starts_with("1970-01-01T00:00:00").fill_null(False)
    undated = _is_uptime("start") & (pl.col("start") != "0")  # reads as no time
    return fields.select(
        time=pl.coalesce(pl.when(~untold).then("start"), "exported", pl.when(undated).then("start")),
        ended=pl.when(lasted.is_null() & ~_is_uptime("end")).then("end"),
        duration_s=pl.coalesce(pl.col("duration").cast(pl.Float64, strict=False), lasted),
        kind=pl.lit("flow"),
        client=pl.col("client").str.strip_chars(" "),
        client_port=pl.col("client_port").str.strip_chars(" "),
        server=pl.col("server").str.strip_chars(" "),
        server_port=pl.col("port").str.strip_chars(" "),
        host=host,
        name_from=one_of({"sni": host.is_not_null()}),
        transport=proto,
        bytes_up=pl.when(counted).then(count["bytes"] * rate),
        packets_up=count["packets"] * rate,
        bytes_down=pl.when(biflow).then(count["bytes_back"] * rate),
        packets_down=pl.when(biflow).then(count["packets_back"] * rate),
        one_way=~biflow & phase.is_null() & (event.fill_null("") != _DENIED),
        observer="observer",
        session=pl.when(phase.is_not_null()).then(
            pl.concat_str("client", "client_port", "server", "port", proto, separator="|")
        ),
        phase=phase,
        action=one_of({"blocked": event == _DENIED, "allowed": phase.is_not_null()}),
        reason=one_of({NO_PORTS: ~has_ports(proto)}),
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


def _untranslated(fields: pl.DataFrame) -> pl.DataFrame:
    """`fields` with the client behind the translated address that an answer was sent to."""
    is_answer = _number("client_port") < _number("port")
    told = is_answer & ~pl.col("behind").is_in(["", "0.0.0.0", "::"])
    port = pl.when(_number("behind_port") > 0).then("behind_port")
    return fields.with_columns(
        server=pl.when(told).then("behind").otherwise("server"),
        port=pl.when(told).then(pl.coalesce(port, "port")).otherwise("port"),
    )


def _number(name: str) -> pl.Expr:
    """A count, also one rounded to `1.2 M` (nfdump counts by thousands)."""
    text = pl.col(name).str.strip_chars(" ")
    unit = text.str.extract(r"^[\d.]+ ([KMGT])$").replace_strict(_UNITS, default=None, return_dtype=pl.Int64)
    rounded = text.str.extract(r"^([\d.]+) [KMGT]$").cast(pl.Float64, strict=False) * unit
    return pl.coalesce(text.cast(pl.Int64, strict=False), rounded.round().cast(pl.Int64, strict=False))


def _is_uptime(name: str) -> pl.Expr:
    """Milliseconds since the exporter started, of 32 bits; some in between may be seconds of an epoch."""
    number = pl.col(name).cast(pl.Int64, strict=False)
    is_uptime = (number < 1_500_000_000) | number.is_between(2_500_000_000, (1 << 32) - 1)
    # Records are sent within the hour; seconds of an epoch that say otherwise are none.
    apart = (_micros("exported") - number * 1_000_000).abs() > 86_400_000_000
    return (is_uptime | ((number < 1 << 32) & apart)).fill_null(False)


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
