"""Cilium Tetragon: connections of processes as JSON (`process_kprobe` of tcp_connect and its like).

    {"process_kprobe": {"process": {"binary": "/usr/bin/curl", "pod": {"namespace": …, "name": …}},
    "function_name":
     "tcp_connect", "args": [{"sock_arg": {"saddr": …, "daddr": …, "sport": …, "dport": …}}], "action": …},
     "node_name": …}

Other events (`process_exec`, other functions) are set aside. A pod stands as `namespace/pod`, a process of
the machine under the machine's name. Source: Tetragon, "Network observability".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of, said

_ARGUMENT = "process_kprobe.args[].sock_arg."
_SIDES = {
    "client": "saddr",
    "client_port": "sport",
    "server": "daddr",
    "server_port": "dport",
    "proto": "protocol",
}
_WANTED = {
    "time": "time", "function": "process_kprobe.function_name", "pod": "process_kprobe.process.pod.name",
    "space": "process_kprobe.process.pod.namespace", "node": "node_name", "action": "process_kprobe.action",
}  # fmt: skip


class TetragonFormat(LogFormat):
    """Reads Tetragon's connections."""

    name = "tetragon"
    help = "Cilium Tetragon: tcp_connect and udp_sendmsg of processes and pods (JSON)"
    vantage = "endpoint"
    proof = ("device", "action")
    advice = "Load a tracing policy for tcp_connect; it names no hosts, Hubble does."
    marks = (
        '"process_exec"', '"process_exit"', '"process_kprobe"', '"process_lsm"', '"process_tracepoint"',
        '"process_uprobe"',
    )  # fmt: skip
    claims = objects.having("node_name", "exec_id") & objects.having_any(
        "process_kprobe",
        "process_exec",
        "process_exit",
        "process_tracepoint",
        "process_lsm",
        "process_uprobe",
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        lists = [f"{_ARGUMENT}{key}" for key in _SIDES.values()]
        read = objects.read(lines["line"], _WANTED, lists=lists)
        sides = {
            name: pl.col(f"{_ARGUMENT}{key}").list.drop_nulls().list.first() for name, key in _SIDES.items()
        }
        sent = pl.col("function").is_in(
            ["tcp_connect", "udp_sendmsg", "ip4_datagram_connect", "ip6_datagram_connect"]
        )
        killed = pl.col("action").str.contains("SIGKILL|OVERRIDE").fill_null(False)
        return read.with_columns(**sides).select(
            "time",
            "client",
            "client_port",
            "server",
            "server_port",
            kind=pl.lit("flow"),
            device=pl.coalesce(pl.concat_str("space", said("pod"), separator="/"), "node"),
            transport=pl.col("proto").str.replace("IPPROTO_", ""),
            action=one_of({"blocked": killed}, otherwise="allowed"),
            reason=one_of({NO_CONNECTION: ~sent.fill_null(False) | pl.col("server").is_null()}),
        )
