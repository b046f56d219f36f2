"""JSON.

{"type": "FLOW", "t_first": …, "src4_addr": …, "in_bytes": …}                     nfdump -o json, ndjson
{"sourceIPv4Address": …, "octetDeltaCount": …, "flowStartMilliseconds": …}        IPFIX element names
{"StartTime": …, "Dir": "->", "SrcAddr": …, "Sport": …, "SrcBytes": …, …}         Argus (ra -M json)
{"8": "10.1.2.3", "12": …, "7": 40000, "11": 443, "1": 900, "23": 7000, "22": …}  nProbe: by number
{"@type": "ipfix.entry", "iana:sourceIPv4Address": …, "iana:octetDeltaCount": …}  IPFIXcol2
{"@timestamp": …, "netflow": {"ipv4_src_addr": …, "in_bytes": …, …}}              Logstash
{"fields": {"src": …, "dst": …, "in_bytes": …}, "name": "netflow", "timestamp": …} Telegraf
{"flow.client.ip.addr": …, "flow.server.ip.addr": …, "flow.client.bytes": …}      ElastiFlow: CODEX
{"nf_src_address": …, "nf_dst_address": …, "nf_start": …, "nf_bytes": …}          Graylog
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import objects
from sensor.sources.logs.text.patterns import ascii_only

_KEYS = {
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
    "duration": "Dur", "direction": "Dir", "frame_bytes": "SrcBytes", "frame_bytes_back": "DstBytes",
}  # fmt: skip
IS_OBJECT = r"^\s*\{"
#: Keys that show an object to be a flow record.
_SIDES = "|".join(
    (
        r'"(?:src4_addr|src6_addr|(?:iana:)?sourceIPv[46]Address|IPV[46]_SRC_ADDR|ipv[46]_src_addr)"\s*:',
        r'"nf_(?:src|dst)_address"\s*:',
        r'"src_addr"\s*:.*"(?:time_flow_start|sampling_rate|flow_direction|sampler_address)',
        r'"(?:sampler_address|time_flow_start\w*)"\s*:.*"src_addr"\s*:',
        r'"SrcAddr"\s*:.*"(?:SamplerAddress|TimeFlow)',
        r'"(?:SamplerAddress|TimeFlow\w*)"\s*:.*"SrcAddr"',
        r'"Dir"\s*:.*"DstAddr"\s*:',
        r'"ip_src"\s*:.*"ip_dst"\s*:',
        r'"(?:8|27)"\s*:\s*"[0-9a-fA-F.:]+".*"(?:12|28)"\s*:\s*"[0-9a-fA-F.:]+"',
        r'"(?:12|28)"\s*:\s*"[0-9a-fA-F.:]+".*"(?:8|27)"\s*:\s*"[0-9a-fA-F.:]+"',
        r'"flow\.client\.ip\.addr"\s*:.*"flow\.server\.ip\.addr"\s*:',
        r'"flow\.server\.ip\.addr"\s*:.*"flow\.client\.ip\.addr"\s*:',
        r'"src"\s*:.*"name"\s*:\s*"netflow"',
        r'"name"\s*:\s*"netflow".*"src"\s*:',
    )
)
CLAIMS = (
    pl.col("line").str.contains(IS_OBJECT)
    & pl.col("line").str.contains(ascii_only(_SIDES))
    & ~objects.having_any("L7_PROTO", "L7_PROTO_NAME")  # ntopng.py
)


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of objects, as far as they have them."""
    return objects.read(_bare(lines["line"]), _KEYS)


def _bare(lines: pl.Series) -> pl.Series:
    """YAF's records are objects in an object: `{"flows":{…}}`, Logstash's and Telegraf's in one of theirs.

    IPFIXcol2 names who numbered a field: `iana:octetDeltaCount`, `iana@reverse:octetDeltaCount@reverse`.
    """
    lines = lines.str.replace_all(r'"iana@reverse:(octet|packet)(\w+)@reverse"', '"reverse_$1$2"')
    lines = lines.str.replace_all(r'"(?:iana|flowmon|cesnet):(\w+)"\s*:\s*("?[^"\\\s])', '"$1":$2')
    lines = lines.str.replace(r'^\s*\{\s*"flows"\s*:\s*(\{.*\})\s*\}\s*$', "$1")
    return lines.str.replace(r'"(?:netflow|fields)"\s*:\s*\{([^{}]+)\}', "$1")
