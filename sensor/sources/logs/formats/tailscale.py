"""Tailscale network flow logs (JSON): the API's answer (`{"logs": […]}`), and what is streamed to a SIEM.

A message is what one node saw in a few seconds, by kind of traffic: `virtualTraffic` (between nodes),
`subnetTraffic` (through a subnet router), `exitTraffic` (through an exit node; the far side is left out
unless the tailnet logs it) and `physicalTraffic`, the encrypted packets around all of it, which would
count them twice. `src` is the node's own side whoever began, `tx` is what it sent: each count becomes
two one-way records, and the same connection told by both nodes counts once (`observer`). Newer messages name
the node and its user (`srcNode`). Source: Tailscale, "Network flow logs";
tailscale.com/types/netlogtype.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PORTS, TUNNEL_ITSELF
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_TRAFFIC = ("virtualTraffic", "subnetTraffic", "exitTraffic")
_COUNTS = ("proto", "src", "dst", "txPkts", "txBytes", "rxPkts", "rxBytes")
_EACH = pl.List(pl.Struct(dict.fromkeys(_COUNTS, pl.String)))
_NODE = pl.Struct({"name": pl.String(), "user": pl.String()})
_MESSAGE: dict[str, pl.DataType] = {
    **dict.fromkeys(("nodeId", "start", "end", "logged"), pl.String()),
    **dict.fromkeys(_TRAFFIC, _EACH),
    "srcNode": _NODE,
}


class TailscaleFormat(LogFormat):
    """Reads Tailscale network flow logs."""

    name = "tailscale"
    help = "Tailscale network flow logs (JSON): API, log streaming, Splunk HEC"
    vantage = "flow"
    counts_headers = "ip"
    proof = ("user", "device", "bytes_up", "bytes_down")
    advice = (
        "Flow logs name no hosts, and leave out where exit traffic goes unless the tailnet's setting says "
        "otherwise: add the DNS log of the resolver."
    )
    marks = (
        '"exittraffic"', '"physicaltraffic"', '"subnettraffic"', '"virtualtraffic"',
    )  # fmt: skip
    claims = objects.having("nodeId") & objects.having_any(*_TRAFFIC, "physicalTraffic")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Two rows per connection of a message (there and back, kind flow); one for a message without any."""
        read = objects.ndjson(lines["line"], _MESSAGE | {"event": pl.Struct(_MESSAGE)})
        inside = pl.col("event").struct
        read = read.select(pl.coalesce(name, inside.field(name)).alias(name) for name in _MESSAGE)
        told = pl.concat_list(pl.col(name).fill_null([]) for name in _TRAFFIC)
        told = pl.when(told.list.len() > 0).then(told)
        each = read.with_row_index("row").with_columns(told=told).drop(_TRAFFIC)
        each = each.explode("told").with_columns(pl.col("told").struct.field(*_COUNTS))
        there = _way(each, "src", "dst", "tx")
        back = _way(each.filter(pl.col("told").is_not_null()), "dst", "src", "rx")
        # What came back is none where nothing did.
        back = back.filter(
            (pl.col("packets_up").cast(pl.Int64, strict=False) > 0)
            | (pl.col("bytes_up").cast(pl.Int64, strict=False) > 0)
        )
        return pl.concat([there, back]).sort("row", maintain_order=True)


def _way(each: pl.DataFrame, here: str, there: str, sent: str) -> pl.DataFrame:
    port = r":(\d+)$"
    node = pl.col("srcNode").struct
    own = here == "src"
    nothing = pl.lit(None, dtype=pl.String)
    known = pl.col("told").is_not_null()
    # Absent where none was noted (an exit node's own lookups); ICMP and the like say theirs.
    plain = pl.col("proto").is_null() | has_ports(pl.col("proto"))
    return each.select(
        "row",
        time="start",
        ended="end",
        kind=pl.lit("flow"),
        client=pl.col(here).str.replace(port, "").str.strip_chars("[]"),
        client_port=pl.col(here).str.extract(port),
        user_name=node.field("user") if own else nothing,
        device=node.field("name").str.extract(r"^([^.]+)") if own else nothing,
        server=pl.col(there).str.replace(port, "").str.strip_chars("[]"),
        server_port=pl.col(there).str.extract(port),
        transport="proto",
        bytes_up=f"{sent}Bytes",
        packets_up=f"{sent}Pkts",
        one_way=pl.lit(True),
        observer="nodeId",
        action=pl.lit("allowed"),
        reason=one_of({TUNNEL_ITSELF: ~known, NO_PORTS: ~plain}),
    )
