"""1Password sign-in attempts (Events API, JSON) as weak leases.

    {"uuid": …, "session_uuid": …, "timestamp": "2026-10-06T10:00:00Z", "category": "success",
     "type": "credentials_ok", "target_user": {"email": "ada@example.com", …},
     "client": {"app_name": …, "ip_address": "198.51.100.7"}, …}

Uses of items (`itemusages`) and audit events tell no sign-in. Source: 1Password, "Events API reference",
sign-in attempts.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "timestamp", "category": "category", "user": "target_user.email", "client": "client.ip_address",
}  # fmt: skip


class OnePasswordFormat(LogFormat):
    """Reads 1Password's sign-in attempts."""

    name = "onepassword"
    help = "1Password sign-in attempts (Events API, JSON), at public addresses"
    vantage = "identity"
    proof = ("user",)
    advice = "1Password sees public addresses: who is who behind a shared gateway, only other logs can tell."
    marks = ('"target_user"',)
    claims = objects.having("target_user", "session_uuid", "category", "client")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per attempt."""
        read = objects.read(lines["line"], _FIELDS)
        return read.select(
            time="time",
            client="client",
            user_name="user",
            **signed_in(),
            reason=one_of({FAILED_SIGN_IN: (pl.col("category") != "success").fill_null(True)}),
        )
