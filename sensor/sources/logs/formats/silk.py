"""SiLK: flow records as `rwcut` prints them, by its line of titles.

            sIP|            dIP|sPort|dPort|pro|   packets|     bytes|   flags|                  sTime|
            duration| …
sIP,dIP,sPort,dPort,pro,packets,bytes,flags,sTime,duration,eTime,sen                    rwcut --delimited=,

Fields stand in the order that `--fields` asked for. One way: a record counts what its source sent. Times are
UTC. Source: SiLK, rwcut(1).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, layouts
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "client": "sip", "server": "dip", "client_port": "sport", "port": "dport", "proto": "pro|protocol",
    "packets": "packets|pkts", "bytes": "bytes|byte", "time": "stime", "duration": "duration|dur",
    "ended": "etime", "observer": "sen|sensor",
}  # fmt: skip


class SilkFormat(LogFormat):
    """Reads SiLK's records as text."""

    name = "silk"
    help = "SiLK flow records (rwcut with its titles)"
    vantage = "flow"
    counts_headers = "ip"
    own_zone = "UTC"
    proof = ("bytes_up", "bytes_down")
    advice = "Flow records name no hosts: scan them together with DNS logs of the same clients."
    header = r"^(?:\s*[\w+-]+[|,])*?\s*sIP[|,](?:\s*[\w+-]+[|,])*?\s*dIP[|,]"
    marks = ("sip|", "sip,")
    claims = pl.lit(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        columns = pl.col("header").str.contains("|", literal=True)
        return layouts.read(lines, [(columns, _separated("|")), (pl.lit(True), _separated(","))])


def _separated(separator: str) -> layouts.Reader:
    return lambda lines: _rows(lines, separator)


def _rows(lines: pl.DataFrame, separator: str) -> pl.DataFrame:
    titles = pl.col("header").str.replace_all(r"\s+", "")
    read = commas.read_headed(lines.select("line", titles), _WANTED, separator=separator)
    text = {name: pl.col(name).str.strip_chars() for name in _WANTED}
    return read.select(
        time=text["time"],
        duration_s=text["duration"].cast(pl.Float64, strict=False),
        ended=pl.when(text["duration"].is_null()).then(text["ended"]),
        kind=pl.lit("flow"),
        client=text["client"],
        client_port=text["client_port"],
        server=text["server"],
        server_port=text["port"],
        transport=text["proto"],
        bytes_up=text["bytes"],
        packets_up=text["packets"],
        one_way=True,
        observer=text["observer"],
        reason=one_of({NO_PORTS: ~has_ports(text["proto"])}),
    )
