"""Palo Alto Networks Cortex XDR, event forwarding and EDR data (JSON lines): network events of endpoints.

A field comes as a value or as a list of one. `action_total_upload` and `action_total_download` are the
endpoint's own, of the connection so far; the last record says `action_network_stats_is_last`. Where the
endpoint is the server (`action_network_is_server`) nobody of ours went anywhere. Events of files,
processes and registry name no connection. Source: Palo Alto Networks, "Cortex XDR XQL schema
reference", dataset xdr_data.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import FROM_OUTSIDE, NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "event_timestamp|action_network_creation_time|_time",
    "client": "action_local_ip",
    "own": "agent_ip_addresses",
    "client_port": "action_local_port",
    "server": "action_remote_ip",
    "port": "action_remote_port",
    "proto": "action_network_protocol|action_socket_type",
    "host": "action_external_hostname|dst_action_external_hostname",
    "asked": "dns_query_name",
    "user": "actor_effective_username|actor_primary_username|os_actor_primary_username|action_username",
    "device": "agent_hostname|host_metadata_hostname",
    "incoming": "action_network_is_server",
    "up": "action_total_upload",
    "down": "action_total_download",
    "session": "action_network_connection_id",
    "agent": "agent_id",
    "last": "action_network_stats_is_last",
}
_FIRST = r'^\[\s*"?([^",\]]+)'


class CortexXdrFormat(LogFormat):
    """Reads Cortex XDR's endpoint events."""

    name = "cortex-xdr"
    help = "Palo Alto Cortex XDR: event forwarding, xdr_data exports (NDJSON)"
    vantage = "endpoint"
    proof = ("host", "user", "device", "bytes_up", "bytes_down", "action")
    marks = ('"event_timestamp"',)
    claims = objects.having("agent_hostname", "event_timestamp") & objects.having_any(
        "agent_os_type", "agent_id", "event_id", "agent_version", "agent_interface_map"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS)
        read = read.with_columns(
            pl.when(pl.col(n).str.starts_with("[")).then(pl.col(n).str.extract(_FIRST)).otherwise(n).alias(n)
            for n in read.columns
        )
        dns = pl.col("asked").is_not_null()
        counted = ~dns & pl.col("session").is_not_null() & pl.col("agent").is_not_null()
        is_last = (pl.col("last") == "true").fill_null(False)
        return read.select(
            "time",
            "client_port",
            "device",
            kind=one_of({"dns": dns}, otherwise="flow"),
            name_from=one_of({"dns_answer": ~dns}),
            client=pl.coalesce("client", "own"),
            user_name="user",
            host=pl.coalesce("asked", "host"),
            server=pl.when(~dns).then("server"),
            server_port=pl.when(~dns).then("port"),
            transport=pl.when(~dns).then("proto"),
            bytes_up=pl.when(~dns).then("up"),
            bytes_down=pl.when(~dns).then("down"),
            action=pl.lit("allowed"),
            session=pl.when(counted).then(pl.concat_str("agent", "session", separator="|")),
            phase=one_of({"end": counted & is_last, "update": counted}),
            reason=one_of(
                {
                    NO_CONNECTION: ~dns & pl.col("server").is_null(),
                    FROM_OUTSIDE: pl.col("incoming").str.to_lowercase() == "true",
                }
            ),
        )
