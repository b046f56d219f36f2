r"""Linux netfilter: iptables, nftables, ufw, firewalld, UniFi; what a LOG rule says of one packet.

    [123.4] [UFW BLOCK] IN=eth0 OUT= MAC=… SRC=10.1.2.3 DST=192.0.2.7 LEN=52 … PROTO=TCP SPT=40000 DPT=443 …
    SYN

The verdict is not in the record but in the rule's own prefix: words such as DROP, REJECT, BLOCK, ACCEPT,
ALLOW are understood, and UniFi's `-D]`, `-R-2000]`, `-RET-2000]`; else it is unknown. The length is one
packet's and no volume. A packet from a service port to a high one is an answer. Source:
iptables-extensions(8), LOG target; ufw(8).
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from sensor.sources.family import Family
from sensor.sources.interface import Proof
from sensor.sources.text import keyvalue

_FIELDS = {"src": "SRC", "dst": "DST", "src_port": "SPT", "dst_port": "DPT", "proto": "PROTO"}
_BLOCKED = (
    r"(?i)\b(?:block|blocked|drop|dropped|reject|rejected|deny|denied|ban|banned)\b|-[DR](?:\]|-\d)"
    r"|_(?:DROP|REJECT|BLOCK)\b|(?:DROP|REJECT)_"
)
_ALLOWED = r"(?i)\b(?:allow|allowed|accept|accepted|pass|permit)\b|-(?:A|RET)(?:\]|-\d)|_(?:ACCEPT|ALLOW)\b"
NO_PORTS = "set aside: neither TCP nor UDP"


class NetfilterFamily(Family):
    """Reads packet logs of Linux firewalls."""

    name: ClassVar[str] = "netfilter"
    help: ClassVar[str] = (
        "Linux firewalls: iptables, nftables, ufw, firewalld, UniFi (LOG target), kernel log or syslog"
    )
    vantage: ClassVar[str] = "firewall"
    proof: ClassVar[Proof] = Proof(action=True)
    advice: ClassVar[str] = (
        "Say the verdict in the rule's prefix, for example --log-prefix 'FW DROP '. There are no hosts "
        "and no volumes."
    )
    marks: ClassVar[tuple[str, ...]] = ("proto=",)
    claims: ClassVar[pl.Expr] = pl.col("line").str.contains(
        r"\bIN=\S* OUT=\S* .*\bSRC=[0-9a-fA-F.:]+ DST=[0-9a-fA-F.:]+ .*\bPROTO="
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per logged packet (kind flow); those of one 5-tuple are one session."""
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
            kind=pl.lit("flow"),
            client=pl.when(answer).then("dst").otherwise("src"),
            client_port=pl.when(answer).then("dst_port").otherwise("src_port"),
            server=pl.when(answer).then("src").otherwise("dst"),
            server_port=pl.when(answer).then("src_port").otherwise("dst_port"),
            transport="proto",
            action=pl.when(blocked)
            .then(pl.lit("blocked"))
            .when(pl.lit(prefix).str.contains(_ALLOWED))
            .then(pl.lit("allowed"))
            .otherwise(pl.lit("unknown")),
            session=pl.when(~blocked).then(
                pl.concat_str(sender, "proto", sides.list.sort().list.join("|"), separator="|")
            ),
            phase=pl.lit("begin"),
            reason=pl.when(~pl.col("proto").str.to_lowercase().is_in(["tcp", "udp", "6", "17"])).then(
                pl.lit(NO_PORTS)
            ),
        )
