"""Auth0 tenant logs (JSON): API, log streams, EventBridge; sign-ins as weak leases.

    {"date": "2026-10-06T10:00:00.706Z", "type": "s", "ip": "198.51.100.7", "user_name": "ada@example.com",
     "client_id": …, "client_name": …, "log_id": …, …}                                                API
    {"log_id": …, "data": {"date": …, "type": "s", …}}         streams; EventBridge has this under `detail`

`s` is a sign-in, `ssa` one that was renewed silently. Codes and tokens are exchanged by the applications. A
tenant may be of an organisation's customers as well as of its people. Source: Auth0, "Log Event Type Codes",
"Tenant log event schemas".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_FIELDS = {"time": "date", "event": "type", "user": "user_name", "client": "ip"}
_SIGN_IN = ["s", "ssa"]
#: A wrong password or account, and what a rule or the second factor refused.
_FAILED = ["f", "fp", "fu", "fsa", "gd_auth_failed", "gd_auth_rejected"]


class Auth0Format(LogFormat):
    """Reads Auth0's tenant logs."""

    name = "auth0"
    help = "Auth0 tenant logs (JSON: API, log streams, EventBridge): sign-ins, at public addresses"
    vantage = "identity"
    proof = ("user",)
    advice = "Scan only the log of a tenant for your own people: customers sign in to others."
    marks = ('"log_id"',)
    claims = objects.having("log_id", "date", "type", "ip") & objects.having_any(
        "client_name", "client_id", "connection", "strategy", "tenant_name", "user_id"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS)
        event = pl.col("event")
        return read.select(
            time="time",
            client="client",
            user_name="user",
            **signed_in(),
            reason=one_of(
                {
                    FAILED_SIGN_IN: event.is_in(_FAILED),
                    NO_SIGN_IN: ~event.is_in(_SIGN_IN).fill_null(False),
                }
            ),
        )
