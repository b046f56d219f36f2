"""LimaCharlie: lookups and connections of endpoints (JSON of an output).

    {"routing": {"hostname": "ada-pc", "int_ip": "10.1.2.3", "event_type": "DNS_REQUEST", "event_time": …},
     "event": {"DOMAIN_NAME": "chat.example.com", "IP_ADDRESS": "192.0.2.7", "DNS_TYPE": 1, …}}
    … "NEW_TCP4_CONNECTION" … "event": {"SOURCE": {"IP_ADDRESS": "10.1.2.3", "PORT": 50000}, "DESTINATION": …}

Other events are set aside. A lookup is told with its answer, CNAMEs as more events. No bytes. Source:
LimaCharlie documentation, "EDR events".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_SERVICE
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "event.TIMESTAMP|routing.event_time", "what": "routing.event_type", "device": "routing.hostname",
    "address": "routing.int_ip", "source": "event.SOURCE.IP_ADDRESS", "source_port": "event.SOURCE.PORT",
    "server": "event.DESTINATION.IP_ADDRESS", "server_port": "event.DESTINATION.PORT",
    "user": "event.USER_NAME", "host": "event.DOMAIN_NAME", "type": "event.DNS_TYPE",
    "answer": "event.IP_ADDRESS",
}  # fmt: skip
_CONNECTION = r"^NEW_(?:TCP|UDP)[46]_CONNECTION$"


class LimacharlieFormat(LogFormat):
    """Reads network events of LimaCharlie's sensors."""

    name = "limacharlie"
    help = "LimaCharlie: DNS_REQUEST, NEW_TCP4_CONNECTION and the like (JSON)"
    vantage = "endpoint"
    proof = ("host", "device")
    marks = ('"routing"',)
    claims = objects.having("routing", "event", "event_type", "sid")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event (kind dns or flow)."""
        read = objects.read(lines["line"], _FIELDS)
        asked = pl.col("what") == "DNS_REQUEST"
        connected = pl.col("what").str.contains(_CONNECTION)
        return read.select(
            *("time", "device", "server", "server_port"),
            kind=one_of({"dns": asked}, otherwise="flow"),
            client=pl.coalesce("source", "address"),
            client_port="source_port",
            user_name="user",
            host="host",
            answers=pl.concat_list("answer"),
            transport=one_of({"tcp": pl.col("what").str.contains("TCP"), "udp": connected}),
            qtype=pl.col("type"),
            reason=one_of({NO_SERVICE: ~(asked | connected).fill_null(False)}),
        )
