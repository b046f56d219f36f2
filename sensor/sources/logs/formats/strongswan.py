"""strongSwan, and firewalls built on it (pfSense, OPNsense …): virtual addresses of IPsec clients.

    charon[9]: 05[IKE] <roadwarrior|12> assigning virtual IP 10.10.10.1 to peer 'ada@corp.example'
    charon[9]: 06[CFG] lease 10.10.10.1 by 'ada@corp.example' went offline
    charon-systemd[9]: assigning virtual IP 10.10.10.1 to peer 'ada@corp.example'
    2026-10-06T10:00:00+0200 05[IKE] <roadwarrior|12> …                         a filelog with a time_format

A peer that authenticates with a shared key may be nobody: `%any`, or its own address.
Source: strongSwan documentation, "Virtual IP", logger messages of charon; checked with 6.1.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import accounts, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_STAMP = r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?) "
_GROUPS = "DMN|MGR|IKE|CHD|JOB|CFG|KNL|NET|ASN|ENC|TNC|IMC|IMV|PTS|TLS|APP|ESP|LIB"
_HEAD = rf"\d\d\[(?:{_GROUPS})\] "
_TOLD = (
    rf"^(?:.*?\b{_HEAD}(?:<[^>]*> )?)?(?:assigning virtual IP (?P<given>[0-9a-fA-F.:]+) to peer|"
    r"lease (?P<left>[0-9a-fA-F.:]+) by) '(?P<user>[^']+)'(?P<end> went offline)?"
)


class StrongswanFormat(LogFormat):
    """Reads which virtual address charon gave to whom."""

    name = "strongswan"
    help = "strongSwan 5 and 6 (charon), also of pfSense and OPNsense: virtual addresses (syslog)"
    vantage = "identity"
    proof = ("user",)
    advice = "A filelog needs a time_format, for example %Y-%m-%dT%H:%M:%S%z: without it no line has a time."
    marks = ("charon", *(f"[{group.lower()}] " for group in _GROUPS.split("|")))
    claims = pl.col("line").str.contains(rf"(?:^|\s){_HEAD}") | (
        pl.col("tag").str.contains(r"^charon(?:-systemd|-nm)?$").fill_null(False)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per address given or let go."""
        read = patterns.read(lines["line"], _TOLD)
        who = accounts.split(read["user"])
        nobody = pl.col("user").is_not_null() & pl.lit(who["user_name"].is_null() & who["device"].is_null())
        # Whoever had the address before has it no longer.
        ends = pl.col("end").is_not_null() | nobody
        return read.select(
            time=pl.lit(lines["line"].str.extract(_STAMP)),
            kind=pl.lit("lease"),
            client=pl.coalesce("given", "left"),
            user_name=pl.when(~nobody).then("user"),
            lease_s=pl.when(ends).then(0.0).otherwise(WORKING_DAY_S),
            closes=ends,
            origin=pl.lit("vpn"),
            confidence=pl.lit(0.9),
            reason=one_of({NO_ADDRESS: pl.col("user").is_null()}),
        )
