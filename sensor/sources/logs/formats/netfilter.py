r"""Linux netfilter: a LOG rule's packet (iptables, nftables, ufw, UniFi, Proxmox), ulogd, conntrack.

    [123.4] [UFW BLOCK] IN=eth0 OUT= MAC=… SRC=10.1.2.3 DST=192.0.2.7 LEN=52 … PROTO=TCP SPT=40000 DPT=443 …
    SYN
    112 6 tap112i0-OUT 06/Oct/2026:10:00:00 +0200 policy DROP: IN=… OUT=… SRC=… DST=… PROTO=TCP …  (Proxmox)
    [DESTROY] ORIG: SRC=10.1.2.3 DST=192.0.2.7 PROTO=TCP SPT=40000 DPT=443 PKTS=9 BYTES=900 , REPLY:
      SRC=192.0.2.7 DST=203.0.113.1 PROTO=TCP SPT=443 DPT=40000 PKTS=12 BYTES=7000
    {"src_ip": …, "dest_ip": …, "orig.l4.dport": …, "orig.raw.pktlen": …, "reply.raw.pktlen": …,
      "ct.event": 4, "flow.start.sec": …, "flow.end.sec": …, "oob.family": 2, …}   JSON of ulogd, a flow
    {"src_ip": …, "dest_ip": …, "dest_port": …, "oob.prefix": "DROP: ", …}  JSON of ulogd, a packet
    [1791280806.083463] [DESTROY] tcp 6 src=10.1.2.3 dst=192.0.2.7 sport=40000 dport=443 packets=9 bytes=900
      src=192.0.2.7 dst=203.0.113.1 sport=443 dport=40000 packets=12 bytes=7000    conntrack -E -o timestamp

The verdict is not in the record but in the rule's own prefix (in ulogd's LOGEMU, where syslog has the
program): words such as DROP, REJECT, BLOCK, ACCEPT,
ALLOW are understood, and UniFi's `-D]`, `-R-2000]`, `-RET-2000]`; else it is unknown. The length is one
packet's and no volume. A packet from a service port to a high one is an answer. Connection tracking counts
both directions (sysctl net.netfilter.nf_conntrack_acct); who answers is the server, whatever address it was
asked at. Source: iptables-extensions(8), LOG target; ufw(8); conntrack(8); ulogd,
filter/ulogd_filter_PRINTFLOW.c, output/ulogd_output_JSON.c.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, objects, patterns
from sensor.sources.logs.text.reasons import NO_PORTS, STRAY
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {"src": "SRC", "dst": "DST", "src_port": "SPT", "dst_port": "DPT", "proto": "PROTO"}
_BLOCKED = (
    r"(?i)\b(?:block|blocked|drop|dropped|reject|rejected|deny|denied|ban|banned)\b|-[DR](?:\]|-\d)"
    r"|_(?:DROP|REJECT|BLOCK)\b|(?:DROP|REJECT)_"
)
_ALLOWED = (
    r"(?i)\b(?:allow|allowed|accept|accepted|pass|permit)\b"
    r"|\bSFW2-\w+-ACC-|-(?:A|RET)(?:\]|-\d)|_(?:ACCEPT|ALLOW)\b"
)
#: The flags of a TCP packet; without SYN, the packet belongs to a connection that netfilter has forgotten.
_FLAGS = r"\bPROTO=TCP\b.*?((?: (?:CWR|ECE|URG|ACK|PSH|RST|SYN|FIN))+)(?: |$)"
#: Those of the first one, which has no ACK.
_OPENS = r"^(?: (?:CWR|ECE))* SYN"
_IS_TRACKED = r"\bORIG: SRC=[0-9a-fA-F.:]+ DST=.*, REPLY: SRC="
_TRACKED = (
    r"^(?:\[(?P<event>[A-Z]+)\] *)?.*?\bORIG: SRC=(?P<client>\S+) DST=\S+ PROTO=(?P<proto>\w+)"
    r"(?: SPT=(?P<client_port>\d+) DPT=\d+)?.*? PKTS=(?P<packets_up>\d+) BYTES=(?P<bytes_up>\d+) *, "
    r"REPLY: SRC=(?P<server>\S+) DST=\S+ PROTO=\w+(?: SPT=(?P<server_port>\d+) DPT=\d+)?.*?"
    r" PKTS=(?P<packets_down>\d+) BYTES=(?P<bytes_down>\d+)"
)
_IS_EVENT = r"^\s*(?:\[\d{10}\.\d+\]\s+)?\[(?:NEW|UPDATE|DESTROY)\] .*\bsrc=\S+ dst=\S+ .*\bsrc=\S+ dst="
_EVENT = (
    r"^\s*(?:\[(?P<time>\d{10}\.\d+)\]\s+)?\[(?P<event>\w+)\] (?:ipv[46] +\d+ )?\s*(?P<proto>\w+) .*?"
    r"\bsrc=(?P<client>\S+) dst=\S+ (?:sport=(?P<client_port>\d+) dport=\d+ )?"
    r"(?:packets=(?P<packets_up>\d+) bytes=(?P<bytes_up>\d+) )?.*?"
    r"\bsrc=(?P<server>\S+) dst=\S+(?: sport=(?P<server_port>\d+) dport=\d+)?"
    r"(?: packets=(?P<packets_down>\d+) bytes=(?P<bytes_down>\d+))?(?:.*\bdelta-time=(?P<seconds>\d+))?"
)
#: ulogd's numbers of events.
_EVENTS = {"1": "NEW", "2": "UPDATE", "4": "DESTROY"}
_TRACKED_OBJECT = {
    "client": "src_ip|orig.ip.saddr.str", "client_port": "orig.l4.sport",
    "server": "reply.ip.saddr.str|dest_ip", "server_port": "reply.l4.sport|orig.l4.dport",
    "proto": "orig.ip.protocol", "event": "ct.event",
    "packets_up": "orig.raw.pktcount", "bytes_up": "orig.raw.pktlen", "packets_down": "reply.raw.pktcount",
    "bytes_down": "reply.raw.pktlen", "begin_s": "flow.start.sec", "begin_us": "flow.start.usec",
    "end_s": "flow.end.sec", "end_us": "flow.end.usec", "stamp": "timestamp|@timestamp",
}  # fmt: skip
_PACKET_OBJECT = {
    "src": "src_ip|ip.saddr.str", "dst": "dest_ip|ip.daddr.str", "src_port": "src_port|tcp.sport|udp.sport",
    "dst_port": "dest_port|tcp.dport|udp.dport", "proto": "ip.protocol", "prefix": "oob.prefix",
    "stamp": "timestamp|@timestamp", "at_s": "oob.time.sec", "at_us": "oob.time.usec",
}  # fmt: skip
_IS_OBJECT = r'^\s*\{.*"oob\.family"\s*:'
_IS_TRACKED_OBJECT = r'^\s*\{.*"(?:orig|reply|flow|ct)\.'
#: Proxmox says the time within the line; elsewhere syslog or the kernel log does.
_STAMP = r"\b(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}) "
_PHASES = {"NEW": "begin", "UPDATE": "update", "DESTROY": "end"}
_COUNTS = ("packets_up", "bytes_up", "packets_down", "bytes_down")


class NetfilterFormat(LogFormat):
    """Reads packet logs of Linux firewalls."""

    name = "netfilter"
    help = (
        "Linux firewalls: iptables, nftables, ufw, firewalld, UniFi, Proxmox (LOG target), packets and "
        "connections of ulogd (LOGEMU, JSON), conntrack -E; kernel log or syslog"
    )
    vantage = "firewall"
    counts_headers = "ip"
    proof = ("bytes_up", "bytes_down", "action")
    advice = (
        "Put the verdict into the rule's prefix, for example --log-prefix 'FW DROP '. The log has no "
        "hosts; for volumes use ulogd (NFCT) or conntrack -E -o timestamp, with nf_conntrack_acct and "
        "nf_conntrack_timestamp."
    )
    marks = ("proto=", '"oob.family"', "] tcp ", "] udp ", "[new]", "[update]", "[destroy]")
    claims = pl.col("line").str.contains(
        r"\bIN=\S* (?:OUT=\S* )?.*\bSRC=[0-9a-fA-F.:]+ DST=[0-9a-fA-F.:]+ .*\bPROTO="
    ) | pl.col("line").str.contains(f"{_IS_TRACKED}|{_IS_EVENT}|{_IS_OBJECT}")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per logged packet or event (kind flow); those of one 5-tuple are one session."""
        return layouts.read(
            lines,
            [
                (_IS_TRACKED, lambda part: _connections(part, patterns.read(part["line"], _TRACKED))),
                (_IS_EVENT, _events),
                (_IS_TRACKED_OBJECT, _connection_objects),
                (_IS_OBJECT, _packet_objects),
                (pl.lit(True), _packet_lines),
            ],
        )


