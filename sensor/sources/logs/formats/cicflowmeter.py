"""CICFlowMeter: flows computed from packets, CSV by its line of titles.

    Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Tot Fwd Pkts,Tot Bwd Pkts,
    TotLen Fwd Pkts,TotLen Bwd Pkts, …
    10.1.2.3-192.0.2.7-50000-443-6,10.1.2.3,50000,192.0.2.7,443,6,06/10/2026 10:00:00 AM,1500000,10,12,900, …

Forward is the way of the first packet seen: the source is the client. But a flow ends at the first FIN, and
what follows it, or a capture that begins late, may show the server first: then the ports tell. Lengths are of
payloads, without the headers of TCP and IP. The duration is in microseconds; the stamp is the beginning, day
first, in the zone of the computer. Editions say `Tot Fwd Pkts`, `Total Fwd Packet` or `Total Fwd Packets`.

    src_ip,dst_ip,src_port,dst_port,protocol,timestamp,flow_duration,…,tot_fwd_pkts,…,totlen_fwd_pkts,…

The remake in Python counts frames, and its editions tell durations in different units: these are not read.
Source: CICFlowMeter, `BasicFlow.java`, `FlowFeature.java`; cicflowmeter (Python), `flow.py`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas
from sensor.sources.logs.text.reasons import NO_PORTS, STRAY
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "source": "src ip|source ip|src_ip", "source_port": "src port|source port|src_port",
    "target": "dst ip|destination ip|dst_ip", "target_port": "dst port|destination port|dst_port",
    "proto": "protocol", "time": "timestamp", "micros": "flow duration",
    "packets_on": "tot fwd pkts|total fwd packet|total fwd packets|tot_fwd_pkts",
    "packets_back": "tot bwd pkts|total bwd packets|total backward packets|tot_bwd_pkts",
    "bytes_on": "totlen fwd pkts|total length of fwd packet|total length of fwd packets|totlen_fwd_pkts",
    "bytes_back": "totlen bwd pkts|total length of bwd packet|total length of bwd packets|totlen_bwd_pkts",
}  # fmt: skip
_WELL_KNOWN = 1024


class CicflowmeterFormat(LogFormat):
    """Reads flows of CICFlowMeter."""

    name = "cicflowmeter"
    help = "CICFlowMeter 3 and 4 (Java): flows as CSV with titles"
    vantage = "flow"
    is_stateless = True
    proof = ("bytes_up", "bytes_down")
    advice = "Flow records name no hosts: scan the packets themselves, or add DNS logs of the same clients."
    header = r"(?i)^\s*Flow ID, *(?:Src|Source) IP, *(?:Src|Source) Port, *(?:Dst|Destination) IP,"
    marks = ("flow id,",)
    claims = pl.lit(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per flow (kind flow)."""
        read = commas.read_headed(lines, _WANTED)
        # Sums of doubles: `900.0`.
        counts = [f"{what}_{way}" for what in ("bytes", "packets") for way in ("on", "back")]
        read = read.with_columns(
            pl.col(*counts, "source_port", "target_port")
            .cast(pl.Float64, strict=False)
            .cast(pl.Int64, strict=False)
        ).with_columns(turned=(pl.col("source_port") < _WELL_KNOWN) & (pl.col("target_port") >= _WELL_KNOWN))
        empty = (pl.col("bytes_on") == 0) & (pl.col("bytes_back") == 0)
        return read.select(
            **_of_ends("client", "server", "source", "target"),
            **_of_ends("client_port", "server_port", "source_port", "target_port"),
            **_of_ends("bytes_up", "bytes_down", "bytes_on", "bytes_back"),
            **_of_ends("packets_up", "packets_down", "packets_on", "packets_back"),
            time=_day_first(pl.col("time")),
            duration_s=pl.col("micros").cast(pl.Float64, strict=False) / 1e6,
            kind=pl.lit("flow"),
            transport="proto",
            reason=one_of({NO_PORTS: ~has_ports(pl.col("proto")), STRAY: pl.col("turned") & empty}),
        )


class CicflowmeterPythonFormat(CicflowmeterFormat):
    """Reads flows of the remake in Python."""

    name = "cicflowmeter-python"
    help = "cicflowmeter 0.1 to 0.5 (Python): flows as CSV with titles"
    counts_headers = "frame"
    header = r"^\s*src_ip,dst_ip,src_port,dst_port,(?:src_mac,dst_mac,)?protocol,timestamp,flow_duration,"
    marks = ("src_ip,dst_ip,",)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per flow (kind flow)."""
        return super().parse(lines).drop("duration_s")


def _of_ends(client: str, server: str, first: str, second: str) -> dict[str, pl.Expr]:
    """Columns `client` and `server` of what is told of the end that sent first and of the other."""
    return {
        client: pl.when("turned").then(second).otherwise(first),
        server: pl.when("turned").then(first).otherwise(second),
    }


def _day_first(stamp: pl.Expr) -> pl.Expr:
    """`06/10/2026 10:00:00 AM`, 6 October, as ISO; others as they are."""
    layouts = ("%d/%m/%Y %I:%M:%S %p", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")
    read = [stamp.str.to_datetime(layout, time_unit="us", strict=False) for layout in layouts]
    return pl.coalesce(pl.coalesce(read).dt.strftime("%Y-%m-%d %H:%M:%S"), stamp)
