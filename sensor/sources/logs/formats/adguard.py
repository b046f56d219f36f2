"""AdGuard Home: `querylog.json` and its API, an object a lookup, with verdict and, for encrypted DNS, device.

`T` time, `QH` name, `QT` type, `IP` client, `CID` ClientID, `CP` protocol (empty, doh, dot, doq, dnscrypt),
`Result.Reason`: 0 to 2 not filtered, 3 to 6 and 8 blocked, 7 led to an engine's safe search (with
`IsFiltered`), 9 and up rewritten. With `anonymize_client_ip` the last half of addresses is zero. Of `Answer`,
a DNS message in base64, the code is read: another resolver may have refused.

    {"time": "…", "client": "10.1.2.3", "client_id": "laptop", "question": {"name": "…", "type": "A", …},
     "reason": "FilteredBlackList", "status": "NOERROR", "answer": [{"type": "A", "value": "…"}], …}

is what the API gives (`/control/querylog`). Source: AdGuard Home internal/querylog, openapi.yaml.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, lookups, objects
from sensor.sources.logs.text.words import one_of, said

_WANTED = ("T|Time", "QH", "QT", "IP", "CID", "CP", "Result.IsFiltered", "Result.Reason", "Answer")
#: The code is the low half of the message's fourth byte: 3 (NXDOMAIN) or 5 (REFUSED).
_REFUSED = r"^.{4}(?:[AEIMQUYcgkosw048][w-z0-9+/]|[BFJNRVZdhlptx159][Q-Za-f])"
_API = {
    "time": "time", "client": "client", "device": "client_id|client_info.name", "host": "question.name",
    "type": "question.type", "reason": "reason", "status": "status",
}  # fmt: skip
_API_ANSWERS = "answer[].value"
_BLOCKED, _SAFE_SEARCH = ("3", "4", "5", "6", "8"), "7"


class AdguardFormat(LogFormat):
    """Reads AdGuard Home's query log."""

    name = "adguard"
    help = "AdGuard Home querylog.json (0.10x) and API: lookups with verdict, ClientID of encrypted DNS"
    vantage = "dns"
    proof = ("host", "device", "action")
    marks = ('"qh"', '"elapsedms"')
    claims = (objects.having("QH") & objects.having_any("QT", "IP", "T")) | objects.having(
        "elapsedMs", "question", "reason", "client"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup."""
        return layouts.read(lines, [('"QH"', _logged), (pl.lit(True), _told)])


def _logged(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _WANTED)
    reason = pl.col("Result.Reason")
    filtered = (pl.col("Result.IsFiltered") == "true") & (reason != _SAFE_SEARCH).fill_null(True)
    blocked = filtered | reason.is_in(_BLOCKED) | pl.col("Answer").str.contains(_REFUSED)
    return read.select(
        time="T",
        kind=pl.lit("dns"),
        client="IP",
        device=said("CID"),
        host="QH",
        action=one_of({"blocked": blocked}, otherwise="allowed"),
        qtype=pl.col("QT"),
    )


def _told(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _API, lists=[_API_ANSWERS])
    filtered = pl.col("reason").str.starts_with("Filtered") & (pl.col("reason") != "FilteredSafeSearch")
    return read.select(
        "time",
        "client",
        "host",
        kind=pl.lit("dns"),
        device=said("device"),
        answers=pl.col(_API_ANSWERS).list.filter(pl.element().str.contains(r"^[0-9a-fA-F.:]+$")),
        action=one_of({"blocked": filtered}, otherwise=lookups.verdict(pl.col("status"))),
        qtype=pl.col("type"),
    )
