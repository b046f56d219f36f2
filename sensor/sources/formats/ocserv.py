r"""OpenConnect VPN server (ocserv): tunnel addresses over syslog.

    ocserv[9]: worker[ada]: 198.51.100.9 sending IPv4 10.8.0.5
    ocserv[8]: main[ada]:198.51.100.9:51000 user disconnected (reason: user disconnected, rx: 900, tx: 7000)

The line that lets go names no address: it is set aside, and an address is believed for a day or until
somebody else is given it. Source: ocserv src/worker-vpn.c, src/main-user.c.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.text import patterns
from sensor.sources.text.reasons import NO_ADDRESS
from sensor.sources.text.words import one_of

_GIVEN = r"^worker\[(?P<user>[^\]]+)\]: (?:\S+ )?sending IPv[46] (?P<address>[0-9a-fA-F.:]+)(?:/\d+)?\s*$"
_HELD_S = 86_400.0


class OcservFamily(Family):
    """Reads which tunnel address ocserv gave to whom."""

    name = "ocserv"
    help = "OpenConnect VPN server (ocserv): tunnel addresses (syslog)"
    vantage = "identity"
    proof = ("user",)
    marks = ("ocserv",)
    claims = (pl.col("tag") == "ocserv").fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per address given."""
        read = patterns.read(lines["line"], _GIVEN)
        return read.select(
            kind=pl.lit("lease"),
            client="address",
            user_name="user",
            lease_s=pl.lit(_HELD_S),
            origin=pl.lit("vpn"),
            confidence=pl.lit(0.9),
            reason=one_of({NO_ADDRESS: pl.col("address").is_null()}),
        )
