r"""Linux netfilter: a LOG rule's packet (iptables, nftables, ufw, firewalld, UniFi, Proxmox), and ulogd.

    [123.4] [UFW BLOCK] IN=eth0 OUT= MAC=… SRC=10.1.2.3 DST=192.0.2.7 LEN=52 … PROTO=TCP SPT=40000 DPT=443 …
    SYN
    112 6 tap112i0-OUT 06/Oct/2026:10:00:00 +0200 policy DROP: IN=… OUT=… SRC=… DST=… PROTO=TCP …  (Proxmox)
    [DESTROY] ORIG: SRC=10.1.2.3 DST=192.0.2.7 PROTO=TCP SPT=40000 DPT=443 PKTS=9 BYTES=900 , REPLY:
      SRC=192.0.2.7 DST=203.0.113.1 PROTO=TCP SPT=443 DPT=40000 PKTS=12 BYTES=7000

The verdict is not in the record but in the rule's own prefix: words such as DROP, REJECT, BLOCK, ACCEPT,
ALLOW are understood, and UniFi's `-D]`, `-R-2000]`, `-RET-2000]`; else it is unknown. The length is one
packet's and no volume. A packet from a service port to a high one is an answer. Connection tracking counts
both directions (sysctl net.netfilter.nf_conntrack_acct); who answers is the server, whatever address it was
asked at. Source: iptables-extensions(8), LOG target; ufw(8); ulogd, filter/ulogd_filter_PRINTFLOW.c.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.text import keyvalue, layouts, patterns
from sensor.sources.text.reasons import NO_PORTS
from sensor.sources.text.transports import has_ports
from sensor.sources.text.words import one_of

_FIELDS = {"src": "SRC", "dst": "DST", "src_port": "SPT", "dst_port": "DPT", "proto": "PROTO"}
_BLOCKED = (
    r"(?i)\b(?:block|blocked|drop|dropped|reject|rejected|deny|denied|ban|banned)\b|-[DR](?:\]|-\d)"
    r"|_(?:DROP|REJECT|BLOCK)\b|(?:DROP|REJECT)_"
)
_ALLOWED = r"(?i)\b(?:allow|allowed|accept|accepted|pass|permit)\b|-(?:A|RET)(?:\]|-\d)|_(?:ACCEPT|ALLOW)\b"
_IS_TRACKED = r"\bORIG: SRC=[0-9a-fA-F.:]+ DST=.*, REPLY: SRC="
_TRACKED = (
    r"^(?:\[(?P<event>[A-Z]+)\] *)?.*?\bORIG: SRC=(?P<client>\S+) DST=\S+ PROTO=(?P<proto>\w+)"
    r"(?: SPT=(?P<client_port>\d+) DPT=\d+)?.*? PKTS=(?P<packets_up>\d+) BYTES=(?P<bytes_up>\d+) *, "
    r"REPLY: SRC=(?P<server>\S+) DST=\S+ PROTO=\w+(?: SPT=(?P<server_port>\d+) DPT=\d+)?.*?"
    r" PKTS=(?P<packets_down>\d+) BYTES=(?P<bytes_down>\d+)"
)
#: Proxmox says the time within the line; elsewhere syslog or the kernel log does.
_STAMP = r"\b(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}) "
_PHASES = {"NEW": "begin", "UPDATE": "update", "DESTROY": "end"}
_COUNTS = ("packets_up", "bytes_up", "packets_down", "bytes_down")


class NetfilterFamily(Family):
    """Reads packet logs of Linux firewalls."""

    name = "netfilter"
    help = (
        "Linux firewalls: iptables, nftables, ufw, firewalld, UniFi, Proxmox (LOG target), connections of "
        "ulogd; kernel log or syslog"
    )
    vantage = "firewall"
    counts_headers = "ip"
    proof = ("bytes_up", "bytes_down", "action")
    advice = (
        "Put the verdict into the rule's prefix, for example --log-prefix 'FW DROP '. The log has no "
        "hosts; for volumes use ulogd (NFCT, with nf_conntrack_acct)."
    )
    marks = ("proto=",)
    claims = pl.col("line").str.contains(
        r"\bIN=\S* (?:OUT=\S* )?.*\bSRC=[0-9a-fA-F.:]+ DST=[0-9a-fA-F.:]+ .*\bPROTO="
    ) | pl.col("line").str.contains(_IS_TRACKED)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per logged packet or event (kind flow); those of one 5-tuple are one session."""
        return layouts.read(lines, [(_IS_TRACKED, _connections), (pl.lit(True), _packets)])


def _packets(lines: pl.DataFrame) -> pl.DataFrame:
    prefix = lines["line"].str.extract(r"^(.*?)\bIN=")
    read = keyvalue.read(lines["line"].str.replace_all("]IN=", "] IN=", literal=True), _FIELDS)
    source, target = (pl.col(name).cast(pl.Int64, strict=False) for name in ("src_port", "dst_port"))
    answer = ((source < 1024) & (target >= 1024)).fill_null(False)
    sides = pl.concat_list(
        pl.concat_str("src", "src_port", separator="/"), pl.concat_str("dst", "dst_port", separator="/")
    )
    blocked = pl.lit(prefix).str.contains(_BLOCKED).fill_null(False)
    sender = pl.lit(lines["sender"]).fill_null("")
    return read.select(
        time=pl.lit(prefix).str.extract(_STAMP),
        kind=pl.lit("flow"),
        client=pl.when(answer).then("dst").otherwise("src"),
        client_port=pl.when(answer).then("dst_port").otherwise("src_port"),
        server=pl.when(answer).then("src").otherwise("dst"),
        server_port=pl.when(answer).then("src_port").otherwise("dst_port"),
        transport="proto",
        action=one_of(
            {"blocked": blocked, "allowed": pl.lit(prefix).str.contains(_ALLOWED)}, otherwise="unknown"
        ),
        session=pl.when(~blocked).then(
            pl.concat_str(sender, "proto", sides.list.sort().list.join("|"), separator="|")
        ),
        phase=pl.lit("begin"),
        reason=one_of({NO_PORTS: ~has_ports(pl.col("proto"))}),
    )


def _connections(lines: pl.DataFrame) -> pl.DataFrame:
    read = patterns.read(lines["line"], _TRACKED)
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
