r"""Istio's ztunnel (ambient mesh): its access log, as text and JSON.

    2026-10-06T10:00:00.637407Z  info  access  connection complete  src.addr=10.244.0.5:54646
    src.workload="web-1" src.namespace="shop" dst.addr=192.0.2.7:443 dst.service="api.example.com"
    direction="outbound" bytes_sent=74 bytes_recv=773 duration="357ms"

The line is written at the end. `bytes_sent` is what ztunnel sent on: outbound what the workload sent, inbound
what it got back from the service. Inside the mesh the connection is told at both ends: the source's counts,
whom the other end knows by its identity. There `dst.addr` is the tunnel's port, `dst.hbone_addr` the
destination. A workload stands as `namespace/workload`. Source: Istio, "Verify mutual TLS is enabled",
"Troubleshoot connectivity issues with ztunnel".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, objects, patterns
from sensor.sources.logs.text.reasons import OTHER_END
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "client": "src.addr", "workload": "src.workload", "space": "src.namespace", "identity": "src.identity",
    "server": "dst.addr", "inside": "dst.hbone_addr", "service": "dst.service", "direction": "direction",
    "sent": "bytes_sent", "received": "bytes_recv", "took": "duration", "error": "error",
}  # fmt: skip
_STAMP = r"(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)\s+\w+\s+access\s"
_COMPLETE = "connection complete"
_ENDPOINT = r"^\[?(.*?)\]?:(\d+)$"


class ZtunnelFormat(LogFormat):
    """Reads ztunnel's access log."""

    name = "ztunnel"
    help = "Istio ztunnel (ambient mesh) 1.23 and later: access log, text and JSON"
    vantage = "flow"
    is_stateless = True
    proof = ("host", "device", "bytes_up", "bytes_down", "action")
    advice = "ztunnel names services of the mesh only: ServiceEntry objects give names to those outside it."
    marks = (_COMPLETE,)
    claims = pl.col("line").str.contains(rf"\baccess\s+{_COMPLETE}\s+src\.addr=") | (
        objects.having("src.addr", "dst.addr", "bytes_recv")
        & pl.col("line").str.contains(_COMPLETE, literal=True)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _FIELDS | {"time": "time"}))),
                (pl.lit(True), lambda part: _rows(_of_text(part["line"]))),
            ],
        )


def _of_text(lines: pl.Series) -> pl.DataFrame:
    return keyvalue.read(lines, _FIELDS).hstack(patterns.read(lines, _STAMP))


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    inbound = pl.col("direction") == "inbound"
    server = pl.coalesce("inside", "server")
    error = pl.col("error")
    return read.select(
        "time",
        at_end=True,
        duration_s=pl.col("took").str.strip_suffix("ms").cast(pl.Float64, strict=False) / 1000,
        kind=pl.lit("flow"),
        client=pl.col("client").str.extract(_ENDPOINT),
        client_port=pl.col("client").str.extract(_ENDPOINT, 2),
        device=pl.concat_str("space", "workload", separator="/"),
        host="service",
        name_from=one_of({"address": pl.col("service").is_not_null()}),
        server=server.str.extract(_ENDPOINT),
        server_port=server.str.extract(_ENDPOINT, 2),
        transport=pl.lit("tcp"),
        bytes_up=pl.when(inbound).then("received").otherwise("sent"),
        bytes_down=pl.when(inbound).then("sent").otherwise("received"),
        action=one_of(
            {"blocked": error.str.contains("policy rejection"), "reset": error.is_not_null()},
            otherwise="allowed",
        ),
        reason=one_of({OTHER_END: inbound & pl.col("identity").is_not_null()}),
    )
