"""Control D's query stream (JSON lines): a lookup with client, name and what was done.

`controld_action`: 1 answered, 0 blocked, 2 and 3 redirected (to an address, through a place), -1 failed.
`src_ip` is the public address where no agent runs; `device.name` is the endpoint as Control D knows it.
Source: Control D, "Log Field Reference".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import lookups, objects
from sensor.sources.logs.text.words import one_of, said

_WANTED = {
    "time": "time", "host": "query", "type": "query_type", "client": "src_ip", "action": "controld_action",
    "rcode": "reply_code_id", "device": "device.name", "user": "client.name|user",
}  # fmt: skip
_ACTIONS = {"1": "allowed", "0": "blocked", "2": "allowed", "3": "allowed", "-1": "unknown"}


class ControldFormat(LogFormat):
    """Reads Control D's streamed lookups."""

    name = "controld"
    help = "Control D log streaming (JSON): lookups with verdict"
    vantage = "dns"
    proof = ("host", "device", "action")
    advice = "Without an agent on the device only the public address is known."
    marks = ('"controld_action"',)
    claims = objects.having("query", "query_type", "controld_action")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        read = objects.read(lines["line"], _WANTED)
        return read.select(
            time="time",
            kind=pl.lit("dns"),
            client="client",
            device=said("device"),
            user_name=said("user"),
            host="host",
            action=one_of(
                {"blocked": lookups.verdict(pl.col("rcode")) == "blocked"},
                otherwise=pl.col("action").replace_strict(_ACTIONS, default="unknown"),
            ),
            qtype=pl.col("type"),
        )
