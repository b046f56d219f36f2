"""osquery: results of scheduled queries over `socket_events` and `process_open_sockets` (JSON).

    {"name": "pack_net_sockets", "hostIdentifier": "pc7", "unixTime": 1791280800, "columns":
    {"remote_address": …,
     "remote_port": "443", "local_address": …, "protocol": "6", "username": …}, "action": "added"}

Rows that went away (`action` removed) and results of other tables are set aside; a `snapshot` lists several
rows. No volumes, no names. Source: osquery, "Logging", schema of the two tables.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import LOOPBACK, NO_CONNECTION
from sensor.sources.logs.text.words import one_of, said

_KEYS = (
    "remote_address", "remote_port", "local_address", "local_port", "protocol", "username", "action",
    "success",
)  # fmt: skip
_WANTED = {
    "at": "unixTime", "device": "decorations.hostname|hostIdentifier", "result": "action",
    **{f"c_{key}": f"columns.{key}" for key in _KEYS},
}  # fmt: skip


class OsqueryFormat(LogFormat):
    """Reads sockets in osquery's results."""

    name = "osquery"
    help = "osquery results: socket_events, process_open_sockets (JSON)"
    vantage = "endpoint"
    proof = ("user", "device")
    advice = "osquery names no hosts: add the resolver's log."
    marks = ('"hostidentifier"',)
    claims = objects.having("hostIdentifier", "unixTime") & objects.having_any("columns", "snapshot")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per result."""
        read = objects.read(lines["line"], _WANTED)
        remote = pl.col("c_remote_address")
        nowhere = remote.is_null() | remote.is_in(["", "0.0.0.0", "::", "0"])
        gone = (pl.col("result") == "removed").fill_null(False)
        other = pl.col("c_action").is_in(["bind", "accept", "listen"]).fill_null(False)
        local = remote.str.contains(r"^127\.|^::1$|^::ffff:127\.").fill_null(False)
        return read.select(
            time="at",
            kind=pl.lit("flow"),
            client=said("c_local_address", "0.0.0.0", "::"),
            client_port="c_local_port",
            user_name="c_username",
            device="device",
            server=remote,
            server_port="c_remote_port",
            transport=pl.col("c_protocol"),
            action=one_of({"blocked": pl.col("c_success") == "0"}, otherwise="allowed"),
            reason=one_of(
                {NO_CONNECTION: nowhere | gone | other | (pl.col("c_remote_port") == "0"), LOOPBACK: local}
            ),
        )
