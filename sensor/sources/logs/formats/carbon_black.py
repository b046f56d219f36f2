r"""Carbon Black: connections of the Cloud Data Forwarder and of EDR's event forwarder (JSON).

    {"type": "endpoint.event.netconn", "device_name": "CORP\\pc7", "device_timestamp": …,
     "process_username": …, "local_ip": …, "remote_ip": …, "remote_port": 443, "netconn_domain": …,
     "netconn_inbound": false, "netconn_protocol": "PROTO_TCP", …}
    {"type": "ingress.event.netconn", "computer_name": …, "local_ip": …, "remote_ip": …, "domain": …,
     "direction": "outbound", "protocol": 6, "timestamp": …}

An inbound connection's client is the far side. Other events are set aside. No volumes. Source: VMware
Carbon Black Cloud, "Data Forwarder schema"; cb-event-forwarder EVENTS.md.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "type": "type", "time": "device_timestamp|timestamp", "device": "device_name|computer_name",
    "user": "process_username|username", "local": "local_ip", "local_port": "local_port",
    "remote": "remote_ip",
    "remote_port": "remote_port", "host": "netconn_domain|domain", "inbound": "netconn_inbound",
    "way": "direction",
    "proto": "netconn_protocol|protocol", "done": "sensor_action",
}  # fmt: skip
_PROTOCOLS = {"PROTO_TCP": "tcp", "PROTO_UDP": "udp", "PROTO_DNS": "udp"}
#: Accounts of the machine, not of who sits there.
_MACHINES = r"^(?:NT AUTHORITY|NT-AUTORIT|Window Manager|Font Driver Host)|^root$|^_"


class CarbonBlackFormat(LogFormat):
    """Reads connections of Carbon Black's sensors."""

    name = "carbon-black"
    help = "Carbon Black Cloud Data Forwarder, EDR event forwarder: netconn events (JSON)"
    vantage = "endpoint"
    is_stateless = True
    proof = ("host", "user", "device", "action")
    advice = "Netconn events have no volumes: uploads stay unknown."
    marks = ('"endpoint.event.', '"ingress.event.')
    claims = pl.col("line").str.contains(r'^\s*\{.*"type"\s*:\s*"(?:endpoint|ingress)\.event\.\w+"')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        inbound = (pl.col("inbound") == "true").fill_null(False) | (pl.col("way") == "inbound").fill_null(
            False
        )
        connects = pl.col("type").str.contains(r"\.netconn(?:_proxy)?$").fill_null(False)
        host = pl.when((pl.col("host") != "") & ~inbound).then("host")
        stopped = pl.col("done").str.contains("BLOCK|DENY|TERMINATE").fill_null(False)
        return read.select(
            time="time",
            kind=one_of({"tls": host.is_not_null()}, otherwise="flow"),
            client=pl.when(inbound).then("remote").otherwise("local"),
            client_port=pl.when(inbound).then("remote_port").otherwise("local_port"),
            user_name=pl.when(~inbound & ~pl.col("user").str.contains(_MACHINES)).then("user"),
            device=pl.when(~inbound).then(pl.col("device").str.replace(r"^.*\\", "")),
            host=host,
            name_from=pl.lit("dns_answer"),
            server=pl.when(inbound).then("local").otherwise("remote"),
            server_port=pl.when(inbound).then("local_port").otherwise("remote_port"),
            transport=pl.col("proto").replace(_PROTOCOLS),
            action=one_of({"blocked": stopped}, otherwise="allowed"),
            reason=one_of({NO_CONNECTION: ~connects | pl.col("remote").is_null()}),
        )
