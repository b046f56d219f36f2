"""Cisco ISE (2 to 3): RADIUS accounting, passed and guest authentications as leases; ACS 5 (`CSCOacs_…`).

    CISE_RADIUS_Accounting 0000070618 1 0 2026-10-06 10:00:00.000 +02:00 0091827141 3000 NOTICE
    Radius-Accounting: RADIUS Accounting start request, …, User-Name=ada, Framed-IP-Address=10.1.2.3, …

The address is `Framed-IP-Address` (`IpAddress` for guests); `Device IP Address` is the switch or controller.
3000 start and 3002 watchdog hold the address for 12 h (they are repeated while a session lasts), 3001 stop
says the whole session by `Acct-Session-Time`. Authentications before an address is known are set aside. A
record over the syslog length comes in parts (`MSGID total part`): each part stands for itself, one without
an address is set aside. A user name that is a MAC address (MAB) is no person. Source: Cisco Identity Services
Engine, "Syslog message catalog".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, patterns
from sensor.sources.logs.text.held import HALF_DAY_S, WORKING_DAY_S
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import LEASE_OF_NOBODY, NO_ADDRESS, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_HEAD = (
    r"^(?:.*\b(?:CISE|CSCOacs)_\w+ )?\d{8,12} \d{1,2} \d{1,2} +"
    r"(?:(?<time>\d{4}-\d\d-\d\d \S+ [+-]\d\d:?\d\d) \d+ "
    r"(?<code>\d{4,5}) [A-Z]+ (?<category>[\w -]+): (?<text>[^,]*))?"
)
_FIELDS = {
    "user": "UserName|User-Name", "account": "User-Name", "resolved": "AD-User-Resolved-Identities",
    "address": "Framed-IP-Address", "guest": "IpAddress", "mac": "Calling-Station-ID|EndPointMACAddress",
    "status": "Acct-Status-Type", "lasted": "Acct-Session-Time",
}  # fmt: skip
#: A hardware address where a person's name is expected, an outer identity, a switch asking for itself.
_NOBODY = r"(?i)^(?:(?:[0-9a-f]{2}[-:.]?){6}|(?:[0-9a-f]{4}[.-]){2}[0-9a-f]{4}|anonymous(?:@.*)?|#.*#)$"


class CiscoIseFormat(LogFormat):
    """Reads Cisco ISE syslog."""

    name = "cisco-ise"
    help = "Cisco ISE 2 to 3, ACS 5: RADIUS accounting, passed and guest authentications"
    vantage = "identity"
    proof = ("user", "device")
    advice = (
        "Log RADIUS accounting with interim updates, and a syslog target with the maximum length (8192), so "
        "that Framed-IP-Address and the account stay in one part."
    )
    claims = pl.col("line").str.contains(
        ascii_only(
            r"(?:^|\s)(?:CISE|CSCOacs)_[A-Z]\w+ \d{8,12} \d{1,2} \d{1,2} "
            r"|^\d{10} \d{1,2} \d{1,2} +"
            r"(?:\d{4}-\d\d-\d\d \S+ [+-]\d\d:\d\d \d{10} \d{4,5} [A-Z]+ [\w -]+: |\S.*=)"
        )
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record or part."""
        head = patterns.read(lines["line"], _HEAD)
        read = keyvalue.read(lines["line"], _FIELDS, separator=",").hstack(head)
        status, code = pl.col("status").str.to_lowercase(), pl.col("code")
        stop = (code == "3001").fill_null(False) | (status == "stop").fill_null(False)
        going = code.is_in(["3000", "3002"]).fill_null(False) | status.is_in(
            ["start", "interim-update"]
        ).fill_null(False)
        passed = (pl.col("category") == "Passed-Authentication").fill_null(False)
        guest = (
            (pl.col("category") == "Guest") & pl.col("text").str.contains("(?i)passed|accepted")
        ).fill_null(False)
        address = pl.when(guest).then(pl.coalesce("guest", "address")).otherwise("address")
        user = pl.coalesce(_person("resolved"), _person("user"), _person("account"))
        lasted = pl.col("lasted").cast(pl.Float64, strict=False)
        return read.select(
            time="time",
            at_end=stop,
            duration_s=pl.when(stop).then(lasted),
            kind=pl.lit("lease"),
            client=address,
            client_mac="mac",
            user_name=user,
            lease_s=pl.when(stop)
            .then(lasted.fill_null(0))
            .when(going)
            .then(HALF_DAY_S)
            .otherwise(WORKING_DAY_S),
            closes=stop,
            origin=pl.lit("radius"),
            confidence=pl.when(stop | going).then(0.9).otherwise(0.8),
            reason=one_of(
                {
                    NO_SIGN_IN: ~(stop | going | passed | guest),
                    NO_ADDRESS: address.is_null(),
                    LEASE_OF_NOBODY: user.is_null() & pl.col("mac").is_null(),
                }
            ),
        )


def _person(name: str) -> pl.Expr:
    account = pl.col(name).str.replace(r"\\$", "").str.strip_chars()
    return pl.when(~account.str.contains(_NOBODY) & (account != "")).then(account)
