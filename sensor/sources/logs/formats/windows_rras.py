r"""Windows Routing and Remote Access (RRAS, Always On VPN): who was given which tunnel address.

    20274  RoutingDomainID- {…}: CoID={…}: The user CORP\ada connected on port VPN2-127 has been assigned
           address 10.9.0.5
    20275  RoutingDomainID- {…}: CoID={…}: The user with ip address 10.9.0.5 has disconnected

Events of the source RemoteAccess in the System log, as JSON or syslog with the message, in English, or as
XML: its data have no names, and come in this order (domain, connection, account, port, address). A tunnel
whose end is not logged is held for ten hours. Source: Microsoft, mprmsg.dll; "RAS Connection Establishment".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import events, layouts
from sensor.sources.logs.text.held import WORKING_DAY_S

_ADDRESS = "([0-9a-fA-F.:]+[0-9a-fA-F])"
_GIVEN = rf"The user (\S[^<>\"]*?) connected on port [^<>\"]*? has been assigned address {_ADDRESS}"
_LEFT = f"The user with ip address {_ADDRESS} has disconnected"
_PROVIDER = r"""<Provider Name=['"]RemoteAccess['"]"""
_XML = rf"{_PROVIDER}.*<EventID[^>]*>2027[45]<"
_DATA = r"<EventData>\s*<Data>[^<]*</Data>\s*<Data>[^<]*</Data>\s*"
_XML_GIVEN = rf">20274<.*{_DATA}<Data>([^<]+)</Data>\s*<Data>[^<]*</Data>\s*<Data>([^<]+)</Data>"
_XML_LEFT = rf">20275<.*{_DATA}<Data>([^<]+)</Data>"


class WindowsRrasFormat(LogFormat):
    """Reads which tunnel address RRAS gave to whom."""

    name = "windows-rras"
    help = "Windows RRAS, Always On VPN: tunnel addresses (events 20274, 20275 as XML, JSON or syslog)"
    vantage = "identity"
    proof = ("user",)
    marks = ("assigned address", "user with ip address", "name='remoteaccess'", 'name="remoteaccess"')
    claims = pl.col("line").str.contains(f"{_GIVEN}|{_LEFT}|{_XML}") & ~pl.col("line").str.starts_with(
        "MSWinEventLog"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per address given or let go."""
        return layouts.read(
            lines,
            [
                (
                    f"{_GIVEN}|{_XML_GIVEN}",
                    lambda part: _leases(part["line"], (_GIVEN, _XML_GIVEN), closes=False),
                ),
                (f"{_LEFT}|{_XML_LEFT}", lambda part: _leases(part["line"], (_LEFT, _XML_LEFT), closes=True)),
            ],
        )


def _leases(lines: pl.Series, patterns: tuple[str, str], *, closes: bool) -> pl.DataFrame:
    user, address = (
        pl.coalesce(*(pl.lit(lines.str.extract(pattern, group)) for pattern in patterns)) for group in (1, 2)
    )
    if closes:
        user, address = pl.lit(None, dtype=pl.String), user
    return events.read(lines, ()).select(
        time="stamp",
        kind=pl.lit("lease"),
        client=address,
        user_name=user.str.replace_all("\\\\", "\\", literal=True),
        lease_s=pl.lit(0.0 if closes else WORKING_DAY_S),
        closes=pl.lit(closes),
        origin=pl.lit("vpn"),
        confidence=pl.lit(0.9),
    )
