"""Duo: authentication log of the Admin API (v1 and v2, JSON), as weak leases.

    {"event_type": "authentication", "result": "success", "isotimestamp": …, "timestamp": …, "txid": …,
     "user": {"name": "ada@…"}, "access_device": {"ip": …, "hostname": …}, "application": {…}, …}
    {"username": "ada", "ip": …, "result": "SUCCESS", "factor": "Duo Push", "integration": …, "timestamp": …}

`access_device.ip` (v1: `ip`) is where the account signed in, mostly a public address as with Okta: the same
confidence of 0.3 and one hour. `auth_device` is the phone that answered, and no lease. The logs of
administrators, telephony and offline enrolment beside it hold no address. Source: Duo, "Admin API",
"Logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "isotimestamp|timestamp",
    "event": "event_type",
    "result": "result",
    "user": "user.name|username",
    "client": "access_device.ip|ip",
    "device": "access_device.hostname",
}


class DuoFormat(LogFormat):
    """Reads Duo's authentication log."""

    name = "duo"
    help = "Duo authentication log of the Admin API (JSON): sign-ins, at public addresses"
    vantage = "identity"
    proof = ("user", "device")
    advice = "Duo sees public addresses: who is who behind a shared gateway, only other logs can tell."
    marks = ('"access_device"', '"integration"', '"isotimestamp"')
    claims = (
        objects.having("access_device", "factor", "result", "timestamp")
        | objects.having("integration", "factor", "result", "timestamp", "username")
        | objects.having("isotimestamp", "timestamp", "action", "object", "username")
        | objects.having("isotimestamp", "timestamp", "credits", "phone")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS)
        sign_in = pl.col("event").fill_null("authentication").str.to_lowercase() == "authentication"
        return read.select(
            time="time",
            client="client",
            user_name="user",
            device="device",
            **signed_in(),
            reason=one_of(
                {
                    NO_SIGN_IN: ~sign_in | pl.col("result").is_null(),
                    FAILED_SIGN_IN: pl.col("result").str.to_lowercase() != "success",
                }
            ),
        )
