"""Palo Alto Cloud NGFW for AWS and Azure (JSON): traffic, decryption and threat logs.

    {"src_ip":"10.1.0.7","sport":"49152","dst_ip":"192.0.2.7","dport":"443","proto":"tcp","action":"allow",
     "bytes_recv":"900","bytes_sent":"5120","start_time":"2026/10/06 10:00:00","elapsed_time":"61", …}
    {"src_ip":"10.1.0.7",…,"dst":"192.0.2.7","server_name_indication":"chat.example.com", …}

`bytes_sent` went from the client to the server. Decryption logs name a session whose volume the traffic log
tells; only the traffic log says when, of others the time is the envelope's. As in PAN-OS, `action` is the
rule's: the reason of the end tells that a profile cut the session off. Source: Palo Alto Networks,
"Cloud NGFW for AWS: log fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos.session_end import cut_off
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import ALERT, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "time_generated|start_time", "client": "src_ip", "client_port": "sport", "server": "dst_ip|dst",
    "server_port": "dport", "transport": "proto", "action": "action", "host": "server_name_indication",
    "up": "bytes_sent", "down": "bytes_recv", "lasted": "elapsed_time", "started": "start_time",
    "packets_up": "pkts_sent", "packets_down": "pkts_received", "ended_by": "session_end_reason",
    "threat": "threat_content_type",
}  # fmt: skip


class CloudNgfwFormat(LogFormat):
    """Reads Cloud NGFW's logs."""

    name = "cloud-ngfw"
    help = "Palo Alto Cloud NGFW for AWS and Azure: traffic and decryption logs (JSON)"
    vantage = "firewall"
    proof = ("host", "bytes_up", "bytes_down", "action")
    advice = "Traffic logs name no hosts: turn on decryption logs, too, or add the resolver's log."
    counts_headers = "frame"
    marks = ('"src_ip"',)
    claims = objects.having("src_ip", "sport", "dport", "rule", "app") & objects.having_any(
        "bytes_recv", "server_name_indication", "threat_content_type"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record: a session's end (kind flow) or its name (kind tls)."""
        read = objects.read(lines["line"], _FIELDS)
        named = pl.col("host").is_not_null()
        refused = cut_off(pl.col("ended_by"), pl.col("up"))
        sides = ("client", "client_port", "server", "server_port")
        return read.select(
            *sides,
            *("transport", "packets_up", "packets_down"),
            action=one_of({"blocked": refused}, otherwise=pl.col("action")),
            time=pl.coalesce("started", "time"),
            duration_s="lasted",
            kind=one_of({"tls": named}, otherwise="flow"),
            host="host",
            name_from=one_of({"sni": named}),
            bytes_up="up",
            bytes_down="down",
            session=pl.concat_str(*sides, separator="|"),
            phase=one_of({"name": named}, otherwise="end"),
            reason=one_of(
                {
                    ALERT: pl.col("threat").is_not_null(),
                    NO_PORTS: ~has_ports(pl.col("transport")).fill_null(False),
                }
            ),
        )
