"""CSV with titles, and aligned columns.

ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,…                      nfdump 1.6 -o csv
firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows      nfdump 1.7 -o csv
StartTime,Flgs,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,…,SrcBytes,DstBytes,State    Argus (ra -c ,)
TAG,…,SRC_IP,DST_IP,SRC_PORT,DST_PORT,PROTOCOL,…,PACKETS,BYTES                    pmacct -O csv
SRC_IP    DST_IP    SRC_PORT  DST_PORT  PROTOCOL    …  PACKETS    BYTES           pmacct, print's default
#:unix_secs,…,exaddr,dpkts,doctets,first,last,…,srcaddr,dstaddr,…,srcport,dstport    flow-export -f2
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text import commas

#: Lines that hold the titles of the next ones.
HEADER = (
    r"(?i)^\W*(?:ts,te,td,|(?:[\w ]+,)*(?:first_?seen|received)\b,.*\bsrc_?(?:addr|ip)\b|(?:[\w ]+,)"
    r"*sa,(?:sp,)?da,|(?:[\w ]+,)*srcaddr,(?:[\w ]+,)*dst_?addr\b|"
    r"(?:\w+,)*src_ip,dst_ip,(?:\w+,)*packets,(?:\w+,)*bytes\s*$|"
    r"(?:\w+ {2,})*src_ip {2,}dst_ip {2,}(?:\w+ {2,})*bytes\s*$|starttime +flgs +proto +srcaddr +sport +dir )"
)
#: Lines under the titles of pmacct's table.
ALIGNED = pl.col("header").str.contains(r"(?i)\bsrc_ip {2,}dst_ip ")
_TITLES = {
    "start": "ts|firstseen|first_seen|start|first|received|starttime|stime|timestamp_start|stamp_inserted",
    "end": "te|lastseen|last_seen|last|end|lasttime|timestamp_end",
    "duration": "td|duration|dur",
    "client": "sa|srcaddr|src_addr|srcip|src ip|src4addr|src ip addr|src_ip",
    "server": "da|dstaddr|dst_addr|dstip|dst ip|dst4addr|dst ip addr|dst_ip",
    "client_port": "sp|srcport|src_port|src pt|src port|sport",
    "port": "dp|dport|dstport|dst_port|dst pt|dst port",
    "proto": "pr|proto|protocol|prot", "exported": "unix_secs|:unix_secs",
    "packets": "ipkt|packets|inpackets|in_packets|srcpkts|dpkts",
    "bytes": "ibyt|bytes|inbytes|in_bytes|doctets",
    "packets_back": "opkt|outpackets|out_packets|dstpkts",
    "bytes_back": "obyt|outbytes|out_bytes", "direction": "dir", "rate": "sampling|samplingrate",
    "observer": "ra|router|exporter|exporter_ip|router ip|ip4_router|exaddr",
    "frame_bytes": "srcbytes", "frame_bytes_back": "dstbytes", "frame_bytes_both": "totbytes",
}  # fmt: skip


def read(lines: pl.DataFrame) -> pl.DataFrame:
    """`COLUMNS` of CSV, as far as it has them."""
    return commas.read_headed(lines, _TITLES)


def read_aligned(lines: pl.DataFrame) -> pl.DataFrame:
    """The same of aligned columns: a stamp has one blank in it, between columns there are two at least."""
    return read(lines.with_columns(pl.col("line", "header").str.replace_all(" {2,}", ",")))
