"""Firewalla boxes: flows of the MSP API (JSON).

    {"ts": 1791280800.123, "gid": "…", "protocol": "tcp", "direction": "outbound", "block": false,
     "upload": 900, "download": 4100, "duration": 1.2, "device": {"id": "02:00:…", "name": "pc7", …},
     "source": {"ip": "10.1.2.3", …}, "destination": {"ip": "192.0.2.7", "name": "www.example.com"}, …}

`ts` is when the flow ended, `upload` what the device sent; of what was blocked there may be no volume. What
is blocked by its name (`blockType` dns) was only looked up. Source: Firewalla, "MSP API, flow data model".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "ts",
    "lasted": "duration",
    "proto": "protocol",
    "way": "direction",
    "block": "block",
    "by": "blockType",
    "device": "device.name",
    "mac": "device.id",
    "own": "device.ip",
    "from": "source.ip",
    "to": "destination.ip",
    "named": "destination.name",
    "port": "destination.port",
    "up": "upload",
    "down": "download",
}
_NAME = r"^(?:[\w-]+\.)+[A-Za-z][\w-]*$"


class FirewallaFormat(LogFormat):
    """Reads flows of Firewalla's MSP API."""

    name = "firewalla"
    help = "Firewalla MSP API: flows, also those blocked (JSON)"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "device", "bytes_up", "bytes_down", "action")
    marks = ('"gid"',)
    claims = objects.having("gid", "ts", "device", "direction", "block")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per flow; what came from outside has no host."""
        read = objects.read(lines["line"], _FIELDS)
        outward = (pl.col("way") != "inbound").fill_null(True)
        named = pl.when(outward & pl.col("named").str.contains(_NAME)).then("named")
        refused = (pl.col("block") == "true").fill_null(False)
        looked_up = (refused & (pl.col("by") == "dns") & named.is_not_null()).fill_null(False)
        mac = pl.col("mac").str.contains(r"^(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")
        return read.select(
            time="time",
            at_end=pl.lit(True),
            duration_s=pl.col("lasted").cast(pl.Float64, strict=False),
            kind=one_of({"dns": looked_up}, otherwise="flow"),
            client=pl.when(outward).then(pl.coalesce("from", "own")).otherwise("from"),
            client_mac=pl.when(outward & mac).then("mac"),
            device=pl.when(outward).then("device"),
            host=named,
            name_from=one_of({"dns_answer": ~looked_up & named.is_not_null()}),
            server=pl.when(~looked_up).then("to"),
            server_port=pl.when(~looked_up).then("port"),
            transport="proto",
            bytes_up=pl.when(outward & ~refused).then("up"),
            bytes_down=pl.when(outward & ~refused).then("down"),
            action=one_of({"blocked": refused}, otherwise="allowed"),
            reason=one_of({NO_PORTS: ~looked_up & ~has_ports(pl.col("proto"))}),
        )
