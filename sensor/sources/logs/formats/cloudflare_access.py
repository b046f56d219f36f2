"""Cloudflare Access requests (Logpush): sign-ins to applications and of WARP clients, as weak leases.

    {"Action": "login", "Allowed": true, "AppDomain": "wiki.example.org", "Connection": "okta",
     "CreatedAt": "2026-10-06T10:00:00Z", "Email": "ada@example.org", "IPAddress": "192.0.2.9", "RayID": …}

`IPAddress` is what Cloudflare saw, nearly always the public address of an office or a home: it says that an
account was used there, not that nobody else was. Hence the confidence and the hour of Okta's sign-ins.
Times: RFC 3339, or epoch seconds or nanoseconds, as the job says. Source: Cloudflare Logs, dataset
"Access requests".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_FIELDS = {
    "time": "CreatedAt", "action": "Action", "allowed": "Allowed", "user": "Email", "client": "IPAddress",
}  # fmt: skip


class CloudflareAccessFormat(LogFormat):
    """Reads Cloudflare's access requests."""

    name = "cloudflare-access"
    help = "Cloudflare Zero Trust Logpush: access_requests (sign-ins), at public addresses"
    vantage = "identity"
    proof = ("user",)
    advice = "Push gateway_dns, gateway_http and zero_trust_network_sessions for network use."
    marks = ('"appdomain"',)
    claims = objects.having("AppDomain") & objects.having_any("RayID", "IPAddress")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request."""
        read = objects.read(lines["line"], _FIELDS)
        return read.select(
            time="time",
            client="client",
            user_name="user",
            **signed_in(),
            reason=one_of(
                {
                    NO_SIGN_IN: pl.col("action").str.contains("(?i)logout"),
                    FAILED_SIGN_IN: (pl.col("allowed") != "true").fill_null(True),
                }
            ),
        )
