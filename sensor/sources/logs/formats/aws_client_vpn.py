"""AWS Client VPN: connection log of an endpoint (JSON, CloudWatch Logs).

    {"connection-log-type": "connection-attempt", "connection-attempt-status": "successful",
     "client-ip": "10.8.0.5", "username": "ada", "common-name": "laptop7",
     "connection-start-time": "2026-10-06 10:00:00", "connection-end-time": "NA", …}

`client-ip` is the address in the tunnel. The account is `username`; with certificates alone it is "NA" and
the certificate's `common-name` stands for who it was given to. Times are UTC. A record with
`connection-end-time` closes the lease. Source: AWS Client VPN, "Connection log entries".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of, said

_WANTED = {
    "status": "connection-attempt-status",
    "began": "connection-start-time",
    "ended": "connection-end-time",
    "tunnel": "client-ip",
    "user": "username",
    "certificate": "common-name",
}
#: An endpoint's longest session, as it is set up by default.
_HELD_S = 86_400.0


class AwsClientVpnFormat(LogFormat):
    """Reads who held which tunnel address."""

    name = "aws-client-vpn"
    help = "AWS Client VPN connection log (JSON): tunnel addresses"
    vantage = "identity"
    proof = ("user",)
    own_zone = "UTC"
    marks = ('"connection-log-type"',)
    claims = objects.having("connection-log-type")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lease."""
        read = objects.read(lines["line"], _WANTED).select(said(name, "NA", "-") for name in _WANTED)
        ends = pl.col("ended").is_not_null()
        refused = (pl.col("status") == "failed").fill_null(False)
        return read.select(
            time=pl.coalesce("ended", "began"),
            kind=pl.lit("lease"),
            client="tunnel",
            user_name=pl.coalesce("user", "certificate"),
            lease_s=pl.when(ends).then(0.0).otherwise(_HELD_S),
            closes=ends,
            origin=pl.lit("vpn"),
            reason=one_of({NO_ADDRESS: refused | pl.col("tunnel").is_null()}),
        )
