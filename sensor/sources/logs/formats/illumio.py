"""Illumio Core (PCE): traffic flow summaries of workloads, as JSON and CEF.

    {"interval_sec":600,"count":1,"proto":6,"dst_port":443,"dst_ip":"192.0.2.7","src_ip":"10.1.2.3","pd":2,
     "dir":"O","state":"C","src_hostname":"pc1","un":"ada","fqdn":"chat.example.com","dst_dbi":900,
     "dst_dbo":2214,"timestamp":"2026-10-06T10:00:00Z", …}
    CEF:0|Illumio|PCE|2026.3|flow_blocked|Flow Blocked|5|… src=10.1.2.3 dst=192.0.2.7 dpt=443 act=B

`pd` is the policy's decision: 0 allowed, 1 would be blocked once enforced, 2 blocked, 3 not known. Bytes
are of the interval and of the destination, whichever side reports: what it received (`dbi`) is what the
source sent, and what it sent (`dbo`) came back. Flows that both sides report are told twice, with the same
ends. `un` is the user of the reporting side's process. Source: Illumio Core, "Events Administration Guide",
traffic flow summaries (JSON, CEF, LEEF).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, layouts, objects
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS, OTHER_END
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_JSON = {
    "time": "timestamp", "client": "src_ip", "client_port": "src_port", "server": "dst_ip",
    "port": "dst_port", "proto": "proto", "device": "src_hostname", "user": "un", "host": "fqdn|dst_fqdn",
    "decision": "pd",
    "way": "dir", "out": "dst_dbo|dbo", "in": "dst_dbi|dbi", "seconds": "interval_sec",
}  # fmt: skip
_CEF = {
    "time": "rt", "client": "src", "client_port": "spt", "server": "dst", "port": "dpt", "proto": "proto",
    "device": "shost", "user": "suser", "host": "dhost", "decision": "act", "way": "deviceDirection",
    "out": "cn:dbo", "in": "cn:dbi", "seconds": "cn:interval_sec",
}  # fmt: skip
_DECISIONS = {"0": "allowed", "1": "allowed", "2": "blocked", "A": "allowed", "PB": "allowed", "B": "blocked"}


class IllumioFormat(LogFormat):
    """Reads flow summaries of Illumio."""

    name = "illumio"
    help = "Illumio Core PCE: traffic flow summaries (JSON, CEF)"
    vantage = "flow"
    is_stateless = True
    proof = ("host", "user", "device", "bytes_up", "bytes_down", "action")
    advice = "Enable enhanced data collection: without it flows have no volumes."
    marks = ('"pd"', "|illumio|", '"pce_fqdn"')
    claims = (
        (objects.having("src_ip", "dst_ip", "pd", "dir") & objects.having_any("pce_fqdn", "interval_sec"))
        | objects.having("pce_fqdn", "event_type")
        | cef.claims("Illumio", "")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per flow and interval (kind flow)."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _JSON))),
                (pl.lit(True), lambda part: _rows(cef.read(part["line"], _CEF).select(*_CEF))),
            ],
        )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    outgoing = pl.col("way").is_in(["O", "1", "outbound"])
    incoming = pl.col("way").is_in(["I", "0", "inbound"])
    proto = pl.col("proto").str.to_lowercase()
    name = pl.when(pl.col("host").str.contains(r"(?i)[a-z]\.[a-z]")).then("host")
    return read.select(
        "time",
        "client",
        "client_port",
        "server",
        duration_s="seconds",
        at_end=pl.lit(True),
        kind=pl.lit("flow"),
        user_name=pl.when(outgoing).then("user"),
        device="device",
        host=name,
        name_from=one_of({"dns_answer": name.is_not_null()}),
        server_port="port",
        transport=proto,
        bytes_up="in",
        bytes_down="out",
        action=pl.col("decision").replace_strict(_DECISIONS, default="unknown", return_dtype=pl.String),
        reason=one_of(
            {
                NO_CONNECTION: pl.col("client").is_null() | pl.col("server").is_null(),
                OTHER_END: incoming,
                NO_PORTS: ~has_ports(proto),
            }
        ),
    )
