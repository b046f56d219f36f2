"""Okta System Log: sign-ins as weak leases.

    {"published": …, "eventType": "user.session.start", "actor": {"type": "User", "alternateId": "ada@…"},
     "client": {"ipAddress": …}, "outcome": {"result": "SUCCESS"}, "securityContext": {"isProxy": false}}

`client.ipAddress` is what Okta saw, nearly always the public address of an office, a home or a gateway:
it says that an account was used there, not that nobody else was. Hence a confidence of 0.3, one hour,
and `shared` where Okta calls the address a proxy. It helps where each person has an address of their own
(remote work) or where Okta is reached inside. The end of a session (`user.session.end`) closes nothing:
others may be behind the same address. Session ids, factors and devices' fingerprints are not read.
Source: Okta, "System Log API", LogEvent object.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN, SIGN_IN_OF_A_PROGRAM
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "published", "event": "eventType", "user": "actor.alternateId", "actor": "actor.type",
    "client": "client.ipAddress", "result": "outcome.result", "proxy": "securityContext.isProxy",
    "device": "device.name",
}  # fmt: skip
#: Events by which the account itself acts at the address; others are of administrators or of Okta.
_SIGN_IN = r"^(?:user\.session\.(?:start|access_admin_app)|user\.authentication\.|policy\.evaluate_sign_on$)"


class OktaFormat(LogFormat):
    """Reads Okta's System Log."""

    name = "okta"
    help = "Okta System Log (JSON): sign-ins, at public addresses"
    vantage = "identity"
    proof = ("user",)
    advice = "Okta sees public addresses: who is who behind a shared gateway, only other logs can tell."
    marks = ('"eventtype"',)
    claims = objects.having("eventType", "published", "actor", "outcome")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS)
        known = pl.col("event").str.contains(_SIGN_IN).fill_null(False)
        return read.select(
            time="time",
            client="client",
            user_name="user",
            device="device",
            **signed_in(),
            shared=pl.when(pl.col("proxy") == "true").then(True),
            reason=one_of(
                {
                    NO_SIGN_IN: ~known,
                    FAILED_SIGN_IN: ~pl.col("result").is_in(["SUCCESS", "ALLOW"]).fill_null(False),
                    SIGN_IN_OF_A_PROGRAM: pl.col("actor") != "User",
                }
            ),
        )
