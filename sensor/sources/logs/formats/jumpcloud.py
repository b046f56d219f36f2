"""JumpCloud Directory Insights (JSON): sign-ins as weak leases.

    {"event_type": "sso_auth", "service": "sso", "initiated_by": {"type": "user", "username": "ada"},
     "client_ip": "198.51.100.7", "sso_token_success": true, "auth_context": {"system": {"hostname":
     "ADA-PC"}}, "timestamp": "2026-10-06T10:00:00.812449824Z", "organization": …, …}

`client_ip` of RADIUS and LDAP events is that of the network or server which asked for somebody.
Administrators sign in by mail address, people by account. Source: JumpCloud, "Directory Insights API".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN, PASSED_ON
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "timestamp", "event": "event_type", "user": "initiated_by.username|initiated_by.email",
    "client": "client_ip", "device": "auth_context.system.hostname", "success": "sso_token_success|success",
}  # fmt: skip
_SIGN_IN = ["user_login_attempt", "admin_login_attempt", "sso_auth"]
_PASSED_ON = ["radius_auth_attempt", "ldap_bind"]


class JumpCloudFormat(LogFormat):
    """Reads JumpCloud's Directory Insights."""

    name = "jumpcloud"
    help = "JumpCloud Directory Insights (JSON): sign-ins, at public addresses"
    vantage = "identity"
    proof = ("user", "device")
    advice = "JumpCloud sees public addresses: who is who behind a shared gateway, only other logs can tell."
    marks = ('"initiated_by"',)
    claims = objects.having("initiated_by", "event_type", "service", "organization")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _FIELDS)
        event = pl.col("event")
        return read.select(
            time="time",
            client="client",
            user_name="user",
            device="device",
            **signed_in(),
            reason=one_of(
                {
                    PASSED_ON: event.is_in(_PASSED_ON),
                    NO_SIGN_IN: ~event.is_in(_SIGN_IN).fill_null(False),
                    FAILED_SIGN_IN: (pl.col("success") != "true").fill_null(True),
                }
            ),
        )
