"""Arkime (Moloch): sessions as JSON, from its API or its indices.

    {"firstPacket": 1791280800000, "lastPacket": …, "length": 30000, "ipProtocol": 6, "node": …,
     "source": {"ip": …, "port": …, "bytes": …}, "destination": {…}, "client": {"bytes": 3190},
     "server": {"bytes": 2615}, "http": {"host": […], "method": […], "useragent": […]}, "rootId": …}

`client.bytes` and `server.bytes` are payload, `source.bytes` counts headers, too. The name of a TLS hello
stands in `http.host`. Long sessions are told in segments of one `rootId`, each with its own bytes. A session
with several hosts has no one name. Before Arkime 3 the fields are `srcIp`, `srcDataBytes` and so on. Source:
Arkime, fields and `sessions.json`.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PORTS, TO_RESOLVER
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "time": "firstPacket", "length": "length", "proto": "ipProtocol", "root": "rootId",
    "client": "source.ip|srcIp", "client_port": "source.port|srcPort",
    "server": "destination.ip|dstIp", "server_port": "destination.port|dstPort",
    "up": "client.bytes|srcDataBytes|source.bytes", "down": "server.bytes|dstDataBytes|destination.bytes",
    "packets_up": "source.packets|srcPackets", "packets_down": "destination.packets|dstPackets",
}  # fmt: skip
_LISTS = (
    "http.host",
    "quic.host",
    "dns.host",
    "http.method",
    "http.useragent",
    "tls.ja4",
    "protocol",
    "user",
)


class ArkimeFormat(LogFormat):
    """Reads Arkime's sessions."""

    name = "arkime"
    help = "Arkime 3 to 5, Moloch: sessions (JSON of the API or of Elasticsearch)"
    vantage = "packets"
    own_zone = "UTC"
    proof = ("host", "user", "bytes_up", "bytes_down", "user_agent", "fingerprint")
    marks = ('"firstpacket"',)
    claims = objects.having("firstPacket", "lastPacket", "ipProtocol")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per session or segment: kind tls, quic, http or flow."""
        read = objects.read(lines["line"], _FIELDS, lists=_LISTS)
        names = pl.concat_list(pl.col("http.host").fill_null([]), pl.col("quic.host").fill_null([]))
        read = read.with_columns(names=names.list.unique(), spoken=pl.col("protocol").fill_null([]))
        host = pl.when(pl.col("names").list.len() == 1).then(pl.col("names").list.first())
        speaks = {name: pl.col("spoken").list.contains(name) for name in ("tls", "quic", "http", "dns")}
        layer = pl.col("proto").replace_strict(
            {"6": "tcp", "17": "udp"}, default=None, return_dtype=pl.String
        )
        return read.select(
            *("time", "client", "client_port", "server", "server_port", "packets_up", "packets_down"),
            duration_s=pl.col("length").cast(pl.Float64, strict=False) / 1000,
            kind=one_of(
                {"quic": speaks["quic"], "tls": speaks["tls"], "http": speaks["http"]}, otherwise="flow"
            ),
            host=host,
            method=pl.when(speaks["http"]).then(pl.col("http.method").list.first()),
            user_agent=pl.col("http.useragent").list.first(),
            ja4=pl.col("tls.ja4").list.first(),
            user_name=pl.col("user").list.first(),
            transport=layer,
            bytes_up="up",
            bytes_down="down",
            session=said("root"),
            phase=pl.lit("delta"),
            action=one_of({"allowed": pl.col("packets_down").str.contains("^[1-9]")}, otherwise="unknown"),
            reason=one_of({NO_PORTS: layer.is_null(), TO_RESOLVER: speaks["dns"]}),
        )
