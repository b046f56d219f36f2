"""Which lines are flow records, and which layout each of them is in."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.netflow import json_lines, piped, printed, tables
from sensor.sources.logs.formats.netflow.columns import COLUMNS
from sensor.sources.logs.formats.netflow.meaning import told
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts
from sensor.sources.logs.text.reasons import SUMMARY

#: What nfdump prints around its records.
_AROUND = r"(?i)^(?:summary|flows,bytes,|(?:\d+,){5,}\d+\s*$|time window|(?:for a )?total|sys:)"


class NetflowFormat(LogFormat):
    """Reads flow records as text."""

    name = "netflow"
    help = (
        "NetFlow, IPFIX, sFlow, NSEL as text: nfdump (1.6, 1.7) CSV, JSON, pipe, as it prints them, nProbe, "
        "flow-tools, goflow2, pmacct, YAF, IPFIXcol2, Logstash, Telegraf, Graylog, ElastiFlow, Argus"
    )
    vantage = "flow"
    counts_headers = "ip"
    proof = ("bytes_up", "bytes_down")
    advice = "Flow records name no hosts: scan them together with DNS logs of the same clients."
    header = tables.HEADER
    marks = (
        "->", "=>", '"src', '"dir"', '"sourceipv', "_src_addr", "nf_", '"ip_src"', '"8"', '"12"', '"27"',
        '"28"', '"iana:source', '"flow.client.ip.addr"', "ts,te,td", "seen", "received", "da,", "srcaddr",
        "src_ip", "|0|0|0|", "10|1", "<-", "<?>", "<|>", "<o>", " ?> ",
        " |> ", " o> ", " <? ", " <| ", " <o ", " who ", "flgs ",
    )  # fmt: skip
    claims = printed.CLAIMS | json_lines.CLAIMS | pl.col("line").str.contains(piped.PATTERN)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind flow, mostly one way)."""
        return layouts.read(
            lines,
            [
                (json_lines.IS_OBJECT, _told(json_lines.read)),
                *((pattern, _told(printed.reader(pattern))) for pattern in printed.PATTERNS),
                (piped.PATTERN, _told(piped.read)),
                (_AROUND, layouts.set_aside(SUMMARY)),
                (tables.ALIGNED, _told(tables.read_aligned)),
                (pl.lit(True), _told(tables.read)),
            ],
        )


def _told(reader: layouts.Reader) -> layouts.Reader:
    return lambda lines: told(layouts.conformed(reader(lines), COLUMNS))
