r"""OpenConnect VPN server (ocserv): tunnel addresses over syslog.

    ocserv[9]: worker[ada]: 198.51.100.9 sending IPv4 10.8.0.5
    ocserv[9]: worker[ada]: 198.51.100.9 sending IPv6 2001:db8:8::5/128
    ocserv[8]: main[ada]:198.51.100.9:51000 user disconnected (reason: user disconnected, rx: 900, tx: 7000)

The line of a disconnect has no VPN address: it ends the leases that this account got last from the same outer
address. If these are in another block, it is set aside, and a lease lasts for a day or until another account
gets the address. Source: ocserv src/worker-vpn.c, src/main-user.c; checked with 1.5.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, patterns
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_GIVEN = (
    r"^worker\[(?P<user>[^\]]+)\]: (?:(?P<real>\S+) )?sending IPv(?P<version>[46]) "
    r"(?P<address>[0-9a-fA-F.:]+)(?:/\d+)?\s*$"
)
_LEFT = r"^main\[(?P<user>[^\]]+)\]:\s?\[?(?P<real>[0-9a-fA-F.:]+?)\]?:\d+ user disconnected\b"
_HELD_S = 86_400.0


class OcservFormat(LogFormat):
    """Reads which tunnel address ocserv gave to whom."""

    name = "ocserv"
    help = "OpenConnect VPN server (ocserv): tunnel addresses (syslog)"
    vantage = "identity"
    proof = ("user",)
    marks = ("ocserv",)
    claims = (pl.col("tag") == "ocserv").fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per address given or let go."""
        return layouts.read(
            lines.with_row_index("place"),
            [
                (_GIVEN, lambda part: _leases(patterns.read(part["line"], _GIVEN), closes=False)),
                (_LEFT, lambda part: _left(part, lines["line"])),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )


def _left(lines: pl.DataFrame, all_lines: pl.Series) -> pl.DataFrame:
    """The ends of what was given above."""
    given = patterns.read(all_lines, _GIVEN).with_row_index("place").drop_nulls("address")
    ends = patterns.read(lines["line"], _LEFT).hstack(lines.select("place")).with_row_index("row")
    parts = []
    for version in ("4", "6"):
        own = given.filter(pl.col("version") == version).select("place", "user", "real", "address")
        parts.append(ends.join_asof(own, on="place", by=["user", "real"], check_sortedness=False))
    told = pl.concat(parts).filter(pl.col("address").is_not_null() | (pl.int_range(pl.len()) < ends.height))
    return _leases(told, "row", closes=True)


def _leases(told: pl.DataFrame, *row: str, closes: bool) -> pl.DataFrame:
    """Leases of sessions (user, address)."""
    return told.select(
        *row,
        kind=pl.lit("lease"),
        client="address",
        user_name="user",
        lease_s=pl.lit(0.0 if closes else _HELD_S),
        closes=pl.lit(closes),
        origin=pl.lit("vpn"),
        confidence=pl.lit(0.9),
        reason=one_of({NO_ADDRESS: pl.col("address").is_null()}),
    )