def _packet_lines(lines: pl.DataFrame) -> pl.DataFrame:
    read = keyvalue.read(lines["line"].str.replace_all("]IN=", "] IN=", literal=True), _FIELDS)
    said = lines["line"].str.extract(r"^(.*?)\bIN=")
    prefix = pl.concat_str(pl.lit(lines["tag"]), pl.lit(said), separator=": ", ignore_nulls=True)
    flags = lines["line"].str.extract(_FLAGS)
    return _packets(
        lines, read.with_columns(prefix=prefix, flags=pl.lit(flags), time=pl.lit(said).str.extract(_STAMP))
    )


def _packet_objects(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _PACKET_OBJECT)
    stamp = pl.coalesce(_epoch("at_s", "at_us"), "stamp")
    return _packets(lines, read.with_columns(time=stamp, flags=pl.lit(None, dtype=pl.String)))


def _packets(lines: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """Packets (time, prefix, proto, src, src_port, dst, dst_port, flags)."""
    sides = pl.concat_list(
        pl.concat_str("src", "src_port", separator="/"), pl.concat_str("dst", "dst_port", separator="/")
    )
    blocked = pl.col("prefix").str.contains(_BLOCKED).fill_null(False)
    # A rule may log every packet: only the first one opens a connection.
    later = pl.col("proto").str.to_lowercase().is_in(["udp", "17"]) | ~pl.col("flags").str.contains(_OPENS)
    sender = pl.lit(lines["sender"]).fill_null("")
    return read.select(
        "time",
        kind=pl.lit("flow"),
        client="src",
        client_port="src_port",
        server="dst",
        server_port="dst_port",
        transport="proto",
        action=one_of(
            {"blocked": blocked, "allowed": pl.col("prefix").str.contains(_ALLOWED)}, otherwise="unknown"
        ),
        session=pl.when(~blocked).then(
            pl.concat_str(sender, "proto", sides.list.sort().list.join("|"), separator="|")
        ),
        phase=one_of({"update": later}, otherwise="begin"),
        reason=one_of(
            {
                NO_PORTS: ~has_ports(pl.col("proto")),
                STRAY: blocked & ~pl.col("flags").str.contains("SYN", literal=True),
            }
        ),
    )


def _events(lines: pl.DataFrame) -> pl.DataFrame:
    """Of conntrack."""
    read = patterns.read(lines["line"], _EVENT)
    told = read.select(
        "time",
        at_end=pl.col("seconds").is_not_null(),
        duration_s=pl.col("seconds").cast(pl.Float64, strict=False),
    )
    return _connections(lines, read).hstack(told)


def _connection_objects(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _TRACKED_OBJECT)
    begin, end = _epoch("begin_s", "begin_us"), _epoch("end_s", "end_us")
    rows = _connections(lines, read.with_columns(pl.col("event").replace(_EVENTS)))
    return rows.hstack(
        read.select(time=pl.coalesce(begin, "stamp"), ended=pl.when(begin.is_not_null()).then(end))
    )


def _epoch(seconds: str, micros: str) -> pl.Expr:
    return pl.concat_str(pl.col(seconds), pl.lit("."), pl.col(micros).fill_null("0").str.zfill(6))


def _connections(lines: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """Tracked connections (event, proto, client, client_port, server, server_port, `_COUNTS`)."""
    key = (pl.lit(lines["sender"]).fill_null(""), "proto", "client", "client_port", "server", "server_port")
    # Without accounting, nothing is counted.
    counted = pl.any_horizontal(pl.col(name) != "0" for name in _COUNTS)
    return read.select(
        "client",
        "client_port",
        "server",
        "server_port",
        *(pl.when(counted).then(name).alias(name) for name in _COUNTS),
        kind=pl.lit("flow"),
        transport="proto",
        action=pl.lit("allowed"),
        session=pl.concat_str(*key, separator="|"),
        phase=pl.col("event").replace_strict(_PHASES, default="end", return_dtype=pl.String),
        reason=one_of({NO_PORTS: ~has_ports(pl.col("proto"))}),
    )
