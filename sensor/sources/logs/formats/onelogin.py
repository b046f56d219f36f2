"""OneLogin events (JSON): API, webhooks and event broadcaster; sign-ins as weak leases.

    {"id": 1, "created_at": "2026-10-06T10:00:00.000Z", "event_type_id": 5, "ipaddr": "198.51.100.7",
     "user_name": "Ada Byron", "actor_user_name": "Ada Byron", "assuming_acting_user_id": null, …}       API
    {"create": {"_id": …}, "event_timestamp": "2026-10-06 10:00:00 UTC", "event_type_id": 5, …}      webhook

`user_name` is first and last name, or the mail address of who has neither: events hold no account. An
administrator who assumed somebody's place sits elsewhere. `ipaddr` of RADIUS, LDAP and API sign-ins is the
asking server's. Source: OneLogin, "Event Resource and Types", "Event Webhooks".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN, PASSED_ON
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "time": "created_at|event_timestamp", "event": "event_type_id", "user": "user_name", "client": "ipaddr",
    "assumed": "assuming_acting_user_id",
}  # fmt: skip
#: To OneLogin, to an app; by another identity provider, to a Mac.
_SIGN_IN = ["5", "8", "140", "153"]
_FAILED = ["6", "141", "154"]
#: By RADIUS, the API, LDAP.
_PASSED_ON = ["68", "122", "130"]


class OneLoginFormat(LogFormat):
    """Reads OneLogin's events."""

    name = "onelogin"
    help = "OneLogin events (JSON: API, webhooks): sign-ins, at public addresses"
    vantage = "identity"
    proof = ("user",)
    advice = "OneLogin tells people by first and last name: a people file with these brings them to accounts."
    marks = ('"actor_user_name"',)
    claims = objects.having("event_type_id", "ipaddr", "actor_user_name")

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
                    PASSED_ON: event.is_in(_PASSED_ON),
                    NO_SIGN_IN: ~event.is_in(_SIGN_IN).fill_null(False) | said("assumed").is_not_null(),
                }
            ),
        )
