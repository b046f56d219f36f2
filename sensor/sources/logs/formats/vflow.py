"""vFlow: IPFIX and NetFlow v9 as JSON, each message with its records, whose fields are numbered.

    {"AgentID": "10.0.0.1", "Header": {"Version": 10, "ExportTime": 1791280811, …}, "DataSets": [
     [{"I": 8, "V": "10.1.2.3"}, {"I": 12, "V": "192.0.2.7"}, {"I": 7, "V": 40000}, {"I": 1, "V": 900}], …]}

A record is read as those of other collectors (`netflow`); fields that a vendor has numbered (`E`) are not.
Source: vFlow, "Decoded IPFIX data", "Decoded Netflow v9 data"; IANA IPFIX Information Elements.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.netflow import NetflowFormat
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_HEAD = {"agent": "AgentID", "sent": "Header.ExportTime|Header.UNIXSecs"}
_VALUE = r'(?:"[^"\\]*"|[^{}"\\,\s]+)'
_RECORD = r'\[\s*\{"I"[^\[\]]*\]'
_FIELD = rf'\{{"I":\s*(\d+),\s*"V":\s*({_VALUE})\}}'
_OF_VENDOR = rf'\{{"I":\s*\d+,\s*"E":\s*\d+,\s*"V":\s*{_VALUE}\}},?'


class VflowFormat(LogFormat):
    """Reads messages of vFlow."""

    name = "vflow"
    help = "vFlow: IPFIX and NetFlow v9 (JSON)"
    vantage = "flow"
    counts_headers = "ip"
    proof = ("bytes_up", "bytes_down")
    advice = NetflowFormat.advice
    marks = ('"datasets"',)
    claims = objects.having("AgentID", "DataSets")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record (kind flow), and one per message without any."""
        records = lines["line"].str.extract_all(_RECORD)
        each = objects.read(lines["line"], _HEAD).with_row_index("row").with_columns(record=records)
        each = each.with_columns(pl.when(pl.col("record").list.len() > 0).then("record")).explode("record")
        fields = pl.col("record").str.replace_all(_OF_VENDOR, "").str.replace_all(_FIELD, '"$1":$2')
        said = pl.format('"timestamp":{},"router":"{}",', "sent", "agent")
        line = pl.lit("{") + said + fields.str.strip_chars("[], ") + pl.lit("}")
        alone = each.select(line=line.fill_null("{}")).hstack(lines.drop("line")[each["row"]])
        read = self.other(NetflowFormat).parse(alone)
        return read.with_columns(
            each["row"].cast(pl.Int64),
            reason=one_of({NO_CONNECTION: each["record"].is_null()}, otherwise=pl.col("reason")),
        )
