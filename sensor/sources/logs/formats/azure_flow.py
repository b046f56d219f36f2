r"""Azure NSG and virtual network flow logs: every flow tuple of a record is a row.

    NSG   "1791280800,10.1.2.3,192.0.2.7,40000,443,T,O,A,B,,,,"                    version 1 ends after A
    VNet  "1791280800123,10.1.2.3,192.0.2.7,40000,443,6,O,C,X,52,29952,47,27072"

Tuples are found by their shape wherever they stand (`flowTuples`, or `flow.0` of forwarders). The first
address opened the flow. Counts are packets and bytes there, then back, since the record before: B begins, C
and E continue and end, D was denied. Source: Azure Network Watcher, "NSG flow logs", "Virtual network flow
logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text.reasons import NO_PORTS, UNREADABLE
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of, said

_TUPLE = r'"\d{10}(?:\d{3})?,[0-9a-fA-F.:]+,[0-9a-fA-F.:]+,\d+,\d+,(?:T|U|\d+),[IO],[A-Z][^"]*"'
_NAMES = ["time", "client", "server", "client_port", "port", "proto", "way", "a", "b", "c", "d", "e", "f"]


class AzureFlowFormat(LogFormat):
    """Reads Azure flow logs."""

    name = "azure-flow"
    help = "Azure NSG flow logs (version 1 and 2) and virtual network flow logs (version 4)"
    vantage = "flow"
    counts_headers = "frame"
    proof = ("bytes_up", "bytes_down", "action")
    advice = (
        "Flow logs name no hosts: add Azure DNS or Azure Firewall application rules. NSG version 1 has "
        "no volumes."
    )
    marks = ('"flowtuples"', "flowlogflowevent", "networksecuritygroupflowevent")
    claims = pl.col("line").str.contains(
        r'NetworkSecurityGroupFlowEvent|FlowLogFlowEvent|"flowTuples"\s*:'
    ) & pl.col("line").str.starts_with("{")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per tuple (kind flow)."""
        found = lines.select(tuple=pl.col("line").str.extract_all(_TUPLE)).with_row_index("row")
        without = found.filter(pl.col("tuple").list.len() == 0)
        each = found.explode("tuple").drop_nulls("tuple")
        parts = (
            each["tuple"]
            .str.strip_chars('"')
            .str.split_exact(",", len(_NAMES) - 1)
            .struct.rename_fields(_NAMES)
        )
        rows = _rows(parts.struct.unnest().with_columns(each["row"]))
        none = without.select("row", reason=pl.lit(UNREADABLE))
        return pl.concat([rows, none], how="diagonal_relaxed").sort("row", maintain_order=True)


def _rows(tuples: pl.DataFrame) -> pl.DataFrame:
    """NSG: decision, state, counts. Virtual network: state, encryption, counts. Both end in four counts."""
    vnet = pl.col("proto").str.contains(r"^\d+$")
    state = pl.when(vnet).then("a").otherwise("b")
    denied = (pl.col("a") == "D").fill_null(False)
    proto = pl.col("proto").replace({"T": "6", "U": "17"})
    session = pl.concat_str("client", "client_port", "server", "port", proto, separator="|")
    return tuples.select(
        "row",
        "time",
        kind=pl.lit("flow"),
        client="client",
        client_port="client_port",
        server="server",
        server_port="port",
        transport=proto,
        packets_up=said("c"),
        bytes_up=said("d"),
        packets_down=said("e"),
        bytes_down=said("f"),
        action=one_of({"blocked": denied}, otherwise="allowed"),
        session=pl.when(~denied & state.is_not_null()).then(session),
        phase=one_of({"delta": state == "C", "end-delta": state == "E"}, otherwise="begin"),
        reason=one_of({NO_PORTS: ~has_ports(proto)}),
    )
