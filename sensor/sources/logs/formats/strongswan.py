"""strongSwan, and firewalls built on it (pfSense, OPNsense …): virtual addresses of IPsec clients.

    charon[9]: 05[IKE] <roadwarrior|12> assigning virtual IP 10.10.10.1 to peer 'ada@corp.example'
    charon[9]: 06[CFG] lease 10.10.10.1 by 'ada@corp.example' went offline
    2026-10-06T10:00:00+0200 05[IKE] <roadwarrior|12> …                         a filelog with a time_format

A peer that told no identity (`%any`), or only its address, is nobody.
Source: strongSwan documentation, "Virtual IP", logger messages of charon; checked with 6.1.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import LEASE_OF_NOBODY
from sensor.sources.logs.text.words import one_of

_STAMP = r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?) "
_TOLD = (
    r"\b\d\d\[(?:IKE|CFG)\] (?:<[^>]*> )?(?:assigning virtual IP (?P<given>[0-9a-fA-F.:]+) to peer|"
    r"lease (?P<left>[0-9a-fA-F.:]+) by) '(?P<user>[^']+)'(?P<end> went offline)?"
)
#: Instead of an identity.
_NOBODY = r"^(?:%any6?|[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*)$"


class StrongswanFormat(LogFormat):
    """Reads which virtual address charon gave to whom."""

    name = "strongswan"
    help = "strongSwan 5 and 6 (charon), also of pfSense and OPNsense: virtual addresses (syslog)"
    vantage = "identity"
    proof = ("user",)
    advice = "A filelog needs a time_format, for example %Y-%m-%dT%H:%M:%S%z: without it no line has a time."
    marks = ("[cfg] ", "[ike] ")
    claims = pl.col("line").str.contains(_TOLD)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per address given or let go."""
        read = patterns.read(lines["line"], _TOLD)
        ends = pl.col("end").is_not_null()
        return read.select(
            time=pl.lit(lines["line"].str.extract(_STAMP)),
            kind=pl.lit("lease"),
            client=pl.coalesce("given", "left"),
            user_name="user",
            lease_s=pl.when(ends).then(0.0).otherwise(WORKING_DAY_S),
            closes=ends,
            origin=pl.lit("vpn"),
            confidence=pl.lit(0.9),
            reason=one_of({LEASE_OF_NOBODY: ~ends & pl.col("user").str.contains(_NOBODY)}),
        )
