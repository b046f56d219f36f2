"""BlueCat Edge (DNS Edge service points): a lookup as JSON, with policy action and answers.

`source.ipAddress` asked the service point at `source.serviceIp`. `actionTaken` is `query-response`
(answered) or what a policy did: `block`, `redirect`, `monitor`. `time` is epoch in milliseconds.
Source: BlueCat Edge, "DNS query log format".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.text import lookups, objects
from sensor.sources.text.words import one_of

_WANTED = {
    "time": "time", "client": "source.ipAddress", "server": "source.serviceIp", "host": "question.name",
    "type": "question.type|question.questionType", "action": "actionTaken", "code": "response",
}  # fmt: skip


class BluecatFamily(Family):
    """Reads lookups of BlueCat Edge."""

    name = "bluecat"
    help = "BlueCat Edge / DNS Edge query logs (JSON)"
    vantage = "dns"
    proof = ("host", "action")
    marks = ('"actiontaken"',)
    claims = objects.having("source", "question", "actionTaken")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        read = objects.read(lines["line"], _WANTED, lists=["answers[].rData"])
        # Of answers, addresses alone; names of a chain are not.
        addresses = pl.col("answers[].rData").list.filter(pl.element().str.contains(r"^[0-9a-fA-F.:]+$"))
        policy = pl.col("action").is_in(["block", "redirect"]).fill_null(False)
        return read.select(
            time="time",
            kind=pl.lit("dns"),
            client="client",
            host="host",
            server="server",
            answers=addresses,
            action=one_of({"blocked": policy}, otherwise=lookups.verdict(pl.col("code"))),
            reason=lookups.reverse(pl.col("type")),
        )
