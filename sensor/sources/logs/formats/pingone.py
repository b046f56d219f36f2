"""PingOne audit activities (JSON): API and webhooks; sign-ins as weak leases.

    {"recordedAt": "2026-10-06T10:00:00.697Z", "action": {"type": "USER.ACCESS_ALLOWED", …},
     "actors": {"user": {"name": "ada", "type": "USER"}}, "source": {"ipAddress": "198.51.100.7", …},
     "resources": [{"type": "USER", "name": "ada"}], "result": {"status": "SUCCESS"}, …}

The API's answer has them under `_embedded`. A password that was checked names the person as the resource,
with no actor but the application. Older activities have no `source`. One-time codes and devices' answers are
of the phone, and no lease. Source: Ping Identity, "Audit Activities", "Audit activity events".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "recordedAt", "event": "action.type", "actor": "actors.user.name", "client": "source.ipAddress",
    "result": "result.status",
}  # fmt: skip
_KINDS, _NAMES = "resources[].type", "resources[].name"
_SIGN_IN = (
    r"^(?:USER\.ACCESS_(?:ALLOWED|DENIED)|PASSWORD\.CHECK_(?:SUCCEEDED|FAILED)|AUTHENTICATION\.CREATED"
    r"|SESSION\.CREATED|USER\.KERBEROS_(?:SUCCEEDED|FAILED))$"
)


class PingOneFormat(LogFormat):
    """Reads PingOne's audit activities."""

    name = "pingone"
    help = "PingOne audit activities (JSON: API, webhooks): sign-ins, at public addresses"
    vantage = "identity"
    proof = ("user",)
    advice = "PingOne sees public addresses: who is who behind a shared gateway, only other logs can tell."
    marks = ('"recordedat"',)
    claims = objects.having("recordedAt", "action", "result") & objects.having_any("correlationId", "actors")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per activity."""
        read = objects.read(lines["line"], _FIELDS, lists=(_KINDS, _NAMES))
        known = pl.col("event").str.contains(_SIGN_IN).fill_null(False)
        failed = pl.col("event").str.contains("DENIED|FAILED") | ~pl.col("result").str.contains("(?i)^succe")
        person = pl.when(pl.col(_KINDS).list.first() == "USER").then(pl.col(_NAMES).list.first())
        return read.select(
            time="time",
            client="client",
            user_name=pl.coalesce("actor", person),
            **signed_in(),
            reason=one_of({NO_SIGN_IN: ~known, FAILED_SIGN_IN: failed.fill_null(True)}),
        )
