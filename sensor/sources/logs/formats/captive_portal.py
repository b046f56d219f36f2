r"""Captive portals of pfSense and OPNsense: who signed in at an address.

    logportalauth[11]: Zone: guests - USER LOGIN: ada, 02:00:5e:00:00:07, 10.1.2.3      pfSense (or ACCEPT …)
    logportalauth[11]: Zone: guests - LOGOUT: ada, 02:00:5e:00:00:07, 10.1.2.3          (or TIMEOUT …)
    captiveportal: AUTH ada (10.1.2.3) zone 0                                               OPNsense

The hardware address is left out where clients are behind a router; where it is the account, too, a device
signed in (MACHINE LOGIN). What failed or was not allowed holds nothing. A session whose end is not logged is
held for ten hours. Source: pfSense, captiveportal.inc; OPNsense, captive portal's AccessController.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_PFSENSE = (
    r"^(?:Zone: \S+ - )?(?P<what>[A-Z][A-Z -]+): (?P<user>[^,]*), *(?P<mac>[0-9a-fA-F:]*), *"
    r"(?P<address>[0-9a-fA-F.:]+)(?:,|$)"
)
_OPNSENSE = r"^(?P<what>AUTH|DENY|LOGOUT) (?P<user>\S+) \((?P<address>[0-9a-fA-F.:]+)\) zone "
_HARDWARE = r"(?i)^(?:[0-9a-f]{2}[-:]?){6}$"


class CaptivePortalFormat(LogFormat):
    """Reads sign-ins at captive portals."""

    name = "captive-portal"
    help = "Captive portals of pfSense and OPNsense: who signed in at an address (syslog)"
    vantage = "identity"
    proof = ("user",)
    marks = ("logportalauth", "captiveportal")
    claims = pl.col("tag").is_in(["logportalauth", "captiveportal"]).fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message."""
        return layouts.read(
            lines,
            [
                (_PFSENSE, lambda part: _rows(patterns.read(part["line"], _PFSENSE))),
                (_OPNSENSE, lambda part: _rows(patterns.read(part["line"], _OPNSENSE))),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    told = layouts.conformed(read, ("what", "user", "mac", "address"))
    closes = pl.col("what").str.contains("LOGOUT|TIMEOUT|DISCONNECT|TERMINATING")
    failed = pl.col("what").str.contains("FAIL|DENY|NOT ALLOWED|ERROR|BLOCKED")
    return told.select(
        kind=pl.lit("lease"),
        client="address",
        client_mac="mac",
        user_name=pl.when(~pl.col("user").str.contains(_HARDWARE)).then("user"),
        lease_s=pl.when(closes).then(0.0).otherwise(WORKING_DAY_S),
        closes=closes,
        origin=pl.lit("directory"),
        reason=one_of({FAILED_SIGN_IN: failed}),
    )
