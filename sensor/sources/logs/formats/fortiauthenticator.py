"""FortiAuthenticator: authentications, as weak leases.

    date=2026-10-06 time=10:00:00+0000 oid=8888 logid=20000 cat="Event" subcat="Authentication"
    level="information" nas="10.0.0.2" action="Authentication" status="Success"
    msg="Local user authentication from 198.51.100.7 with email token successful" user="ada"

`nas` is the gateway that asked. Whom it asked for is told by the message, and often by no address at all
(`from (null)`). Of a VPN it is the one outside the tunnel: the gateway's log names the one inside. Source:
Fortinet, "Understanding the log message 'Authentication Successful' (Event ID 20000)".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_ADDRESS, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_FIELDS = ["date", "time", "user", "action", "status", "msg"]
_ADDRESS = r" authentication(?:\([^)]*\))? from ([0-9A-Fa-f.:]*[0-9A-Fa-f]) with "


class FortiAuthenticatorFormat(LogFormat):
    """Reads FortiAuthenticator's log."""

    name = "fortiauthenticator"
    help = "FortiAuthenticator 6 to 8: authentications (raw log, syslog)"
    vantage = "identity"
    proof = ("user",)
    advice = "Scan the log of the gateway that asks FortiAuthenticator, too: it names the addresses it gave."
    marks = (' subcat="',)
    claims = pl.col("line").str.contains(r'\blogid=\d+ cat="Event" subcat="')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = keyvalue.read(lines["line"], _FIELDS)
        address = pl.col("msg").str.extract(_ADDRESS)
        return read.select(
            time=pl.concat_str("date", "time", separator=" "),
            client=address,
            user_name="user",
            **signed_in(),
            reason=one_of(
                {
                    NO_SIGN_IN: (pl.col("action") != "Authentication").fill_null(True),
                    FAILED_SIGN_IN: (pl.col("status") != "Success").fill_null(True),
                    NO_ADDRESS: address.is_null(),
                }
            ),
        )
