"""Zeek and Corelight JSON that comes line by line: several logs in one stream, or inside an envelope.

    {"_path": "ssl", "_system_name": "sensor-1", "ts": "…", "uid": "C…", "id.orig_h": "10.1.0.7", …}

Files of one log are read by `../zeek/source.py`, which joins them by uid; here each line stands for itself
and `uid` is its session: ssl, quic and socks name it, conn ends it with its volume. Requests of http count
for themselves, with their bodies; a conn line of service http has no volume then. Which log a line is of
tells `_path`, Vectra's `metadata_type`, else keys only that log has. Field meanings are those of
`../zeek/logs.py`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.fields import FIELDS
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.rows import headers
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.reasons import NO_SERVICE
from sensor.sources.logs.text.words import one_of
from sensor.sources.zeek import text as zeek_text
from sensor.sources.zeek.logs import READERS

#: What a line of a log without `_path` has and others have not, in this order.
_KEYS = {
    # Up to Zeek 2.5 it has a `trans_id`, too.
    "dhcp": r'"(?:msg_types|assigned_addr|assigned_ip)"\s*:',
    "dns": r'"(?:qtype_name|trans_id)"\s*:',
    "conn": r'"(?:conn_state|orig_ip_bytes)"\s*:',
    "http": r'"trans_depth"\s*:',
    "quic": r'"client_initial_dcid"\s*:',
    "kerberos": r'"request_type"\s*:',
    "ntlm": r'"(?:server_tree_name|domainname|server_nb_computer_name)"\s*:',
    "radius": r'"(?:framed_addr|connect_info)"\s*:',
    "socks": r'"(?:request_p|bound_p)"\s*:',
    "ssl": r'"(?:established|cipher|server_name)"\s*:',
}
#: Logs under the names of Vectra's stream.
_VECTRA = {"httpsessioninfo": "http", "isession": "conn"}
_PHASES = {"ssl": "name", "quic": "name", "socks": "name", "conn": "end"}
_VOLUMES = ("bytes_up", "bytes_down")
#: A connection whose requests have lines, and sizes, of their own.
_HTTP = r'"service"\s*:\s*"(?:[^"]*,)?http[,"]'


class ZeekJsonFormat(LogFormat):
    """Reads Zeek and Corelight JSON lines of mixed logs."""

    name = "zeek-json"
    help = "Zeek and Corelight JSON lines of mixed logs, also inside syslog or exports (Kafka, Splunk)"
    vantage = "packets"
    proof = ("host", "path", "device", "bytes_up", "bytes_down", "action", "user_agent", "fingerprint")
    advice = "Stream conn.log, too: it alone has volumes; ssl.log and quic.log have the names."
    marks = ('"uid"', '"uids"', '"_path"')
    claims = (
        (objects.having("ts", "uid") & objects.having_any("id.orig_h", "id_orig_h", "orig_h"))
        | objects.having("ts", "_path", "_write_ts")
        | (objects.having("ts", "uids") & objects.having_any("msg_types", "mac", "assigned_addr"))
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line."""
        whole = lines.select("line").with_row_index("row").with_columns(log_of(lines["line"]))
        parts = [
            _fields(str(log), part)
            for (log,), part in whole.group_by("log", maintain_order=True)
            if log in READERS
        ]
        other = whole.filter(~pl.col("log").is_in(list(READERS)).fill_null(False))
        parts.append(other.select(row=pl.col("row").cast(pl.Int64), reason=pl.lit(NO_SERVICE)))
        return pl.concat(parts, how="diagonal_relaxed").sort("row")


def log_of(lines: pl.Series) -> pl.Series:
    """The name of the log each line is of; NULL where nothing tells."""
    # Corelight's data reduction joins like records: `dns_red`.
    said = lines.str.extract(r'"_path"\s*:\s*"([^"]*?)(?:_red)?"')
    vectra = lines.str.extract(r'"metadata_type"\s*:\s*"metadata_([^"]*)"').replace(_VECTRA)
    said = either(said, vectra)
    told = one_of({log: lines.str.contains(pattern) for log, pattern in _KEYS.items()})
    return pl.select(log=pl.coalesce(pl.lit(said), told)).to_series()


def _fields(log: str, part: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` of lines of one log."""
    text = part.hstack(zeek_text.json_rows(part["line"], log))
    if log == "conn":
        text = _of_vectra(text)
    read = READERS[log](text)
    # A time, where Zeek's own is read, is `at`.
    wanted = [name for name in FIELDS if name in read.columns and name not in ("row", "time")]
    fields = read.select(pl.col("row").cast(pl.Int64), *wanted)
    if log in _PHASES:
        fields = fields.with_columns(session=text["uid"], phase=pl.lit(_PHASES[log]))
    if log == "conn":
        by_request = part["line"].str.contains(_HTTP)
        fields = fields.with_columns(pl.when(~by_request).then(name).alias(name) for name in _VOLUMES)
    return fields


def _of_vectra(text: pl.DataFrame) -> pl.DataFrame:
    """Vectra gives the protocol by its number, durations in milliseconds, and counts whole packets."""
    mine = pl.col("line").str.contains('"metadata_isession"', literal=True)
    header = pl.when(pl.col("proto") == "17").then(headers.UDP).otherwise(headers.TCP)
    seconds = (pl.col("duration").cast(pl.Float64, strict=False) / 1000).cast(pl.String)
    return text.with_columns(
        pl.when(mine).then(pl.col("proto").replace({"6": "tcp", "17": "udp"})).otherwise("proto"),
        pl.when(mine).then(seconds).otherwise("duration"),
        *(
            pl.when(mine)
            .then(
                (_number(f"{side}_ip_bytes") - _number(f"{side}_pkts") * header)
                .clip(lower_bound=0)
                .cast(pl.String)
            )
            .otherwise(f"{side}_bytes")
            .alias(f"{side}_bytes")
            for side in ("orig", "resp")
        ),
    )


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int64, strict=False)
